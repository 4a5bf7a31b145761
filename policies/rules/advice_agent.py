"""Advice about the agent: how much it does without asking anybody."""

from collections.abc import Iterator

from policies.rules.documents import UnreadableError, files, parse
from policies.rules.kinds import Resource
from policies.rules.rule import Finding
from policies.rules.values import get

_CONFIG_FILE = "openclaw.json"


def full_access(resource: Resource) -> Iterator[Finding]:
    """The agent runs every command without asking, by tools.exec in openclaw.json; unset, OpenClaw means the same."""
    for name, path, content in ((one.name, one.path, one.text) for one in files(resource)):
        if name != _CONFIG_FILE:
            continue
        try:
            execution = get(parse(content), "tools", "exec")
        except UnreadableError:
            # I1 refuses it.
            continue
        mode, security = get(execution, "mode"), get(execution, "security")
        if mode in ("full", "off", "") or (mode is None and security in (None, "full")):
            yield Finding(
                "lets the agent run every command without asking anybody",
                f"{path}: tools.exec.mode",
                'Choose gateway.permissions "guarded", unless the container holds nothing that matters.',
            )
