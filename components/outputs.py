"""The stack's outputs, as other programs read them; nothing of them is secret."""

from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:  # who reads outputs needs no SDK
    import pulumi


class InstanceOutput(TypedDict):
    """One gateway. `address` is its URL, or without Tailscale the command that forwards its port; `tokenCommand` reads its
    token from the cluster (text, once it is exported). `agent` says what its agent does by itself. `prefer` says how people
    are shown where it is: by its `name`, or by the `address` that its device has in the tailnet.
    """

    namespace: str
    hostname: str
    tag: str
    tokenCommand: "pulumi.Input[str]"
    address: str
    prefer: str
    agent: str


class NodeOutput(TypedDict):
    """One execution node. `approve` is the command that shows what it asks for; a phone has no device of the stack's."""

    kind: str
    gateway: str
    approve: str
    hostname: NotRequired[str]
    tag: NotRequired[str]
    namespace: NotRequired[str]


class AccessOutput(TypedDict):
    """One row of the matrix: who can connect to which port. `canConnect` is None where it cannot be decided;
    `canDriveBrowserOf` is a node's id, or empty.
    """

    subject: str
    device: str
    gateway: str
    port: str
    canConnect: bool | None
    canExecute: bool
    canDriveBrowserOf: str
    grant: str
