"""OAuth clients and federated identities: the calls of the official plugin 0.29. Every input can be changed in place."""

from typing import ClassVar

from sandbox.plugins.provider import Failure, Live
from sandbox.plugins.tailscale.client import Client
from sandbox.plugins.tailscale.resources import Kind
from sandbox.plugins.values import UNKNOWN, Props, get_map, is_list

_TIMES = {"created": "createdAt", "updated": "updatedAt", "userId": "userId"}


class OauthClient(Kind):
    """Its secret is told once, when it is made."""

    computed = ("createdAt", "key", "updatedAt", "userId")
    key_type: ClassVar[str] = "client"
    fields: ClassVar[tuple[str, ...]] = ("description", "scopes", "tags")

    @classmethod
    def check(cls, new: Props) -> list[Failure]:
        description = new.get("description")
        if isinstance(description, str) and len(description) > 50:
            return [Failure("description", f"has {len(description)} characters, the API allows 50")]
        return []

    @classmethod
    def equal(cls, key: str, old: Props, new: Props) -> bool:
        """Scopes and tags are sets."""
        first, second = old.get(key), new.get(key)
        return is_list(first) and is_list(second) and sorted(map(str, first)) == sorted(map(str, second))

    @classmethod
    def create(cls, client: Client, new: Props) -> tuple[str, Props]:
        created = get_map(client.json("POST", "keys", cls._body(new)))
        key = {"key": created["key"]} if "key" in cls.computed else {}
        return created["id"], {**cls._outputs(created, new), **key}

    @classmethod
    def update(cls, client: Client, id: str, new: Props) -> Props:
        return cls._outputs(get_map(client.json("PUT", f"keys/{id}", cls._body(new))), new)

    @classmethod
    def read(cls, client: Client, id: str, old: Props, state: Props) -> Live | None:
        answer = client.find(f"keys/{id}")
        if answer is None:
            return None
        credential = get_map(answer)
        inputs = {key: credential[key] for key in old or cls.fields if credential.get(key) is not None}
        return Live(id, inputs, {**state, **cls._outputs(credential, inputs)})

    @classmethod
    def delete(cls, client: Client, id: str, state: Props) -> None:
        client.remove(f"keys/{id}")

    @classmethod
    def _body(cls, new: Props) -> Props:
        return {"keyType": cls.key_type, **{key: new[key] for key in cls.fields if new.get(key) is not None}}

    @classmethod
    def _outputs(cls, credential: Props, new: Props) -> Props:
        times = {name: credential[key] for key, name in _TIMES.items() if credential.get(key)}
        return {**{key: credential[key] for key in cls.fields if key in credential}, **new, **times}


class FederatedIdentity(OauthClient):
    """The audience is the API's unless it is given."""

    computed = ("audience", "createdAt", "updatedAt", "userId")
    key_type = "federated"
    fields = ("description", "scopes", "tags", "issuer", "subject", "audience", "customClaimRules")

    @classmethod
    def check(cls, new: Props) -> list[Failure]:
        issuer = new.get("issuer")
        failures = super().check(new)
        if issuer is not UNKNOWN and not str(issuer).startswith("https://"):
            failures.append(Failure("issuer", "must be a valid https:// URL"))
        return failures
