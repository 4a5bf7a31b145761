"""A control server in memory, with the refusals of headscale that the adapter must live with; and calls to the adapter."""

import asyncio
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from sandbox.tailnet.adapter import application
from sandbox.tailnet.api import Tailnet
from sandbox.tailnet.client import AuthKey, HeadscaleError, Node, User
from sandbox.tailnet.records import Credentials


class FakeControl:
    """`verdict` is what the policy check says about a policy whose tests can all be resolved; None: accepted."""

    def __init__(self, *people: str) -> None:
        self._ids = itertools.count(1)
        self._users = [User(id=str(next(self._ids)), name=person, email=person) for person in people]
        self._nodes: dict[str, Node] = {}
        self._keys: dict[str, AuthKey] = {}
        self.live: str | None = None
        self.history: list[str] = []
        self.checked: list[str] = []
        self.registered: list[Node] = []
        self.verdict: str | None = None

    def users(self) -> list[User]:
        return list(self._users)

    def create_user(self, name: str, email: str) -> User:
        self._users.append(User(id=str(next(self._ids)), name=name, email=email))
        return self._users[-1]

    def nodes(self) -> list[Node]:
        return list(self._nodes.values())

    def register_offline_node(self, user: str, hostname: str) -> Node:
        owner = next(known for known in self._users if known.name == user)
        node = Node(
            id=str(next(self._ids)), name=hostname, given_name=hostname, user=owner, ip_addresses=["100.64.0.9"]
        )
        self._nodes[node.id] = node
        self.registered.append(node)
        return node

    def tag_node(self, node: str, tags: Sequence[str]) -> Node:
        if unknown := [tag for tag in tags if tag not in self._live().get("tagOwners", {})]:
            raise HeadscaleError(f"requested tags {unknown} are invalid or not permitted")
        self._nodes[node] = self._nodes[node].model_copy(update={"tags": list(tags), "user": None})
        return self._nodes[node]

    def rename_node(self, node: str, name: str) -> None:
        if any(other.given_name == name and other.id != node for other in self._nodes.values()):
            raise HeadscaleError("name is not unique")
        self._nodes[node] = self._nodes[node].model_copy(update={"given_name": name})

    def expire_node(self, node: str, when: datetime | None) -> None:
        self._nodes[node] = self._nodes[node].model_copy(update={"expiry": when})

    def delete_node(self, node: str) -> None:
        del self._nodes[node]

    def policy(self) -> str | None:
        return self.live

    def set_policy(self, text: str) -> None:
        self._parse(text)
        self.live = text
        self.history.append(text)

    def check_policy(self, text: str) -> None:
        policy = self._parse(text)
        self.checked.append(text)
        for test in policy.get("tests", []):
            if not self._resolves(test["src"]):
                raise HeadscaleError(f"test(s) failed:\n{test['src']}: resolved to no IP addresses")
        if policy.get("tests") and self.verdict is not None:
            raise HeadscaleError(self.verdict)

    def auth_keys(self) -> list[AuthKey]:
        return [key.model_copy(update={"key": "hskey-auth-x-***"}) for key in self._keys.values()]

    def create_auth_key(
        self, *, expiration: datetime, reusable: bool, ephemeral: bool, tags: Sequence[str] = (), user: str = "0"
    ) -> AuthKey:
        number = str(next(self._ids))
        key = AuthKey(
            id=number,
            key=f"hskey-auth-{number}",
            reusable=reusable,
            ephemeral=ephemeral,
            expiration=expiration,
            created_at=datetime.now(UTC),
            acl_tags=list(tags),
        )
        self._keys[key.id] = key
        return key

    def use_auth_key(self, key: str) -> None:
        self._keys[key] = self._keys[key].model_copy(update={"used": True})

    def expire_auth_key(self, key: str) -> None:
        self._keys[key] = self._keys[key].model_copy(update={"expiration": datetime.now(UTC)})

    def delete_auth_key(self, key: str) -> None:
        del self._keys[key]

    def _live(self) -> dict[str, Any]:
        return json.loads(self.live or "{}")

    def _parse(self, text: str) -> dict[str, Any]:
        policy: dict[str, Any] = json.loads(text)
        for grant in policy.get("grants", []):
            for source in grant["src"]:
                if source.startswith("tag:") and source not in policy.get("tagOwners", {}):
                    raise HeadscaleError(f'parsing policy: src=tag not found: "{source}"')
        return policy

    def _resolves(self, word: str) -> bool:
        tagged = {tag for node in self.nodes() for tag in node.tags}
        owners = {node.user.email for node in self.nodes() if node.user is not None}
        return word in tagged | owners


@dataclass
class Api:
    """The adapter over `control`, called without a network (starlette's own test client wants a library we do not have)."""

    transport: httpx.ASGITransport
    user: str | None

    @classmethod
    def over(cls, home: Path, control: FakeControl, *, set_up: bool = True) -> "Api":
        credentials = Credentials.read(home) or Credentials()
        if set_up:
            credentials.write(home)
        app: Any = application(Tailnet(home, control, "sandbox.internal"))
        return cls(httpx.ASGITransport(app), credentials.api_key)

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            auth = None if self.user is None else (self.user, "")
            async with httpx.AsyncClient(transport=self.transport, base_url="http://tailnet", auth=auth) as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self("POST", path, **options)

    def patch(self, path: str, **options: Any) -> httpx.Response:
        return self("PATCH", path, **options)

    def delete(self, path: str) -> httpx.Response:
        return self("DELETE", path)


BASE = "/api/v2/tailnet/-"


# What the official provider sends (recorded).
KEY: dict[str, Any] = {
    "capabilities": {
        "devices": {"create": {"reusable": False, "ephemeral": False, "tags": ["tag:gw"], "preauthorized": True}}
    },
    "expirySeconds": 7776000,
    "description": "first",
}
