"""The sandbox's model is reached by gateways with its key, and by nobody else."""

import json

from sandbox.node.devices import Device
from sandbox.world import World
from tests.support.e2e_world import Gateway

_ASK = """
const [url, key, body] = process.argv.slice(1);
const headers = { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) };
fetch(url, { method: "POST", headers, body }).then(async (it) => console.log(it.status, await it.text()));
"""


def _asked(gateway: Gateway, world: World, key: str) -> tuple[int, str]:
    """What a process in the gateway's container is answered."""
    body = json.dumps({"model": "scripted", "messages": [{"role": "user", "content": "say: hello"}]})
    said = gateway.exec("node", "-e", _ASK, f"{world.model.base_url}/chat/completions", key, body)
    status, _, text = said.partition(" ")
    return int(status), text


def test_a_gateway_asks_the_model_with_its_key(world: World, home: Gateway) -> None:
    status, text = _asked(home, world, world.model.key)
    assert status == 200, text
    assert json.loads(text)["choices"][0]["message"]["content"] == "hello"
    status, text = _asked(home, world, "")
    assert status == 401, text


def test_no_device_reaches_the_model(world: World, owner: Device) -> None:
    answer = owner.curl("--fail-with-body", f"http://{world.model.address}/health", seconds=3)
    # Refused by the firewall; a 401 would be an answer.
    assert answer.returncode == 7, answer.stdout + answer.stderr
