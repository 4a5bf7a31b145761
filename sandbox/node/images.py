"""The images that the program deploys, assembled here from Debian, npm and our Tailscale binaries, under their own names."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import subprocess
import sys
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
PACKAGES: Final = ("ca-certificates", "curl", "dnsmasq-base", "iptables", "iproute2", "tini", "wget")
# OpenClaw 2026.9 asks for >= 24.16 < 25.
NODE_VERSION: Final = "24.21.0"
TAILSCALE_BINARIES: Final = ("containerboot", "tailscale", "tailscaled")
# Named by containerd's own configuration only; `localhost` so that nothing ever looks for it elsewhere.
PAUSE: Final = "localhost/openclaw-sandbox/pause:1"
DNS: Final = "localhost/openclaw-sandbox/dns:1"
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NODE_USER: Final = 1000
_WORK: Final = ".work-"
# Where the gateway finds the compiled code of its modules. The second one: without starting itself anew to look elsewhere.
_COMPILE_CACHE: Final = {
    "NODE_COMPILE_CACHE": "/app/.compile-cache",
    "OPENCLAW_PACKAGED_COMPILE_CACHE_RESPAWNED": "1",
}
# Starts the gateway as a pod does, then a command of its CLI; both leave their compiled code in the cache.
_WARM_UP: Final = """
const { spawn } = require("node:child_process");
const run = (...words) => spawn(process.execPath, ["openclaw.mjs", ...words], { cwd: "/app", stdio: "inherit" });
const gateway = run("gateway", "run");
gateway.on("exit", (code) => process.exit(code ?? 1));
const ask = async () => {
  const answer = await fetch("http://127.0.0.1:18789/startupz").then((it) => it.text(), () => "");
  if (!answer.includes('"status":"started"')) return setTimeout(ask, 200);
  run("gateway", "call", "status").on("exit", () => gateway.kill());
};
ask();
"""
_NPM_RECORDS: Final = (".bin", ".package-lock.json")
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
    """Recipes of the images that the program deploys with these settings (`Images()`: its defaults), and of the cluster's."""
    return [pause(), dns(), tailscale(wanted.tailscale, home.bin), openclaw(wanted.gateway)]


def pause() -> Recipe:
    """Holds a pod's namespaces. tini forwards signals and reaps; the base layer is there anyway."""

    def finish(reference: str, layers: tuple[Blob, ...]) -> Image:
        return Image(reference, layers, ("/usr/bin/tini", "-s", "--"), ("sleep", "infinity"), {"PATH": _PATH})

    return Recipe(PAUSE, (_base(),), finish)


def dns() -> Recipe:
    """The cluster's DNS: dnsmasq, which comes with the base layer."""

    def finish(reference: str, layers: tuple[Blob, ...]) -> Image:
        return Image(reference, layers, ("dnsmasq",), (), {"PATH": _PATH})

    return Recipe(DNS, (_base(),), finish)


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


def openclaw(reference: str, node: str = NODE_VERSION, *, warm: bool = True) -> Recipe:
    """The gateway as upstream lays it out, from npm's `openclaw` of the reference's tag, on this version of Node with npm.

    `warm`: with its compiled code, which takes as much as a start and a half, and saves a quarter of each.
    """
    version = reference.partition("@")[0].rpartition(":")[2]
    platform = "node-linux-" + {"amd64": "x64"}.get(oci.architecture(), oci.architecture())

    def make_node(work: Path) -> Iterator[Entry]:
        _npm(work, f"{platform}@{node}")
        yield Entry("usr/local/bin/node", source=work / "node_modules" / platform / "bin" / "node")
        yield from oci.tree(nodejs.npm_package(), "usr/local/lib/node_modules/npm")
        yield Entry("usr/local/bin/npm", link="../lib/node_modules/npm/bin/npm-cli.js")

    def make(work: Path) -> Iterator[Entry]:
        _npm(work / "node", f"{platform}@{node}")
        programs = work / "node" / "node_modules" / platform / "bin"
        # On the image's own Node: npm leaves out optional (native) dependencies that this machine's Node is too old for.
        # The gateway runs without its dependencies' install scripts, and nobody else's code runs here as root.
        _npm(work / "npm", f"openclaw@{version}", on=programs / "node")
        root = work / "root"
        root.mkdir()
        lay_out(work / "npm" / "node_modules", root)
        _finish_installation(root, programs, warm=warm)
        yield from oci.tree(root / "app", "app", owner=_NODE_USER)
        yield Entry("app", owner=_NODE_USER)
        yield Entry("usr/local/bin/openclaw", link="/app/openclaw.mjs")

    def finish(name: str, layers: tuple[Blob, ...]) -> Image:
        environment = {"PATH": _PATH, "NODE_ENV": "production", "HOME": "/home/node", **_COMPILE_CACHE}
        run = ("node", "openclaw.mjs", "gateway")
        return Image(name, layers, ("tini", "-s", "--"), run, environment, user="node", directory="/app")

    steps = (
        _base(),
        Step(f"node {node}", _key(platform, node, nodejs.npm_version()), make_node, 15),
        Step(f"openclaw {version}", _key(version, platform, node, _WARM_UP if warm else ""), make, 90),
    )
    return Recipe(reference, steps, finish)


def _finish_installation(root: Path, programs: Path, *, warm: bool) -> None:
    """Lets the package end its installation, which it does at its first start: on a read-only root it would refuse to.

    If `warm`, then starts it once, which leaves the compiled code of its 3000 modules beside them: every start of the gateway takes a
    quarter less of the processor. Node finds that code by the path of a module, so all this happens at /app, as the image's
    user and without a network.
    """
    script = """
set -e
for name in usr bin sbin lib lib64 etc dev proc; do
  if [ -L "/$name" ]; then cp -P "/$name" "$1/$name"
  elif [ -d "/$name" ]; then mkdir "$1/$name"; mount --rbind "/$name" "$1/$name"; fi
done
mkdir -p "$1/tmp" "$1/programs" "$1/home/node"
mount --bind "$2" "$1/programs"
chown -R "$3:$3" "$1/app" "$1/home" "$1/tmp"
ip link set lo up
in_image() { setpriv --no-new-privs chroot --userspec="$3:$3" --groups= "$1" env -i $4 "/programs/node" "$5" "$6"; }
in_image "$1" - "$3" "$4" /app/openclaw.mjs --version
[ -z "$5" ] || in_image "$1" - "$3" "$4" -e "$5"
"""
    (root / "etc-openclaw.json").write_text(json.dumps({"gateway": {"mode": "local", "bind": "loopback"}}))
    variables = {
        **_COMPILE_CACHE,
        "HOME": "/home/node",
        "PATH": "/programs:/usr/bin:/bin",
        "NODE_ENV": "production",
        "OPENCLAW_CONFIG_PATH": "/etc-openclaw.json",
        "OPENCLAW_SUPERVISOR_MODE": "external",
        "OPENCLAW_NO_AUTO_UPDATE": "1",
        "OPENCLAW_DISABLE_BONJOUR": "1",
        "OPENCLAW_GATEWAY_TOKEN": secrets.token_hex(32),
        "DO_NOT_TRACK": "1",
    }
    words = " ".join(f"{name}={value}" for name, value in variables.items())
    arguments = (str(root), str(programs), str(_NODE_USER), words, _WARM_UP if warm else "")
    command = ["unshare", "--net", "--mount", "--", "sh", "-c", script, "sh", *arguments]
    _run(command, root, "the first start of openclaw")


def lay_out(modules: Path, root: Path) -> None:
    """/app below `root` from an npm installation: the package's files, and its dependencies in node_modules beside them."""
    (modules / "openclaw").rename(root / "app")
    nested, shared = root / "app" / "node_modules", modules
    # npm nests only what differs from the shared ones; side by side the two would be one.
    nested_names = sorted(entry.name for entry in nested.iterdir()) if nested.is_dir() else []
    if clash := [name for name in nested_names if name not in _NPM_RECORDS and (shared / name).exists()]:
        raise SandboxError(f"openclaw brings its own {', '.join(clash)} beside shared ones", "Lay it out by hand")
    for name in set(nested_names) - set(_NPM_RECORDS):
        (nested / name).rename(shared / name)
    for name in _NPM_RECORDS:
        machine.remove_tree(shared / name) if (shared / name).is_dir() else (shared / name).unlink(missing_ok=True)
    machine.remove_tree(nested)
    shared.rename(nested)


def directory(home: Home) -> Path:
    """Beside the built tools: several homes with one SANDBOX_BIN share their images as well."""
    return home.bin.parent / "images"


def first(wanted: Images) -> list[Recipe]:
    """Those that need none of our tools, and can be assembled while these are built."""
    return [pause(), openclaw(wanted.gateway)]


def missing(home: Home) -> bool:
    """True when one of the layers of `first` is still to be made."""
    store = Store(directory(home) / "blobs")
    return any(_built(home, store, step) is None for recipe in first(Images()) for step in recipe.steps)


def ensure(home: Home, wanted: Sequence[Recipe], report: Report) -> tuple[list[Image], Store]:
    """Build the layers that are missing; `report` hears what is being done. Safe against a second builder."""
    store = Store(directory(home) / "blobs")
    with _lock(directory(home) / "lock"):
        for leftover in (*directory(home).glob(f"{_WORK}*"), *store.partial()):
            machine.remove_tree(leftover) if leftover.is_dir() else leftover.unlink()
        images: list[Image] = []
        for recipe in wanted:
            layers = tuple(_layer(home, store, step, report) for step in recipe.steps)
            images.append(recipe.finish(recipe.reference, layers))
    return images, store


def _layer(home: Home, store: Store, step: Step, report: Report) -> Blob:
    if built := _built(home, store, step):
        return built
    report(f"image layer {step.name}: assembling, about {step.seconds} s")
    begin = time.monotonic()
    work = Path(tempfile.mkdtemp(dir=directory(home), prefix=_WORK))
    try:
        blob = oci.layer(store, step.make(work), step.keep_owners)
    finally:
        machine.remove_tree(work)  # debootstrap mounts /proc in there: never deleted through
    _record(home, step).write_text(json.dumps({"digest": blob.digest, "size": blob.size}))
    report(f"image layer {step.name}: {blob.size >> 20} MiB in {time.monotonic() - begin:.0f} s")
    return blob


def _record(home: Home, step: Step) -> Path:
    return directory(home) / f"{step.name.partition(' ')[0]}-{step.key[:16]}.json"


def _built(home: Home, store: Store, step: Step) -> Blob | None:
    record = _record(home, step)
    if not record.exists():
        return None
    blob = Blob(**json.loads(record.read_text()))
    return blob if store.has(blob) else None


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
        raise SandboxError(f"{what} failed: {tail}", "Fix that, then run the command again")


def _key(*inputs: str) -> str:
    return hashlib.sha256("\n".join([str(_RECIPES), *inputs]).encode()).hexdigest()


@contextlib.contextmanager
def _lock(path: Path) -> Generator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Assembles what needs no built tool: a process of its own, beside the builds."""
    try:
        ensure(Home.from_env(), first(Images()), lambda message: print(message, flush=True))
    except SandboxError as error:
        sys.exit(f"{error.problem}. {error.hint}")


if __name__ == "__main__":
    main()
