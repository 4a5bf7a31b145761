"""Certificates of the kubelet, signed by the cluster's own CA."""

import ipaddress
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.errors import SandboxError
from sandbox.home import write_private

_LIFETIME = timedelta(days=365)


def _name(common: str, organization: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def issue(
    pki: Path, certificate: Path, *, common: str, organization: str | None = None, addresses: Sequence[str] = ()
) -> None:
    """Writes `certificate` and, beside it with the ending `.key`, its key. With `addresses` it serves, else it asks."""
    with warnings.catch_warnings():
        # kwokctl's CA has the serial number 0; only its name is read here.
        warnings.simplefilter("ignore")
        authority = x509.load_pem_x509_certificate((pki / "ca.crt").read_bytes())
    signer = load_pem_private_key((pki / "ca.key").read_bytes(), None)
    if not isinstance(signer, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise SandboxError(f"{pki / 'ca.key'} is no RSA or EC key", "Start anew: `python -m sandbox down`")
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    usage = ExtendedKeyUsageOID.SERVER_AUTH if addresses else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common, organization))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    if addresses:
        names = [x509.DNSName(common), *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    _write(certificate, builder.sign(signer, hashes.SHA256()), key)


def self_signed(certificate: Path, address: str) -> str:
    """A certificate of its own for a relay at `address`; returns what the DERP map calls it (`sha256-raw:...`).

    Made here and not by derper, so that the map is known before the relay runs. Kept when it is there already.
    """
    if not certificate.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        signed = (
            x509.CertificateBuilder()
            .subject_name(_name(address))
            .issuer_name(_name(address))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + _LIFETIME)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(certificate, signed, key)
    made = x509.load_pem_x509_certificate(certificate.read_bytes())
    return f"sha256-raw:{made.fingerprint(hashes.SHA256()).hex()}"


def _write(certificate: Path, made: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(certificate.with_suffix(".key"), pem.decode())
    write_private(certificate, made.public_bytes(Encoding.PEM).decode())
