"""Names and people in the configuration: what a single value must look like, and how to correct it."""

import base64
import binascii
import ipaddress
import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator

from components.settings.text import Text, invisible

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_NAME = re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+")
_DOMAIN_LABEL = r"[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?"
# The domain may be missing: users of headscale are `dave@`.
_LOGIN = re.compile(rf"[A-Za-z0-9!#$%&'+/=?^_`{{|}}~.-]{{1,128}}@({_DOMAIN_LABEL}(\.{_DOMAIN_LABEL})*)?")
_GROUP = re.compile(r"group:[a-z0-9]([-a-z0-9_.]{0,61}[a-z0-9])?")
_TAG = re.compile(r"tag:[a-zA-Z][-a-zA-Z0-9]{0,62}")
_COMMAND = re.compile(r"[a-z][A-Za-z0-9]{0,31}(\.[A-Za-z0-9]{1,32}){1,4}")
# What listens on loopback, such as the browser's own debugging port, or at a cloud's metadata address, trusts whoever asks.
_ITSELF = "is the machine itself, whose local services trust whoever asks. Name another host"
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_WORD = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._]{0,15}")
_CLIENT_ID = re.compile(r"[A-Za-z0-9][-A-Za-z0-9]{0,127}")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")

# A path of some file system. A file's content, or that in base64, is none: it would stand in the state for all to read.
_PATH = re.compile(r"([A-Za-z]:[\\/]|~|\.{0,2}/)?[\w.@+,=()\\/ -]*[\w)]")
_PATH_MAXIMUM = 1024

# One word of a secret's variable says that it is one; the others begin names that programs obey.
_SECRET_WORDS: Final = frozenset({"KEY", "KEYS", "TOKEN", "TOKENS", "SECRET", "PASSWORD", "CREDENTIALS"})
_PROGRAMS: Final = frozenset(
    {
        *(
            "ALL",
            "BASH",
            "BUN",
            "DENO",
            "DYLD",
            "ELECTRON",
            "FTP",
            "GCONV",
            "GIT",
            "GLIBC",
            "HEADSCALE",
            "HTTP",
            "HTTPS",
        ),
        *(
            "JAVA",
            "KUBE",
            "KUBERNETES",
            "LC",
            "LD",
            "MALLOC",
            "NODE",
            "NPM",
            "NVM",
            "OPENCLAW",
            "OPENSSL",
            "PERL",
            "PIP",
        ),
        *("PNPM", "PULUMI", "PYTHON", "RUBY", "SSH", "SSL", "SYSTEMD", "TAILSCALE", "TS", "UV", "XDG", "YARN"),
    }
)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_VARIABLE_MAXIMUM = 128

_PLUGIN_ID = re.compile(r"[a-z0-9]([-a-z0-9_]{0,62}[a-z0-9])?")
_NPM_NAME = r"[a-z0-9][-a-z0-9._]{0,127}"
_PLUGIN_PACKAGE = re.compile(
    rf"(@{_NPM_NAME}/)?{_NPM_NAME}@[0-9]{{1,9}}\.[0-9]{{1,9}}\.[0-9]{{1,9}}(-[0-9A-Za-z][-0-9A-Za-z.]{{0,63}})?"
)

# `openclaw-<id>` must stay a DNS label (63), with room for the suffixes that Kubernetes adds to pod names.
ID_MAX: Final = 40


def _label(value: str) -> str:
    if len(value) > 63 or _LABEL.fullmatch(value) is None:
        raise ValueError("is not a DNS label. Use at most 63 of a-z, 0-9 and -, with a letter or digit at both ends")
    return value


def _instance_id(value: str) -> str:
    if len(value) > ID_MAX:
        raise ValueError(
            f"is too long: names such as openclaw-<id> are derived from it. Use at most {ID_MAX} characters"
        )
    return _label(value)


def _dns_name(value: str) -> str:
    last = value.rpartition(".")[2]
    if len(value) > 189 or _DNS_NAME.fullmatch(value) is None or last.isdigit():
        raise ValueError("is not a tailnet's DNS name. Copy it from the admin console, such as example.ts.net")
    return value


def _object_name(value: str) -> str:
    if len(value) > 253 or (_LABEL.fullmatch(value) is None and _DNS_NAME.fullmatch(value) is None):
        raise ValueError("is not the name of a Kubernetes object. Use a-z, 0-9, dots and dashes")
    return value


def _is_login(value: str) -> bool:
    domain = value.rpartition("@")[2]
    return _LOGIN.fullmatch(value) is not None and len(value) <= 254 and not domain.rpartition(".")[2].isdigit()


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True


def _person(value: str) -> str:
    if "*" in value or value.startswith("autogroup:"):
        raise ValueError(
            "would let in more than the people you name. List e-mail addresses, or a group of tailnet.groups"
        )
    if value.startswith("tag:"):
        raise ValueError(
            "is a tag, and tags belong to devices, not to people. List logins or groups; a machine that runs commands belongs "
            "into nodes"
        )
    if _is_address(value) or value.startswith(("host:", "ipset:")):
        raise ValueError("is an address, which does not identify a person. List logins or groups")
    if not _is_login(value) and _GROUP.fullmatch(value) is None:
        raise ValueError("is neither a login such as you@example.com nor a group such as group:family")
    return value


def _login(value: str) -> str:
    if not _is_login(value):
        raise ValueError("is not a login. Write it as the tailnet shows it, such as you@example.com")
    return value


def _group(value: str) -> str:
    if _GROUP.fullmatch(value) is None:
        raise ValueError("is not a group name. Write group: and a name, such as group:family")
    return value


def _tag_owner(value: str) -> str:
    if _is_login(value) or _GROUP.fullmatch(value) or _TAG.fullmatch(value):
        return value
    if value in ("autogroup:admin", "autogroup:owner", "autogroup:network-admin", "autogroup:it-admin"):
        return value
    raise ValueError("cannot own a tag. Use a login, a group, a tag or autogroup:admin")


def _provider_key(value: str) -> str:
    words = value.split("_")
    if len(value) > _VARIABLE_MAXIMUM or _VARIABLE.fullmatch(value) is None or not _SECRET_WORDS & set(words):
        raise ValueError(
            "is not the name of a provider's key. Use the variable that the provider documents, such as OPENAI_API_KEY or "
            "GITHUB_TOKEN"
        )
    if words[0] in _PROGRAMS:
        raise ValueError(
            f"is not a provider's key: variables that begin with {words[0]}_ control the programs in the pod. Remove it"
        )
    return value


def _node_command(value: str) -> str:
    if _COMMAND.fullmatch(value) is None:
        raise ValueError("is not a node command. Write its exact name, such as system.run; patterns match nothing")
    return value


def _browser_host(value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        last = value.rpartition(".")[2]
        if last == "localhost":
            raise ValueError(_ITSELF) from None
        # Browsers read 2130706433 and 0x7f.1 as addresses.
        if _NUMBER.fullmatch(last) or not (_LABEL.fullmatch(value) or _DNS_NAME.fullmatch(value)):
            raise ValueError(
                "is not a host. Write a name such as wiki.example.com or an address, without scheme, port and patterns"
            ) from None
        return value
    inner = getattr(address, "ipv4_mapped", None) or address
    if inner.is_loopback or inner.is_link_local or inner.is_unspecified:
        raise ValueError(_ITSELF)
    return value


def _word(value: str) -> str:
    if value and _WORD.fullmatch(value) is None:
        raise ValueError("is not a rotation word. Use up to 16 letters, digits, - . or _, such as 2026-11")
    return value


def _number_as_word(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**16 else value


def _client_id(value: str) -> str:
    if _CLIENT_ID.fullmatch(value) is None or value.startswith(("tskey-", "hskey-")):
        raise ValueError(
            "is not a client id. Copy the id, not the secret, from the tailnet's trust credentials, up to any ?"
        )
    return value


def _holds_text(value: str) -> bool:
    """Says whether a text, or a part of it as in a token, is base64 of some longer document."""
    return any(_is_document(part) for part in (value, *value.split(".")))


def _is_document(value: str) -> bool:
    plain = value.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        decoded = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(decoded) >= 24 and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in decoded)


def _kubeconfig(value: object) -> object:
    if isinstance(value, dict | list):
        raise ValueError(
            "contains a kubeconfig, which would be stored unencrypted in the state. Write the path of a file"
        )
    if not isinstance(value, str) or (
        len(value) > _PATH_MAXIMUM
        or _PATH.fullmatch(value) is None
        or value.startswith(" ")
        or invisible(value.replace(" ", ""))
        or _holds_text(value)
    ):
        raise ValueError(
            "is not the path of a file. Write one, such as ~/.kube/config, and not the file's content, which "
            "would be stored unencrypted in the state"
        )
    return value


def _label_key(value: str) -> str:
    prefix, slash, name = value.rpartition("/")
    if (slash and (len(prefix) > 253 or not (_LABEL.fullmatch(prefix) or _DNS_NAME.fullmatch(prefix)))) or (
        not name or _LABEL_VALUE.fullmatch(name) is None
    ):
        raise ValueError("is not the key of a label. Use a name such as k8s-app or app.kubernetes.io/name")
    return value


def _label_value(value: str) -> str:
    if not value or _LABEL_VALUE.fullmatch(value) is None:
        raise ValueError("is not the value of a label. Use up to 63 letters, digits, - . or _, such as kube-dns")
    return value


def _plugin_id(value: str) -> str:
    if _PLUGIN_ID.fullmatch(value) is None:
        raise ValueError("is not the id of a plugin. Use the name in its manifest, such as slack")
    return value


def _plugin_package(value: str) -> str:
    if len(value) > 256 or _PLUGIN_PACKAGE.fullmatch(value) is None:
        raise ValueError(
            "is not an npm package with its exact version. Write name@version, such as @openclaw/slack@2026.9.6; ranges, tags "
            "and addresses would be another program tomorrow"
        )
    return value


class Harmless:
    """Marks a type whose every value may be shown in a message."""


DnsLabel = Annotated[Text, AfterValidator(_label)]
InstanceId = Annotated[Text, AfterValidator(_instance_id)]
DnsName = Annotated[Text, AfterValidator(_dns_name)]
ObjectName = Annotated[Text, AfterValidator(_object_name)]
Person = Annotated[Text, AfterValidator(_person)]
Login = Annotated[Text, AfterValidator(_login)]
Group = Annotated[Text, AfterValidator(_group), Harmless()]
TagOwner = Annotated[Text, AfterValidator(_tag_owner)]
ProviderKey = Annotated[Text, AfterValidator(_provider_key), Harmless()]
PluginId = Annotated[Text, AfterValidator(_plugin_id)]
PluginPackage = Annotated[Text, AfterValidator(_plugin_package)]
BrowserHost = Annotated[Text, AfterValidator(_browser_host)]
NodeCommand = Annotated[Text, AfterValidator(_node_command)]
RotationWord = Annotated[Text, AfterValidator(_word), BeforeValidator(_number_as_word)]
ClientId = Annotated[Text, AfterValidator(_client_id)]
FilePath = Annotated[str, BeforeValidator(_kubeconfig)]
LabelKey = Annotated[Text, AfterValidator(_label_key)]
LabelValue = Annotated[Text, AfterValidator(_label_value)]
