"""Text, numbers and switches as people write them in YAML: read strictly, and refused in words of ours."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, SecretStr

from components.constants import PORTAL_LOWEST, PORTALS_NEVER

T = TypeVar("T")

# Beyond any name, address or path; also keeps patterns and comparisons quick.
LONGEST = 2048
# More than all public authorities' certificates together; a ConfigMap takes four times as much.
LONGEST_DOCUMENT = 2**18
_SWITCHES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


# Letters and marks that are drawn as nothing: fillers, joiners, selectors of a variant.
_UNDRAWN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def invisible(value: str) -> bool:
    """Says whether a text has a blank, a control or a zero-width character: nobody sees it, and nothing matches it."""
    # What is not printable is what Unicode calls a separator or a control, but for the space itself.
    return " " in value or not value.isprintable() or _UNDRAWN.search(value) is not None


def _wrong_type(value: object) -> ValueError:
    match value:
        case bool() | int() | float():
            return ValueError("is not a string. Put it in quotes")
        case None:
            return ValueError("is empty. Write a value, or remove it")
        case _:
            return ValueError("is an object or a list. Write a single string")


def _short(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type(value)
    if len(value) > LONGEST:
        raise ValueError(f"is too long. Use at most {LONGEST} characters")
    return value


def _text(value: object) -> str:
    text = _short(value)
    if invisible(text):
        raise ValueError("contains a space or an invisible character. Type it again")
    return text


def _line(value: object) -> str:
    line = _short(value)
    if not line.strip():
        raise ValueError("is empty. Set it, or remove the key")
    if line.strip() != line or invisible(line.replace(" ", "")):
        raise ValueError("starts or ends with a space, or contains an invisible character. Write it in one line")
    return line


def _document(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type(value)
    if len(value) > LONGEST_DOCUMENT:
        raise ValueError(f"is too long. Use at most {LONGEST_DOCUMENT // 2**10} KiB")
    if invisible(re.sub(r"[ \t\r\n]", "", value)):
        raise ValueError("contains an invisible character. Copy it again, without anything around it")
    return value


def _visible_ascii(value: str) -> str:
    if not value:
        raise ValueError("is empty. Set it, or remove the key")
    if not value.isascii():
        raise ValueError("contains unsupported characters. Use Latin letters, digits and punctuation, without spaces")
    return value


def _secret(value: object) -> object:
    if isinstance(value, SecretStr):
        return value
    if not isinstance(value, str):
        raise _wrong_type(value)
    if not value.strip():
        raise ValueError("is empty. Set it, or remove the key")
    if invisible(value) or not value.isascii():
        raise ValueError("contains a space or an unusual character. Copy it again, without anything around it")
    return value


def _model_key(value: object) -> object:
    # Some are documents of several lines.
    if isinstance(value, str) and value.strip() == value:
        inner = re.sub(r"[ \t\r\n]", "", value)
        return value if inner and not invisible(inner) else _secret(value)
    return _secret(value)


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.lower() in _SWITCHES:
        return _SWITCHES[value.lower()]
    raise ValueError("is neither true nor false. Write one of the two")


def _whole(low: int, high: int) -> Callable[[object], int]:
    wrong = f"is not a whole number from {low} to {high}"

    def read(value: object) -> int:
        number: int | None = None
        if (isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value)) or (
            isinstance(value, float) and value.is_integer()
        ):
            number = int(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            number = value
        if number is None or not low <= number <= high:
            raise ValueError(wrong)
        return number

    return read


def whole(low: int, high: int) -> BeforeValidator:
    """A whole number within bounds, also when `pulumi config set` has stored it as text."""
    return BeforeValidator(_whole(low, high))


def _portal(port: int) -> int:
    if any(port in closed for closed in PORTALS_NEVER):
        raise ValueError("is a port of the gateway's own, which a portal would open. Choose another, such as 3000")
    return port


def _distinct(values: Sequence[T]) -> Sequence[T]:
    seen: dict[object, int] = {}
    for index, value in enumerate(values):
        # Control servers take logins and groups in any case.
        key = value.lower() if isinstance(value, str) else value
        if key in seen:
            raise ValueError(f"lists the same entry twice, at [{seen[key]}] and at [{index}]. Remove one of them")
        seen[key] = index
    return values


def _listed(value: object) -> object:
    # A list with everything in it commented out.
    return () if value is None else value


Text = Annotated[str, BeforeValidator(_text)]
# Words with blanks between them.
Line = Annotated[str, BeforeValidator(_line)]
# Several lines, such as a file's.
Document = Annotated[str, BeforeValidator(_document)]
# A word of somebody else's making, such as the name of a context.
Word = Annotated[Text, AfterValidator(_visible_ascii)]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
ModelKey = Annotated[SecretStr, BeforeValidator(_model_key)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Port = Annotated[int, whole(1, 65535)]
PortalPort = Annotated[int, whole(PORTAL_LOWEST, 65535), AfterValidator(_portal)]
DISTINCT = AfterValidator(_distinct)
EMPTY_IS_NONE = BeforeValidator(_listed)
