"""One issue of the repository for each stack that drifts: opened once, kept up to date, closed when nothing drifts any more."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from gitops.errors import GitopsError
from gitops.markdown import markdown
from gitops.model import Outcome, Summary

# By which it is found again, in the text of an issue that this program wrote.
_MARK: Final = "<!-- gitops drift of {stack} -->"
_PATIENCE: Final = 30.0
_PER_PAGE: Final = 100
LABEL: Final = "drift"


def tell(summary: Summary, environ: Mapping[str, str]) -> str:
    """Opens, updates or closes the issue, and says which. Raises GitopsError."""
    lacking = [name for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY") if not environ.get(name)]
    if lacking:
        raise GitopsError(f"{' and '.join(lacking)} not set, so no issue can be written", "Run --issue in a workflow")
    headers = {"authorization": f"Bearer {environ['GITHUB_TOKEN']}", "accept": "application/vnd.github+json"}
    url = f"{environ.get('GITHUB_API_URL', 'https://api.github.com')}/repos/{environ['GITHUB_REPOSITORY']}/"
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=_PATIENCE) as http:
            return _told(summary, http)
    except httpx.HTTPStatusError as error:
        raise GitopsError(
            f"the issues cannot be written: {error.response.status_code}", "Give the job `issues: write`"
        ) from None
    except httpx.HTTPError as error:
        raise GitopsError(f"the issues cannot be reached ({type(error).__name__})", "Run the job again") from None


def _told(summary: Summary, http: httpx.Client) -> str:
    if summary.outcome not in (Outcome.UNCHANGED, Outcome.DRIFT, Outcome.REFUSED):
        return f"no issue is written: the preview ended with {summary.outcome}"
    mark = _MARK.format(stack=summary.stack)
    number = _open(http, mark)
    if summary.outcome is Outcome.UNCHANGED:
        if number is None:
            return "no issue is open, and none is needed"
        http.post(f"issues/{number}/comments", json={"body": "Nothing drifts any more."}).raise_for_status()
        http.patch(f"issues/{number}", json={"state": "closed"}).raise_for_status()
        return f"issue {number} is closed"
    content = {"title": f"{summary.stack} has drifted", "body": f"{mark}\n{markdown(summary)}", "labels": [LABEL]}
    if number is not None:
        http.patch(f"issues/{number}", json=content).raise_for_status()
        return f"issue {number} is updated"
    made: dict[str, Any] = http.post("issues", json=content).raise_for_status().json()
    return f"issue {made['number']} is opened"


def _open(http: httpx.Client, mark: str) -> int | None:
    query = {"state": "open", "labels": LABEL, "per_page": _PER_PAGE}
    listed: list[dict[str, Any]] = http.get("issues", params=query).raise_for_status().json()
    return next((int(one["number"]) for one in listed if mark in str(one.get("body") or "")), None)
