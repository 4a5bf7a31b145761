"""The join material is read by root's shell, systemd, cloud-init and launchd: each value stays one word, whatever it holds.

The settings let nothing through that needs it. Here they are left out, and the material is made of hostile values.
"""

import json
import plistlib
import re
import string
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.nodes import linux, mac, mobile, quoting
from tests.support.hostile import HOSTILE, world
from tests.support.invariants_nodes import plist_of

hostile = st.sampled_from(HOSTILE) | st.text(string.printable, max_size=30).map(
    lambda text: "".join(char for char in text if char in "\t\n" or char.isprintable())
)


def shell(script: str, *arguments: str) -> list[str]:
    """The words that a real shell hands to `printf` in this script."""
    result = subprocess.run(["bash", "-c", script, "bash", *arguments], capture_output=True, text=True, check=True)
    return result.stdout.split("\0")[:-1]


def is_shell(script: str) -> bool:
    return subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False).returncode == 0


@given(hostile)
@settings(max_examples=120, deadline=None, derandomize=True)
@example("$(touch /tmp/owned)")
def test_root_s_script_is_shell_and_gives_tailscale_the_values_as_they_are(text: str) -> None:
    node, instance, configured = world(text)
    script = linux.files(node, instance, configured)[linux.JOIN][1]
    assert is_shell(script)
    command = script[script.index("  tailscale up ") + len("  tailscale up ") : script.index("  rm -f ")]
    given = shell(f"printf '%s\\0' {command}")
    assert given == linux.join_arguments(node, configured)
    assert f"--hostname={text}" in given or text == ""


def words_of_systemd(line: str) -> list[str]:
    """The words of a command line as systemd.service(5) and systemd.syntax(7) read it."""
    words: list[str] = []
    for match in re.finditer(r'"((?:[^"\\]|\\.)*)"|(\S+)', line):
        word = match[1] if match[1] is not None else match[2]
        word = re.sub(r"\\(x[0-9a-f]{2}|.)", lambda escaped: _unescaped(escaped[1]), word)
        assert not re.search(r"(?<!%)(%%)*%(?!%)", word), "a specifier"
        assert not re.search(r"(?<!\$)(\$\$)*\$(?!\$)", word), "a variable"
        words.append(word.replace("%%", "%").replace("$$", "$"))
    return words


def _unescaped(code: str) -> str:
    return chr(int(code[1:], 16)) if code.startswith("x") else code


@given(st.lists(hostile, max_size=6))
@settings(max_examples=300, deadline=None, derandomize=True)
@example(HOSTILE)
def test_systemd_reads_the_words_that_were_written(words: Sequence[str]) -> None:
    line = quoting.systemd(words)
    assert "\n" not in line
    assert words_of_systemd(line) == list(words)


@given(hostile)
@settings(max_examples=120, deadline=None, derandomize=True)
def test_the_unit_has_the_lines_that_it_should_and_no_other(text: str) -> None:
    node, instance, configured = world(text)
    path = "/etc/systemd/system/openclaw-node.service"
    unit = linux.files(node, instance, configured)[path][1]
    plain = linux.files(*world("plain"))[path][1]
    assert [line.partition("=")[0] for line in unit.split("\n")] == [
        line.partition("=")[0] for line in plain.split("\n")
    ]
    (run,) = [line.removeprefix("ExecStart=") for line in unit.split("\n") if line.startswith("ExecStart=")]
    words = words_of_systemd(run)
    assert words[words.index("--display-name") + 1] == text
    assert words[words.index("--commands") + 1] == f"{text},system.run"


@given(hostile, hostile, hostile)
@settings(max_examples=120, deadline=None, derandomize=True)
def test_cloud_init_reads_the_files_that_were_written(text: str, key: str, secret: str) -> None:
    node, instance, configured = world(text)
    contents = linux.files(node, instance, configured)
    document = linux.user_data(contents, "NAME", key, secret)
    assert document.startswith("#cloud-config\n{\n")
    assert document.isascii()
    written: dict[str, Any] = {entry["path"]: entry for entry in json.loads(document.split("\n", 1)[1])["write_files"]}
    assert {path: written[path]["content"] for path in contents} == {path: text for path, (_, text) in contents.items()}
    assert written[linux.KEY_FILE]["content"] == f"{key}\n"
    assert written[linux.SECRET_FILE]["content"] == f"NAME={secret}\n"
    assert len(written) == len(contents) + 2


@given(hostile, hostile, hostile)
@settings(max_examples=120, deadline=None, derandomize=True)
@example("\nPLIST\nid\n", "\nENROL\n", "'")
def test_a_mac_s_script_is_shell_and_its_agent_has_the_values_as_they_are(text: str, key: str, secret: str) -> None:
    node, instance, configured = world(text)
    script = mac.script(node, instance, configured, key, secret)
    assert is_shell(script)
    # A real shell reads the words of `printf` and `cat`.
    _, _, after = script.partition("printf '%s\\n' ")
    end = after.index(" > tailnet-key")
    assert shell(f"printf '%s\\0' {after[:end]}") == [key]
    kept = after[after.index("printf '%s\\n' ") + len("printf '%s\\n' ") : after.index(" > gateway-secret")]
    assert shell(f"printf '%s\\0' {kept}") == [f"OPENCLAW_GATEWAY_TOKEN={secret}"]
    document = re.search(r"> \"\$agent\" (<<'(PLIST_*)'\n.*?\n\2\n)", script, re.DOTALL)
    assert document
    (agent,) = shell(f"cat {document[1]}printf '\\0'")
    read = plistlib.loads(agent.encode())
    words = read["ProgramArguments"]
    assert words[words.index("--display-name") + 1].split() == text.split()
    assert set(read) == set(plist_of(mac.script(*world("plain"), "k", "s")))


@given(hostile)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_commands_of_a_phone_s_guide_are_words_of_a_terminal(text: str) -> None:
    node, instance, configured = world(text)
    guide = mobile.guide(node, instance, configured)
    (command,) = re.findall(r"^   (kubectl .*?) qr --limited --url ", guide, re.DOTALL | re.MULTILINE)
    assert shell(f"printf '%s\\0' {command}")[2] == (text or "openclaw-home")


@pytest.mark.parametrize("kind", ["linux", "mac"])
def test_an_image_that_tells_no_version_makes_no_script(kind: str) -> None:
    node, instance, configured = world("plain")
    instance = instance.model_copy(update={"gateway": instance.gateway.model_copy(update={"image": "x.io/g:1.2.3;id"})})
    with pytest.raises(ValueError, match="tells no version"):
        linux.files(node, instance, configured) if kind == "linux" else mac.script(
            node, instance, configured, "key", "secret"
        )
