"""The harness cannot lie: what would pass unseen under the SDK's own mocks fails here."""

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random
import pytest
from pulumi.runtime.settings import get_root_resource

from tests.support.graph import UNKNOWN
from tests.support.harness import run


def config_map(name: str = "some", **data: pulumi.Input[str]) -> k8s.core.v1.ConfigMap:
    return k8s.core.v1.ConfigMap(name, metadata={"namespace": "there"}, data=data)


def test_an_assertion_in_apply_fails_the_run() -> None:
    def check(name: object) -> None:
        assert name == "something else"

    with pytest.raises(AssertionError, match="something else"):
        run(lambda: config_map().metadata.name.apply(check))


def test_an_error_in_an_output_that_nobody_reads_fails_the_run() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda: pulumi.Output.from_input(0).apply(lambda number: 1 / number))


def test_two_resources_with_one_urn_fail_the_run() -> None:
    def program() -> None:
        config_map()
        config_map()

    with pytest.raises(Exception, match="two resources have the URN"):
        run(program)


def test_the_same_name_under_another_parent_type_is_another_urn() -> None:
    def program() -> None:
        config_map()
        k8s.core.v1.ConfigMap("some", opts=pulumi.ResourceOptions(parent=pulumi.ComponentResource("a:b:C", "c")))

    assert sorted(run(program).resources) == [
        "urn:pulumi:test::openclaw-tailnet::a:b:C$kubernetes:core/v1:ConfigMap::some",
        "urn:pulumi:test::openclaw-tailnet::a:b:C::c",
        "urn:pulumi:test::openclaw-tailnet::kubernetes:core/v1:ConfigMap::some",
    ]


def test_nothing_leaks_into_the_next_run() -> None:
    def first() -> None:
        pulumi.export("left", "over")
        config_map()
        pulumi.log.warn("once")

    def second() -> None:
        assert pulumi.Config("openclaw-tailnet").get("word") is None
        assert pulumi.get_stack() == "test"

    one = run(first, {"word": "given"}, stack="another")
    assert (one.exports.plain, len(one.resources), one.logs) == ({"left": "over"}, 1, ["once"])
    two = run(second)
    assert (two.exports.plain, len(two.resources), two.logs) == ({}, 0, [])
    assert get_root_resource() is None


def test_a_run_that_failed_leaves_nothing_behind() -> None:
    def fails() -> None:
        pulumi.export("left", "over")
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        run(fails)
    assert run(lambda: None).exports.plain == {}


def test_secret_outputs_stay_secret_where_they_go() -> None:
    def program() -> None:
        password = random.RandomPassword("text", length=32)
        config_map(key=password.result)
        pulumi.export("text", password.result)
        pulumi.export("length", password.length)

    graph = run(program)
    assert graph.exports.secrets == {("text",)}
    assert len(graph.exports.plain["text"]) == 32
    leak = graph.one("ConfigMap", "some").inputs
    assert leak.is_secret("data", "key")
    assert not leak.is_secret("metadata")
    assert graph.one("RandomPassword", "text").outputs.secrets == {("result",)}


def test_kubernetes_objects_get_a_name_that_follows_their_content() -> None:
    def program(text: str) -> str:
        return run(lambda: pulumi.export("name", config_map(key=text).metadata.name)).exports.plain["name"]

    assert program("a") == program("a") != program("b")
    assert program("a").startswith("some-")


def test_in_a_preview_what_only_an_api_knows_is_unknown() -> None:
    seen: list[object] = []

    def program() -> None:
        password = random.RandomPassword("text", length=32)
        password.result.apply(seen.append)
        pulumi.export("text", password.result)

    graph = run(program, preview=True)
    assert graph.exports.plain == {"text": UNKNOWN}
    assert graph.exports.secrets == {("text",)}
    assert seen == []


def test_outputs_in_texts_are_errors() -> None:
    with pytest.raises(Exception, match="Calling __str__ on an Output"):
        run(lambda: f"{config_map().id}")


def test_options_are_recorded_as_the_engine_gets_them() -> None:
    def program() -> None:
        provider = k8s.Provider("mine")
        parent = pulumi.ComponentResource("a:b:C", "c")
        opts = pulumi.ResourceOptions(
            parent=parent, provider=provider, protect=True, retain_on_delete=True, depends_on=[config_map("before")]
        )
        k8s.core.v1.Namespace("kept", opts=opts)

    graph = run(program)
    kept, before = graph.one("Namespace", "kept"), graph.one("ConfigMap", "before")
    assert kept.parent == graph.one("C", "c").urn
    assert kept.provider == graph.one("kubernetes", "mine").urn
    assert (kept.protect, kept.retain, kept.dependencies) == (True, True, {before.urn})
    assert (before.protect, before.retain, before.provider) == (False, False, "")
