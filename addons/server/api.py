"""The JSON API: what the page shows and does, for programs. Every answer that is no success is a problem document."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, SecretStr

from addons.changes.model import Change, Job, Kind
from addons.console import LedgerRow, LeftOver
from addons.server.actions import Actions
from addons.server.problems import ProblemDocument
from addons.server.session import visitor_of
from addons.status.model import InstanceStatus, Report


class Session(BaseModel):
    """Who asks, of which stack, and why nothing can be changed, if so."""

    stack: str
    managing_as: str
    read_only: str


class AccessRow(BaseModel):
    """As in the stack's output `access`."""

    subject: str
    device: str
    gateway: str
    port: str
    canConnect: bool | None
    canExecute: bool
    canDriveBrowserOf: str
    grant: str


class Proposal(BaseModel):
    """A change to preview. `key` is taken in and never given out again."""

    model_config = ConfigDict(extra="forbid")

    instance: str
    kind: Kind
    value: str = ""
    key: SecretStr | None = None


class Done(BaseModel):
    says: str


class Row(BaseModel):
    """What an agent did, from the gateway's ledger."""

    at: datetime
    tool: str
    status: str
    took: float | None
    run: str
    by: str

    @classmethod
    def of(cls, row: LedgerRow) -> "Row":
        return cls(at=row.at, tool=row.tool, status=row.status, took=row.took, run=row.run, by=row.by)


class Device(BaseModel):
    """A device of the tailnet that no instance and no node owns."""

    id: str
    name: str
    tags: tuple[str, ...]
    last_seen: datetime | None

    @classmethod
    def of(cls, device: LeftOver) -> "Device":
        return cls(id=device.id, name=device.name, tags=device.tags, last_seen=device.last_seen)


def _problems(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    content = {"application/problem+json": {"schema": ProblemDocument.model_json_schema()}}
    return {int(status): {"description": status.phrase, "content": content} for status in statuses}


# Of every route; 421 and 413 are the guard's.
_ALWAYS: Final = (
    *(HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
    *(HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.INTERNAL_SERVER_ERROR),
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def router(actions: Actions) -> APIRouter:
    routes = APIRouter(prefix="/api", responses=_problems(*_ALWAYS))
    _reading(routes, actions)
    _changing(routes, actions)
    return routes


def _reading(routes: APIRouter, actions: Actions) -> None:
    console = actions.console

    @routes.get("/session")
    def session(request: Request) -> Session:
        return Session(stack=console.stack, managing_as=visitor_of(request).name, read_only=console.read_only)

    @routes.get("/instances")
    def instances() -> Report:
        """All instances of the stack, judged now."""
        return actions.reports.newest()

    @routes.get("/instances/{instance}")
    def instance(instance: str) -> InstanceStatus:
        return actions.instance(instance)

    @routes.get("/instances/{instance}/access")
    def access(instance: str) -> list[AccessRow]:
        """Who can connect and who can execute, by the policy in force."""
        return [AccessRow.model_validate(row) for row in actions.access(instance)]

    @routes.get("/instances/{instance}/ledger")
    def ledger(instance: str, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[Row]:
        """What the agent did, the newest first."""
        return [Row.of(row) for row in actions.ledger(instance, limit)]

    @routes.get("/jobs")
    def jobs() -> list[Job]:
        """Changes, the newest first."""
        return list(console.jobs())

    @routes.get("/jobs/{job}")
    def job(job: str) -> Job:
        return actions.job(job)

    @routes.get("/devices")
    def devices() -> list[Device]:
        """Devices of the tailnet that are left over."""
        return [Device.of(device) for device in actions.left_over()]


def _changing(routes: APIRouter, actions: Actions) -> None:
    @routes.post("/instances/{instance}/refresh", status_code=HTTPStatus.NO_CONTENT)
    def refresh(instance: str) -> None:
        """Reads the instance now, netcheck too."""
        actions.refresh(instance)

    @routes.post("/instances/{instance}/pairings/{request}/approve")
    def approve(instance: str, request: str) -> Done:
        return Done(says=actions.decide(instance, request, approve=True))

    @routes.post("/instances/{instance}/pairings/{request}/reject")
    def reject(instance: str, request: str) -> Done:
        return Done(says=actions.decide(instance, request, approve=False))

    @routes.post("/jobs", status_code=HTTPStatus.ACCEPTED)
    def propose(proposal: Proposal, request: Request) -> Job:
        """Begins the preview of a change. Nothing is changed before it is confirmed."""
        change = Change(instance=proposal.instance, kind=proposal.kind, value=proposal.value)
        return actions.propose(change, visitor_of(request), proposal.key)

    @routes.post("/jobs/{job}/confirm", status_code=HTTPStatus.ACCEPTED)
    def confirm(job: str) -> Job:
        """Applies what the preview showed, and nothing else."""
        return actions.confirm(job)

    @routes.post("/jobs/{job}/cancel", status_code=HTTPStatus.ACCEPTED)
    def cancel(job: str) -> Job:
        """One interrupt to the engine: what is in flight is finished. A change that asks is dropped."""
        return actions.cancel(job)

    @routes.delete("/devices/{device}")
    def remove(device: str) -> Device:
        """Removes a device that is left over."""
        return Device.of(actions.remove(device))
