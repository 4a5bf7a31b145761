"""Stand-in for the `random` provider: bytes, id, string and password. Any change of the inputs makes a new value."""

import base64
import ctypes
import secrets
import string
import threading
from collections.abc import Collection

from sandbox.plugins.changes import changes
from sandbox.plugins.provider import Diff, Failure, Live, Provider, ProviderError, Resource
from sandbox.plugins.values import UNKNOWN, Path, Props

_CRYPT = threading.Lock()
_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
_CLASSES = {"lower": string.ascii_lowercase, "upper": string.ascii_uppercase, "numeric": string.digits}
_MINIMUMS = {"lower": "minLower", "upper": "minUpper", "numeric": "minNumeric", "special": "minSpecial"}
_TEXT_DEFAULTS: Props = {**dict.fromkeys(_MINIMUMS, True), **dict.fromkeys(_MINIMUMS.values(), 0)}
_LENGTH = {"RandomBytes": "length", "RandomId": "byteLength", "RandomString": "length", "RandomPassword": "length"}
_COMPUTED = {
    "RandomBytes": ("base64", "hex"),
    "RandomId": ("b64Std", "b64Url", "dec", "hex"),
    "RandomString": ("result",),
    "RandomPassword": ("result", "bcryptHash"),
}


class Random(Provider):
    name = "random"
    version = "4.21.4"

    def configure(self, config: Props) -> None:
        pass

    def check(self, resource: Resource, old: Props, new: Props, seed: bytes) -> tuple[Props, list[Failure]]:
        length = new.get(_LENGTH[_kind(resource)])
        if length is UNKNOWN or (isinstance(length, int) and length >= 1):
            return new, []
        return new, [Failure(_LENGTH[_kind(resource)], f"must be a whole number of at least 1, not {length}")]

    def diff(self, resource: Resource, id: str, old: Props, state: Props, new: Props) -> Diff:
        differences = changes(old, new)
        return Diff(differences, replace=differences)

    def create(self, resource: Resource, new: Props) -> tuple[str, Props]:
        kind = _kind(resource)
        if resource.preview:
            return "", {**new, **dict.fromkeys(_COMPUTED[kind], UNKNOWN)}
        if kind in ("RandomBytes", "RandomId"):
            raw = secrets.token_bytes(new[_LENGTH[kind]])
            return (_bytes if kind == "RandomBytes" else _id)(raw, new)
        settings = {**_TEXT_DEFAULTS, **new}
        result = _text(settings)
        if kind == "RandomString":
            return result, {**settings, "result": result}
        return "none", {**settings, "result": result, "bcryptHash": _bcrypt(result)}

    def read(self, resource: Resource, id: str, old: Props, state: Props) -> Live | None:
        if not state:
            raise ProviderError(f"{resource.type} cannot be imported: its value exists only in the state")
        return Live(id, old, state)

    def update(self, resource: Resource, id: str, old: Props, state: Props, new: Props) -> Props:
        return {**state, **new}

    def delete(self, resource: Resource, id: str, state: Props) -> None:
        pass

    def secret_outputs(self, resource: Resource) -> Collection[Path]:
        kind = _kind(resource)
        return [(output,) for output in _COMPUTED[kind]] if kind in ("RandomBytes", "RandomPassword") else ()


def _kind(resource: Resource) -> str:
    kind = resource.type.rsplit(":", 1)[-1]
    if kind not in _COMPUTED:
        raise ProviderError(
            f"{resource.type} is not in the sandbox's random stand-in, which has {', '.join(_COMPUTED)}"
        )
    return kind


def _bytes(raw: bytes, new: Props) -> tuple[str, Props]:
    encoded = base64.b64encode(raw).decode()
    # The secret itself, and ids are never encrypted: a program that must hide its bytes takes RandomPassword.
    return encoded, {**new, "base64": encoded, "hex": raw.hex()}


def _id(raw: bytes, new: Props) -> tuple[str, Props]:
    prefix = new.get("prefix") or ""
    url = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    forms = {
        "b64Std": base64.b64encode(raw).decode(),
        "b64Url": url,
        "dec": str(int.from_bytes(raw)),
        "hex": raw.hex(),
    }
    return url, {**new, **{key: prefix + form for key, form in forms.items()}}


def _text(settings: Props) -> str:
    alphabets = {**_CLASSES, "special": settings.get("overrideSpecial") or _SPECIAL}
    chosen = "".join(alphabet for name, alphabet in alphabets.items() if settings[name])
    characters = [secrets.choice(alphabets[name]) for name, key in _MINIMUMS.items() for _ in range(settings[key])]
    missing = settings["length"] - len(characters)
    if not chosen or missing < 0:
        raise ProviderError("length is below the sum of the minimums, or no class of characters is left to choose from")
    characters += [secrets.choice(chosen) for _ in range(missing)]
    secrets.SystemRandom().shuffle(characters)
    return "".join(characters)


def _bcrypt(text: str) -> str:
    # libcrypt rather than the module `crypt`, which Python 3.13 dropped.
    try:
        library = ctypes.CDLL("libcrypt.so.1")
    except OSError as error:
        raise ProviderError(f"RandomPassword needs libcrypt for its bcryptHash: {error}") from error
    library.crypt.restype = ctypes.c_char_p
    alphabet = "./" + string.ascii_uppercase + string.ascii_lowercase + string.digits
    # The last character of a salt carries only two bits; "." always fits.
    salt = "$2b$10$" + "".join(secrets.choice(alphabet) for _ in range(21)) + "."
    with _CRYPT:  # it answers in one static buffer
        hashed: bytes | None = library.crypt(text.encode(), salt.encode())
    if not hashed or not hashed.startswith(b"$2b$"):
        raise ProviderError("this machine's libcrypt has no bcrypt, so RandomPassword cannot have its bcryptHash")
    return hashed.decode()


if __name__ == "__main__":
    from sandbox.plugins.server import serve

    serve(Random, Random.name)
