"""Value types of the configuration: what a single value must look like, and how to mend it."""

import ipaddress
import re
from typing import Annotated, Final

from pydantic import AfterValidator

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+")
_PERSON = re.compile(r"[^@\s*\"]+@[A-Za-z0-9.-]*")
_GROUP = re.compile(r"group:[a-z0-9]([-a-z0-9_.]*[a-z0-9])?")
_TAG = re.compile(r"tag:[a-zA-Z]([-a-zA-Z0-9]*)")
_QUANTITY = re.compile(r"(\d+)(Ki|Mi|Gi|Ti)")
_CPU = re.compile(r"(\d+m|\d+(\.\d{1,3})?)")
_ENV_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,127}")
_COMMAND = re.compile(r"[a-z][A-Za-z0-9]*(\.[A-Za-z0-9]+)+")
_WORD = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._]{0,15}")
_VERSION = re.compile(r"v?\d+\.\d+\.\d+([-.+].*)?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_UNITS: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}

# `openclaw-<id>` must stay a DNS label (63), with room for the suffixes that Kubernetes adds to pod names.
ID_MAX: Final = 40


def quantity_bytes(quantity: str) -> int:
    """Bytes of a memory or storage quantity such as `2Gi`."""
    match = _QUANTITY.fullmatch(quantity)
    if match is None:
        raise ValueError("is not a quantity. Write a whole number with Ki, Mi, Gi or Ti, such as 2Gi")
    return int(match[1]) * _UNITS[match[2]]


def cpu_millis(cpu: str) -> int:
    """Thousandths of a core of a CPU quantity such as `250m` or `2`."""
    if _CPU.fullmatch(cpu) is None:
        raise ValueError("is not a CPU quantity. Write cores, such as 2 or 0.5, or thousandths, such as 250m")
    return int(cpu[:-1]) if cpu.endswith("m") else round(float(cpu) * 1000)


def _label(value: str) -> str:
    if len(value) > 63 or _LABEL.fullmatch(value) is None:
        raise ValueError("is not a DNS label. Use at most 63 of a-z, 0-9 and -, with a letter or digit at both ends")
    return value


def _instance_id(value: str) -> str:
    if len(value) > ID_MAX:
        raise ValueError(f"is too long: names such as openclaw-<id> are made from it. Use at most {ID_MAX} characters")
    return _label(value)


def _dns_name(value: str) -> str:
    if _DNS_NAME.fullmatch(value) is None:
        raise ValueError("is not a tailnet's DNS name. Copy it from the admin console, such as example.ts.net")
    return value


def _object_name(value: str) -> str:
    if _LABEL.fullmatch(value) is None and _DNS_NAME.fullmatch(value) is None:
        raise ValueError("is not the name of a Kubernetes object. Use a-z, 0-9, - and .")
    return value


def _person(value: str) -> str:
    if value == "*" or value.startswith("autogroup:"):
        raise ValueError(
            "would let in more than the people you name. List e-mail addresses, or a group of tailnet.groups"
        )
    if _PERSON.fullmatch(value) is None and _GROUP.fullmatch(value) is None:
        raise ValueError("is neither a login such as you@example.com nor a group such as group:family")
    return value


def _login(value: str) -> str:
    if _PERSON.fullmatch(value) is None:
        raise ValueError("is not a login. Write it as the tailnet shows it, such as you@example.com")
    return value


def _group(value: str) -> str:
    if _GROUP.fullmatch(value) is None:
        raise ValueError("is not a group name. Write group: and a name, such as group:family")
    return value


def _tag_owner(value: str) -> str:
    if _PERSON.fullmatch(value) or _GROUP.fullmatch(value) or _TAG.fullmatch(value):
        return value
    if value in ("autogroup:admin", "autogroup:owner", "autogroup:network-admin", "autogroup:it-admin"):
        return value
    raise ValueError("cannot own a tag. Use a login, a group, a tag or autogroup:admin")


def _cidr(value: str) -> str:
    try:
        network = ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"is not a CIDR ({error}). Write it as 10.1.2.0/24 or 10.1.2.3/32") from None
    if network.prefixlen == 0:
        raise ValueError("would open everything. List the networks that the gateway needs")
    return value


def _image(value: str) -> str:
    name, _, digest = value.partition("@")
    if digest and _DIGEST.fullmatch(digest) is None:
        raise ValueError("has a bad digest. Write @sha256: and 64 hexadecimal digits")
    last = name.rsplit("/", 1)[-1]
    tag = last.partition(":")[2]
    if not digest and _VERSION.fullmatch(tag) is None:
        raise ValueError("has no immutable tag (I8). Write a full version, such as :2026.9.6, or a digest")
    return value


def _env_name(value: str) -> str:
    if _ENV_NAME.fullmatch(value) is None:
        raise ValueError("is not a variable name. Use A-Z, 0-9 and _, starting with a letter")
    return value


def _quantity(value: str) -> str:
    quantity_bytes(value)
    return value


def _cpu(value: str) -> str:
    cpu_millis(value)
    return value


def _node_command(value: str) -> str:
    if _COMMAND.fullmatch(value) is None:
        raise ValueError("is not a node command. Write its exact name, such as system.run; patterns match nothing")
    return value


def _word(value: str) -> str:
    if value and _WORD.fullmatch(value) is None:
        raise ValueError("is not a rotation word. Use up to 16 letters, digits, - . or _, such as 2026-11")
    return value


def _issuer(value: str) -> str:
    if not re.fullmatch(r"https://[^\s/?#]+(/[^\s?#]*)?", value):
        raise ValueError(
            "is not an issuer's URL. Copy the issuer of `kubectl get --raw /.well-known/openid-configuration`: it must be "
            "https and public"
        )
    return value


def _client_id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][-A-Za-z0-9]*", value):
        raise ValueError("is not a client id. Copy it from the tailnet's trust credentials, without any ?..")
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(:\d+)?", value):
        raise ValueError("is not a base URL. Write it without a path, such as https://headscale.example.com")
    return value


DnsLabel = Annotated[str, AfterValidator(_label)]
InstanceId = Annotated[str, AfterValidator(_instance_id)]
DnsName = Annotated[str, AfterValidator(_dns_name)]
ObjectName = Annotated[str, AfterValidator(_object_name)]
Person = Annotated[str, AfterValidator(_person)]
Login = Annotated[str, AfterValidator(_login)]
Group = Annotated[str, AfterValidator(_group)]
TagOwner = Annotated[str, AfterValidator(_tag_owner)]
Cidr = Annotated[str, AfterValidator(_cidr)]
ImageRef = Annotated[str, AfterValidator(_image)]
EnvName = Annotated[str, AfterValidator(_env_name)]
Quantity = Annotated[str, AfterValidator(_quantity)]
Cpu = Annotated[str, AfterValidator(_cpu)]
NodeCommand = Annotated[str, AfterValidator(_node_command)]
RotationWord = Annotated[str, AfterValidator(_word)]
IssuerUrl = Annotated[str, AfterValidator(_issuer)]
ClientId = Annotated[str, AfterValidator(_client_id)]
BaseUrl = Annotated[str, AfterValidator(_url)]
