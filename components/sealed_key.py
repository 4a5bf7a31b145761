"""The sealed auth key: in the cluster it is ciphertext, and plain only in the sidecar's memory.

JWE compact serialization, `dir` + `A256GCM` (RFC 7516, 7518). The protected header names the instance, and the whole
header is authenticated, so a ciphertext of another instance does not open.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from components.constants import UNSEAL_CONTAINER, VOLUME_AUTH_KEY, VOLUME_KEK, VOLUME_SEALED_KEY, VOLUME_TAILNET_STATE
from components.credential import AUTH_KEY_FILE, AUTH_KEY_PATH
from components.pods import USER, Container, Volume, limits, locked_down
from components.scope import Scope
from components.secrets import random_text, secret
from components.settings import Resources
from components.sidecar import STATE_PATH

KEK_PATH = "/run/tailnet-kek"
SEALED_PATH = "/run/tailnet-sealed"
KEK_KEY, SEALED_KEY = "kek", "authkey.jwe"
COPY_FILE = f"{STATE_PATH}/sealed-{SEALED_KEY}"
FILES = (f"{KEK_PATH}/{KEK_KEY}", f"{SEALED_PATH}/{SEALED_KEY}", COPY_FILE, AUTH_KEY_FILE)
UNSEAL_SCRIPT = Path(__file__).with_name("unseal.mjs").read_text()
UNSEAL_RESOURCES = Resources.model_construct(
    cpu_request="50m", cpu_limit="500m", memory_request="64Mi", memory_limit="128Mi"
)


def key_encryption_key(drawn: str) -> bytes:
    """The 32 bytes of the key-encryption key, from the random text of `random_text`."""
    return _derived(drawn, 32, "key")


def nonce(drawn: str, plain: str, subject: str) -> bytes:
    """The 12 bytes of the nonce. Derived from all that is sealed, so that one key never meets one nonce twice."""
    return _derived(drawn, 12, json.dumps(["nonce", subject, plain]))


def _derived(drawn: str, length: int, purpose: str) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=f"openclaw-tailnet {purpose}".encode()).derive(drawn.encode())


def seal(plain: str, kek: bytes, nonce: bytes, subject: str) -> str:
    """`plain` as a JWE for `subject`. `kek` has 32 bytes, `nonce` 12; a pair of them must never be used twice."""
    if len(kek) != 32 or len(nonce) != 12:
        raise ValueError(f"A256GCM needs 32 bytes of key and 12 of nonce, not {len(kek)} and {len(nonce)}")
    header = _base64url(json.dumps({"alg": "dir", "enc": "A256GCM", "kid": subject}, separators=(",", ":")).encode())
    sealed = AESGCM(kek).encrypt(nonce, plain.encode(), header.encode("ascii"))
    # `dir` has no encrypted key: the second part is empty.
    return ".".join([header, "", _base64url(nonce), _base64url(sealed[:-16]), _base64url(sealed[-16:])])


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def container(image: str, subject: str) -> Container:
    """The init container that opens the key, with the Node of the gateway's image."""
    return {
        "name": UNSEAL_CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["node", "--input-type=module", "--eval", UNSEAL_SCRIPT, "--", subject, *FILES],
        # Its last line says why a key does not open.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": limits(UNSEAL_RESOURCES),
        "securityContext": locked_down(USER),
        "volumeMounts": [
            {"name": VOLUME_KEK, "mountPath": KEK_PATH, "readOnly": True},
            {"name": VOLUME_SEALED_KEY, "mountPath": SEALED_PATH, "readOnly": True},
            {"name": VOLUME_TAILNET_STATE, "mountPath": STATE_PATH},
            {"name": VOLUME_AUTH_KEY, "mountPath": AUTH_KEY_PATH},
        ],
    }


def volumes(kek_secret: Any, sealed_secret: Any) -> list[Volume]:
    """The pod volumes of the sealed key. 0440: the pod's group reads, and no container but those that mount them."""
    return [
        {"name": VOLUME_KEK, "secret": {"secretName": kek_secret, "defaultMode": 0o440}},
        # Optional: a restart opens the copy on the state volume when this Secret is gone.
        {"name": VOLUME_SEALED_KEY, "secret": {"secretName": sealed_secret, "defaultMode": 0o440, "optional": True}},
        {"name": VOLUME_AUTH_KEY, "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
    ]


@dataclass(frozen=True)
class SealedKeyArgs:
    """An auth key or client secret, and the instance or node that alone may open it."""

    scope: Scope
    credential: pulumi.Input[str]


class SealedKey(pulumi.ComponentResource):
    """The two Secrets of a sealed auth key: ciphertext, and the key-encryption key."""

    kek_secret: pulumi.Output[str]
    """Name of the Secret with the key-encryption key."""
    sealed_secret: pulumi.Output[str]
    """Name of the Secret with the ciphertext."""

    def __init__(self, name: str, args: SealedKeyArgs, opts: pulumi.ResourceOptions) -> None:
        scope, subject = args.scope, args.scope.names.seal_subject
        super().__init__("openclaw:tailnet:SealedKey", name, {"subject": subject}, opts)
        child = pulumi.ResourceOptions(parent=self)
        plain = pulumi.Output.secret(args.credential)
        # A new auth key makes a new key-encryption key; the same one keeps it, so a second `up` changes nothing.
        keepers = {"authkey": plain.apply(lambda key: hashlib.sha256(key.encode()).hexdigest()), "subject": subject}
        drawn = random_text(scope.logical("kek"), keepers, child)
        kek = drawn.apply(lambda text: base64.b64encode(key_encryption_key(text)).decode())
        sealed = pulumi.Output.all(plain, drawn).apply(
            lambda parts: seal(parts[0], key_encryption_key(parts[1]), nonce(parts[1], parts[0], subject), subject)
        )
        # Two Secrets, so that they can be guarded apart: one without the other opens nothing.
        key = secret(scope, "tailnet-kek", {KEK_KEY: kek}, child)
        locked = secret(scope, "tailnet-authkey", {SEALED_KEY: sealed}, child)
        self.kek_secret, self.sealed_secret, self.uids = key.name, locked.name, [key.uid, locked.uid]
        self.register_outputs({"kekSecret": self.kek_secret, "sealedSecret": self.sealed_secret})
