"""A fault is an object: what it breaks and how, what is seen where, what must hold, and how it ends. `run` tries it.

What holds in every fault is checked here, and nowhere else: before, while it lasts and afterwards. An owner's device reaches
both instances before and after; a stranger's reaches neither, at any time; no device of theirs becomes another one; no
container restarts but those that the fault names.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from tests.support.e2e_world import Outage
from tests.support.engine_world import eventually
from tests.support.faults.breakable import Breakable
from tests.support.faults.report import Row
from tests.support.faults.scene import Scene
from tests.support.faults.signs import Sign


def _nothing(_: Scene) -> None:
    """For a fault of which nothing more must hold while it lasts."""


@dataclass(frozen=True)
class Fault:
    """One thing that breaks. The words may name what was measured, in braces: see `Scene.notes` and `run`."""

    name: str
    # The instance that is looked at while it lasts, and whose containers may restart: "home" or "spare".
    breaks: str
    # Breaks it, yields while it lasts, and ends it after that. A generator of the Scene; one that ends by itself ends with `yield`.
    inject: Callable[[Scene], AbstractContextManager[None]]
    # In the table: what the owner sees; how it ends.
    sees: str
    over: str
    signs: Sequence[Sign]
    # In the table before what holds in every fault: what this one's `inject` and `during` assert.
    holds: str = ""
    # More that must hold while it lasts, after the signs were seen.
    during: Callable[[Scene], None] = _nothing
    # True when the address answers the owner while it lasts, False when it does not, None when it may be either.
    answers: bool | None = None
    # The most restarts of a container of the broken instance, by its name. The others restart never.
    restarts: Mapping[str, int] = field(default_factory=dict[str, int])
    # The instance whose traffic is watched, and the longest pause in it, in seconds.
    watched: str = ""
    pause: float = 3.0
    # It lasts so many seconds at least, for what must not happen meanwhile.
    lasts: float = 0.0
    # Seconds after its end in which both instances answer again.
    within: float = 120.0
    # The broken instance comes back as another device, under its old name.
    new_device: bool = False

    @property
    def slug(self) -> str:
        """Its test's id: `pytest tests/e2e/test_faults.py -k udp-blocked`."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower().replace("'", "")).strip("-")

    def row(self, notes: Mapping[str, str]) -> Row:
        """Its words, with what was measured."""
        held = [self.holds] if self.holds else []
        held += [] if self.new_device else ["same device"]
        counted = {name: notes[f"restarts of {name}"] for name in self.restarts}
        often = [
            f"{count} restart{'s' * (count != '1')} of `{name}`" for name, count in counted.items() if count != "0"
        ]
        held += [f"{', '.join(often)} and none of another container" if often else "no restart"]
        held += ["stranger without an answer"]
        sees, holds, over = (text.format_map(notes) for text in (self.sees, "; ".join(held), self.over))
        return Row(self.name, sees, notes["sign"], holds, over)


def run(fault: Fault, scene: Scene) -> Row:
    """Breaks it, looks, and waits until it is over; the row is what was seen. What does not hold is an AssertionError.

    Notes: `answered` (seconds from the break until the owner was answered), `seen` (until the last sign), `pause` (longest time
    without an answer), `ended` (seconds from the end's beginning until both instances answer), `back` (from the end's end).
    """
    scene.well(60)
    scene.closed()
    scene.remember()
    with scene.watch(fault.watched) if fault.watched else nullcontext(Outage()) as outage:
        began = scene.broken_at = time.monotonic()
        with fault.inject(scene):
            _lasting(fault, scene, began)
            ending = time.monotonic()
        ended = time.monotonic()
        scene.well(fault.within)
        scene.notes |= {"ended": seconds(time.monotonic() - ending), "back": seconds(time.monotonic() - ended)}
    scene.closed()
    scene.same_devices(but=fault.breaks if fault.new_device else "")
    _few_restarts(fault, scene)
    if fault.watched:
        assert outage.seconds < fault.pause, f"{fault.watched} did not answer for {outage.seconds:.1f} s"
        scene.notes["pause"] = seconds(outage.seconds)
    return fault.row(scene.notes)


def _lasting(fault: Fault, scene: Scene, began: float) -> None:
    """Looks while it lasts."""
    gateway = scene.instance(fault.breaks)
    if fault.answers is True:
        scene.reached(gateway, fault.within)
        scene.notes["answered"] = seconds(time.monotonic() - began)
    if fault.answers is False:
        eventually(lambda: not scene.answers(gateway), f"{gateway.id} answers no more")
    scene.notes["sign"] = "; ".join([_found(sign, scene, gateway) for sign in fault.signs])
    scene.notes["seen"] = seconds(time.monotonic() - began)
    time.sleep(max(0.0, began + fault.lasts - time.monotonic()))
    fault.during(scene)
    if fault.answers is False:
        assert not scene.answers(gateway), f"{gateway.id} answers, although {fault.name}"
    scene.closed()
    _few_restarts(fault, scene)


def _found(sign: Sign, scene: Scene, gateway: Breakable) -> str:
    """The words of a sign, once it is there."""
    found = eventually(lambda: sign.seen(scene, gateway), sign.words, sign.seconds)
    return sign.words.replace("{found}", str(found))


def _few_restarts(fault: Fault, scene: Scene) -> None:
    for name, restarted in scene.restarted().items():
        allowed: Mapping[str, int] = fault.restarts if name == fault.breaks else {}
        too_often = {container: count for container, count in restarted.items() if count > allowed.get(container, 0)}
        assert not too_often, f"restarts in {name}: {too_often}"
        for container in allowed:
            note = f"restarts of {container}"
            scene.notes[note] = str(max(int(scene.notes.get(note, 0)), restarted.get(container, 0)))


def seconds(value: float) -> str:
    """As the table has them."""
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"
