"""headscale's own API, as far as the sandbox uses it."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import grpc
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from sandbox.tailnet import messages


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class User(_Answer):
    id: str
    name: str
    email: str = ""

    @property
    def login(self) -> str:
        return self.email or self.name

    @property
    def tokens(self) -> set[str]:
        """The ways in which a policy may write this user (headscale strips one trailing @)."""
        return {token for token in (self.name, self.email, f"{self.name}@") if "@" in token}


class AuthKey(_Answer):
    """`key` is whole only in the answer to its creation."""

    id: str
    key: str = ""
    reusable: bool = False
    ephemeral: bool = False
    used: bool = False
    expiration: datetime | None = None
    created_at: datetime | None = None
    acl_tags: list[str] = []


class Node(_Answer):
    """`name` is the hostname that the device gave, `given_name` the unique one in the tailnet's DNS."""

    id: str
    name: str
    given_name: str
    ip_addresses: list[str] = []
    user: User | None = None
    tags: list[str] = []
    online: bool = False
    machine_key: str = ""
    node_key: str = ""
    created_at: datetime | None = None
    last_seen: datetime | None = None
    expiry: datetime | None = None


class HeadscaleError(Exception):
    """headscale refused, or did not answer (`reached` is False)."""

    def __init__(self, message: str, reached: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.reached = reached


class Control(Protocol):
    """The calls of a control server that the adapter needs."""

    def users(self) -> list[User]: ...
    def create_user(self, name: str, email: str) -> User: ...
    def nodes(self) -> list[Node]: ...
    def register_offline_node(self, user: str, hostname: str) -> Node: ...
    def tag_node(self, node: str, tags: Sequence[str]) -> Node: ...
    def rename_node(self, node: str, name: str) -> None: ...
    def expire_node(self, node: str, when: datetime | None) -> None: ...
    def delete_node(self, node: str) -> None: ...
    def policy(self) -> str | None: ...
    def set_policy(self, text: str) -> None: ...
    def check_policy(self, text: str) -> None: ...
    def auth_keys(self) -> list[AuthKey]: ...
    def create_auth_key(
        self, *, expiration: datetime, reusable: bool, ephemeral: bool, tags: Sequence[str] = (), user: str = "0"
    ) -> AuthKey: ...
    def expire_auth_key(self, key: str) -> None: ...
    def delete_auth_key(self, key: str) -> None: ...


class Headscale:
    """`Control` over the socket of a running headscale."""

    def __init__(self, socket: Path) -> None:
        # grpc-go refuses the socket's path as :authority; a proxy of the machine must not be asked either.
        options = (("grpc.default_authority", "localhost"), ("grpc.enable_http_proxy", 0))
        self._channel: Any = grpc.insecure_channel(f"unix:{socket}", options=options)

    def close(self) -> None:
        self._channel.close()

    def _call(self, method: str, **body: Any) -> Any:
        call = self._channel.unary_unary(
            messages.path(method), messages.serializer(method), messages.deserializer(method)
        )
        try:
            return call(body, timeout=30)
        except grpc.RpcError as error:
            failure: Any = error  # the stubs do not know that a failed call is a Call, with code and details
            reached = failure.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
            raise HeadscaleError(str(failure.details()), reached) from error

    def users(self) -> list[User]:
        return [User.model_validate(user) for user in self._call("ListUsers").get("users", [])]

    def create_user(self, name: str, email: str) -> User:
        return User.model_validate(self._call("CreateUser", name=name, email=email)["user"])

    def nodes(self) -> list[Node]:
        return [Node.model_validate(node) for node in self._call("ListNodes").get("nodes", [])]

    def register_offline_node(self, user: str, hostname: str) -> Node:
        """A node that nobody holds a key of: headscale makes its keys and throws the private halves away."""
        auth_id = f"hskey-authreq-{secrets.token_hex(12)}"
        self._call("DebugCreateNode", user=user, key=auth_id, name=hostname)
        return Node.model_validate(self._call("AuthRegister", user=user, authId=auth_id)["node"])

    def tag_node(self, node: str, tags: Sequence[str]) -> Node:
        return Node.model_validate(self._call("SetTags", nodeId=node, tags=list(tags))["node"])

    def rename_node(self, node: str, name: str) -> None:
        self._call("RenameNode", nodeId=node, newName=name)

    def expire_node(self, node: str, when: datetime | None) -> None:
        """None: never."""
        if when is None:
            self._call("ExpireNode", nodeId=node, disableExpiry=True)
        else:
            self._call("ExpireNode", nodeId=node, expiry=when.isoformat())

    def delete_node(self, node: str) -> None:
        self._call("DeleteNode", nodeId=node)

    def policy(self) -> str | None:
        """None where none was ever set (headscale then allows everything)."""
        try:
            return str(self._call("GetPolicy").get("policy", ""))
        except HeadscaleError as error:
            if "acl policy not found" in error.message:
                return None
            raise

    def set_policy(self, text: str) -> None:
        self._call("SetPolicy", policy=text)

    def check_policy(self, text: str) -> None:
        """Raises HeadscaleError with headscale's reasons; runs the policy's `tests`, changes nothing."""
        self._call("CheckPolicy", policy=text)

    def auth_keys(self) -> list[AuthKey]:
        return [AuthKey.model_validate(key) for key in self._call("ListPreAuthKeys").get("preAuthKeys", [])]

    def create_auth_key(
        self, *, expiration: datetime, reusable: bool, ephemeral: bool, tags: Sequence[str] = (), user: str = "0"
    ) -> AuthKey:
        answer = self._call(
            "CreatePreAuthKey",
            user=user,
            reusable=reusable,
            ephemeral=ephemeral,
            expiration=expiration.isoformat(),
            aclTags=list(tags),
        )
        return AuthKey.model_validate(answer["preAuthKey"])

    def expire_auth_key(self, key: str) -> None:
        self._call("ExpirePreAuthKey", id=key)

    def delete_auth_key(self, key: str) -> None:
        self._call("DeletePreAuthKey", id=key)
