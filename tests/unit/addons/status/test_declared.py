"""What the stack wants of an instance is what its components would deploy."""

from addons.status.declared import declared
from components.settings.load import parse


def test_names_reach_and_nodes_are_those_of_the_settings() -> None:
    settings = parse(
        {
            "tailnet": {"name": "example.ts.net"},
            "instances": [
                {
                    "id": "home",
                    "people": ["alice@example.com"],
                    "tailscale": {"hostname": "claw", "reach": "http", "mode": "userspace", "credential": "oauth"},
                    "gateway": {"auth": {"mode": "password"}},
                },
                {
                    "id": "lab",
                    "people": ["bob@example.com"],
                    "tailscale": {"enabled": False, "reach": "tcp", "prefer": "address"},
                },
            ],
            "nodes": [{"id": "build", "kind": "linux", "gateway": "home"}],
        }
    )
    home, lab = declared(settings)
    assert (home.id, home.namespace, home.deployment) == ("home", "openclaw-home", "openclaw")
    assert (home.hostname, home.fqdn, home.tag) == ("claw", "claw.example.ts.net", "tag:openclaw-home")
    assert (home.reach, home.served_port, home.mode, home.credential, home.auth) == (
        "http",
        80,
        "userspace",
        "oauth",
        "password",
    )
    assert (home.people, home.nodes, home.wanted) == (("alice@example.com",), ("build",), True)
    assert (home.preferred, lab.preferred) == ("name", "address")
    assert (lab.wanted, lab.nodes, lab.hostname) == (False, (), "openclaw-lab")
