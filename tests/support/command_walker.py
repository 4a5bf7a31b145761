"""Finds the external commands that sources run: in calls of subprocess, in our wrappers of it, and in shell scripts."""

import ast
import re
from collections.abc import Iterator
from typing import Final

_SUBPROCESS: Final = ("run", "Popen", "call", "check_call", "check_output")
# Ours that run what they are given as words (`ip("link", ...)` says its own) or as a list.
_LISTS: Final = {"network.run", "_run", "checked", "_silent", "Part"}
_WORDS: Final = {"device.command", "device.run", "laptop.run", "owner.run", "stranger.run", "self.device.run"}
# What runs another program: behind `--` where there is one.
_PREFIXES: Final = ("nsenter", "unshare", "setpriv", "env", "timeout")
_SHELLS: Final = ("sh", "bash")
_KEYWORDS: Final = frozenset(
    {
        *("if", "then", "else", "elif", "fi", "while", "until", "do", "done", "esac", "!", "{", "}", "function"),
        *("command", "type", "true", "exec", "return", "break", "continue", "exit", "set", "unset", "export", "local"),
        *("read", "shift", "trap", "cd", "eval", "wait", "test", "[", "[[", "((", ":", ".", "source", "printf"),
        *("echo", "umask", "kill"),
    }
)
# Their words are no commands.
_SWALLOW: Final = _KEYWORDS - {"if", "then", "else", "elif", "while", "until", "do", "!", "{", "command", "exec"}
_PLAIN: Final = re.compile(r"[a-z][a-z0-9+._-]*")


def in_python(source: str) -> Iterator[tuple[str, int]]:
    """Commands of a Python source, each with its line."""
    tree = ast.parse(source)
    lists = {node: node.elts for node in ast.walk(tree) if isinstance(node, ast.List | ast.Tuple)}
    for node in lists:
        yield from _of_list(node.elts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (command := _given(node)) is not None:
            yield from _first(command)


def _given(call: ast.Call) -> list[ast.expr] | None:
    """The command of a call that runs one, where it is written there."""
    name = ast.unparse(call.func)
    head, _, tail = name.rpartition(".")
    if (head == "subprocess" and tail in _SUBPROCESS) or name in _LISTS:
        argument = call.args[1 if name == "Part" else 0] if len(call.args) > (name == "Part") else None
        return argument.elts if isinstance(argument, ast.List | ast.Tuple) else None
    if name == "shutil.which" or name in _WORDS:
        return call.args
    return None


def _first(words: list[ast.expr]) -> Iterator[tuple[str, int]]:
    if words and (text := _text(words[0])):
        yield text, words[0].lineno


def _of_list(words: list[ast.expr]) -> Iterator[tuple[str, int]]:
    """Within any list of words: what a prefix runs, and what a shell is given."""
    texts = [_text(word) for word in words]
    if not texts or texts[0] is None:
        return
    if texts[0] in _PREFIXES or texts[0] in _SHELLS:
        yield texts[0], words[0].lineno
    if texts[0] in _PREFIXES and "--" in texts:
        yield from _first(words[texts.index("--") + 1 :])
    for shell, option, script in zip(texts, texts[1:], texts[2:], strict=False):
        if shell in _SHELLS and option == "-c" and script:
            line = words[0].lineno
            yield from ((command, line) for command in in_shell(script))


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def scripts(source: str) -> Iterator[tuple[str, int]]:
    """Shell scripts that stand as texts in a Python source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.lstrip()
            if text.startswith(("set -e", "#!/bin/sh", "#!/bin/bash", "#!/usr/bin/env bash")):
                yield text, node.lineno


def in_shell(script: str, known: frozenset[str] = frozenset()) -> Iterator[str]:
    """First words of the simple commands of a script, without builtins, keywords and its own functions."""
    # Heredocs are other languages; a quoted text may hold anything.
    script = re.sub(r"<<-?\s*['\"]?(\w+)['\"]?.*?\n.*?\n\s*\1\b", "", script, flags=re.DOTALL)
    script = re.sub(r"\\\n\s*", " ", script)
    script = re.sub(r"(?m)(^|\s)#.*$", "", script)
    defined = known | frozenset(re.findall(r"(\w+)\s*\(\)", script))
    inner = re.findall(r"\$\(([^()]*(?:\([^()]*\)[^()]*)*)\)", script)
    for text in inner:
        yield from in_shell(text, defined)
    script = re.sub(r"\$\([^()]*(?:\([^()]*\)[^()]*)*\)", "X", script)
    script = re.sub(r"'[^']*'", "Q", script)
    script = re.sub(r'"(?:[^"\\]|\\.)*"', "Q", script)
    for part in re.split(r"\|\||&&|[;|\n]|\(\)|(?<!>)&(?!>)", script):
        words = [word.lstrip("({") for word in part.split()]
        while words and (words[0] in _KEYWORDS or re.match(r"\w+\+?=|^$", words[0])):
            words = [] if words[0] in _SWALLOW else words[1:]
        if words and words[0] not in ("for", "case") and words[0] not in defined and _PLAIN.fullmatch(words[0]):
            yield words[0]
            if words[0] in _PREFIXES:
                # Behind its options, and what `env` sets.
                inner = [word for word in words[1:] if _PLAIN.fullmatch(word)]
                yield from in_shell(" ".join(words[words.index(inner[0]) :]), defined) if inner else ()


def in_makefile(text: str) -> Iterator[str]:
    """Commands of a Makefile's recipes."""
    text = text.replace("\\\n", " ")
    for line in text.splitlines():
        if line.startswith("\t"):
            yield from in_shell(re.sub(r"(?<!\$)\$\(\w+\)", "VARIABLE", line[1:].lstrip("@-")).replace("$$", "$"))
