"""I1: nobody changes by a command what Tailscale serves: no Funnel, no second Serve, no SSH, no routes."""

from collections.abc import Iterator, Sequence
from typing import Final

from policies.rules.commands import COMPUTED, basename, environment, lines
from policies.rules.kinds import Resource
from policies.rules.rule import Finding

_HINT: Final = "Remove it; the Serve config alone says what is served, inside the tailnet."
# Commands of the CLI that open something, or change who the device is.
_OPENING: Final = frozenset({"serve", "ssh", "web", "drive", "file", "cert", "login", "logout", "switch", "lock", "nc"})


def command(resource: Resource) -> Iterator[Finding]:
    """No container runs `tailscale funnel`."""
    for container, path, words in _tailscale(resource):
        if _subcommand(words).lower() == "funnel" or (COMPUTED in _subcommand(words) and len(words) > 1):
            yield Finding(f"runs a command that mentions Funnel in {container}", path, _HINT)


def commands(resource: Resource) -> Iterator[Finding]:
    """No container serves, logs in or shares files by Tailscale's CLI."""
    for container, path, words in _tailscale(resource):
        if _subcommand(words).lower() in _OPENING and not {"status", "get-config"}.intersection(words):
            yield Finding(f"changes by a command what Tailscale serves in {container}", path, _HINT)


def _tailscale(resource: Resource) -> Iterator[tuple[str, str, Sequence[str]]]:
    for pod in resource.pods:
        for container in pod.containers:
            values = environment(container)
            for line in lines(container, values):
                for words in line.programs(values):
                    if basename(words[0]) == "tailscale":
                        yield container.title, line.path, words


def _subcommand(words: Sequence[str]) -> str:
    rest = iter(words[1:])
    for word in rest:
        if word == "--socket":
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return ""
