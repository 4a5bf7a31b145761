"""The invariants I1-I12 hold for each stack file, for the main shapes, and for whatever valid settings hypothesis finds."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, cast

import pulumi
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from components import names
from components.admission import guards
from components.config_map import config_map
from components.scope import Scope
from policies.pack import analyze
from tests.support import invariants as held
from tests.support import invariants_access as access
from tests.support import invariants_nodes as workers
from tests.support.configs import SHAPES, STACK_FILES, Raw, configurations, read_stack_file, smallest
from tests.support.graph import UNKNOWN
from tests.support.harness import run, run_program
from tests.support.invariants import Run

CONFIGS: dict[str, Raw] = {path.name: read_stack_file(path) for path in STACK_FILES} | SHAPES

every_config = pytest.mark.parametrize("name", CONFIGS)


@functools.cache
def ran(name: str) -> Run:
    return Run.of(CONFIGS[name])


def the_policy_pack_finds_nothing(run: Run) -> None:
    judged = analyze((resource.type, resource.name, dict(resource.raw)) for resource in run.graph.all())
    diagnostics = [one for one in judged if not one.advisory]
    assert diagnostics == []


@every_config
def test_i1_no_public_binding(name: str) -> None:
    held.i1_no_public_binding(ran(name))


@every_config
def test_i2_net_admin_only_in_the_sidecar(name: str) -> None:
    held.i2_net_admin_only_in_the_sidecar(ran(name))


@every_config
def test_i3_gateway_mounts_nothing_of_tailscale(name: str) -> None:
    held.i3_gateway_mounts_nothing_of_tailscale(ran(name))


@every_config
def test_i4_no_secret_in_plain_text(name: str) -> None:
    held.i4_no_secret_in_plain_text(ran(name))


@every_config
def test_i5_no_service_account_token(name: str) -> None:
    held.i5_no_service_account_token(ran(name))


@every_config
def test_i6_default_deny_and_public_egress_only(name: str) -> None:
    access.i6_default_deny_and_public_egress_only(ran(name))


@every_config
def test_i7_only_listed_people_reach_only_the_served_port(name: str) -> None:
    access.i7_only_listed_people_reach_only_the_served_port(ran(name))


@every_config
def test_i8_images_by_immutable_tag(name: str) -> None:
    held.i8_images_by_immutable_tag(ran(name))


@every_config
def test_i9_requests_and_limits(name: str) -> None:
    held.i9_requests_and_limits(ran(name))


@every_config
def test_i10_data_outlives_the_instance(name: str) -> None:
    held.i10_data_outlives_the_instance(ran(name))


@every_config
def test_i11_same_input_declares_the_very_same(name: str) -> None:
    assert run_program(CONFIGS[name]) == ran(name).graph


@every_config
def test_i12_names_are_legal_and_never_shared(name: str) -> None:
    held.i12_names_are_legal_and_never_shared(ran(name))


NODE_INVARIANTS: list[Callable[[Run], None]] = [
    workers.i1_to_i9_hold_for_the_pods_of_nodes,
    workers.i4_the_gateway_s_secret_is_where_no_command_runs,
    workers.i6_the_network_of_a_node_is_closed,
    workers.i7_each_key_is_for_one_machine_and_its_own_tag,
    workers.i10_a_node_s_volumes_outlive_it,
    workers.i12_nodes_share_no_name,
    workers.the_material_names_the_gateway_and_the_commands,
]


@pytest.mark.parametrize("held_for_nodes", NODE_INVARIANTS)
@pytest.mark.parametrize("name", [name for name in CONFIGS if "nodes" in CONFIGS[name]])
def test_invariants_of_nodes(name: str, held_for_nodes: Callable[[Run], None]) -> None:
    held_for_nodes(ran(name))


@every_config
def test_the_graph_is_complete(name: str) -> None:
    access.the_graph_is_complete(ran(name))


@every_config
def test_a_disabled_instance_keeps_what_it_needs_to_come_back(name: str) -> None:
    access.a_disabled_instance_keeps_what_it_needs_to_come_back(ran(name))


@every_config
def test_the_policy_pack_finds_nothing(name: str) -> None:
    the_policy_pack_finds_nothing(ran(name))


@every_config
def test_the_policy_pack_finds_nothing_in_a_policy_of_our_own(name: str) -> None:
    """Where the stack writes the tailnet's policy: whoever it lets in, gateways, nodes and portals, is no finding."""
    config = CONFIGS[name]
    if config["tailnet"].get("ownership", "verified") == "verified":
        the_policy_pack_finds_nothing(Run.of({**config, "tailnet": {**config["tailnet"], "ownership": "owned"}}))


@every_config
def test_a_preview_declares_the_same_resources(name: str) -> None:
    preview = run_program(CONFIGS[name], preview=True)
    assert set(preview.resources) == set(ran(name).graph.resources)


@every_config
def test_what_a_preview_knows_is_what_the_update_does(name: str) -> None:
    """Otherwise an update that is bound to the preview's plan is refused."""
    preview, update = run_program(CONFIGS[name], preview=True), ran(name).graph
    wrong = [
        f"{resource.name}{path}"
        for urn, resource in preview.resources.items()
        for path in differing(resource.inputs.plain, update.resources[urn].inputs.plain)
    ]
    assert wrong == []


@pytest.mark.parametrize("preview", [True, False])
def test_a_uid_is_known_only_of_what_is_there(preview: bool) -> None:
    def program() -> None:
        scope = Scope(names.of("home"), "test")
        pulumi.export("uid", config_map(scope, "config", {"a": "b"}, pulumi.ResourceOptions()).uid)

    uid = run(program, preview=preview).exports.plain.get("uid", UNKNOWN)
    assert (uid == UNKNOWN) is preview, uid


def differing(planned: Any, done: Any, path: str = "") -> Iterator[str]:
    """The places where a plan says something, and the update something else."""
    if isinstance(planned, dict) and isinstance(done, dict) and planned.keys() == done.keys():
        for key, value in cast("dict[str, Any]", planned).items():
            yield from differing(value, cast("dict[str, Any]", done)[key], f"{path}.{key}")
    elif (
        isinstance(planned, list)
        and isinstance(done, list)
        and len(cast("list[Any]", planned)) == len(cast("list[Any]", done))
    ):
        for number, (one, other) in enumerate(zip(cast("list[Any]", planned), cast("list[Any]", done), strict=True)):
            yield from differing(one, other, f"{path}[{number}]")
    elif planned != UNKNOWN and planned != done:
        yield path


ALL: list[Callable[[Run], None]] = [
    held.i1_no_public_binding,
    held.i2_net_admin_only_in_the_sidecar,
    held.i3_gateway_mounts_nothing_of_tailscale,
    held.i4_no_secret_in_plain_text,
    held.i5_no_service_account_token,
    access.i6_default_deny_and_public_egress_only,
    access.i7_only_listed_people_reach_only_the_served_port,
    held.i8_images_by_immutable_tag,
    held.i9_requests_and_limits,
    held.i10_data_outlives_the_instance,
    held.i12_names_are_legal_and_never_shared,
    access.the_graph_is_complete,
    access.a_disabled_instance_keeps_what_it_needs_to_come_back,
    the_policy_pack_finds_nothing,
    *NODE_INVARIANTS,
]


# The same examples each time, and no shrinking: a run takes long for hypothesis, and the examples are small already.
generated = functools.partial(
    settings,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


@given(configurations())
@generated(max_examples=20)
def test_i1_to_i10_and_i12_hold_for_generated_settings(config: Raw) -> None:
    run = Run.of(config)
    for invariant in ALL:
        invariant(run)


@given(configurations(most=1))
@generated(max_examples=3)
def test_i11_generated_settings_declare_the_very_same_twice(config: Raw) -> None:
    assert run_program(config) == run_program(config)


def test_i10_disabling_changes_neither_volumes_nor_token() -> None:
    on, off = ran("default").graph, ran("disabled").graph
    for kind, part in (
        ("PersistentVolumeClaim", "gateway-home"),
        ("PersistentVolumeClaim", "tailnet-state"),
        ("RandomPassword", "token"),
        ("Secret", "gateway-token"),
    ):
        assert on.one(kind, f"home-{part}") == off.one(kind, f"home-{part}")


def test_i11_a_new_limit_changes_the_deployment_only() -> None:
    before = ran("default").graph
    after = run_program(smallest(gateway={"resources": {"cpuLimit": "3"}}))
    changed = [urn for urn in before.resources if before.resources[urn] != after.resources[urn]]
    assert [before.resources[urn].kind for urn in changed] == ["Deployment"]


def test_i12_a_second_instance_changes_nothing_of_the_first() -> None:
    config = SHAPES["owned"]
    one = run_program(config)
    config = {**config, "instances": [*config["instances"]]}
    config["instances"].append({"id": "lab", "people": ["bob@example.com"]})
    two = run_program(config)
    shared = {urn for urn in one.resources if one.resources[urn] == two.resources[urn]}
    # Two parts of the guard list the stack's namespaces.
    changed = {"topology", "policy", "guard-accounts", "guard-volumes"}
    assert {urn.rsplit("::", 1)[1] for urn in set(one.resources) - shared} == changed


STACKS = ["prod", "dev", "Prod", "prod_eu", "prod.eu", "prod-eu", "_", "-", "x" * 100, "x" * 99 + "_", "9", "a" * 40]


@pytest.mark.parametrize("stack", STACKS)
def test_i12_any_name_of_a_stack_makes_legal_names(stack: str) -> None:
    label = names.stack(stack)
    assert held.DNS_LABEL.fullmatch(label)
    assert len(label) <= 40
    assert held.LABEL_VALUE.fullmatch(label)


def test_i12_two_stacks_in_one_cluster_share_no_cluster_wide_name() -> None:
    assert len({names.guard(names.stack(stack)) for stack in STACKS}) == len(STACKS)
    names_of_each = [
        {
            (resource.kind, resource.object_name)
            for resource in run_program(smallest(), stack).kubernetes()
            if resource.namespace is None and resource.kind != "Namespace"
        }
        for stack in ("prod_eu", "prod-eu")
    ]
    assert names_of_each[0].isdisjoint(names_of_each[1])
    assert len(names_of_each[0]) == 2 * len(guards([]))
