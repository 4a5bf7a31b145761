"""A fault is tried without mercy: each thing that must hold, and does not, fails it by name; the document has all of them."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support.e2e_world import Outage
from tests.support.faults import catalogue, keys
from tests.support.faults.breakable import Breakable
from tests.support.faults.fault import Fault, run
from tests.support.faults.report import SEEN, TOLD
from tests.support.faults.scene import Before, Identity, Scene
from tests.support.faults.signs import Sign, last_state, line_with

FIRST: Identity = ("1", "openclaw-spare", ("100.64.0.1",), "key")
SECOND: Identity = ("2", "openclaw-spare", ("100.64.0.2",), "other")


class Instance:
    """An instance that is what it is told to be."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.pod_uid, self.counts, self.node = "a", {"gateway": 0, "tailscale": 3}, FIRST

    def identity(self) -> Identity:
        return self.node

    def uid(self) -> str:
        return self.pod_uid

    def restarts(self) -> dict[str, int]:
        return dict(self.counts)


class Played(Scene):
    """A scene of such instances. What is checked on them is the real code; who is answered is told."""

    def __init__(self) -> None:
        self.home, self.spare = (cast(Breakable, Instance(name)) for name in ("home", "spare"))
        self.notes: dict[str, str] = {}
        self.said: list[str] = []
        self.owner_in, self.stranger_in, self.pause = True, False, 0.2

    def remember(self) -> None:
        here = self.instances
        self._before = Before(
            {one.id: one.identity() for one in here}, {one.id: (one.uid(), one.restarts()) for one in here}, {}
        )

    def answers(self, gateway: Breakable, seconds: int = 2) -> bool:
        return self.owner_in

    def reached(self, gateway: Breakable, seconds: float = 60.0) -> None:
        assert self.owner_in, "the owner is not answered"

    def well(self, seconds: float) -> None:
        self.said.append("well")
        assert self.owner_in, "the owner is not answered"

    def closed(self) -> None:
        self.said.append("closed")
        assert not self.stranger_in, "the stranger is answered"

    @contextmanager
    def watch(self, name: str) -> Generator[Outage]:
        outage = Outage()
        yield outage
        outage.seconds = self.pause


def instance(scene: Scene, name: str = "spare") -> Instance:
    return cast(Instance, scene.instance(name))


def breaking(broken: Callable[[Played], None], mended: Callable[[Played], None] = lambda scene: None) -> Any:
    @contextmanager
    def inject(scene: Played) -> Generator[None]:
        scene.said.append("broken")
        broken(scene)
        yield
        mended(scene)
        scene.said.append("mended")

    return inject


def fault(**values: Any) -> Fault:
    usual: Mapping[str, Any] = {
        "name": "Moon away",
        "breaks": "spare",
        "inject": breaking(lambda scene: None),
        "sees": "no light",
        "over": "by itself: {back} s",
        "signs": [Sign("the sky: `{found}`", lambda scene, gateway: f"dark over {gateway.id}", 0.1)],
    }
    return Fault(**{**usual, **values})


def test_a_row_says_what_was_seen() -> None:
    """And it is looked at before, while it lasts and afterwards."""
    scene = Played()
    row = run(fault(holds="the tide", answers=True, watched="home", over="pause {pause} s"), scene)
    assert scene.said == ["well", "closed", "broken", "closed", "mended", "well", "closed"]
    assert (row.fault, row.sees, row.sign) == ("Moon away", "no light", "the sky: `dark over spare`")
    assert row.holds == "the tide; same device; no restart; stranger without an answer"
    assert row.over == "pause 0.2 s"


Happening = Callable[[Played], None]


def nothing(scene: Played) -> None:
    """All is as it was."""


def stranger(let_in: bool) -> Happening:
    return lambda scene: setattr(scene, "stranger_in", let_in)


def owner_shut_out(scene: Played) -> None:
    scene.owner_in = False


def device(name: str, node: Identity) -> Happening:
    return lambda scene: setattr(instance(scene, name), "node", node)


def restarted(name: str, container: str, count: int = 1, pod: str = "a") -> Happening:
    """As many more restarts; in another pod, so many."""

    def happen(scene: Played) -> None:
        one = instance(scene, name)
        one.counts[container], one.pod_uid = one.counts[container] * (pod == "a") + count, pod

    return happen


@pytest.mark.parametrize(
    ("broken", "mended", "said"),
    [
        (stranger(True), stranger(False), "the stranger is answered"),
        (nothing, stranger(True), "the stranger is answered"),
        (nothing, owner_shut_out, "the owner is not answered"),
        (nothing, device("spare", SECOND), "spare is another device"),
        (nothing, device("home", SECOND), "home is another device"),
        (restarted("spare", "gateway"), nothing, "restarts in spare: {'gateway': 1}"),
        (nothing, restarted("home", "tailscale"), "restarts in home: {'tailscale': 1}"),
        (restarted("spare", "tailscale", 1, pod="b"), nothing, "restarts in spare: {'tailscale': 1}"),
    ],
)
def test_what_always_holds_fails_any_fault(broken: Happening, mended: Happening, said: str) -> None:
    with pytest.raises(AssertionError) as failure:
        run(fault(inject=breaking(broken, mended)), Played())
    assert said in str(failure.value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"signs": [Sign("the sky", lambda scene, gateway: "", 0.1)]}, "waited 0 s for the sky"),
        ({"watched": "home", "pause": 0.1}, "home did not answer for 0.2 s"),
        ({"new_device": True}, ""),
        ({"inject": breaking(restarted("spare", "tailscale", 3)), "restarts": {"tailscale": 2}}, "{'tailscale': 3}"),
        ({"inject": breaking(restarted("home", "tailscale")), "restarts": {"tailscale": 2}}, "restarts in home"),
    ],
)
def test_what_a_fault_promises_is_checked(wrong: Mapping[str, Any], said: str) -> None:
    with pytest.raises(AssertionError) as failure:
        run(fault(**wrong), Played())
    assert said in str(failure.value)


def test_allowed_restarts_are_counted() -> None:
    lost = breaking(restarted("spare", "tailscale", 2), restarted("spare", "tailscale", 0, pod="b"))
    row = run(fault(inject=lost, restarts={"tailscale": 4}), Played())
    assert "2 restarts of `tailscale` and none of another container" in row.holds


def test_a_new_device_has_only_the_old_name() -> None:
    new = breaking(device("spare", SECOND))
    assert "same device" not in run(fault(inject=new, new_device=True), Played()).holds
    named = breaking(device("spare", ("2", "openclaw-spare-1", ("100.64.0.2",), "x")))
    with pytest.raises(AssertionError, match="another name"):
        run(fault(inject=named, new_device=True), Played())


def test_three_dots_of_a_sign_stand_for_anything() -> None:
    said = "first (a)\nunseal: cannot write /x (ENOSPC).\n"
    assert line_with("cannot write ... (ENOSPC)", said) == "unseal: cannot write /x (ENOSPC)."
    assert line_with("first ... (ENOSPC)", said) == ""


DESCRIBED = """Name:             openclaw-0
Init Containers:
  tailscale:
    Image:          tailscale
    State:          Running
      Started:      Fri, 27 Nov 2026 10:00:10 +0000
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
    Ready:          True
Containers:
  gateway:
    State:          Running
      Started:      Fri, 27 Nov 2026 10:00:10 +0000
    Ready:          True
Events:
  Warning  Failed  Last State: none
"""


def test_last_state_is_that_of_the_container() -> None:
    assert last_state(DESCRIBED, "tailscale") == "OOMKilled"
    assert last_state(DESCRIBED, "gateway") == ""


def test_the_document_has_every_fault() -> None:
    assert SEEN.documented() == TOLD.documented() == [fault.name for fault in catalogue.ALL]


def test_every_fault_has_its_own_id_and_a_sign() -> None:
    slugs = [fault.slug for fault in catalogue.ALL]
    assert len(slugs) == len(set(slugs))
    assert all(fault.signs for fault in catalogue.ALL)
    assert replace(keys.FAULTS[0], name="/dev/it's (gone)").slug == "dev-its-gone"


def test_every_group_of_faults_is_tried() -> None:
    """A file of faults that the catalogue does not read would be faults that nobody tries."""
    files = Path(catalogue.__file__).parent.glob("*.py")
    written = {path.stem for path in files if "\nFAULTS: Final" in path.read_text()}
    assert written == {str(group.__name__).rpartition(".")[2] for group in catalogue.GROUPS}
