"""One class per Tailscale resource: the calls of the official plugin 0.29, and what each change leads to."""

import json
import re
from typing import Any, ClassVar

from components.tailnet import hujson
from sandbox.plugins.provider import Failure, Live, ProviderError
from sandbox.plugins.tailscale.client import Client, TailscaleApiError
from sandbox.plugins.values import UNKNOWN, Props, get_map

_MAX_EXPIRY = 7_776_000
_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|(//[^\n]*|/\*.*?\*/)', re.DOTALL)


class Kind:
    """The common case: nothing computed, no replacement, update as create, nothing to do on delete."""

    computed: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def check(cls, new: Props) -> list[Failure]:
        return []

    @classmethod
    def equal(cls, key: str, old: Props, new: Props) -> bool:
        """True when a difference of this input means nothing."""
        return False

    @classmethod
    def replaces(cls, key: str) -> bool:
        return False

    @classmethod
    def must_recreate(cls, state: Props, new: Props) -> bool:
        return False

    @classmethod
    def create(cls, client: Client, new: Props) -> tuple[str, Props]:
        raise NotImplementedError

    @classmethod
    def read(cls, client: Client, id: str, old: Props, state: Props) -> Live | None:
        raise NotImplementedError

    @classmethod
    def update(cls, client: Client, id: str, new: Props) -> Props:
        """The properties that the API reports and that are no inputs."""
        cls.create(client, new)
        return {}

    @classmethod
    def delete(cls, client: Client, id: str, state: Props) -> None:
        pass


class Acl(Kind):
    """The whole policy of the tailnet."""

    @classmethod
    def check(cls, new: Props) -> list[Failure]:
        return [] if new.get("acl") else [Failure("acl", "the policy is missing or empty")]

    @classmethod
    def equal(cls, key: str, old: Props, new: Props) -> bool:
        first, second = old.get(key), new.get(key)
        return key == "acl" and isinstance(first, str) and isinstance(second, str) and _same_policy(first, second)

    @classmethod
    def create(cls, client: Client, new: Props) -> tuple[str, Props]:
        try:
            client.set_policy(new["acl"], only_if_default=not new.get("overwriteExistingContent"))
        except TailscaleApiError as error:
            if error.status != 412:
                raise
            raise ProviderError(
                "the tailnet has a policy already, and it is not the default one: import it (`pulumi import "
                f"tailscale:index/acl:Acl NAME acl`), or set overwriteExistingContent to discard it. {error}"
            ) from error
        return "acl", dict(new)

    @classmethod
    def update(cls, client: Client, id: str, new: Props) -> Props:
        client.set_policy(new["acl"], only_if_default=False)
        return {}

    @classmethod
    def read(cls, client: Client, id: str, old: Props, state: Props) -> Live | None:
        text, before = client.policy(), old.get("acl")
        if isinstance(before, str) and _same_policy(before, text):
            text = before
        return Live(id, {**old, "acl": text}, {**state, "acl": text})

    @classmethod
    def delete(cls, client: Client, id: str, state: Props) -> None:
        if state.get("resetAclOnDestroy"):
            client.set_policy("", only_if_default=False)


class DnsPreferences(Kind):
    @classmethod
    def create(cls, client: Client, new: Props) -> tuple[str, Props]:
        client.json("POST", "dns/preferences", {"magicDNS": new["magicDns"]})
        return "dns_preferences", dict(new)

    @classmethod
    def read(cls, client: Client, id: str, old: Props, state: Props) -> Live | None:
        preferences = {"magicDns": bool(get_map(client.json("GET", "dns/preferences")).get("magicDNS"))}
        return Live(id, preferences, preferences)

    @classmethod
    def delete(cls, client: Client, id: str, state: Props) -> None:
        client.json("POST", "dns/preferences", {"magicDNS": False})


class TailnetSettings(Kind):
    """Only settings that are given are sent and read; the two about an external editor are always sent, as null."""

    _always = ("aclsExternallyManagedOn", "aclsExternalLink")
    # Input name -> API name, where they differ.
    _api_names: ClassVar[dict[str, str]] = {
        "usersRoleAllowedToJoinExternalTailnet": "usersRoleAllowedToJoinExternalTailnets"
    }

    @classmethod
    def create(cls, client: Client, new: Props) -> tuple[str, Props]:
        body: Props = dict.fromkeys(cls._always)
        body |= {cls._api_names.get(key, key): value for key, value in new.items()}
        client.json("PATCH", "settings", body)
        return "tailnet_settings", dict(new)

    @classmethod
    def read(cls, client: Client, id: str, old: Props, state: Props) -> Live | None:
        live = get_map(client.json("GET", "settings"))
        names = {key: cls._api_names.get(key, key) for key in old or live}
        settings = {key: live.get(name, old.get(key)) for key, name in names.items()}
        return Live(id, settings, settings)


class TailnetKey(Kind):
    """An auth key: every input but two makes a new one; the server tells the key itself only once."""

    computed = ("createdAt", "expiresAt", "invalid", "key", "userId")
    _booleans = ("reusable", "ephemeral", "preauthorized")

    @classmethod
    def check(cls, new: Props) -> list[Failure]:
        failures: list[Failure] = []
        description, expiry = new.get("description"), new.get("expiry")
        if isinstance(description, str) and len(description) > 50:
            failures.append(Failure("description", f"has {len(description)} characters, the API allows 50"))
        if expiry is not UNKNOWN and expiry is not None and not 0 < expiry <= _MAX_EXPIRY:
            failures.append(Failure("expiry", f"is {expiry} s, the API allows up to {_MAX_EXPIRY} (90 days)"))
        if new.get("recreateIfInvalid") not in (None, UNKNOWN, "", "always", "never"):
            failures.append(Failure("recreateIfInvalid", 'is one of "", "always", "never"'))
        return failures

    @classmethod
    def replaces(cls, key: str) -> bool:
        return key not in ("recreateIfInvalid", "userId")

    @classmethod
    def must_recreate(cls, state: Props, new: Props) -> bool:
        wanted = new.get("recreateIfInvalid") or ""
        return state.get("invalid") is True and (wanted == "always" or (wanted == "" and new.get("reusable") is True))

    @classmethod
    def create(cls, client: Client, new: Props) -> tuple[str, Props]:
        device: Props = {"reusable": bool(new.get("reusable")), "ephemeral": bool(new.get("ephemeral"))}
        device |= {"tags": new.get("tags") or [], "preauthorized": bool(new.get("preauthorized"))}
        body: Props = {
            "capabilities": {"devices": {"create": device}},
            "expirySeconds": new.get("expiry", _MAX_EXPIRY),
            "description": new.get("description", ""),
        }
        created = get_map(client.json("POST", "keys", body))
        given = {**dict.fromkeys(cls._booleans, False), "expiry": _MAX_EXPIRY, **new}
        return created["id"], {**given, **cls._computed(created), "key": created["key"]}

    @classmethod
    def update(cls, client: Client, id: str, new: Props) -> Props:
        """`recreateIfInvalid` is only ours: the API has nothing to change in a key."""
        return {}

    @classmethod
    def read(cls, client: Client, id: str, old: Props, state: Props) -> Live | None:
        answer = client.find(f"keys/{id}")
        if answer is None:
            # A key that was used up or revoked goes away after a while; it stays in the state, as invalid.
            return Live(id, old, {**state, "invalid": True}) if state else None
        key = get_map(answer)
        return Live(id, old or _key_inputs(key), {**state, **cls._computed(key)})

    @classmethod
    def delete(cls, client: Client, id: str, state: Props) -> None:
        client.remove(f"keys/{id}")

    @staticmethod
    def _computed(key: Props) -> Props:
        computed: Props = {"invalid": bool(key.get("invalid"))}
        names = {"created": "createdAt", "expires": "expiresAt", "userId": "userId"}
        return computed | {name: key[field] for field, name in names.items() if key.get(field)}


def _same_policy(first: str, second: str) -> bool:
    """True when only the formatting differs. Order matters, and so do comments."""
    try:
        plain = [json.dumps(hujson.loads(text)) for text in (first, second)]
    except ValueError:
        return first == second
    comments = [[comment[1].strip() for comment in _COMMENT.finditer(text) if comment[1]] for text in (first, second)]
    return plain[0] == plain[1] and comments[0] == comments[1]


def _key_inputs(api_key: Props) -> Props:
    """For an import."""
    device: dict[str, Any] = get_map(api_key, "capabilities", "devices", "create")
    inputs: Props = {key: bool(device.get(key)) for key in ("reusable", "ephemeral", "preauthorized")}
    return inputs | {"tags": device.get("tags") or [], "description": api_key.get("description", "")}
