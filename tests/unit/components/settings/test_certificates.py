"""Certificates of authorities: they alone are taken, whatever else a file holds (I4)."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from components.settings.load import parse
from tests.support.certificates import AUTHORITY, OTHER_AUTHORITY
from tests.support.configs import Raw, smallest
from tests.support.settings import lines

WHERE = "instances[0].pod.caBundle.pem"
KEY = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PRIVATE = (
    "contains a private key, which would be stored unencrypted in the cluster. Include only the certificates, and create a new "
    "key, because anyone who read the file has this one."
)
NONE = (
    "is not PEM text with certificates. Write | and below it the content of a .crt or .pem file, from "
    "-----BEGIN CERTIFICATE----- on."
)


def bundle(pem: Any) -> Raw:
    return smallest(pod={"caBundle": {"pem": pem}})


REFUSED: dict[str, tuple[Any, str]] = {
    "a key": (KEY, PRIVATE),
    "a key below a certificate": (AUTHORITY + KEY, PRIVATE),
    "a key of RSA": (AUTHORITY + KEY.replace("PRIVATE KEY", "RSA PRIVATE KEY"), PRIVATE),
    "an encrypted key": (AUTHORITY + KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), PRIVATE),
    "a key that is called a certificate": (KEY.replace("PRIVATE KEY", "CERTIFICATE"), NONE),
    "a path": ("/etc/ssl/certs/ca.pem", NONE),
    "a damaged certificate": (AUTHORITY.replace("MIIB", "MIIC"), NONE),
    "a line of a certificate": (AUTHORITY.splitlines()[1], NONE),
    "a beginning twice": (f"-----BEGIN CERTIFICATE-----\n{AUTHORITY}", NONE),
    "nothing": ("", NONE),
    "a long text": ("x" * (2**18 + 1), "is too long. Use at most 256 KiB."),
    "a number": (7, "is not a string. Put it in quotes."),
    "a list": ([AUTHORITY], "is an object or a list. Write a single string."),
    "an invisible character": (
        f"{AUTHORITY}\u200b",
        "contains an invisible character. Copy it again, without anything around it.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_certificate_is_refused_and_not_repeated(case: str) -> None:
    pem, message = REFUSED[case]
    assert lines(bundle(pem)) == [f"{WHERE} {message}"]


@pytest.mark.parametrize(
    ("pem", "taken"),
    [
        (AUTHORITY, AUTHORITY),
        (AUTHORITY + OTHER_AUTHORITY, AUTHORITY + OTHER_AUTHORITY),
        (AUTHORITY.replace("\n", "\r\n"), AUTHORITY),
        (f"\n\n{AUTHORITY}\n", AUTHORITY),
        (f"# of the office, password hunter2\n{AUTHORITY}hunter2\n{OTHER_AUTHORITY}", AUTHORITY + OTHER_AUTHORITY),
    ],
    ids=["one", "two", "of Windows", "with empty lines", "with words between"],
)
def test_only_the_certificates_are_taken(pem: str, taken: str) -> None:
    trusted = parse(bundle(pem)).instances[0].pod.ca_bundle
    assert trusted
    assert trusted.pem == taken
