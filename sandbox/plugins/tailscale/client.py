"""The Tailscale API v2 over plain HTTP, with an API key or an OAuth client."""

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from sandbox.plugins.provider import ProviderError
from sandbox.plugins.values import get_maps, is_list, is_map

HUJSON = "application/hujson"
_JSON = "application/json"


class TailscaleApiError(ProviderError):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Credentials:
    """Either an API key, or an OAuth client's id and secret with optional scopes. A `file:` value names its place."""

    api_key: str = ""
    client_id: str = ""
    client_secret: str = ""
    scopes: tuple[str, ...] = ()


class Client:
    """Thread-safe; raises TailscaleApiError for a refusal, ProviderError when the server cannot be reached."""

    def __init__(self, base_url: str, tailnet: str, credentials: Credentials, user_agent: str) -> None:
        self._base = base_url.rstrip("/")
        self._tailnet = quote(tailnet, safe="")
        self._credentials = credentials
        self._user_agent = user_agent
        self._pool = urllib3.PoolManager(maxsize=8, retries=False, timeout=urllib3.Timeout(connect=10, read=60))
        self._token, self._token_ends = "", 0.0
        self._lock = threading.Lock()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """`path` is below the tailnet, for example `keys/ID`."""
        data = None if body is None else json.dumps(body).encode()
        answer = self._send(method, f"tailnet/{self._tailnet}/{path}", data, {"Accept": _JSON, "Content-Type": _JSON})
        return json.loads(answer) if answer.strip() else None

    def find(self, path: str) -> Any:
        """As `json`, and None when there is nothing."""
        try:
            return self.json("GET", path)
        except TailscaleApiError as error:
            if error.status != 404:
                raise
            return None

    def remove(self, path: str) -> None:
        """Deletes what is at `path`; that there is nothing is as good."""
        try:
            self.json("DELETE", path)
        except TailscaleApiError as error:
            if error.status != 404:
                raise

    def policy(self) -> str:
        return self._send("GET", f"tailnet/{self._tailnet}/acl", None, {"Accept": HUJSON}).decode()

    def set_policy(self, text: str, *, only_if_default: bool) -> None:
        headers = {"Accept": HUJSON, "Content-Type": HUJSON}
        if only_if_default:
            headers["If-Match"] = '"ts-default"'
        self._send("POST", f"tailnet/{self._tailnet}/acl", text.encode(), headers)

    def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> bytes:
        return self._request(method, path, data, {**headers, "Authorization": self._authorization()})

    def _request(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> bytes:
        url = f"{self._base}/api/v2/{path}"
        try:
            response = self._pool.request(
                method, url, body=data, headers={**headers, "User-Agent": self._user_agent}, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise ProviderError(_unreachable(method, url, error)) from error
        if response.status >= 300:
            raise TailscaleApiError(response.status, f"{method} {path}: {_message(response.data)} ({response.status})")
        return response.data

    def _authorization(self) -> str:
        if self._credentials.api_key:
            return urllib3.make_headers(basic_auth=f"{_value(self._credentials.api_key)}:")["authorization"]
        with self._lock:
            if time.monotonic() >= self._token_ends:
                form = {
                    "grant_type": "client_credentials",
                    "client_id": _value(self._credentials.client_id),
                    "client_secret": _value(self._credentials.client_secret),
                }
                if self._credentials.scopes:
                    form["scope"] = " ".join(self._credentials.scopes)
                headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": _JSON}
                answer = json.loads(self._request("POST", "oauth/token", urlencode(form).encode(), headers))
                self._token = answer["access_token"]
                # A minute early, so that a token does not end on its way.
                self._token_ends = time.monotonic() + float(answer.get("expires_in", 3600)) - 60
            return f"Bearer {self._token}"


def _unreachable(method: str, url: str, error: Exception) -> str:
    """As Go's client tells it."""
    address = urlsplit(url)
    reason = f": dial tcp {address.hostname}:{address.port}: connect: connection refused"
    return f'{method.capitalize()} "{url}"{reason if "refused" in str(error) else f": {error}"}'


def _value(text: str) -> str:
    if not text.startswith("file:"):
        return text
    try:
        return Path(text.removeprefix("file:")).read_text().strip()
    except OSError as error:
        raise ProviderError(f"cannot read the Tailscale credential: {error}") from error


def _message(data: bytes) -> str:
    """The API's own words, with what it says about single users or tests."""
    try:
        answer = json.loads(data)
    except ValueError:
        return data.decode(errors="replace")[:300] or "no message"
    if not is_map(answer):
        return str(answer)
    details: list[str] = []
    for entry in get_maps(answer, "data"):
        errors = entry.get("errors")
        details.append(f"{entry.get('user')}: {', '.join(map(str, errors)) if is_list(errors) else errors}")
    return "; ".join([str(answer.get("message", "no message")), *details])
