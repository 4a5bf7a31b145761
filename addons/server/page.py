"""The page: each view is rendered here as a whole, and works without a script. With it, the script fetches the same views anew and
takes over only what differs, so there is one way to show a thing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import SecretStr
from starlette.responses import Response

from addons.changes.model import Change, Job, Kind
from addons.console import Console, LedgerRow
from addons.errors import AddonsError
from addons.server import change_words, sentences
from addons.server.actions import Actions
from addons.server.problems import Problem, ProblemDocument
from addons.server.session import Sessions, Visitor, visitor_of
from addons.status import words
from addons.status.doctor import diagnose
from addons.status.model import InstanceStatus
from addons.status.readings import utc_now
from components.outputs import AccessOutput

HERE: Final = Path(__file__).parent
# Seconds for which a change that is over stays on top of its gateway's settings; then it is among the changes only.
_RECENT: Final = 600.0
_LEDGER: Final = 30


@dataclass(frozen=True)
class Said:
    """What an action answered, for the person who asked. Of a change nothing: that shows how far it is where it stands."""

    says: str = ""


async def _form(request: Request) -> dict[str, str]:
    """A form without files, which needs no parser of its own; a field that is sent twice is taken once."""
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


Form = Annotated[dict[str, str], Depends(_form)]


class Pages:
    """Renders views. `now` is the moment at which everything on one of them is meant."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._env = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters |= {"iso": _iso, "coded": sentences.coded}

    def view(self, request: Request, template: str, said: Said | None = None, **values: Any) -> HTMLResponse:
        return self._html(
            template,
            HTTPStatus.OK,
            stack=self._console.stack,
            visitor=visitor_of(request),
            read_only=self._console.read_only,
            path=request.url.path,
            said=said,
            **values,
        )

    def plain(self, template: str, code: HTTPStatus, **values: Any) -> HTMLResponse:
        """For somebody who is not known: says nothing of the stack."""
        return self._html(template, code, **values)

    def problem(self, request: Request, document: ProblemDocument) -> Response:
        """A problem as a page; for a stranger it is the way in."""
        code = HTTPStatus(document.status)
        if code is HTTPStatus.UNAUTHORIZED:
            return self.plain("login.html", code, wrong="")
        return self.plain("problem.html", code, problem=document, back=request.url.path)

    def _html(self, template: str, code: HTTPStatus, **values: Any) -> HTMLResponse:
        known = {"now": utc_now(), "words": words, "page": sentences, "change_words": change_words}
        return HTMLResponse(self._env.get_template(template).render(known | values), code)


def router(actions: Actions, pages: Pages) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    console = actions.console

    @routes.get("/")
    def gateways(request: Request) -> HTMLResponse:
        report = actions.reports.newest()
        return pages.view(request, "gateways.html", report=report, job=_current(console.jobs()))

    @routes.get("/instances/{id}")
    def gateway(request: Request, id: str) -> HTMLResponse:
        return _gateway(actions, pages, request, id)

    @routes.post("/instances/{id}")
    def act(request: Request, id: str, form: Form) -> HTMLResponse:
        said = _act(actions, visitor_of(request), id, form)
        return _gateway(actions, pages, request, id, said)

    @routes.get("/instances/{id}/activity")
    def activity(request: Request, id: str) -> HTMLResponse:
        """Who may, and who did: read when it is looked at, since the second comes from the gateway itself."""
        return pages.view(request, "activity.html", status=actions.instance(id), **_activity(actions, id))

    @routes.get("/changes")
    def changes(request: Request) -> HTMLResponse:
        return pages.view(request, "changes.html", jobs=console.jobs())

    @routes.get("/devices")
    def devices(request: Request) -> HTMLResponse:
        return pages.view(request, "devices.html", devices=actions.left_over())

    @routes.post("/devices")
    def remove(request: Request, form: Form) -> HTMLResponse:
        removed = actions.remove(form.get("device", ""))
        said = Said(f"{removed.name} was removed from the tailnet.")
        return pages.view(request, "devices.html", devices=actions.left_over(), said=said)

    return routes


def login_router(sessions: Sessions, pages: Pages) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/login")
    def login() -> HTMLResponse:
        """The token is in the link's fragment; the script of this page posts it."""
        return pages.plain("login.html", HTTPStatus.OK, wrong="")

    @routes.post("/login")
    def enter(form: Form) -> Response:
        session = sessions.enter(form.get("token", ""))
        if session is None:
            wrong = "This link was used already, or a newer one was printed since."
            return pages.plain("login.html", HTTPStatus.UNAUTHORIZED, wrong=wrong)
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(sessions.cookie, session, path="/", httponly=True, samesite="strict")
        return answer

    @routes.post("/logout")
    def leave(request: Request) -> Response:
        sessions.leave(request)
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(sessions.cookie, path="/", httponly=True, samesite="strict")
        return answer

    return routes


def _gateway(actions: Actions, pages: Pages, request: Request, id: str, said: Said | None = None) -> HTMLResponse:
    status = actions.instance(id)
    jobs = actions.console.jobs()
    visitor = visitor_of(request)
    return pages.view(
        request,
        "gateway.html",
        status=status,
        report=actions.reports.newest(),
        job=_shown(jobs, id),
        elsewhere=next((job for job in jobs if not job.state.ended and job.change.instance != id), None),
        diagnosis=diagnose(status),
        cut_off=cut_off(visitor, status),
        said=said,
    )


def _act(actions: Actions, visitor: Visitor, id: str, form: dict[str, str]) -> Said:
    """One button of a gateway's page. Raises Problem for one that the page does not have."""
    job, request = form.get("job", ""), form.get("request", "")
    match form.get("do", ""):
        case "propose":
            actions.propose(_change(id, form), visitor, _key(form))
            return Said()
        case "confirm":
            actions.confirm(job)
            return Said()
        case "cancel":
            actions.cancel(job)
            return Said()
        case "approve" | "reject" as verb:
            return Said(actions.decide(id, request, approve=verb == "approve"))
        case "refresh":
            actions.refresh(id)
            return Said("Read just now.")
        case _:
            raise Problem(HTTPStatus.BAD_REQUEST, "This page has no such button.", "Reload it.")


def _change(id: str, form: dict[str, str]) -> Change:
    try:
        kind = Kind(form.get("kind", ""))
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, "There is no such change.", "Reload the page.") from None
    return Change(instance=id, kind=kind, value=form.get("value", "").strip())


def _key(form: dict[str, str]) -> SecretStr | None:
    key = form.get("key", "").strip()
    return SecretStr(key) if key else None


def _activity(actions: Actions, id: str) -> dict[str, Any]:
    """Each of the two, or why it cannot be read."""
    access: Sequence[AccessOutput] = ()
    ledger: Sequence[LedgerRow] = ()
    access_problem = ledger_problem = None
    try:
        access = actions.access(id)
    except AddonsError as error:
        access_problem = error
    try:
        ledger = actions.ledger(id, _LEDGER)
    except AddonsError as error:
        ledger_problem = error
    return {"access": access, "access_problem": access_problem, "ledger": ledger, "ledger_problem": ledger_problem}


def _current(jobs: Sequence[Job]) -> Job | None:
    return next((job for job in jobs if not job.state.ended), None)


def _shown(jobs: Sequence[Job], id: str) -> Job | None:
    """The change of this gateway that is under way, or has just ended."""
    newest = next((job for job in jobs if job.change.instance == id), None)
    if newest is None or not newest.state.ended:
        return newest
    ended_at = newest.events[-1].at if newest.events else newest.began_at
    return newest if (utc_now() - ended_at).total_seconds() < _RECENT else None


def cut_off(visitor: Visitor, status: InstanceStatus) -> str:
    """A warning for somebody whose way to this page may be the one that a change ends; empty for others."""
    own = {status.dns_name, status.declared.fqdn, *(status.addresses or ())} - {None, ""}
    if visitor.host in own:
        return (
            f"You see this page through {status.id} itself. While its private access is off or its name changes, you cannot come back "
            "this way: have another way in, such as this server's own machine."
        )
    if visitor.address:
        return (
            f"You came here over the tailnet, from {visitor.address}. "
            f"If you need {status.id} to reach this page, have another way in first."
        )
    return ""


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
