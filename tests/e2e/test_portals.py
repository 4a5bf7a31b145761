"""Portals: the agent starts an application, its people open it, and nobody else does (I1, I7)."""

import json

from sandbox.node.devices import Device
from sandbox.world import World
from tests.support.e2e_agent import ask_by_http
from tests.support.e2e_world import HOME, LAB, Figures, Gateway, apply, wait_answer, with_
from tests.support.engine_world import Cluster, Stack, eventually

# Nobody answers: no such name, refused, no answer in time.
NOTHING = (6, 7, 28)
PORT = 3000
# The agent's application, on loopback alone. It says where it is told that people will open it.
# It ends when it is asked to: a gateway waits minutes for what its agent has started before it stops.
_SERVER = (
    "require('http').createServer((q, a) => q.url == '/end' ? process.exit() : "
    "a.end('built by the agent for ' + process.env.PORTAL_URLS))"
    f".listen({PORT}, '127.0.0.1')"
)
_START = {"command": f'node -e "{_SERVER}"', "background": True, "timeoutSeconds": 0}


def test_people_open_what_the_agent_has_built_and_nobody_else_does(
    world: World, cluster: Cluster, stack: Stack, owner: Device, stranger: Device, figures: Figures
) -> None:
    # Nobody is asked about the command: this is about the way to what it starts.
    building = with_(HOME, gateway={"permissions": "full"}, tailscale={"portals": [PORT]})
    apply(cluster, stack, building, LAB)
    home = Gateway(world, cluster, "home")
    home.wait_ready()
    wait_answer(owner, f"{home.url}/healthz")
    portal = f"{home.url}:{PORT}/"
    # Serve answers for an application that is not there yet.
    assert owner.curl("--output", "/dev/null", "--write-out", "%{http_code}", portal).stdout == "502"

    answer = ask_by_http(owner, home, f"use exec {json.dumps(_START)}", home.token())
    assert answer.status == 200, answer
    opened = eventually(lambda: owner.curl("--fail", portal).stdout, "the application answers its owner")
    assert opened == f"built by the agent for {portal.rstrip('/')}"
    figures("the agent's application answers its owner", f"{portal}")

    assert stranger.curl(portal, seconds=3).returncode in NOTHING
    lab = Gateway(world, cluster, "lab")
    # From beside the other gateway, in its network and by its sidecar's routes.
    inside = lab.attempt("curl", "-s", "-m", "3", f"http://{home.devices()[0].ip_addresses[0]}:{PORT}/")
    assert inside.returncode != 0, inside.stdout

    # Without the setting, what listens on loopback is on loopback.
    owner.curl(f"{portal}end")
    apply(cluster, stack, with_(HOME, gateway={"permissions": "full"}), LAB)
    home.wait_ready()
    wait_answer(owner, f"{home.url}/healthz")
    ask_by_http(owner, home, f"use exec {json.dumps(_START)}", home.token())
    local = f"http://127.0.0.1:{PORT}/"
    assert eventually(lambda: home.attempt("curl", "-s", "-m", "2", local).stdout, "it runs")
    for host in (home.hostname, *home.devices()[0].ip_addresses):
        name = f"[{host}]" if ":" in host else host
        assert owner.curl(f"http://{name}:{PORT}/", seconds=3).returncode in NOTHING
    home.attempt("curl", "-s", "-m", "2", f"{local}end")
