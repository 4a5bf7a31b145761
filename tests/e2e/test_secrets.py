"""The gateway's container sees nothing of the tailnet's side (I3), and no secret lies in plain text (I4, I5)."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER
from components.credential import AUTH_KEY_FILE, AUTH_KEY_PATH
from components.sealed_key import COPY_FILE, KEK_PATH, SEALED_PATH
from components.settings.quantities import quantity_bytes
from components.sidecar import STATE_PATH
from sandbox.world import World
from tests.support.e2e_world import Figures, Gateway
from tests.support.engine_world import Cluster, Stack, unsealed

# Looks at everything that the container can look at; prints what speaks of the tailnet's side.
LOOK: Final = """
const fs = require('fs'), found = [];
for (const path of process.argv.slice(1)) if (fs.existsSync(path)) found.push('path ' + path);
for (const line of fs.readFileSync('/proc/mounts', 'utf8').split('\\n'))
  if (/tailnet|ts-state|tailscale|net\\/tun|serviceaccount/.test(line)) found.push('mount ' + line);
for (const name of Object.keys(process.env)) if (/^(TS_|TAILSCALE)|AUTHKEY|KEK/.test(name)) found.push('variable ' + name);
for (const pid of fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && name !== String(process.pid))) {
  let line = '';
  try { line = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8'); } catch {}
  if (/tailscaled|containerboot|unseal/.test(line)) found.push('process ' + pid);
}
for (const line of fs.readFileSync('/proc/net/unix', 'utf8').split('\\n'))
  if (/tailscaled\\.sock$/.test(line) && fs.existsSync(line.trim().split(/\\s+/).pop())) found.push('socket ' + line);
const walk = (directory) => {
  let entries = [];
  try { entries = fs.readdirSync(directory, { withFileTypes: true }); } catch {}
  for (const entry of entries) {
    const path = directory + '/' + entry.name;
    if (/authkey|tailscaled|ts-state|tailnet|net\\/tun$/.test(path)) found.push('file ' + path);
    if (entry.isDirectory()) walk(path);
  }
};
for (const directory of ['/run', '/var', '/etc', '/home', '/tmp', '/mnt', '/dev', '/srv', '/opt']) walk(directory);
console.log(JSON.stringify(found));
"""
PATHS: Final = (
    *(KEK_PATH, SEALED_PATH, COPY_FILE, AUTH_KEY_FILE, AUTH_KEY_PATH, STATE_PATH, "/var/run/tailscale", "/dev/net/tun"),
    "/var/run/secrets/kubernetes.io",
)


# tailscaled serves a page to everybody in its network: what it gives away, and what it lets them do.
PAGE: Final = """
const page = 'http://100.100.100.100', json = { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' };
const seen = await (await fetch(page + '/api/data')).json();
const asked = {};
for (const [method, path] of [['POST', 'up'], ['POST', 'routes'], ['POST', 'local/v0/logout'], ['PATCH', 'local/v0/prefs'],
                              ['GET', 'local/v0/status'], ['GET', 'auth/session/new'], ['GET', 'exit-nodes']]) {
  const body = method === 'GET' ? undefined : '{"Reauthenticate":true}';
  asked[path] = (await fetch(`${page}/api/${path}`, { method, headers: json, body })).status;
}
console.log(JSON.stringify({ tags: seen.Tags, keys: JSON.stringify(seen).match(/(tskey|privkey|nodekey)[-:]/g), asked }));
"""


def processes(gateway: Gateway) -> Iterator[tuple[str, Path]]:
    """Every process of the pod's containers, as this machine sees it."""
    ids = {str(status["containerID"]).rpartition("/")[2]: name for name, status in gateway.statuses().items()}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            group = (entry / "cgroup").read_text()
        except OSError:
            continue
        for container, name in ids.items():
            if container in group:
                yield name, entry


def test_the_gateway_container_sees_nothing_of_the_tailnet_s_side_i3_i5(home: Gateway) -> None:
    assert json.loads(home.exec("node", "-e", LOOK, "--", *PATHS)) == []
    # What is looked for is really there, on the other side.
    seen = home.exec("ls", AUTH_KEY_FILE, COPY_FILE, f"{STATE_PATH}/tailscaled.state", container=SIDECAR_CONTAINER)
    assert len(seen.split()) == 3
    # Nor is the key-encryption key with the sidecar, which only the init container had, or a token of the Kubernetes API.
    for path in (KEK_PATH, SEALED_PATH, "/var/run/secrets/kubernetes.io"):
        assert home.attempt("ls", path, container=SIDECAR_CONTAINER).returncode != 0


def test_the_gateway_may_read_its_devices_name_but_change_nothing_i3(home: Gateway) -> None:
    before = home.identity()
    seen = json.loads(home.exec("node", "--input-type=module", "-e", PAGE))
    assert seen["tags"] == ["tag:openclaw-home"]
    assert seen["keys"] is None
    assert all(status in (401, 403, 404) for status in seen["asked"].values()), seen
    assert home.identity() == before
    assert "100.64." in home.tailscale("ip")


def test_no_container_holds_more_than_it_was_given_i2_i9(home: Gateway) -> None:
    """As the kernel has it: capabilities and no way to more of them, and no more memory than its own limit."""
    spec = home.pod["spec"]
    for entry in (*spec["containers"], next(one for one in spec["initContainers"] if one["name"] == SIDECAR_CONTAINER)):
        read = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"
        limit = home.exec("sh", "-c", read, container=entry["name"])
        assert int(limit) == quantity_bytes(entry["resources"]["limits"]["memory"]), entry["name"]
    wanted = {GATEWAY_CONTAINER: (0, 1000), SIDECAR_CONTAINER: (1 << 12, 0)}
    for name, (capabilities, user) in wanted.items():
        status = dict(
            line.split(":\t", 1)
            for line in Path(f"/proc/{home.pid(name)}/status").read_text().splitlines()
            if ":\t" in line
        )
        bounding = int(status["CapBnd"], 16)
        assert bounding == capabilities, f"{name} has capabilities {bounding:x}"
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        assert int(status["Uid"].split()[1]) == user
    assert home.attempt("sh", "-c", "echo > /x").returncode != 0
    assert home.attempt("sh", "-c", "echo > /x", container=SIDECAR_CONTAINER).returncode != 0


def test_the_auth_key_is_nowhere_in_plain_text_i4(
    home: Gateway, world: World, cluster: Cluster, stack: Stack, figures: Figures
) -> None:
    key = unsealed(cluster, home.namespace, "home")
    token = home.token()
    hidden = {"auth key": key, "token": token}
    places = 0
    for name, text in kept(home, world, cluster, stack):
        places += 1
        for secret, value in hidden.items():
            # The gateway's container is given its own token as a variable.
            allowed = secret == "token" and name.startswith(("environ of gateway", "Secret "))
            for form in (value.encode(), base64.b64encode(value.encode()).rstrip(b"=")):
                assert allowed or form not in text, f"{secret} in {name}"
    # The only plain copy is in memory, for the sidecar alone.
    assert home.exec("cat", AUTH_KEY_FILE, container=SIDECAR_CONTAINER).strip() == key
    kind = home.exec("sh", "-c", f"grep ' {AUTH_KEY_PATH} ' /proc/mounts", container=SIDECAR_CONTAINER)
    assert kind.split()[2] == "tmpfs"
    figures("places searched for the auth key and the token", places)


def kept(gateway: Gateway, world: World, cluster: Cluster, stack: Stack) -> Iterator[tuple[str, bytes]]:
    """Everything that stays, is shown or is passed on, by place."""
    for directory in (world.home.volumes, world.home.state, world.home.logs, world.home.run / "engine"):
        for path in directory.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield str(path), path.read_bytes()
    yield "state file", stack.state_file.read_bytes()
    for name, path in world.logs().items():
        yield f"log of {name}", path.read_bytes()
    for name in gateway.statuses():
        yield f"log of container {name}", gateway.logs(name).encode()
    for container, process in processes(gateway):
        for part in ("cmdline", "environ"):
            try:
                yield f"{part} of {container}", (process / part).read_bytes()
            except OSError:  # it has ended
                continue
    for kind, path in {**Cluster.LISTS, "Pod": "/api/v1/pods", "Event": "/api/v1/events"}.items():
        for item in cluster.items(path):
            # Also the ciphertext's Secret: what is in it must not be the key.
            yield f"{kind} {item['metadata']['name']}", json.dumps(item).encode()
