"""I1: what runs in a gateway's pod is OpenClaw and Tailscale, by whatever entry point, probe, hook or shell it is started."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from components.constants import NODE_CONTAINER, UNSEAL_CONTAINER
from policies.rules.commands import COMPUTED, HIDDEN, TOO_LONG, Line, basename, environment, lines
from policies.rules.gateway import (
    OUR_PROGRAMS,
    TAILSCALE_PROGRAMS,
    is_gateway_pod,
    is_openclaw,
    is_sidecar,
    openclaw_arguments,
)
from policies.rules.kinds import Container, Resource
from policies.rules.rule import Finding
from policies.rules.values import get, text

_HINT: Final = "Remove it: everything in the pod reaches the gateway on loopback."
# Programs that carry connections from one place to another. Not the defence (that is the list of containers), but they are
# refused in every place that may run something.
_RELAYS: Final = frozenset(
    {
        *(
            "socat",
            "nc",
            "ncat",
            "netcat",
            "ssh",
            "autossh",
            "sshd",
            "dropbear",
            "dbclient",
            "telnetd",
            "stunnel",
            "haproxy",
        ),
        *(
            "cloudflared",
            "ngrok",
            "frpc",
            "frps",
            "chisel",
            "gost",
            "rathole",
            "bore",
            "lt",
            "localtunnel",
            "pagekite",
            "zrok",
        ),
        *(
            "nginx",
            "caddy",
            "envoy",
            "traefik",
            "httpd",
            "lighttpd",
            "apache2",
            "squid",
            "tinyproxy",
            "privoxy",
            "danted",
        ),
        *(
            "wg",
            "wg-quick",
            "openvpn",
            "netbird",
            "zerotier-one",
            "nebula",
            "sish",
            "inlets",
            "inlets-pro",
            "teleport",
            "tsh",
        ),
        *(
            "iptables",
            "ip6tables",
            "nft",
            "kubectl",
            "expose",
            "serveo",
            "localhost.run",
            "tunnelmole",
            "tmole",
            "rclone",
        ),
        *(
            "simpleproxy",
            "redir",
            "rinetd",
            "3proxy",
            "microsocks",
            "gotty",
            "ttyd",
            "tmate",
            "wstunnel",
            "websocat",
            "websockify",
        ),
    }
)
# Programs that a probe or a hook of such a pod has a use for.
_HARMLESS: Final = frozenset(
    {
        *(
            "curl",
            "wget",
            "grep",
            "test",
            "[",
            "[[",
            "echo",
            "printf",
            "true",
            "false",
            "sleep",
            "cat",
            "cp",
            "mv",
            "mkdir",
            "rm",
        ),
        *(
            "chmod",
            "chown",
            "ls",
            "ln",
            "touch",
            "kill",
            "pkill",
            "pgrep",
            "ps",
            "date",
            "head",
            "tail",
            "wait",
            "set",
            "exit",
        ),
        *(
            "jq",
            "sed",
            "awk",
            "tr",
            "cut",
            "wc",
            "sync",
            "id",
            "cd",
            "export",
            "trap",
            "return",
            "umask",
            "ulimit",
            "find",
        ),
        *(
            "stat",
            "df",
            "du",
            "openssl",
            "sha256sum",
            "tee",
            "shift",
            "local",
            "unset",
            ":",
            "sort",
            "uniq",
            "basename",
            "dirname",
        ),
        *(
            "dd",
            "env",
            "tar",
            "install",
            "mktemp",
            "readlink",
            "hostname",
            "seq",
            "expr",
            "tini",
            "break",
            "continue",
            "git",
        ),
    }
)
# Texts of scripts in which a program listens, connects or runs another one.
_LISTENING: Final = re.compile(
    r"createServer|\.listen\s*\(|node:(?:net|http2?|https|tls|dgram|cluster)\b|require\(\s*[\"'`](?:net|http2?|https|tls|dgram)[\"'`]"
    r"|net\.connect|createConnection|http\.server|socketserver|socket\.socket|/dev/tcp/|/dev/udp/|WebSocketServer"
)
PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
_LOOPBACK_URL: Final = re.compile(r"(?:https?://)?(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?:[:/].*)?")
_EVALUATORS: Final = frozenset({"node", "nodejs", "bun", "deno", "python", "python3", "perl", "ruby", "php"})
_EVAL_FLAGS: Final = ("-e", "--eval", "-p", "--print", "-c", "-r")
_SERVING: Final = frozenset({"gateway", "node"})
# Commands of OpenClaw that change what the program declares.
_CHANGING: Final = frozenset(
    {"config", "plugins", "exec", "mcp", "onboard", "setup", "gateway", "node", "doctor", "devices"}
)
_RUNTIMES: Final = frozenset({"node", "nodejs"})


def programs(resource: Resource) -> Iterator[Finding]:
    """A container that stays in a gateway's pod runs OpenClaw's gateway or node, and nothing beside it."""
    for pod in resource.pods:
        if not is_gateway_pod(pod):
            continue
        for container in pod.containers:
            if not is_openclaw(container) or is_sidecar(container):
                continue
            values = environment(container)
            for line in lines(container, values):
                if line.kind == "command":
                    yield from _program(container, line, values)


def _program(container: Container, line: Line, values: Mapping[str, str]) -> Iterator[Finding]:
    started = [words for words in line.programs(values) if words]
    if container.name == UNSEAL_CONTAINER and not all(
        basename(words[0]) in _RUNTIMES or _unknown([words]) for words in started
    ):
        yield Finding(f"runs another program in {container.title}", line.path, _HINT)
    serving = [words for words in started if _serves(words, line, container.name == NODE_CONTAINER)]
    if container.stays and not serving and not _unknown(started):
        yield Finding(f"starts something other than OpenClaw in {container.title}", line.path, _HINT)
        return
    for words in started:
        if words in serving or basename(words[0]) in _HARMLESS or _unknown([words]) or words[0] == COMPUTED:
            if words[0] == TOO_LONG:
                yield Finding(
                    f"runs a script in {container.title} that is too long to judge", line.path, "Put it into a file."
                )
            continue
        if basename(words[0]) in _EVALUATORS and (container.name in OUR_PROGRAMS or not _listens(words)):
            continue
        if openclaw_arguments(words) is not None and not container.stays:
            continue
        yield Finding(f"runs another program in {container.title}", line.path, _HINT)


def _unknown(started: Sequence[Sequence[str]]) -> bool:
    return any(HIDDEN in word for words in started for word in words)


def _serves(words: Sequence[str], line: Line, is_node: bool) -> bool:
    arguments = openclaw_arguments(words)
    if arguments is None:
        # `args` alone may start with an option of the image's own entry point.
        return line.entry and words[0].startswith("-")
    command = next((word for word in arguments if not word.startswith("-")), "gateway")
    return command in (("node",) if is_node else _SERVING) or HIDDEN in command


def _listens(words: Sequence[str]) -> bool:
    return any(len(word) > 8 and _LISTENING.search(word) for word in words)


def probes_and_hooks(resource: Resource) -> Iterator[Finding]:
    """A probe or hook of a gateway's pod asks the pod itself, and starts nothing else."""
    for pod in resource.pods:
        if not is_gateway_pod(pod):
            continue
        for container in pod.containers:
            values = environment(container)
            for line in lines(container, values):
                if line.kind != "command" and any(_strange(words) for words in line.programs(values)):
                    yield Finding(
                        f"starts another program by a {line.kind} of {container.title}",
                        line.path,
                        "Ask the pod's own loopback with curl, wget or node, and nothing else.",
                    )


def hooks_by_http(resource: Resource) -> Iterator[Finding]:
    """A hook or probe of a gateway's pod asks the pod, and nobody outside it."""
    for pod in resource.pods:
        if not is_gateway_pod(pod):
            continue
        for container in pod.containers:
            for keys in (*(("lifecycle", hook) for hook in ("postStart", "preStop")), *((probe,) for probe in PROBES)):
                for form in ("httpGet", "tcpSocket"):
                    host = text(get(container.spec, *keys, form, "host"))
                    if host and not _LOOPBACK_URL.fullmatch(host):
                        path = ".".join((container.path, *keys, form, "host"))
                        yield Finding(f"asks somebody outside the pod of {container.title}", path, "Remove it.")


def _strange(words: Sequence[str]) -> bool:
    program = basename(words[0])
    if words[0] == TOO_LONG:
        return True
    if any(HIDDEN in word for word in words) or program == COMPUTED:
        return False
    if program in ("curl", "wget"):
        return any(_is_address(word) and not _LOOPBACK_URL.fullmatch(word) for word in words[1:])
    arguments = openclaw_arguments(words)
    if program in TAILSCALE_PROGRAMS or arguments is not None:
        return arguments is not None and bool(_CHANGING.intersection(arguments[:2]))
    if program in _EVALUATORS:
        return any(flag in words for flag in ("-m",)) or _reaches_out(words)
    return program not in _HARMLESS


def _is_address(word: str) -> bool:
    return "://" in word or (
        re.fullmatch(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:/\S*)?", word) is not None and not word[0].isdigit()
    )


def _reaches_out(words: Sequence[str]) -> bool:
    scripts = [word for word in words if len(word) > 8]
    urls = [url for script in scripts for url in re.findall(r"https?://[^\s\"'`/):]+", script)]
    return any("createServer" in script or ".listen(" in script or "/dev/tcp" in script for script in scripts) or any(
        not _LOOPBACK_URL.fullmatch(url) for url in urls
    )


def relays(resource: Resource) -> Iterator[Finding]:
    """Nothing that carries connections runs in the pod of a gateway, or next to Tailscale, by any command."""
    for pod in resource.pods:
        if not any(is_openclaw(container) or is_sidecar(container) for container in pod.containers):
            continue
        for container in pod.containers:
            values = environment(container)
            for line in lines(container, values):
                if any(_relays(words) for words in line.programs(values)):
                    yield Finding(f"runs a relay or a tunnel in {container.title}", line.path, _HINT)


def _relays(words: Sequence[str]) -> bool:
    program = basename(words[0])
    if program in ("npx", "npm", "pnpm", "yarn", "uvx", "pipx"):
        return any(basename(word).partition("@")[0] in _RELAYS for word in words[1:6])
    return program in _RELAYS or (
        program in ("bash", "sh", *_EVALUATORS) and any("/dev/tcp/" in word for word in words)
    )
