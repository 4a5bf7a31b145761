"""A value, where it was read, and when: past its limit it is unknown since then, never still good."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Frozen(BaseModel):
    """Everything of the status model: never changed once it is made, and without a key that nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Source(StrEnum):
    """Where values come from; each is read by one request, so its values are of one age."""

    CLUSTER = "the cluster's API"
    SIDECAR = "tailscaled, in the sidecar"
    NETCHECK = "tailscale netcheck, in the sidecar"
    GATEWAY = "the gateway, in its container"
    CONTROL = "the tailnet's API"
    STACK = "the stack's configuration"


# Seconds after which a value says nothing of the present. The poller reads four times in each.
STALE_AFTER = {
    Source.CLUSTER: 30.0,
    Source.SIDECAR: 30.0,
    Source.NETCHECK: 240.0,
    Source.GATEWAY: 60.0,
    Source.CONTROL: 60.0,
    Source.STACK: float("inf"),
}


class Reading(Frozen, Generic[T]):
    """One read of one source. `value` is None when nothing could be read at all; `reason` says why the last read failed.

    After a read that failed, `value` and `read_at` are those of the last good one, and `reason` is set: what was last known
    may be shown, in grey, but `current` gives it only while it is fresh.
    """

    source: Source
    value: T | None = None
    read_at: datetime | None = None
    reason: str = ""

    def age(self, now: datetime) -> timedelta | None:
        """Since the last good read; None when there was none."""
        return None if self.read_at is None else max(now - self.read_at, timedelta())

    def stale(self, now: datetime) -> bool:
        """True when the value, if there is one, says nothing of the present."""
        age = self.age(now)
        return age is None or age.total_seconds() > STALE_AFTER[self.source]

    def current(self, now: datetime) -> T | None:
        """The value while it is fresh."""
        return None if self.stale(now) else self.value

    def failed(self, reason: str) -> "Reading[T]":
        """The same after a read that failed: the value gets no younger."""
        return self.model_copy(update={"reason": reason})


def read(source: Source, value: T, at: datetime | None = None) -> Reading[T]:
    """A read that succeeded, now unless said."""
    return Reading[T](source=source, value=value, read_at=at or utc_now())


def utc_now() -> datetime:
    return datetime.now(UTC)
