"""How times, sizes and shares are said to people, in every front end."""

from datetime import datetime, tzinfo

from addons.status.facts import FillFacts
from addons.status.model import Health, InstanceStatus, State


def lasting(seconds: float) -> str:
    """`8 s`, `3 min`, `2 h`, `5 days`: in the largest unit of which there are two, or one of the smallest."""
    if seconds < 120:
        return f"{max(0, int(seconds))} s"
    if seconds < 7200:
        return f"{int(seconds // 60)} min"
    if seconds < 172_800:
        return f"{int(seconds // 3600)} h"
    return f"{int(seconds // 86_400)} days"


def age(then: datetime | None, now: datetime) -> str:
    """`8 s ago`; `never` without a time, `now` for one in the future: that is another clock's."""
    if then is None:
        return "never"
    seconds = (now - then).total_seconds()
    return f"{lasting(seconds)} ago" if seconds >= 1 else "now"


def countdown(end: datetime | None, now: datetime) -> str:
    """`ends in 3 min 45 s`, or `has ended`; empty without an end."""
    if end is None:
        return ""
    minutes, seconds = divmod(int((end - now).total_seconds()), 60)
    if end <= now:
        return "has ended"
    return f"ends in {minutes} min {seconds} s" if minutes else f"ends in {seconds} s"


def clock(then: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """`14:02`, with the day when it was another one. In the local time zone unless it is said."""
    then, now = then.astimezone(zone), now.astimezone(zone)
    return f"{then:%H:%M}" if then.date() == now.date() else f"{then:%d %B %H:%M}".lstrip("0")


def since(then: datetime | None, now: datetime, zone: tzinfo | None = None) -> str:
    """`since 14:02, 3 min`; empty without a time."""
    if then is None:
        return ""
    return f"since {clock(then, now, zone)}, {lasting((now - then).total_seconds())}"


def size(count: int) -> str:
    """`10 GiB`, `512 MiB`, `1.5 GiB`."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def fill(facts: FillFacts) -> str:
    """`20 % of 10 GiB`."""
    return f"{min(facts.share, 1.0) * 100:.0f} % of {size(facts.size)}"


def state(status: InstanceStatus) -> str:
    """The word for an instance: its state, and its health where the state does not tell it."""
    told = {
        State.DOWN,
        State.UNKNOWN,
        State.UNCONFIRMED,
        State.OUT_OF_TOUCH,
        State.REMOVED,
        State.STARTING,
        State.NEEDS_LOGIN,
    }
    if status.health is Health.HEALTHY or status.state in told:
        return str(status.state)
    return f"{status.state}, {status.health}"
