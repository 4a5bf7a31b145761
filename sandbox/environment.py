"""The environment that our programs inherit: without what a person has set for other programs and would change ours."""

import os
from typing import Final

# Each of these programs reads settings of its own from variables; the sandbox sets what it wants said.
_PREFIXES: Final = (
    *("PULUMI_", "TAILSCALE_", "TS_", "HEADSCALE_", "KWOK_", "KUBERNETES_", "ETCD_", "PC_", "CONTAINERD_"),
    *("PYTHON", "GOFLAGS", "GOOS", "GOARCH", "GOWORK", "GOBIN", "GO111MODULE", "NODE_OPTIONS", "NODE_PATH", "NODE_ENV"),
)
# Where a person keeps the official plugins, which are used.
_KEPT: Final = frozenset({"PULUMI_HOME"})
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")
# Loopback, and every address that a sandbox gives to pods and devices (layout.py).
_DIRECT: Final = ("localhost", "127.0.0.1", "::1", "127.0.0.0/8", "10.244.0.0/16", "11.244.0.0/16")
_PATHS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin")


def prepare() -> None:
    """Make this process, and with it all that it starts, deaf to those variables. Safe to repeat."""
    for name in list(os.environ):
        if name.startswith(_PREFIXES) and name not in _KEPT:
            del os.environ[name]
    # `su` without a dash leaves root with the PATH of a user, where nft, ip and debootstrap are not.
    paths = os.environ.get("PATH", "").split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([*filter(None, paths), *(path for path in _PATHS if path not in paths)])
    if any(os.environ.get(name) or os.environ.get(name.upper()) for name in _PROXIES):
        # What runs here is reached directly: no proxy knows our addresses.
        named = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(",")
        direct = ",".join([*filter(None, named), *(address for address in _DIRECT if address not in named)])
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = direct
    # Files of images and configuration are read by other users than who makes them.
    os.umask(0o022)
