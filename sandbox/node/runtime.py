"""The node from prepared to gone: its directories and certificates, its supervised parts, its images, its end."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from sandbox import certificates
from sandbox.control_plane import API_SERVER
from sandbox.errors import SandboxError
from sandbox.home import Home, write_private
from sandbox.kube import Api
from sandbox.node import config, devices, enforcement, layout, machine, network, packages
from sandbox.node.layout import DERP_PORT, LOGIN_PORT, NODE, STUN_PORT, Layout
from sandbox.node.oci import Image, Store, write_archive
from sandbox.supervisor import Part
from sandbox.tailnet.headscale import HeadscaleConfig, Relay

Report = Callable[[str], None]
_NAMESPACE = "k8s.io"
# containerd pulls with the machine's network, which no table of ours guards: at a proxy that is not there a pull fails at
# once, and nothing leaves.
_NO_REGISTRY = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9") | {
    "NO_PROXY": "",
    "no_proxy": "",
}


def egress_allowed() -> bool:
    """True when pods and devices may leave this machine."""
    return os.environ.get("SANDBOX_EGRESS", "") == "1"


def prepare(home: Home, report: Report) -> Layout:
    """Everything that the parts need before they start. The control plane's certificates must be there.

    Safe to repeat, also while the node runs.
    """
    node = layout.of(home)
    for directory in (node.root, node.run, node.kubelet_root, node.pod_logs, node.derp, node.run / "cni"):
        directory.mkdir(parents=True, exist_ok=True)
    # Secrets of pods are below; the kubelet's tmpfs mounts have modes of their own.
    node.root.chmod(0o711)
    node.run.chmod(0o700)
    packages.fetch(home, report)
    packages.write_shim(node)
    enforcement.write(node)
    machine.remember_settings(node.root / "settings.json")
    machine.make_cgroup(node.cgroup)
    network.up(node, egress_allowed())
    for name, text in {
        "containerd.toml": config.containerd(node),
        "cni/10-sandbox.conflist": config.cni(node),
        "kubelet.yaml": config.kubelet(node),
        "kubelet.kubeconfig": config.kubeconfig(node),
        "dnsmasq.conf": config.dns(node, egress_allowed()),
        "resolv.conf": f"nameserver {node.address}\n",
        "upstream.conf": Path("/etc/resolv.conf").read_text(),
    }.items():
        write_private(node.run / name, text)
    certificates.issue(node.pki, node.pki / "node.crt", common=f"system:node:{NODE}", organization="system:nodes")
    certificates.issue(node.pki, node.pki / "kubelet.crt", common=NODE, addresses=[node.address])
    return node


def headscale_config(node: Layout, base_domain: str) -> HeadscaleConfig:
    """headscale where pods and devices reach it, with our relay in its DERP map. The bridge must be there (`prepare`)."""
    name = certificates.self_signed(node.derp / f"{node.address}.crt", node.address)
    relay = Relay(node.address, DERP_PORT, STUN_PORT, name)
    return HeadscaleConfig(port=LOGIN_PORT, address=node.address, base_domain=base_domain, relay=relay)


def parts(node: Layout) -> list[Part]:
    """The node's supervised processes, in order of start."""
    tools, health = node.home.bin, "http://127.0.0.1"
    return [
        Part(
            "containerd",
            [str(node.packages / "usr/bin/containerd"), "--config", str(node.run / "containerd.toml")],
            ready_line="containerd successfully booted",
            environment={"PATH": packages.path(node), **({} if egress_allowed() else _NO_REGISTRY)},
        ),
        Part(
            "dns",
            ["dnsmasq", "--keep-in-foreground", f"--conf-file={node.run / 'dnsmasq.conf'}"],
            ready_line="started, version",
        ),
        Part(
            "derper",
            [
                *(str(tools / "derper"), "-a", f"{node.address}:{DERP_PORT}", "-http-port", "-1"),
                *("-stun-port", str(STUN_PORT), "-certmode", "manual", "-certdir", str(node.derp)),
                *("-hostname", node.address, "-c", str(node.derp / "derper.key")),
            ],
            ready_line="serving on",
        ),
        Part(
            "kubelet",
            [
                *(str(tools / "kubelet"), "--config", str(node.run / "kubelet.yaml")),
                *("--kubeconfig", str(node.run / "kubelet.kubeconfig"), "--root-dir", str(node.kubelet_root)),
                *("--hostname-override", NODE, "--node-ip", node.address),
            ],
            health_url=f"{health}:{node.home.port('kubelet-health')}/healthz",
            after=("containerd", API_SERVER),
        ),
        *enforcement.parts(node),
    ]


def wait_ready(home: Home, seconds: float = 60.0) -> None:
    """Until the API server calls the node ready."""
    deadline = time.monotonic() + seconds
    said = "it has not registered"
    with Api(home.kubeconfig, timeout=5) as api:
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                node = api.get(f"/api/v1/nodes/{NODE}")
                conditions: list[dict[str, Any]] = node["status"].get("conditions", []) if node else []
                ready = next((condition for condition in conditions if condition["type"] == "Ready"), None)
                if ready and ready["status"] == "True":
                    return
                said = ready["message"] if ready else said
            time.sleep(0.1)
    raise SandboxError(f"the node is not ready after {seconds:.0f} s: {said}", f"Log: {home.logs / 'kubelet.log'}")


def import_all(node: Layout, wanted: Sequence[Image], store: Store, report: Report) -> list[str]:
    """Give containerd the images that it lacks, in one archive; returns their names. containerd must be running."""
    known = _known(node)
    new = [image for image in wanted if known.get(image.reference) != image.digest()]
    if new:
        report(f"importing {', '.join(image.reference for image in new)}")
        command = _ctr(node, "images", "import", "--all-platforms", "-")
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            with contextlib.suppress(BrokenPipeError), process.stdin as archive:
                write_archive(archive, new, store)
            said = process.stdout.read().decode(errors="replace")
        if process.returncode != 0:
            raise SandboxError(f"containerd could not import the images: {said.strip()[-300:]}", "Log: containerd.log")
    return [image.reference for image in new]


def down(home: Home, keep_data: bool = False, purge: bool = False) -> None:
    """Remove all that the node made on this machine; call it when its parts have ended. Safe to repeat.

    Built and imported images stay for the next start, unless `purge`. With `keep_data` client devices stay who they are.
    """
    if not (home.root / "node").exists():
        return
    node = layout.of(home)
    devices.down(node, keep_data)
    # Shims first: they would report every death, and clean up behind our back.
    machine.end_shims(packages.shim(node), node.socket)
    machine.remove_cgroup(node.cgroup)
    machine.remove_strays(node.containerd_state, node.pod_logs)
    for directory in (node.containerd_state, node.kubelet_root, node.pod_logs):
        machine.remove_tree(directory)
    if purge:
        machine.remove_tree(node.containerd_root)
    elif node.containerd_root.exists() and (node.run / "containerd.toml").exists():
        _forget_containers(node)
    network.down(node)
    machine.restore_settings(node.root / "settings.json")
    machine.remove_tree(node.run)
    if not keep_data:
        layout.release(home)
    if purge:
        machine.remove_tree(node.root)


def _forget_containers(node: Layout) -> None:
    """Take the dead containers out of containerd's books, or the next one would show them as pods of the past."""
    log = node.home.logs / "containerd-cleanup.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [str(node.packages / "usr/bin/containerd"), "--config", str(node.run / "containerd.toml")]
    with (
        log.open("w") as out,
        subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True) as process,
    ):
        try:
            _wait_socket(node, process)
            listed = network.run(_ctr(node, "containers", "list", "--quiet")).split()
            if listed:
                network.run(_ctr(node, "containers", "delete", *listed))
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
    machine.remove_tree(node.containerd_state)


def _wait_socket(node: Layout, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 15
    while process.poll() is None and time.monotonic() < deadline:
        if subprocess.run(_ctr(node, "version"), capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise SandboxError("containerd does not start", f"Log: {node.home.logs / 'containerd-cleanup.log'}")


def _known(node: Layout) -> dict[str, str]:
    """Digest of each image that containerd has."""
    lines = network.run(_ctr(node, "images", "list")).splitlines()[1:]
    return {fields[0]: fields[2] for line in lines if len(fields := line.split()) > 2}


def _ctr(node: Layout, *arguments: str) -> list[str]:
    program = str(node.packages / "usr/bin/ctr")
    return [program, "--address", str(node.socket), "--namespace", _NAMESPACE, *arguments]
