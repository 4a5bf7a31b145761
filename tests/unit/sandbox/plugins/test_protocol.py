"""The stand-ins' shell: secrets, unknowns and numbers on the wire, half-made objects, the random provider, installing."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from sandbox.plugins import NAMES, install
from sandbox.plugins.protocol import provider_pb2, status_pb2
from sandbox.plugins.provider import Host, InitFailed, Resource
from sandbox.plugins.random import Random
from sandbox.plugins.server import ProviderServicer
from sandbox.plugins.values import UNKNOWN, Props, has_unknown, marshal, unmarshal

URN = "urn:pulumi:s::p::random:index/randomBytes:RandomBytes::token"


class Aborted(Exception):
    pass


class FakeContext:
    """As much of a gRPC call's context as the shell uses."""

    def __init__(self) -> None:
        self.trailing: dict[str, bytes] = {}
        self.message = ""

    def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes], ...]) -> None:
        self.trailing = dict(metadata)

    def abort(self, code: grpc.StatusCode, message: str) -> None:
        self.message = message
        raise Aborted(message)


def shell(factory: Any = Random) -> Any:
    return ProviderServicer(factory, None)


def test_values_survive_the_wire_with_their_secrets_and_unknowns() -> None:
    props: Props = {
        "name": "a",
        "port": 443,
        "ratio": 0.5,
        "on": True,
        "none": None,
        "data": {"token": "t"},
        "env": [{"value": "plain"}, {"value": "hidden"}],
        "id": UNKNOWN,
        "empty": {},
        "nothing": [],
    }
    secrets = {("data",), ("env", 1, "value")}
    assert unmarshal(marshal(props, secrets)) == (props, secrets)


def test_whole_numbers_come_as_integers() -> None:
    assert type(unmarshal(marshal({"replicas": 1.0}))[0]["replicas"]) is int


def test_a_secret_that_is_not_known_yet_stays_both() -> None:
    props, secrets = unmarshal(marshal({"key": UNKNOWN}, {("key",)}))
    assert props["key"] is UNKNOWN
    assert secrets == {("key",)}
    assert has_unknown({"a": [props]})


def test_a_secret_input_comes_back_secret_from_check_and_create() -> None:
    inputs = marshal({"length": 8, "keepers": {"a": "hidden"}}, {("keepers", "a")})
    checked = shell().Check(provider_pb2.CheckRequest(urn=URN, news=inputs), FakeContext())
    assert unmarshal(checked.inputs) == ({"length": 8, "keepers": {"a": "hidden"}}, {("keepers", "a")})
    created = shell().Create(provider_pb2.CreateRequest(urn=URN, properties=checked.inputs), FakeContext())
    outputs, secrets = unmarshal(created.properties)
    assert secrets == {("keepers", "a"), ("base64",), ("hex",)}
    assert len(bytes.fromhex(outputs["hex"])) == 8


def test_a_preview_promises_no_value() -> None:
    request = provider_pb2.CreateRequest(urn=URN, properties=marshal({"length": 8}), preview=True)
    created = shell().Create(request, FakeContext())
    assert created.id == ""
    assert unmarshal(created.properties)[0] == {"length": 8, "base64": UNKNOWN, "hex": UNKNOWN}


def test_a_changed_keeper_replaces() -> None:
    old, new = ({"length": 8, "keepers": {"a": value}} for value in "12")
    request = provider_pb2.DiffRequest(urn=URN, old_inputs=marshal(old), news=marshal(new))
    response = shell().Diff(request, FakeContext())
    assert list(response.replaces) == ["keepers"]
    assert response.detailedDiff["keepers.a"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
    assert not response.deleteBeforeReplace


@pytest.mark.parametrize("length", [0, "8", None])
def test_a_length_that_cannot_be_is_named(length: Any) -> None:
    response = shell().Check(provider_pb2.CheckRequest(urn=URN, news=marshal({"length": length})), FakeContext())
    assert [failure.property for failure in response.failures] == ["length"]


@pytest.mark.parametrize(
    ("kind", "inputs", "secret"),
    [
        ("randomId:RandomId", {"byteLength": 4, "prefix": "p-"}, set[str]()),
        ("randomString:RandomString", {"length": 12, "special": False}, set[str]()),
        ("randomPassword:RandomPassword", {"length": 12, "minNumeric": 12}, {"result", "bcryptHash"}),
    ],
)
def test_other_random_kinds(kind: str, inputs: Props, secret: set[str]) -> None:
    provider = Random(Host())
    resource = Resource("urn", f"random:index/{kind}", "x")
    _, outputs = provider.create(resource, inputs)
    assert {path[0] for path in provider.secret_outputs(resource)} == secret
    if "result" in outputs:
        assert len(outputs["result"]) == 12
        assert outputs["result"].isalnum()
        assert outputs["result"].isdigit() or "minNumeric" not in inputs
    else:
        assert outputs["hex"].startswith("p-")


def test_i4_the_ids_of_random_values_are_what_the_official_plugin_has() -> None:
    created = {}
    for kind, inputs in {"Bytes": {"length": 32}, "Id": {"byteLength": 8}, "Password": {"length": 32}}.items():
        created[kind] = Random(Host()).create(Resource("urn", f"random:index/random{kind}:Random{kind}", "x"), inputs)
    # The bytes themselves, in the clear: nothing secret may be a RandomBytes or a RandomId.
    assert created["Bytes"][0] == created["Bytes"][1]["base64"]
    assert created["Id"][0] == created["Id"][1]["b64Url"]
    assert created["Password"][0] == "none"


def test_an_object_that_is_not_ready_keeps_its_id_and_state() -> None:
    class Unready(Random):
        def create(self, resource: Resource, new: Props) -> tuple[str, Props]:
            raise InitFailed("ns/name", {"hex": "aa"}, ["first reason", "second reason"])

    context = FakeContext()
    request = provider_pb2.CreateRequest(urn=URN, properties=marshal({"length": 8}))
    with pytest.raises(Aborted):
        shell(Unready).Create(request, context)
    status = status_pb2.Status.FromString(context.trailing["grpc-status-details-bin"])
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert (detail.id, list(detail.reasons)) == ("ns/name", ["first reason", "second reason"])
    assert unmarshal(detail.properties) == ({"hex": "aa"}, {("hex",)})


def test_installing_twice_changes_nothing(tmp_path: Path) -> None:
    install(tmp_path, Path("/usr/bin/python3"))
    files = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert set(files) == {f"pulumi-resource-{name}" for name in NAMES}
    assert all(path.stat().st_mode & 0o111 for path in tmp_path.iterdir())
    install(tmp_path, Path("/usr/bin/python3"))
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files
