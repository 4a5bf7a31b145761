"""The configuration of the node's parts: own places, nothing open to the outside, nothing leaves."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from sandbox import certificates
from sandbox.home import Home
from sandbox.node import config, layout, machine, network, runtime
from sandbox.node.layout import Layout


@pytest.fixture
def node(tmp_path: Path) -> Layout:
    home = Home(tmp_path, tmp_path / "bin")
    home.create()
    return layout.of(home)


def test_two_homes_share_no_name_and_no_address(tmp_path: Path) -> None:
    first = Layout(Home(tmp_path / "a", tmp_path), 0)
    second = Layout(Home(tmp_path / "b", tmp_path), 1)
    for what in ("id", "pod_bridge", "client_bridge", "pod_net", "client_net", "cgroup", "socket"):
        assert getattr(first, what) != getattr(second, what)
    assert len({first.pod_net, first.client_net, second.pod_net, second.client_net}) == 4


def test_interface_names_fit_into_the_kernel(node: Layout) -> None:
    assert max(len(name) for name in (node.pod_bridge, node.client_bridge, f"{node.id}v249")) <= 15


def test_an_address_range_is_chosen_once(node: Layout) -> None:
    assert layout.of(node.home) == node


def test_containerd_keeps_to_its_own_places(node: Layout) -> None:
    settings = tomllib.loads(config.containerd(node))
    cri = settings["plugins"]["io.containerd.grpc.v1.cri"]
    runc = cri["containerd"]["runtimes"]["runc"]["options"]
    places = [settings["root"], settings["state"], settings["grpc"]["address"], settings["ttrpc"]["address"]]
    places += [cri["cni"]["conf_dir"], cri["cni"]["bin_dir"], runc["BinaryName"], runc["Root"]]
    assert [place for place in places if not Path(place).is_relative_to(node.home.root)] == []
    assert cri["restrict_oom_score_adj"]
    assert cri["netns_mounts_under_state_dir"]


def test_the_kubelet_admits_certificates_only_and_never_evicts(node: Layout) -> None:
    settings = yaml.safe_load(config.kubelet(node))
    assert settings["authentication"]["anonymous"] == {"enabled": False}
    assert settings["authentication"]["x509"]["clientCAFile"] == str(node.pki / "ca.crt")
    assert settings["address"] == node.address
    assert set(settings["evictionHard"].values()) == {"0%"}
    assert settings["imageGCHighThresholdPercent"] == 100


def test_the_machine_answers_the_clusters_dns_at_its_bridge(node: Layout) -> None:
    assert f"listen-address={node.address}\nbind-interfaces" in config.dns(node, egress=False)


def test_nothing_leaves_unless_it_is_asked_for(node: Layout) -> None:
    closed, opened = config.firewall(node, egress=False), config.firewall(node, egress=True)
    inside = f'{{ "{node.pod_bridge}", "{node.client_bridge}" }}'
    assert f"iifname {inside} reject" in closed
    assert "masquerade" not in closed
    assert f"iifname {inside} accept" in opened
    assert "masquerade" in opened
    assert "resolv-file" not in config.dns(node, egress=False)
    assert "no-resolv\nlocal=/#/" in config.dns(node, egress=False)
    assert f"resolv-file={node.run}/upstream.conf\nlocal=/cluster.local/" in config.dns(node, egress=True)


def test_images_are_pulled_only_when_it_is_asked_for(node: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def containerd_proxy() -> str | None:
        return runtime.parts(node)[0].environment.get("HTTPS_PROXY")

    monkeypatch.delenv("SANDBOX_EGRESS", raising=False)
    assert containerd_proxy() == "http://127.0.0.1:9"
    monkeypatch.setenv("SANDBOX_EGRESS", "1")
    assert containerd_proxy() is None


def test_pods_reach_the_model_and_client_devices_do_not(node: Layout) -> None:
    address, _, port = node.model.rpartition(":")
    rules = [line.strip() for line in config.firewall(node, egress=False).splitlines() if f" {port} " in line]
    assert rules == [f'iifname "{node.pod_bridge}" ip daddr {address} tcp dport {port} accept']


@pytest.mark.parametrize("egress", [False, True])
def test_the_outside_never_reaches_the_bridges(node: Layout, egress: bool) -> None:
    rules = config.firewall(node, egress)
    assert f'iifname != "lo" ip daddr {{ {node.address}, {node.client_gateway} }} drop' in rules


def test_pods_get_no_address_that_is_ours(node: Layout) -> None:
    ipam = json.loads(config.cni(node))["plugins"][0]["ipam"]
    ((range_,),) = ipam["ranges"]
    assert (range_["subnet"], range_["rangeStart"]) == (f"{node.pod_net}.0/24", f"{node.pod_net}.10")
    assert Path(ipam["dataDir"]).is_relative_to(node.run)


def test_the_relay_keeps_its_certificate(node: Layout) -> None:
    node.derp.mkdir(parents=True)
    relay = runtime.headscale_config(node, "a.example").relay
    assert relay == runtime.headscale_config(node, "a.example").relay
    assert relay.cert_name.startswith("sha256-raw:")
    assert relay.host == node.address
    assert (node.derp / f"{node.address}.key").stat().st_mode & 0o777 == 0o600


def test_a_self_signed_certificate_is_for_its_address(tmp_path: Path) -> None:
    first = certificates.self_signed(tmp_path / "a.crt", "10.0.0.1")
    assert first != certificates.self_signed(tmp_path / "b.crt", "10.0.0.1")


def test_without_root_the_reason_is_one_line(node: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "geteuid", lambda: 1000)
    assert machine.available(node.home) == "a real node needs root"


def test_mounts_are_listed_deepest_first() -> None:
    assert Path("/proc") in machine.mounts(Path("/"))
    assert machine.mounts(Path("/no/such/place")) == []


def test_a_directory_without_mounts_is_removed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    machine.remove_tree(tmp_path / "a")
    machine.remove_tree(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_only_tables_of_sandboxes_whose_bridges_are_gone_are_dead() -> None:
    listed = "table inet oc11111111\ntable inet oc22222222\ntable inet filter\ntable inet ocean123\n"
    assert network.dead_tables(listed, ["lo", "oc11111111p", "oc11111111c", "oc22222222v10"]) == ["oc22222222"]
