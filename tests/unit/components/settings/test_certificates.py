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
    "holds a private key, which would stand in the cluster for all to read. Write the certificates alone, and make a new "
    "key, because whoever read the file has this one."
)
NONE = (
    "is no PEM text of certificates. Write | and below it what a .crt or .pem file holds, from "
    "-----BEGIN CERTIFICATE----- on."
)


def bundle(pem: Any) -> Raw:
    return smallest(pod={"caBundle": {"pem": pem}})


@pytest.mark.parametrize(
    ("pem", "message"),
    [
        (KEY, PRIVATE),
        (AUTHORITY + KEY, PRIVATE),
        (AUTHORITY + KEY.replace("PRIVATE KEY", "RSA PRIVATE KEY"), PRIVATE),
        (AUTHORITY + KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), PRIVATE),
        (KEY.replace("PRIVATE KEY", "CERTIFICATE"), NONE),
        ("/etc/ssl/certs/ca.pem", NONE),
        (AUTHORITY.replace("MIIB", "MIIC"), NONE),
        (AUTHORITY.splitlines()[1], NONE),
        ("", NONE),
        (f"-----BEGIN CERTIFICATE-----\n{AUTHORITY}", NONE),
        ("x" * (2**18 + 1), "is too long. Use at most 256 KiB."),
        (7, "is not text. Put it in quotes."),
        ([AUTHORITY], "is an object or a list. Write one text."),
        (
            f"{AUTHORITY}\u200b",
            "has an invisible character in it. Copy it again, without what is around it.",
        ),
    ],
    ids=str,
)
def test_what_is_no_certificate_is_refused_and_not_repeated(pem: Any, message: str) -> None:
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
