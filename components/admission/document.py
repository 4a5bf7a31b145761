"""The admission guard's table in docs/guard-rails.md, from its rules; for `make docs`."""

from collections.abc import Iterator

from components.admission import rules

INTRODUCTION = """## The rules of the admission guard

`cluster.admission` says what happens to a request that breaks one: it is refused (`deny`, the default), or let through with a warning
(`warn`) or a line in the audit log (`audit`). Who is judged is in [security.md](security.md#the-admission-guard). Each rule is a part of
one ValidatingAdmissionPolicy, `openclaw-tailnet-<stack>-<part>`; its words are those of the refusal.
"""


def document() -> str:
    """The part of the page, as Markdown."""
    return "\n".join([INTRODUCTION, *_table(), ""])


def _table() -> Iterator[str]:
    yield "| invariant | rule | what holds | whom it judges |"
    yield "|---|---|---|---|"
    for rule in rules():
        yield f"| {rule.invariant} | {rule.id} | {rule.message.replace('|', chr(92) + '|')}. | {rule.audience} |"


if __name__ == "__main__":
    print(document(), end="")
