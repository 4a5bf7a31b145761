"""The agent's configuration, judged by OpenClaw itself in the gateway's pod; a wrong one and back; and whose it is."""

import json
import signal
import time
from pathlib import Path
from typing import Any, Final

import pytest

from components.constants import GATEWAY_CONTAINER
from components.gateway import openclaw_json
from components.openclaw import extract
from components.settings import Images
from components.settings.images import openclaw_version
from components.settings.load import parse
from engine.configuration import Values, merged
from engine.errors import EngineError
from tests.support.e2e_world import HOME, LAB, Figures, Gateway, apply, as_json, hasty, with_
from tests.support.engine_world import Stack, eventually
from tests.support.faults.breaking import kill
from tests.support.wishes import WISHES

# Seconds for which the update waits for a gateway that never comes.
PATIENCE: Final = 45
FILE: Final = "/home/node/.openclaw/openclaw.json"
# The types allow it, and only OpenClaw knows that it is not enough.
WRONG: Final[Values] = {"models": {"providers": {"lacking": {"models": [{"id": "some", "name": "Some"}]}}}}
SENTENCE: Final = "custom model providers must declare baseUrl"
# Reads configurations from its input, has OpenClaw judge each, and prints the verdicts.
JUDGE: Final = """
const { execFileSync } = require("node:child_process");
const { mkdtempSync, readFileSync, writeFileSync } = require("node:fs");
const wishes = JSON.parse(readFileSync(0, "utf8"));
const directory = mkdtempSync("/tmp/wishes-");
const verdicts = Object.entries(wishes).map(([title, { text, variables }]) => {
  const file = `${directory}/openclaw.json`;
  writeFileSync(file, text);
  const env = { ...process.env, ...variables, OPENCLAW_CONFIG_PATH: file, OPENCLAW_STATE_DIR: directory };
  try {
    return [title, execFileSync("openclaw", ["config", "validate", "--json"], { env, encoding: "utf8" })];
  } catch (error) {
    return [title, `${error.stdout}${error.stderr}`];
  }
});
console.log(JSON.stringify(Object.fromEntries(verdicts)));
"""


def test_every_wish_of_the_page_is_valid_to_openclaw_itself(home: Gateway, figures: Figures) -> None:
    wishes: dict[str, Any] = {}
    for wish in WISHES:
        (instance,) = parse({"tailnet": {"name": "example.ts.net"}, "instances": wish.instances}).instances
        variables = dict.fromkeys(instance.gateway.secrets, "a-secret-of-the-test")
        wishes[wish.title] = {
            "text": openclaw_json(instance, "https://openclaw-home.example.ts.net"),
            "variables": variables,
        }
    # One that is wrong: the judge can say no.
    wishes["wrong"] = {"text": json.dumps(merged(json.loads(wishes[WISHES[0].title]["text"]), WRONG)), "variables": {}}
    begin = time.monotonic()
    pod = home.pod["metadata"]["name"]
    judge = ("exec", "--stdin", pod, f"--container={GATEWAY_CONTAINER}", "--", "node", "-e", JUDGE)
    said = home.kubectl(*judge, text=json.dumps(wishes), seconds=180)
    assert said.returncode == 0, said.stderr
    verdicts: dict[str, str] = json.loads(said.stdout)
    figures("wishes judged by OpenClaw", f"{len(WISHES)} in {time.monotonic() - begin:.0f} s")
    assert SENTENCE in verdicts.pop("wrong")
    assert {title: text for title, text in verdicts.items() if not as_json(text)["valid"]} == {}
    assert len(verdicts) == len(WISHES)


def test_the_types_in_the_repository_are_those_of_the_image(home: Gateway) -> None:
    printed = extract.text(extract.types(as_json(home.openclaw("config", "schema"))))
    version = openclaw_version(Images().gateway)
    assert printed == (Path(extract.__file__).with_name(f"schema-{version}.json")).read_text()


def test_openclaw_refuses_in_its_own_words_and_the_old_file_brings_it_back(
    home: Gateway, stack: Stack, figures: Figures
) -> None:
    home.exec("sh", "-c", "echo kept > /home/node/kept.txt")
    before = home.identity()
    begin = time.monotonic()
    with pytest.raises(EngineError) as failed:
        hasty(stack, PATIENCE).up(with_(HOME, gateway={"config": WRONG}), LAB)
    seconds = time.monotonic() - begin
    figures("pulumi up of a configuration that OpenClaw refuses", f"failed after {seconds:.0f} s")
    assert SENTENCE in str(failed.value), str(failed.value)
    assert seconds < PATIENCE + 60

    begin = time.monotonic()
    apply(home.cluster, stack, HOME, LAB)
    home.wait_ready()
    figures("the old file brings it back", f"after {time.monotonic() - begin:.0f} s")
    assert home.identity() == before
    assert home.exec("cat", "/home/node/kept.txt") == "kept\n"


def test_seeded_is_the_pages_and_the_clis_but_for_our_keys(home: Gateway, stack: Stack, figures: Figures) -> None:
    refused = home.attempt("openclaw", "config", "set", "agents.defaults.timeoutSeconds", "31")
    assert refused.returncode != 0, "managed, and changed all the same"
    stack.up(with_(HOME, gateway={"ownership": "seeded"}), LAB)
    home.wait_ready()
    assert "timeoutSeconds" not in _written(home)["agents"]["defaults"]

    home.openclaw("config", "set", "agents.defaults.timeoutSeconds", "31")
    home.exec("sh", "-c", f'sed -i \'s/"bind": "loopback"/"bind": "lan"/\' {FILE}; grep -q \'"lan"\' {FILE}')
    # The container alone starts again: no init container would run.
    restarts = home.restarts()[GATEWAY_CONTAINER]
    kill(home.pid(GATEWAY_CONTAINER), signal.SIGTERM)
    eventually(lambda: home.restarts()[GATEWAY_CONTAINER] > restarts, "the gateway's container to start again", 60)
    home.wait_ready()
    _unharmed(home)
    assert "the stack's own keys were set again" in home.logs(GATEWAY_CONTAINER)

    stack.up(HOME, LAB)
    home.wait_ready()
    refused = home.attempt("openclaw", "config", "set", "agents.defaults.timeoutSeconds", "32")
    assert refused.returncode != 0, "managed again, and changed all the same"
    # What was written there stays there, unused.
    assert _written(home)["agents"]["defaults"]["timeoutSeconds"] == 31
    figures("seeded and back", "ours win at each start, theirs survive")


def _written(home: Gateway) -> Any:
    """The configuration on the volume."""
    return json.loads(home.exec("cat", FILE))


def _unharmed(home: Gateway) -> None:
    """What was changed survived, our keys are as declared, and nothing but loopback listens."""
    written = _written(home)
    assert (written["agents"]["defaults"]["timeoutSeconds"], written["gateway"]["bind"]) == (31, "loopback")
    listening = [line.split()[1] for line in home.exec("cat", "/proc/net/tcp").splitlines() if " 0A " in line]
    # 18789 is 4965 in hexadecimal; addresses have their bytes reversed.
    assert [place for place in listening if place.endswith(":4965")] == ["0100007F:4965"], listening
