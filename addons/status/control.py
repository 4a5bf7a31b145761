"""Reads the tailnet's API with the stack's own credential: devices and auth keys, one read for all instances."""

import os
import threading
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

import httpx

from addons.errors import AddonsError
from addons.status.facts import ControlFacts, DeviceFacts, KeyFacts
from addons.status.lenient import Json, flag, items, mapping, number, shortened, text, texts, when
from addons.status.readings import Reading, Source, read
from components.constants import HOSTED_API
from components.settings import Tailnet

TIMEOUT_SECONDS: Final = 10.0
# A key says when it expires, and that does not change; whether it was revoked, the list says. So it is asked for seldom.
DETAILS_LAST: Final = 300.0
# Of an auth key that a stack mints (components/tailnet/credentials.py).
MINTED: Final = "openclaw "
_KEYS_AT_ONCE: Final = 8


class Refused(AddonsError):
    """The tailnet's API did not do it. `status` is None when it was not reached."""

    def __init__(self, problem: str, hint: str = "", status: int | None = None) -> None:
        super().__init__(problem, hint)
        self.status = status


@dataclass(frozen=True)
class Credential:
    """An API key, or an OAuth client; never both. Empty when the stack has none."""

    key: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)

    @classmethod
    def of(cls, tailnet: Tailnet, environment: Mapping[str, str] = os.environ) -> "Credential":
        """The stack's own; else what the Pulumi provider would find in its environment."""
        if tailnet.oauth_client_id and tailnet.oauth_client_secret:
            return cls("", tailnet.oauth_client_id, tailnet.oauth_client_secret.get_secret_value())
        if tailnet.api_key:
            return cls(tailnet.api_key.get_secret_value())
        client_id, secret = (environment.get(f"TAILSCALE_OAUTH_CLIENT_{part}", "") for part in ("ID", "SECRET"))
        if client_id and secret:
            return cls("", client_id, secret)
        return cls(environment.get("TAILSCALE_API_KEY", ""))

    def __bool__(self) -> bool:
        return bool(self.key or self.client_id)


class Control:
    """The tailnet's API. Every method may be called from any thread."""

    def __init__(self, tailnet: Tailnet, credential: Credential, transport: httpx.BaseTransport | None = None) -> None:
        self._external = tailnet.ownership == "external"
        self._credential = credential
        self._http = httpx.Client(
            base_url=f"{(tailnet.api_url or HOSTED_API).rstrip('/')}/api/v2",
            timeout=TIMEOUT_SECONDS,
            transport=transport,
        )
        self._lock = threading.Lock()
        self._token, self._token_until = "", 0.0
        self._details: dict[str, tuple[float, Json]] = {}
        self._policy: tuple[float, bool | None] = (0.0, None)

    def reading(self) -> Reading[ControlFacts]:
        """A reading without a value when the devices cannot be listed; it never raises."""
        if not self._credential:
            kept = "leaves the tailnet to others, and " if self._external else ""
            return Reading(
                source=Source.CONTROL,
                reason=f"The stack {kept}has no credential for the tailnet's API: set tailnet.apiKey, or an OAuth client with "
                "the scopes devices:core:read and auth_keys:read",
            )
        try:
            listed = self._list("/tailnet/-/devices", "devices", "devices:core:read", fields="all")
            devices = tuple(device(mapping(entry)) for entry in listed)
            return read(
                Source.CONTROL,
                ControlFacts(devices=devices, keys=self._keys(), acl_may_be_read=self._policy_may_be_read()),
            )
        except Refused as error:
            return Reading(source=Source.CONTROL, reason=str(error))

    def remove(self, device_id: str) -> None:
        """Removes a device from the tailnet; one that is gone already is no error. Raises Refused."""
        try:
            self._send("DELETE", f"/device/{quote(device_id, safe='')}", "devices:core")
        except Refused as error:
            if error.status != 404:
                raise

    def close(self) -> None:
        self._http.close()

    def _keys(self) -> tuple[KeyFacts, ...] | None:
        """The auth keys that stacks minted; None where they may not be read, which says nothing of the devices."""
        try:
            listed = self._list("/tailnet/-/keys", "keys", "auth_keys:read")
            ids = [text(mapping(entry).get("id")) for entry in listed]
            with ThreadPoolExecutor(_KEYS_AT_ONCE) as pool:
                details = list(pool.map(self._key, filter(None, ids)))
        except Refused:
            return None
        self._details = {one: kept for one, kept in self._details.items() if one in ids}
        return tuple(key(entry) for entry in details if _is_minted(entry))

    def _key(self, key_id: str) -> Json:
        """One key, as it was within the last minutes; an empty object when it has gone meanwhile."""
        read_at, kept = self._details.get(key_id, (0.0, {}))
        if read_at and time.monotonic() - read_at < DETAILS_LAST:
            return kept
        try:
            kept = mapping(_json(self._send("GET", f"/tailnet/-/keys/{quote(key_id, safe='')}", "auth_keys:read")))
        except Refused as error:
            if error.status != 404:
                raise
            return {}
        self._details[key_id] = (time.monotonic(), kept)
        return kept

    def _policy_may_be_read(self) -> bool | None:
        read_at, answer = self._policy
        if read_at and time.monotonic() - read_at < DETAILS_LAST:
            return answer
        try:
            self._send("GET", "/tailnet/-/acl", "policy_file:read", accept="application/hujson")
            answer = True
        except Refused as error:
            # Anything else says nothing of the permission.
            answer = False if error.status == 403 else None
        self._policy = (time.monotonic(), answer)
        return answer

    def _list(self, path: str, name: str, scope: str, **query: str) -> Sequence[object]:
        answer = mapping(_json(self._send("GET", path, scope, query=query)))
        # A proxy's page is not an empty tailnet.
        if name not in answer:
            raise Refused(f"The tailnet's API gave no list of {name}")
        return items(answer[name])

    def _send(
        self,
        method: str,
        path: str,
        scope: str,
        accept: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer to a request that was granted. Raises Refused, which says what the credential lacks."""
        try:
            headers = {"Authorization": self._authorization(), "Accept": accept}
            answer = self._http.request(method, path, params=query, headers=headers)
        except httpx.HTTPError as error:
            raise Refused(
                f"The tailnet's API cannot be reached: {shortened(str(error)) or type(error).__name__}"
            ) from None
        if answer.status_code == 401:
            self._token_until = 0.0  # perhaps it was revoked: the next read asks for another
            raise Refused(
                "The tailnet's API does not accept the stack's credential (HTTP 401)", "It expired, or was revoked", 401
            )
        if answer.status_code == 403:
            raise Refused(
                "The tailnet's API refuses the stack's credential (HTTP 403)", f"It needs the scope {scope}", 403
            )
        if answer.is_error:
            words = shortened(text(mapping(_json(answer)).get("message")))
            raise Refused(
                f"The tailnet's API answered HTTP {answer.status_code}{words and f': {words}'}",
                status=answer.status_code,
            )
        return answer

    def _authorization(self) -> str:
        """The header's value. The API takes a key as the user without a password."""
        if self._credential.key:
            return f"Basic {b64encode(f'{self._credential.key}:'.encode()).decode()}"
        with self._lock:
            if time.monotonic() >= self._token_until:
                self._token, self._token_until = self._exchanged()
            return f"Bearer {self._token}"

    def _exchanged(self) -> tuple[str, float]:
        """An access token of the OAuth client, and until when to use it."""
        form = {"client_id": self._credential.client_id, "client_secret": self._credential.client_secret}
        answer = self._http.post("/oauth/token", data={**form, "grant_type": "client_credentials"})
        said = mapping(_json(answer))
        token = text(said.get("access_token"))
        if answer.is_error or not token:
            raise Refused(
                f"The tailnet's API does not accept the stack's OAuth client (HTTP {answer.status_code})",
                "See tailnet.oauthClientId and tailnet.oauthClientSecret",
                answer.status_code,
            )
        return token, time.monotonic() + (number(said.get("expires_in")) or 3600.0) * 0.9


def device(entry: Json) -> DeviceFacts:
    """One device as the API lists it."""
    api_id, node_id = text(entry.get("id")), text(entry.get("nodeId"))
    return DeviceFacts(
        id=node_id or api_id,
        api_id=api_id,
        name=text(entry.get("name")).rstrip("."),
        hostname=text(entry.get("hostname")),
        tags=texts(entry.get("tags")),
        addresses=texts(entry.get("addresses")),
        user=text(entry.get("user")),
        connected=flag(entry.get("connectedToControl")),
        last_seen=when(entry.get("lastSeen")),
        expires=None if flag(entry.get("keyExpiryDisabled")) else when(entry.get("expires")),
        # Where nobody needs approval the field may be missing.
        authorized=flag(entry.get("authorized")) is not False,
    )


def key(entry: Json) -> KeyFacts:
    """One auth key as the API shows it, never the key itself."""
    create = mapping(mapping(mapping(entry.get("capabilities")).get("devices")).get("create"))
    return KeyFacts(
        id=text(entry.get("id")),
        description=text(entry.get("description")),
        expires=when(entry.get("expires")),
        invalid=bool(flag(entry.get("invalid")) or when(entry.get("revoked"))),
        tags=texts(create.get("tags")),
    )


def _is_minted(entry: Json) -> bool:
    return text(entry.get("description")).startswith(MINTED) and text(entry.get("keyType")) in ("", "auth")


def _json(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None
