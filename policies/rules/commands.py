"""What a container is told to run: its command, its probes and its hooks, with variables put in and shells looked into."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from policies.rules.kinds import Container, once
from policies.rules.values import Unknown, get, items, text

# Stands in a word for a value that the engine does not know before `up`.
HIDDEN: Final = "\0"
# Stands for what is known only while the container runs, from a Secret, a ConfigMap or a command: nobody can judge it before.
COMPUTED: Final = "\1"
# In the place of a program: a script that is longer than any that is meant to be read.
TOO_LONG: Final = "\2script"
_SHELLS: Final = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh", "fish"})
# Programs that run the one that is named after them, and how many words of their own they take before it.
_WRAPPERS: Final = {
    **dict.fromkeys(
        ("exec", "env", "nohup", "setsid", "nice", "ionice", "stdbuf", "sudo", "doas", "command", "time"), 0
    ),
    **dict.fromkeys(("tini", "dumb-init", "catatonit", "setpriv", "xargs", "busybox", "unshare", "builtin", "eval"), 0),
    **dict.fromkeys(("timeout", "su-exec", "gosu", "chroot"), 1),
}
_KEYWORDS: Final = frozenset(
    {"if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "!", "{", "}", "case", "esac"}
)
# Possessive, and each character is in one alternative: nothing is read twice.
_TOKEN: Final = re.compile(
    r"(?P<blank>(?:[ \t\r]|\\\n)++)"
    r"|(?P<redirect>\d?[<>]++&?)"
    r"|(?P<operator>[\n;&|()`]++)"
    r"|(?P<single>'[^']*+')"
    r'|(?P<double>"(?:[^"\\]++|\\.)*+")'
    r"|(?P<escape>\\.)"
    r"|(?P<comment>(?<![^\s;&|()`])#[^\n]*+)"
    r"|(?P<bare>[^\s'\"\\;&|()<>`]++)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_PARAMETER: Final = re.compile(r"\$(?:\{(\w+)(?::?[-=]([^{}]*+))?\}|(\w+))")
_SUBSTITUTION: Final = re.compile(r"\$\(([^()`]*+)\)|`([^`]*+)`")
_KUBERNETES_VARIABLE: Final = re.compile(r"\$\$|\$\(([A-Za-z_][\w.-]*+)\)")
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*+=")
_DEEPEST: Final = 5
_LONGEST: Final = 100_000


@dataclass(frozen=True)
class Line:
    """One list of words that a container runs. `kind`: "command" (of the container itself), "probe" or "hook"."""

    path: str
    kind: str
    words: tuple[str, ...]
    entry: bool = False  # `args` alone: the image's own entry point comes before it

    def programs(self, environment: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
        """The programs that it starts, each with its arguments, those inside shells too."""
        known: dict[int, tuple[tuple[str, ...], ...]] = self.__dict__.setdefault("_programs", {})
        # By identity: the variables of one container are one object.
        if id(environment) not in known:
            known[id(environment)] = tuple(_programs(self.words, environment, 0))
            self.__dict__.setdefault("_environments", []).append(environment)
        return known[id(environment)]


@once
def environment(container: Container) -> dict[str, str]:
    """The variables of a container; HIDDEN for a value that the engine does not know, COMPUTED for one that the pod looks up."""
    values: dict[str, str] = {}
    for _, one in items(container.spec.get("env"), ""):
        name, value = text(get(one, "name")), get(one, "value")
        if name is None:
            continue
        if isinstance(value, str):
            values[name] = _expanded(value, values)
        elif value is None:
            values[name] = COMPUTED if get(one, "valueFrom") is not None else ""
        else:
            values[name] = HIDDEN
    return values


def lines(container: Container, values: Mapping[str, str] | None = None) -> Iterator[Line]:
    """Everything that a container is told to run."""
    if values is None or values is environment(container):
        yield from _own_lines(container)
    else:
        yield from _lines(container, values)


@once
def _own_lines(container: Container) -> tuple[Line, ...]:
    return tuple(_lines(container, environment(container)))


def _lines(container: Container, values: Mapping[str, str]) -> Iterator[Line]:
    command, arguments = _words(container.spec.get("command"), values), _words(container.spec.get("args"), values)
    if command or arguments:
        yield Line(container.path, "command", (*command, *arguments), entry=not command)
    # Of Argo and Tekton: the script is the program's text.
    for key in ("script", "source"):
        if script := text(container.spec.get(key)):
            yield Line(f"{container.path}.{key}", "command", ("sh", "-c", script))
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        yield from _line(container, values, "probe", probe)
    for hook in ("postStart", "preStop"):
        yield from _line(container, values, "hook", "lifecycle", hook)


def _line(container: Container, values: Mapping[str, str], kind: str, *keys: str) -> Iterator[Line]:
    if words := _words(get(container.spec, *keys, "exec", "command"), values):
        yield Line(".".join((container.path, *keys, "exec.command")), kind, tuple(words))


def _words(value: object, values: Mapping[str, str]) -> list[str]:
    return [
        _expanded(word, values) if isinstance(word, str) else HIDDEN
        for _, word in items(value, "")
        if isinstance(word, str | Unknown)
    ]


def _expanded(word: str, values: Mapping[str, str]) -> str:
    """$(NAME) as Kubernetes puts it in; what it does not know stays as it is."""
    if "$" not in word or len(word) > _LONGEST:
        return word
    return _KUBERNETES_VARIABLE.sub(lambda m: "$" if m[0] == "$$" else values.get(m[1], m[0]), word)


def basename(word: str) -> str:
    return word.rpartition("/")[2]


def _programs(words: Sequence[str], values: Mapping[str, str], depth: int) -> Iterator[tuple[str, ...]]:
    assigned = dict(word.split("=", 1) for word in words[:20] if _ASSIGNMENT.match(word))
    words = _unwrapped(words)
    values = {**values, **assigned} if assigned else values
    if not words:
        return
    program = basename(words[0])
    if program in _SHELLS and depth < _DEEPEST:
        script, rest = _script(words[1:])
        if script is not None:
            numbered = {str(number): word for number, word in enumerate(rest)}
            yield from _of_script(script, {**values, **numbered}, depth + 1)
            return
    yield tuple(words)


def _unwrapped(words: Sequence[str]) -> Sequence[str]:
    for _ in range(20):
        if not words:
            return words
        if _ASSIGNMENT.match(words[0]) or words[0] in _KEYWORDS:
            words = words[1:]
            continue
        own = _WRAPPERS.get(basename(words[0]))
        if own is None:
            return words
        words = words[1:]
        while words and words[0].startswith("-"):
            words = words[1:]
        words = words[own:]
    return words


def _script(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """The script after -c, and what is given to it; None without one."""
    for number, word in enumerate(words):
        if not word.startswith(("-", "+")):
            return None, ()
        if word.startswith("-") and not word.startswith("--") and word.endswith("c"):
            rest = words[number + 1 :]
            return (rest[0], rest[1:]) if rest else (None, ())
    return None, ()


def _of_script(script: str, values: Mapping[str, str], depth: int) -> Iterator[tuple[str, ...]]:
    if len(script) > _LONGEST:
        yield (TOO_LONG,)
        return
    local = dict(values)
    script = script.replace("\\\n", "")
    for simple, inner in _simple_commands(script, local):
        for assigned in simple:
            if not _ASSIGNMENT.match(assigned):
                break
            name, _, value = assigned.partition("=")
            local[name] = value
        if simple and simple[0] in ("export", "declare", "readonly", "local"):
            local |= dict(word.split("=", 1) for word in simple[1:] if "=" in word)
        yield from _programs(simple, local, depth)
        if depth < _DEEPEST:
            for substituted in inner:
                yield from _of_script(substituted, local, depth + 1)


def _simple_commands(script: str, values: dict[str, str]) -> Iterator[tuple[list[str], list[str]]]:
    """(words, scripts inside them) of each simple command. `values` may change between two of them."""
    words: list[str] = []
    inner: list[str] = []
    word: list[str] | None = None
    skipped = False
    for token in _TOKEN.finditer(script):
        kind, content = token.lastgroup, token.group()
        if kind in ("single", "double", "escape", "bare", "other"):
            word = word or []
            word.append(_quoted(kind or "", content, values, inner))
            continue
        if word is not None and not skipped:
            words.append("".join(word))
        if word is not None:
            skipped, word = False, None
        if kind == "redirect":
            skipped = True
        elif kind == "operator":
            yield words, inner
            words, inner, skipped = [], [], False
    if word is not None and not skipped:
        words.append("".join(word))
    yield words, inner


def _quoted(kind: str, content: str, values: Mapping[str, str], inner: list[str]) -> str:
    if kind == "single":
        return content[1:-1]
    if kind == "escape":
        return content[1:]
    if kind == "double":
        content = content[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if "`" in content or "$(" in content:
        inner += [match[1] or match[2] for match in _SUBSTITUTION.finditer(content)]
        content = _SUBSTITUTION.sub(COMPUTED, content)
    if "$" not in content:
        return content
    if kind == "bare" and content.endswith("$"):
        # What comes next is in parentheses: the output of a command.
        content = content[:-1] + COMPUTED
    return _PARAMETER.sub(lambda m: values.get(m[1] or m[3], m[2] if m[2] is not None else COMPUTED), content)


def flag_values(words: Sequence[str], flag: str) -> Iterator[str]:
    """The values of a long option: `--flag value` and `--flag=value`; "" for one that is there without a value."""
    for number, word in enumerate(words):
        name, separator, value = word.partition("=")
        # Go's programs take one dash for two.
        if name not in (f"--{flag}", f"-{flag}"):
            continue
        following = words[number + 1] if number + 1 < len(words) else ""
        yield value if separator else ("" if following.startswith("-") else following)
