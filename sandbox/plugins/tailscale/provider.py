"""The `tailscale` stand-in: Acl, keys of all kinds, DnsPreferences, TailnetSettings, getAcl, getDevices."""

import json
import os
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from components.tailnet import hujson
from sandbox.plugins.changes import Change, changes
from sandbox.plugins.provider import Diff, Failure, Live, Provider, ProviderError, Resource
from sandbox.plugins.tailscale import resources, trust_credentials
from sandbox.plugins.tailscale.client import Client, Credentials
from sandbox.plugins.values import UNKNOWN, Path, Props, get_maps, has_unknown, is_list

_ENVIRONMENT = {
    "apiKey": "TAILSCALE_API_KEY",
    "baseUrl": "TAILSCALE_BASE_URL",
    "oauthClientId": "TAILSCALE_OAUTH_CLIENT_ID",
    "oauthClientSecret": "TAILSCALE_OAUTH_CLIENT_SECRET",
    "tailnet": "TAILSCALE_TAILNET",
}


class Tailscale(Provider):
    name = "tailscale"
    version = "0.29.2"
    kinds: ClassVar[Mapping[str, type[resources.Kind]]] = {
        "tailscale:index/acl:Acl": resources.Acl,
        "tailscale:index/dnsPreferences:DnsPreferences": resources.DnsPreferences,
        "tailscale:index/federatedIdentity:FederatedIdentity": trust_credentials.FederatedIdentity,
        "tailscale:index/oauthClient:OauthClient": trust_credentials.OauthClient,
        "tailscale:index/tailnetKey:TailnetKey": resources.TailnetKey,
        "tailscale:index/tailnetSettings:TailnetSettings": resources.TailnetSettings,
    }
    _client: Client | None = None

    def check_config(self, config: Props) -> list[Failure]:
        if config.get("identityToken") or config.get("identityTokenEnvironmentVariableName"):
            return [Failure("identityToken", "is not in the sandbox's stand-in: use an API key or an OAuth client")]
        if _setting(config, "apiKey") and config.get("oauthClientId"):
            return [Failure("apiKey", "conflicts with oauthClientId: give one of them")]
        return []

    def configure(self, config: Props) -> None:
        if has_unknown(config):
            return
        scopes = config.get("scopes") or "[]"
        credentials = Credentials(
            api_key=_setting(config, "apiKey"),
            client_id=_setting(config, "oauthClientId"),
            client_secret=_setting(config, "oauthClientSecret"),
            scopes=tuple(json.loads(scopes) if isinstance(scopes, str) else scopes),
        )
        if not credentials.api_key and not (credentials.client_id and credentials.client_secret):
            raise ProviderError("tailscale: no credentials: give apiKey, or oauthClientId and oauthClientSecret")
        self._client = Client(
            _setting(config, "baseUrl") or "https://api.tailscale.com",
            _setting(config, "tailnet") or "-",
            credentials,
            config.get("userAgent") or "openclaw-tailnet-sandbox",
        )

    @property
    def client(self) -> Client:
        if self._client is None:
            raise ProviderError("tailscale: the provider's settings are not known yet, so the API cannot be asked")
        return self._client

    def _kind(self, resource: Resource) -> type[resources.Kind]:
        if resource.type not in self.kinds:
            raise ProviderError(f"{resource.type} is not in the sandbox's stand-in, which has {', '.join(self.kinds)}")
        return self.kinds[resource.type]

    def check(self, resource: Resource, old: Props, new: Props, seed: bytes) -> tuple[Props, list[Failure]]:
        given = {key: value for key, value in new.items() if value is not None}
        return given, self._kind(resource).check(given)

    def diff(self, resource: Resource, id: str, old: Props, state: Props, new: Props) -> Diff:
        kind = self._kind(resource)
        differences = [c for c in changes(old, new) if not kind.equal(str(c.path[0]), old, new)]
        if not differences and kind.must_recreate(state, new):
            invalid = Change(("invalid",), "update")
            return Diff([invalid], [invalid], of_inputs=False)
        return Diff(differences, [c for c in differences if kind.replaces(str(c.path[0]))])

    def create(self, resource: Resource, new: Props) -> tuple[str, Props]:
        kind = self._kind(resource)
        if resource.preview:
            return "", {**new, **dict.fromkeys(kind.computed, UNKNOWN)}
        return kind.create(self.client, new)

    def read(self, resource: Resource, id: str, old: Props, state: Props) -> Live | None:
        return self._kind(resource).read(self.client, id, old, state)

    def update(self, resource: Resource, id: str, old: Props, state: Props, new: Props) -> Props:
        kind = self._kind(resource)
        said = {} if resource.preview else kind.update(self.client, id, new)
        # What is neither an old input nor a new one was computed, or a default.
        return {**{key: value for key, value in state.items() if key not in old}, **new, **said}

    def delete(self, resource: Resource, id: str, state: Props) -> None:
        self._kind(resource).delete(self.client, id, state)

    def secret_outputs(self, resource: Resource) -> Collection[Path]:
        return (("key",),) if "key" in self._kind(resource).computed else ()

    def invoke(self, token: str, arguments: Props) -> Props:
        if token == "tailscale:index/getAcl:getAcl":
            try:
                text = self.client.policy()
            except ProviderError as error:
                # Said twice: to the program, and by a line of its own.
                self.host.log("error", "", f"Failed to fetch ACL: {error}")
                raise ProviderError(f"Failed to fetch ACL: {error}") from error
            try:
                plain = json.dumps(hujson.loads(text))
            except ValueError as error:
                raise ProviderError(f"the tailnet's policy is not HuJSON: {error}") from error
            return {"id": "acl", "hujson": text, "json": plain}
        if token == "tailscale:index/getDevices:getDevices":
            return _devices(self.client, arguments)
        return super().invoke(token, arguments)


def _setting(config: Props, key: str) -> str:
    return config.get(key) or os.environ.get(_ENVIRONMENT[key], "")


def _texts(value: object) -> set[str]:
    return {str(item) for item in value} if is_list(value) else {str(value)}


def _devices(client: Client, arguments: Props) -> Props:
    prefix, filters = arguments.get("namePrefix") or "", get_maps(arguments, "filters")
    devices: list[Any] = []
    for device in get_maps(client.json("GET", "devices"), "devices"):
        values = {f["name"]: {str(value) for value in f["values"]} for f in filters}
        if device.get("name", "").startswith(prefix) and all(
            values[name].intersection(_texts(device.get(name))) for name in values
        ):
            devices.append(device)
    return {**arguments, "id": "devices", "devices": devices}
