"""I4: no secret stands in plain text where more people read than in a Secret: variables, arguments, headers, files, annotations."""

import json
from collections.abc import Iterator, Sequence
from typing import Final, cast

from policies.rules.commands import environment, lines
from policies.rules.documents import UnreadableError, files, parse_json5
from policies.rules.gateway import is_sidecar
from policies.rules.kinds import Container, Resource, annotation_places, leaves
from policies.rules.rule import Finding
from policies.rules.secret_words import (
    has_bearer,
    has_secret,
    has_tailscale_key,
    is_checksum_name,
    is_random,
    is_secret_name,
    is_value,
    named_values,
)
from policies.rules.values import Unknown, Value, fields, get, items, obj, present, text

_MEND: Final = "Put it into a Secret, and refer to it."
_SEAL: Final = "Seal it, as this program does, or use a federated identity (TS_ID_TOKEN=file:...)."
_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "x-goog-api-key", "api-key"}
)
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_CREDENTIALS: Final = frozenset({"TS_AUTHKEY", "TS_AUTH_KEY", "TS_CLIENT_SECRET", "TS_ID_TOKEN"})
# OpenClaw itself warns below 24.
_SHORTEST_TOKEN: Final = 16
_LONGEST_FILE: Final = 2_000_000


def variables(resource: Resource) -> Iterator[Finding]:
    """No variable of a container has a secret as its text."""
    for pod in resource.pods:
        for container in pod.containers:
            for path, one in items(container.spec.get("env"), f"{container.path}.env"):
                value = text(get(one, "value"))
                name = text(get(one, "name")) or ""
                if value and (
                    has_secret(value) or (is_secret_name(name) and is_value(value) and not _is_switch(value))
                ):
                    yield Finding(f"gives {container.title} a secret in plain text", path, _MEND)
                if is_secret_name(name) and get(one, "valueFrom", "configMapKeyRef") is not None:
                    yield Finding(f"takes a secret of {container.title} from a ConfigMap", path, _MEND)
                own = name in ("OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD")
                if own and get(one, "valueFrom", "secretKeyRef", "optional") is True:
                    what = f"lets {container.title} start without its secret, and invent one"
                    yield Finding(what, f"{path}.valueFrom.secretKeyRef.optional", "Remove it.")


def _is_switch(value: str) -> bool:
    return value.isdigit() and len(value) < 6


def arguments(resource: Resource) -> Iterator[Finding]:
    """No argument, probe or hook of a container has a secret as its text."""
    for pod in resource.pods:
        for container in pod.containers:
            values = environment(container)
            for line in lines(container, {}):
                programs = line.programs({name: f"${name}" for name in values})
                if any(_has_argument(words) for words in (line.words, *programs)):
                    yield Finding(f"runs {container.title} with a secret in plain text", line.path, _MEND)
            yield from _headers(container)


def _has_argument(words: Sequence[str]) -> bool:
    for number, word in enumerate(words):
        if has_secret(word) or has_bearer(word):
            return True
        name, separator, value = word.partition("=")
        # After `sh -c`, an assignment; elsewhere an option, with its value in it or after it.
        if (
            not separator
            and word.startswith("--")
            and number + 1 < len(words)
            and not words[number + 1].startswith("-")
        ):
            value = words[number + 1]
        bare = name.lstrip("-")
        if (
            len(bare) < 80
            and value
            and (separator or name.startswith("--"))
            and is_secret_name(bare)
            and is_value(value)
        ):
            return True
    return False


def _headers(container: Container) -> Iterator[Finding]:
    for hook in (
        ("startupProbe",),
        ("readinessProbe",),
        ("livenessProbe",),
        ("lifecycle", "postStart"),
        ("lifecycle", "preStop"),
    ):
        at = ".".join((container.path, *hook, "httpGet"))
        request = get(container.spec, *hook, "httpGet")
        for path, header in items(get(request, "httpHeaders"), f"{at}.httpHeaders"):
            name, value = text(get(header, "name")) or "", text(get(header, "value")) or ""
            if has_secret(value) or ((name.lower() in _HEADERS or is_secret_name(name)) and is_value(value)):
                yield Finding(f"asks {container.title} with a secret in plain text", path, _MEND)
        address = text(get(request, "path")) or ""
        if has_secret(address) or any(
            is_secret_name(part.partition("=")[0]) for part in address.partition("?")[2].split("&")
        ):
            yield Finding(f"asks {container.title} with a secret in plain text", f"{at}.path", _MEND)


def config_maps(resource: Resource) -> Iterator[Finding]:
    """No ConfigMap holds a secret: not as an entry, not inside a file."""
    if not resource.is_kubernetes or resource.kind not in ("ConfigMap",):
        return
    for file in files(resource):
        named = is_secret_name(file.name) and "\n" not in file.text.strip() and is_value(file.text)
        netrc = file.name.lstrip("._").startswith("netrc") and " password " in f" {file.text}"
        if named or netrc or has_secret(file.text) or (len(file.text) < _LONGEST_FILE and _has_named(file.text)):
            yield Finding("holds a secret in plain text", file.path, _MEND)


def _has_named(content: str) -> bool:
    if content.lstrip()[:1] in ("{", "[", "/"):
        try:
            return has_named(parse_json5(content))
        except UnreadableError:
            pass
    return any(
        is_secret_name(name) and is_value(value) and not _is_code(value) for name, value in named_values(content)
    )


def _is_code(value: str) -> bool:
    # A configuration's own syntax: a block, a call, a sentence.
    return (
        value.endswith(("{", "[", "|", ">", "(", ",;"))
        or "(" in value
        or len(value.split()) > 4
        or value.startswith(("!", "&", "*", "|", ">", "{", "[", "@", "`"))
    )


def has_named(document: Value) -> bool:
    """Says whether a document has a text under a key that is a secret's."""
    stack: list[tuple[Value, bool]] = [(document, False)]
    while stack:
        here, inside_auths = stack.pop()
        for key, _, element in fields(here, ""):
            if isinstance(element, str) and len(element) < 10_000:
                if (is_secret_name(key) or (key == "auth" and inside_auths)) and is_value(element):
                    return True
            else:
                stack.append((element, inside_auths or key == "auths"))
        stack += [(element, inside_auths) for _, element in items(here, "")]
    return False


def metadata(resource: Resource) -> Iterator[Finding]:
    """No annotation or label holds a secret, nor what kubectl applied of a Secret last."""
    if not resource.is_kubernetes:
        return
    for at, values, _ in annotation_places(resource):
        for key, path, value in fields(values, at):
            if not isinstance(value, str):
                continue
            if key == _LAST_APPLIED:
                if _applied_secret(value):
                    yield Finding(
                        "repeats a secret in an annotation of kubectl's", path, "Remove it; apply server-side."
                    )
            elif has_secret(value) or (is_secret_name(key) and is_random(value) and not is_checksum_name(key)):
                yield Finding("holds a secret in plain text", path, _MEND)


def _applied_secret(value: str) -> bool:
    try:
        applied = cast(Value, json.loads(value)) if len(value) < _LONGEST_FILE else None
    except (ValueError, RecursionError):
        return has_secret(value)
    if get(applied, "kind") == "Secret":
        return any(present(obj(applied).get(part)) for part in ("data", "stringData"))
    return has_secret(value) or has_named(get(applied, "data"))


def anywhere(resource: Resource) -> Iterator[Finding]:
    """No other field of an object holds a key or token."""
    if not resource.is_kubernetes or resource.kind in ("Secret", "ConfigMap", "SealedSecret"):
        return
    pods = tuple(pod.path for pod in resource.pods)
    apart = {key: value for key, value in resource.props.items() if key != "metadata"}
    for path, key, value in leaves(apart, resource.path):
        if len(value) < 12 or path.startswith(pods):
            continue
        # A setting of an operator's may be a secret by its name, when its value looks made by chance.
        named = resource.is_custom and is_secret_name(key) and is_random(value) and not is_checksum_name(key)
        if named or has_secret(value):
            yield Finding("holds a secret in plain text", path, _MEND)
            return


def unsealed_keys(resource: Resource) -> Iterator[Finding]:
    """A credential of Tailscale's is sealed: in no Secret as it is, and in no variable of the sidecar."""
    if resource.is_kubernetes and resource.kind == "Secret":
        for file in files(resource):
            if has_tailscale_key(file.text):
                yield Finding("holds a key of Tailscale's as it is", file.path, _SEAL)
    for pod in resource.pods:
        for container in pod.containers:
            if not is_sidecar(container):
                continue
            for path, one in items(container.spec.get("env"), f"{container.path}.env"):
                if text(get(one, "name")) in _CREDENTIALS and obj(get(one, "valueFrom")):
                    yield Finding(f"gives {container.title} a key as a variable", path, _SEAL)


def state_in_secret(resource: Resource) -> Iterator[Finding]:
    """The sidecar keeps its state on its own volume: in a Secret it is readable through the API, by a token of the pod's."""
    for pod in resource.pods:
        for container in pod.containers:
            if not is_sidecar(container) or container.partial:
                continue
            values = {text(get(one, "name")): one for _, one in items(container.spec.get("env"), "")}
            if None in values or isinstance(container.spec.get("env"), Unknown):
                continue
            at = f"{container.path}.env"
            secret = values.get("TS_KUBE_SECRET")
            hint = 'Set TS_KUBE_SECRET to "" and TS_STATE_DIR to a directory of its own volume.'
            if secret is not None and get(secret, "value") not in (None, "") and text(get(secret, "value")) is not None:
                yield Finding(f"keeps the state of {container.title} in a Secret", at, hint)
            elif secret is None and _is_containerboot(container) and len(values) > 0:
                yield Finding(f"keeps the state of {container.title} in a Secret, which is its default", at, hint)
            words = [word for line in lines(container) for word in line.words]
            extra = (text(get(values.get("TS_TAILSCALED_EXTRA_ARGS"), "value")) or "").split()
            if any(
                word.removeprefix("--state=").removeprefix("-state=").startswith("kube:") for word in (*words, *extra)
            ):
                yield Finding(f"keeps the state of {container.title} in a Secret", container.path, hint)


def _is_containerboot(container: Container) -> bool:
    return not container.spec.get("command")


def weak_tokens(resource: Resource) -> Iterator[Finding]:
    """The gateway's token and password are not to be guessed."""
    if not resource.is_kubernetes or resource.kind != "Secret":
        return
    named = any(word in resource.object_name for word in ("gateway-token", "gateway-password", "openclaw"))
    for file in files(resource):
        known = file.name in ("OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD") or (
            named and file.name in ("token", "password")
        )
        if known and len(file.text.strip()) < _SHORTEST_TOKEN:
            yield Finding(
                "holds a secret of the gateway that can be guessed",
                file.path,
                "Make it of 24 random characters or more.",
            )


def renderers(resource: Resource) -> Iterator[Finding]:
    """The provider does not write manifests into files: Secrets would lie there in plain text."""
    if resource.type == "pulumi:providers:kubernetes" and present(resource.props.get("renderYamlToDirectory")):
        yield Finding("writes Secrets into files in plain text", "renderYamlToDirectory", "Remove it.")
