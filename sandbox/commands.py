"""Each external command that this repository runs, and the Debian package that has it. A test compares it with the code.

Debian's names, which are Ubuntu's as well. The pinned tools of tools.py are built and need no package; pip, uv, ruff and the
like are in .venv, and Node with npm too (nodejs.py).
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Use = Literal["real node", "tests", "page tests"]


@dataclass(frozen=True)
class Package:
    """A Debian package that is installed where it is lacking. `commands` and `files` tell that it is there.

    `uses` is empty for what every sandbox needs.
    """

    name: str
    commands: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    uses: tuple[Use, ...] = ()

    def absent(self) -> bool:
        """True when the machine lacks any of it."""
        commands_exist = all(shutil.which(command) for command in self.commands)
        return not (commands_exist and all(path.exists() for path in self.files))


# In every Debian and Ubuntu, also in the smallest: never looked for, never installed, never removed.
BASE: Final = {
    "apt": ("apt-get",),
    "bash": ("bash",),
    "coreutils": (
        *(
            "basename",
            "cat",
            "chmod",
            "chown",
            "chroot",
            "cp",
            "cut",
            "date",
            "dd",
            "dirname",
            "env",
            "head",
            "id",
            "ln",
            "mkdir",
        ),
        *(
            "mktemp",
            "mv",
            "readlink",
            "rm",
            "sha256sum",
            "sleep",
            "sort",
            "tail",
            "tee",
            "timeout",
            "touch",
            "tr",
            "true",
        ),
    ),
    "dash": ("sh",),
    "dpkg": ("dpkg", "dpkg-deb", "dpkg-query"),
    "findutils": ("find", "xargs"),
    "grep": ("grep",),
    "sed": ("sed",),
    "util-linux": ("nsenter", "setpriv", "unshare"),
}
# How the project is started at all: the Makefile says what to do where one of them is lacking.
START: Final = {"make": ("make",), "python3": ("python3",)}
# Asked for where they are there, done without where not.
OPTIONAL: Final = {
    "kmod": ("modprobe",),  # a module that is in the kernel already needs no loading
    "golang-go": ("go",),  # one that is too old, or none: PyPI has it (golang.py)
    "pulumi": ("pulumi",),  # an installed one that fits is used, else it is built
}

PACKAGES: Final = (
    # Go and the gateway's image look at certificates of registries; pip brings its own.
    Package("ca-certificates", files=(Path("/etc/ssl/certs/ca-certificates.crt"),)),
    Package("mount", ("mount", "umount"), uses=("real node",)),
    Package("iproute2", ("ip",), uses=("real node",)),
    Package("nftables", ("nft",), uses=("real node",)),
    # kube-router turns NetworkPolicies into their rules.
    Package("iptables", ("iptables", "iptables-save", "iptables-restore"), uses=("real node",)),
    Package("ipset", ("ipset",), uses=("real node",)),
    Package("debootstrap", ("debootstrap",), uses=("real node",)),
    # The images are Debian's, on Ubuntu too: without its keys debootstrap trusts no archive.
    Package(
        "debian-archive-keyring", files=(Path("/usr/share/keyrings/debian-archive-keyring.gpg"),), uses=("real node",)
    ),
    # Answers the cluster's DNS. Without the service of the package dnsmasq.
    Package("dnsmasq-base", ("dnsmasq",), uses=("real node",)),
    # `make demo` and the tests ask with it.
    Package("curl", ("curl",), uses=("real node", "tests")),
    Package("procps", ("pkill",), uses=("tests",)),
    # 124 MB to download, 395 MB installed, 36 s: only when a test opens the page. On Ubuntu it is a snap, which cannot be
    # started in a device's namespaces.
    Package("chromium", ("chromium",), uses=("page tests",)),
)


def absent(*uses: Use) -> list[Package]:
    """The packages that this machine lacks for these uses, in the table's order."""
    return [package for package in PACKAGES if (not package.uses or set(package.uses) & set(uses)) and package.absent()]


def known() -> dict[str, str]:
    """Package of each command that may be run on this machine."""
    groups = (*BASE.items(), *START.items(), *OPTIONAL.items())
    by_command = {command: package for package, commands in groups for command in commands}
    return by_command | {command: package.name for package in PACKAGES for command in package.commands}


if __name__ == "__main__":
    # The packages that the sandbox installs by itself, for scripts. Needs nothing but Python.
    print("\n".join(package.name for package in PACKAGES))
