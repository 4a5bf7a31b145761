"""Configuration files of the node's parts. Pure: the same layout gives the same text."""

import json
from typing import Any, Final

import yaml

from sandbox.node.images import PAUSE
from sandbox.node.layout import DERP_PORT, KUBELET_PORT, LOGIN_PORT, MODEL_PORT, PODS, STUN_PORT, Layout

CLUSTER_DOMAIN: Final = "cluster.local"
_RUNC: Final = 'plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc'


def containerd(layout: Layout) -> str:
    """Own directories and socket: a containerd of the machine is left alone."""
    return f"""\
version = 2
root = "{layout.containerd_root}"
state = "{layout.containerd_state}"
# Metrics, NRI, zfs, btrfs and the rest: nothing here uses them.
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = "{layout.socket}"

[ttrpc]
  address = "{layout.socket}.ttrpc"

[plugins."io.containerd.grpc.v1.cri"]
  # Pods' logs and exec streams: loopback, any free port.
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  sandbox_image = "{PAUSE}"
  # Without CAP_SYS_RESOURCE a score may not be lowered, and every container would fail to start.
  restrict_oom_score_adj = true
  # Not in /run/netns, which `ip netns add` remounts so that pods can no longer be deleted.
  netns_mounts_under_state_dir = true

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"

[{_RUNC}]
  runtime_type = "io.containerd.runc.v2"

[{_RUNC}.options]
  BinaryName = "{layout.packages}/usr/sbin/runc"
  Root = "{layout.run}/runc"
  SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{layout.run}/cni-bin"
  conf_dir = "{layout.run}/cni"
"""


def cni(layout: Layout) -> str:
    """Pods on the Kubernetes node's bridge. What they send to others goes to the machine's, one cable further: the nftables
    table below says what may leave."""
    bridge: dict[str, Any] = {
        "type": "bridge",
        "bridge": PODS,
        "isGateway": False,
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "dataDir": str(layout.run / "leases"),
            "ranges": [
                [
                    {
                        "subnet": f"{layout.pod_net}.0/24",
                        "rangeStart": f"{layout.pod_net}.10",
                        "gateway": layout.address,
                    }
                ]
            ],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return json.dumps({"cniVersion": "0.4.0", "name": layout.id, "plugins": [bridge]}, indent=2)


def kubelet(layout: Layout) -> str:
    never = dict.fromkeys(
        ("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree"), "0%"
    )
    settings: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.address,
        "port": KUBELET_PORT,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": layout.home.port("kubelet-health"),
        "containerRuntimeEndpoint": f"unix://{layout.socket}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        # Whoever has a certificate of this cluster's CA is its administrator, or this kubelet.
        "authorization": {"mode": "AlwaysAllow"},
        "tlsCertFile": str(layout.pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(layout.pki / "kubelet.key"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": layout.cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "makeIPTablesUtilChains": False,
        "clusterDNS": [layout.dns],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": str(layout.run / "resolv.conf"),
        "podLogsDir": str(layout.pod_logs),
        "volumePluginDir": str(layout.kubelet_root / "volume-plugins"),
        # The machine's disk is not ours to judge, and images that were assembled here cannot be pulled again.
        "evictionHard": never,
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        # A heartbeat of 10 s by default; the node is noticed and ready sooner.
        "nodeStatusUpdateFrequency": "4s",
        "syncFrequency": "10s",
        "serializeImagePulls": False,
        "registerWithTaints": [],
        "shutdownGracePeriod": "0s",
    }
    return yaml.safe_dump(settings, sort_keys=False)


def kubeconfig(layout: Layout) -> str:
    """The kubelet's own."""
    server = f"https://127.0.0.1:{layout.home.port('kube-apiserver')}"
    files = {"client-certificate": str(layout.pki / "node.crt"), "client-key": str(layout.pki / "node.key")}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "node",
            "clusters": [
                {"name": "node", "cluster": {"server": server, "certificate-authority": str(layout.pki / "ca.crt")}}
            ],
            "contexts": [{"name": "node", "context": {"cluster": "node", "user": "node"}}],
            "users": [{"name": "node", "user": files}],
        },
        sort_keys=False,
    )


def dns(layout: Layout, egress: bool) -> str:
    """The machine's dnsmasq, which the cluster's DNS asks. Nothing in the sandbox is found by a name of the cluster, and
    without egress no other name either.

    An answer (NXDOMAIN) at once, where silence would hold up whoever asks.
    """
    # The cluster's own names never leave the machine.
    beyond = f"resolv-file={layout.run}/upstream.conf\nlocal=/{CLUSTER_DOMAIN}/" if egress else "no-resolv\nlocal=/#/"
    return f"""\
listen-address={layout.address}
bind-interfaces
no-hosts
user=root
group=root
pid-file=
log-facility=-
{beyond}
"""


def firewall(layout: Layout, egress: bool) -> str:
    """Nothing of the sandbox leaves this machine, nothing outside reaches it, and pods see only what is meant for them.

    A table of our own; the first line makes loading it again the same as loading it once.
    """
    inside = f'{{ "{layout.pod_bridge}", "{layout.client_bridge}" }}'
    bridges = f"{{ {layout.address}, {layout.client_gateway} }}"
    tcp = ", ".join(str(port) for port in sorted({53, LOGIN_PORT, DERP_PORT}))
    udp = ", ".join(str(port) for port in sorted({53, STUN_PORT}))
    leave = "accept" if egress else "reject"
    enter = "ct state established,related accept" if egress else "drop"
    masquerade = f"""
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {{ {layout.pod_net}.0/24, {layout.client_net}.0/24 }} oifname != {inside} masquerade
  }}
"""
    return f"""\
table inet {layout.table}
delete table inet {layout.table}
table inet {layout.table} {{
  chain forward {{
    type filter hook forward priority -10; policy accept;
    iifname {inside} oifname {inside} accept
    iifname {inside} {leave}
    oifname {inside} {enter}
    oifname {inside} drop
  }}
  chain input {{
    type filter hook input priority -10; policy accept;
    iifname {inside} ct state established,related accept
    iifname {inside} ip daddr {bridges} tcp dport {{ {tcp} }} accept
    iifname {inside} ip daddr {bridges} udp dport {{ {udp} }} accept
    iifname "{layout.pod_bridge}" ip daddr {layout.address} tcp dport {MODEL_PORT} accept
    iifname {inside} ip daddr {bridges} icmp type echo-request accept
    iifname {inside} reject
    iifname != "lo" ip daddr {bridges} drop
  }}
{masquerade if egress else ""}}}
"""
