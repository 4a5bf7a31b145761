"""The cluster's own certificate authority and what it signs; certificates that are there already are kept."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
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


def authority(pki: Path) -> None:
    """Writes `ca.crt` and `ca.key`, which sign everything below."""
    if not (pki / "ca.crt").exists():
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("openclaw-sandbox")
        builder = (
            _builder(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
        )
        _write(pki / "ca.crt", builder.sign(key, hashes.SHA256()), key)


def issue(
    pki: Path, certificate: Path, *, common: str, organization: str | None = None, addresses: Sequence[str] = ()
) -> None:
    """Writes `certificate` and, beside it with the ending `.key`, its key. With `addresses` it serves, else it asks."""
    if certificate.exists():
        return
    issuer = x509.load_pem_x509_certificate((pki / "ca.crt").read_bytes())
    signer = load_pem_private_key((pki / "ca.key").read_bytes(), None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise SandboxError(f"{pki / 'ca.key'} is not an EC key", "Run `python -m sandbox down`, then up again")
    key = ec.generate_private_key(ec.SECP256R1())
    usage = ExtendedKeyUsageOID.SERVER_AUTH if addresses else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(_name(common, organization), issuer.subject, key)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    if addresses:
        builder = builder.add_extension(_names(common, *addresses), critical=False)
    _write(certificate, builder.sign(signer, hashes.SHA256()), key)


def self_signed(certificate: Path, address: str) -> str:
    """A certificate of its own for a relay at `address`; returns what the DERP map calls it (`sha256-raw:...`).

    Made here and not by derper, so that the map is known before the relay runs.
    """
    if not certificate.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(address), _name(address), key)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False
        )
        _write(certificate, builder.sign(key, hashes.SHA256()), key)
    signed = x509.load_pem_x509_certificate(certificate.read_bytes())
    return f"sha256-raw:{signed.fingerprint(hashes.SHA256()).hex()}"


def _name(common: str, organization: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _names(common: str, *addresses: str) -> x509.SubjectAlternativeName:
    by_address = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    return x509.SubjectAlternativeName([x509.DNSName(common), *by_address])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(certificate: Path, signed: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(certificate.with_suffix(".key"), pem.decode())
    write_private(certificate, signed.public_bytes(Encoding.PEM).decode())
