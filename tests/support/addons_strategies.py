"""Any snapshot that the models allow, for properties: words, times and numbers that rules look for are likely ones."""

import types
from datetime import UTC, timedelta
from enum import Enum
from typing import Any, Final, Literal, Union, get_args, get_origin

from hypothesis import strategies as st

from addons.status.facts import (
    BytesSample,
    ClusterFacts,
    ControlFacts,
    Declared,
    GatewayFacts,
    NetcheckFacts,
    SidecarFacts,
    Snapshot,
)
from addons.status.readings import Frozen, Reading, Source
from tests.support.addons_cases import CASES
from tests.support.addons_snapshots import NOW, SITUATIONS

_WORDS: Final = (
    *(
        "",
        "unseal",
        "tailscale",
        "gateway",
        "plugins",
        "home",
        "tailnet-state",
        "openclaw-home",
        "openclaw-home-1",
        "build",
    ),
    *(
        "Running",
        "NeedsLogin",
        "NeedsMachineAuth",
        "Stopped",
        "Starting",
        "NoState",
        "Pending",
        "Lost",
        "Bound",
        "Failed",
    ),
    *("CrashLoopBackOff", "ImagePullBackOff", "OOMKilled", "Error", "Completed", "CreateContainerConfigError"),
    *("FailedMount", "FailedCreate", "ProvisioningFailed", "BackOff", "warming-up", "login-state", "not-in-map-poll"),
    *(
        "openclaw-home.example.ts.net",
        "openclaw-home-1.example.ts.net",
        "tag:openclaw-home",
        "nhomeCNTRL",
        "openclaw home",
    ),
    *("100.64.0.6", "fd7a:115c:a1e0::6", "10.0.0.9", "::1", "127.0.0.1", "http://127.0.0.1:18789", "127.0.0.1:18780"),
    *("fra", "e8d422c5", "no space left on device", "fetch control key", "backend error: authkey expired"),
    'MountVolume.SetUp failed for volume "tun" : hostPath type check failed: /dev/net/tun is not a character device',
    'MountVolume.SetUp failed for volume "tailnet-kek" : secret "home-tailnet-kek-1" not found',
    "unseal: cannot write /var/lib/ts-state/sealed-authkey.jwe (ENOSPC). Is the volume full or read-only?",
    "unseal: the sealed auth key does not open: it was changed",
)
_NEAR: Final = st.floats(-400, 400, allow_nan=False).map(lambda seconds: NOW + timedelta(seconds=seconds))
_FAR: Final = st.datetimes(timezones=st.just(UTC))
_TEXT: Final = st.one_of(st.sampled_from(_WORDS), st.sampled_from(_WORDS), st.text(max_size=30))


def of(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a type that the models use."""
    if isinstance(annotation, type):
        if issubclass(annotation, Frozen):
            return model(annotation)
        if issubclass(annotation, Enum):
            return st.sampled_from(list(annotation))
        simple: dict[str, st.SearchStrategy[Any]] = {
            "str": _TEXT,
            "bool": st.booleans(),
            "int": st.one_of(st.sampled_from((0, 1, 443, 1000)), st.integers(0, 2**63)),
            "float": st.floats(allow_nan=False, allow_infinity=False),
            "datetime": st.one_of(_NEAR, _NEAR, _FAR),
            "NoneType": st.none(),
        }
        return simple[annotation.__name__]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(of, arguments))
    assert origin is tuple
    assert arguments[1] is ...
    return st.lists(of(arguments[0]), max_size=3).map(tuple)


def model(kind: type[Frozen]) -> st.SearchStrategy[Any]:
    """Any instance of a model."""
    return st.builds(kind, **{name: of(field.annotation) for name, field in kind.model_fields.items()})


def reading(source: Source, kind: type[Frozen]) -> st.SearchStrategy[Any]:
    """Of any age, never read, or failed."""
    return st.builds(
        Reading[Any],
        source=st.just(source),
        value=st.one_of(st.none(), model(kind), model(kind), model(kind)),
        read_at=st.one_of(st.none(), _NEAR, _NEAR, st.just(NOW), _FAR),
        reason=_TEXT,
    )


ANY: Final[st.SearchStrategy[Snapshot]] = st.builds(
    Snapshot,
    declared=model(Declared),
    cluster=reading(Source.CLUSTER, ClusterFacts),
    sidecar=reading(Source.SIDECAR, SidecarFacts),
    netcheck=reading(Source.NETCHECK, NetcheckFacts),
    gateway=reading(Source.GATEWAY, GatewayFacts),
    control=reading(Source.CONTROL, ControlFacts),
    history=st.lists(model(BytesSample), max_size=8).map(tuple),
)
# Those in which something is as people know it, and well for the most part.
KNOWN: Final[st.SearchStrategy[Snapshot]] = st.one_of(
    st.sampled_from(list(SITUATIONS.values())).map(lambda situation: situation("home", NOW)),
    st.sampled_from(list(CASES.values())).map(lambda case: case()),
)


@st.composite
def mixed(draw: st.DrawFn) -> Snapshot:
    """A known one with some of its readings from another."""
    snapshot, other = draw(KNOWN), draw(st.one_of(KNOWN, ANY))
    parts = draw(st.sets(st.sampled_from(("cluster", "sidecar", "netcheck", "gateway", "control", "history"))))
    return snapshot.model_copy(update={part: getattr(other, part) for part in parts})


SNAPSHOTS: Final = st.one_of(KNOWN, mixed(), ANY)
