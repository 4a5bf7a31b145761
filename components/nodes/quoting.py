"""Quotes values for a root shell, systemd and a person's terminal: each stays one word, whatever it holds.

The settings let nothing through that would need it; this holds even where they should err.
"""

import re
import shlex
from collections.abc import Iterable
from typing import Final

_SYSTEMD: Final = {"\\": "\\\\", '"': '\\"', "%": "%%", "$": "$$"}


def shell(**values: str) -> dict[str, str]:
    """Values for `str.format` of a shell script, each as one word of the shell."""
    return {name: shlex.quote(value) for name, value in values.items()}


def here_document(mark: str, text: str) -> str:
    """A text as a here-document, for the end of a shell's line; its mark is no line of the text."""
    while mark in text.splitlines():
        mark += "_"
    return "\n".join([f"<<'{mark}'", text.removesuffix("\n"), mark])


def systemd(words: Iterable[str]) -> str:
    """A command line for a unit file. Quotes alone keep neither specifiers (%) nor variables ($) from being replaced."""
    return " ".join(_systemd_word(word) for word in words)


def _systemd_word(word: str) -> str:
    written = "".join(_SYSTEMD.get(char, char) if char.isprintable() else _escaped(char) for char in word)
    return written if re.fullmatch(r"[\w@:,./=+-]+", written, re.ASCII) else f'"{written}"'


def _escaped(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 128 else char
