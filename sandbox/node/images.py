"""The images that the program deploys, assembled here from Debian, npm and our Tailscale binaries, under their own names."""

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.settings import Images
from sandbox import nodejs
from sandbox.errors import SandboxError
from sandbox.home import Home
from sandbox.node import machine, oci
from sandbox.node.oci import Blob, Entry, Image, Store

Report = Callable[[str], None]

SUITE: Final = "bookworm"
PACKAGES: Final = ("ca-certificates", "curl", "iptables", "iproute2", "tini", "wget")
# OpenClaw 2026.9 asks for >= 24.16 < 25.
NODE_VERSION: Final = "24.21.0"
TAILSCALE_BINARIES: Final = ("containerboot", "tailscale", "tailscaled")
# Named by containerd's own configuration only; `localhost` so that nothing ever looks for it elsewhere.
PAUSE: Final = "localhost/openclaw-sandbox/pause:1"
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NODE_USER: Final = 1000
_WORK: Final = ".work-"
# Raised when a recipe below changes, so that cached layers are made anew.
_RECIPES: Final = 1
# What differs between two runs of debootstrap, and what no container needs.
_LEFT_OUT: Final = frozenset(
    {
        *("dev", "proc", "sys", "tmp", "run", "debootstrap"),
        *("etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/machine-id", "etc/.pwd.lock"),
        *("etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-"),
        *("var/cache", "var/log", "var/lib/apt", "var/lib/systemd", "var/lib/dpkg/status-old"),
        *("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info"),
    }
)


@dataclass(frozen=True)
class Step:
    """One cached layer. `key`: everything that goes into it. `make` gets an empty directory and yields the files."""

    name: str
    key: str
    make: Callable[[Path], Iterable[Entry]]
    seconds: int
    keep_owners: bool = False


@dataclass(frozen=True)
class Recipe:
    """One image: its layers from the bottom up, and how it runs once they are known."""

    reference: str
    steps: tuple[Step, ...]
    finish: Callable[[str, tuple[Blob, ...]], Image]


def recipes(wanted: Images, home: Home) -> list[Recipe]:
    """What the program deploys with these settings (`Images()`: its defaults), and the pause image."""
    return [pause(), tailscale(wanted.tailscale, home.bin), openclaw(wanted.gateway)]


def pause() -> Recipe:
    """Holds a pod's namespaces. tini forwards signals and reaps; the base layer is there anyway."""

    def finish(reference: str, layers: tuple[Blob, ...]) -> Image:
        return Image(reference, layers, ("/usr/bin/tini", "-s", "--"), ("sleep", "infinity"), {"PATH": _PATH})

    return Recipe(PAUSE, (_base(),), finish)


def tailscale(reference: str, binaries: Path) -> Recipe:
    """The sidecar, with containerboot, tailscaled and tailscale from `binaries` (another version: another directory)."""

    def make(_: Path) -> Iterator[Entry]:
        for name in TAILSCALE_BINARIES:
            # Resolved: a directory of links to the built tools is as good as one of tools.
            yield Entry(f"usr/local/bin/{name}", source=(binaries / name).resolve())

    def finish(name: str, layers: tuple[Blob, ...]) -> Image:
        return Image(name, layers, ("/usr/local/bin/containerboot",), (), {"PATH": _PATH})

    absent = [name for name in TAILSCALE_BINARIES if not (binaries / name).exists()]
    if absent:
        raise SandboxError(f"{reference} needs {', '.join(absent)} in {binaries}", "Build the tools first (`make up`)")
    digests = [hashlib.sha256((binaries / name).read_bytes()).hexdigest() for name in TAILSCALE_BINARIES]
    return Recipe(reference, (_base(), Step("tailscale", _key(*digests), make, 2)), finish)


def openclaw(reference: str, node: str = NODE_VERSION) -> Recipe:
    """The gateway as upstream lays it out, from npm's `openclaw` of the reference's tag, on this version of Node."""
    version = reference.partition("@")[0].rpartition(":")[2]
    platform = "node-linux-" + {"amd64": "x64"}.get(oci.architecture(), oci.architecture())

    def make_node(work: Path) -> Iterator[Entry]:
        _npm(work, f"{platform}@{node}")
        yield Entry("usr/local/bin/node", source=work / "node_modules" / platform / "bin" / "node")

    def make(work: Path) -> Iterator[Entry]:
        _npm(work / "node", f"{platform}@{node}")
        program = work / "node" / "node_modules" / platform / "bin" / "node"
        # On the image's own Node: npm leaves out optional (native) dependencies that this machine's Node is too old for.
        # The gateway runs without its dependencies' install scripts, and nobody else's code runs here as root.
        _npm(work / "app", f"openclaw@{version}", on=program)
        _finish_installation(work, str(program.relative_to(work)))
        yield from app(work / "app" / "node_modules")
        yield Entry("usr/local/bin/openclaw", link="/app/openclaw.mjs")

    def finish(name: str, layers: tuple[Blob, ...]) -> Image:
        environment = {"PATH": _PATH, "NODE_ENV": "production", "HOME": "/home/node"}
        run = ("node", "openclaw.mjs", "gateway")
        return Image(name, layers, ("tini", "-s", "--"), run, environment, user="node", directory="/app")

    steps = (
        _base(),
        Step(f"node {node}", _key(platform, node), make_node, 15),
        Step(f"openclaw {version}", _key(version, platform, node), make, 90),
    )
    return Recipe(reference, steps, finish)


def _finish_installation(work: Path, node: str) -> None:
    """Lets the package end its installation, which it does at its first start: on a read-only root it would refuse to.

    As the image's user, without a network, and where the path to it is open to that user.
    """
    script = """
set -e
chmod 0755 "$1"
mount --bind "$1" /mnt
mkdir -p /mnt/home
chown -R "$3:$3" /mnt
cd /mnt
exec setpriv --reuid="$3" --regid="$3" --clear-groups --no-new-privs \
  env -i HOME=/mnt/home PATH=/usr/bin:/bin "/mnt/$2" app/node_modules/openclaw/openclaw.mjs --version
"""
    command = ["unshare", "--net", "--mount", "--", "sh", "-c", script, "sh", str(work), node, str(_NODE_USER)]
    _run(command, work, "openclaw --version")


def app(modules: Path) -> Iterator[Entry]:
    """/app from an npm installation: the package's files, and its dependencies in node_modules beside them."""
    package, own = modules / "openclaw", modules / "openclaw" / "node_modules"
    yield Entry("app", owner=_NODE_USER)
    yield Entry("app/node_modules", owner=_NODE_USER)
    yield from oci.tree(package, "app", skip={"app/node_modules"}, owner=_NODE_USER)
    # npm nests only what differs from the shared ones; side by side the two would be one.
    nested = {entry.name for entry in own.iterdir()} if own.is_dir() else set[str]()
    clash = sorted(name for name in nested - {".bin", ".package-lock.json"} if (modules / name).exists())
    if clash:
        raise SandboxError(f"openclaw brings its own {', '.join(clash)} beside shared ones", "Lay it out by hand")
    hidden = {f"app/node_modules/{name}" for name in ("openclaw", ".bin", ".package-lock.json")}
    yield from oci.tree(modules, "app/node_modules", skip=hidden, owner=_NODE_USER)
    if nested:
        yield from oci.tree(own, "app/node_modules", skip=hidden, owner=_NODE_USER)


def directory(home: Home) -> Path:
    """Beside the built tools: several homes with one SANDBOX_BIN share their images as well."""
    return home.bin.parent / "images"


def ensure(home: Home, wanted: Sequence[Recipe], report: Report) -> tuple[list[Image], Store]:
    """Build the layers that are missing; `report` hears what is being done. Safe against a second builder."""
    store = Store(directory(home) / "blobs")
    with _lock(directory(home) / "lock"):
        for leftover in (*directory(home).glob(f"{_WORK}*"), *store.partial()):
            machine.remove_tree(leftover) if leftover.is_dir() else leftover.unlink()
        made: list[Image] = []
        for recipe in wanted:
            layers = tuple(_layer(home, store, step, report) for step in recipe.steps)
            made.append(recipe.finish(recipe.reference, layers))
    return made, store


def _layer(home: Home, store: Store, step: Step, report: Report) -> Blob:
    record = directory(home) / f"{step.name.partition(' ')[0]}-{step.key[:16]}.json"
    if record.exists():
        blob = Blob(**json.loads(record.read_text()))
        if store.has(blob):
            return blob
    report(f"image layer {step.name}: assembling, about {step.seconds} s")
    begin = time.monotonic()
    work = Path(tempfile.mkdtemp(dir=directory(home), prefix=_WORK))
    try:
        blob = oci.layer(store, step.make(work), step.keep_owners)
    finally:
        machine.remove_tree(work)  # debootstrap mounts /proc in there: never deleted through
    record.write_text(json.dumps({"digest": blob.digest, "size": blob.size}))
    report(f"image layer {step.name}: {blob.size >> 20} MiB in {time.monotonic() - begin:.0f} s")
    return blob


def _base() -> Step:
    def make(work: Path) -> Iterator[Entry]:
        root = work / "root"
        options = ("--variant=minbase", f"--include={','.join(PACKAGES)}")
        _run(["debootstrap", *options, SUITE, str(root)], work, "debootstrap (as root)")
        machine.unmount(root)
        _add_user(root)
        yield from oci.tree(root, skip=_LEFT_OUT)
        for path, mode in {"dev": 0o755, "proc": 0o555, "sys": 0o555, "run": 0o755, "tmp": 0o1777}.items():
            yield Entry(path, mode=mode)
        yield from (Entry(path) for path in ("var/cache", "var/log", "var/lib/apt"))

    return Step("debian", _key(SUITE, oci.architecture(), *PACKAGES), make, 60, keep_owners=True)


def _add_user(root: Path) -> None:
    # In the base, where the accounts are; only the gateway uses it.
    for name, line in {
        "passwd": f"node:x:{_NODE_USER}:{_NODE_USER}::/home/node:/bin/bash\n",
        "group": f"node:x:{_NODE_USER}:\n",
    }.items():
        with (root / "etc" / name).open("a") as file:
            file.write(line)
    (root / "home" / "node").mkdir()
    os.chown(root / "home" / "node", _NODE_USER, _NODE_USER)


def _npm(directory: Path, package: str, on: Path | None = None) -> None:
    """Install a package into `directory`, with npm on this Node (without one: on its own)."""
    directory.mkdir(exist_ok=True)
    (directory / "package.json").write_text("{}")
    options = ("--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--no-progress")
    _run([*nodejs.npm(on), "install", *options, package], directory, f"npm install {package}")


def _run(command: Sequence[str], work: Path, what: str) -> None:
    result = subprocess.run(command, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        tail = " | ".join([*result.stdout.splitlines(), *result.stderr.splitlines()][-4:])
        raise SandboxError(f"{what} failed: {tail}", "Mend that, then run the command again")


def _key(*inputs: str) -> str:
    return hashlib.sha256("\n".join([str(_RECIPES), *inputs]).encode()).hexdigest()


@contextlib.contextmanager
def _lock(path: Path) -> Generator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
