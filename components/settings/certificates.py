"""Certificates of authorities as PEM text: nothing but them leaves the configuration."""

from typing import Annotated

from pydantic import AfterValidator

from components.settings.text import Document


def _certificates(value: str) -> str:
    # Only here: most configurations have none, and the library takes a while to import.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    if "PRIVATE KEY" in value:
        raise ValueError(
            "contains a private key, which would be stored unencrypted in the cluster. Include only the certificates, and create "
            "a new key, because anyone who read the file has this one"
        )
    try:
        found = x509.load_pem_x509_certificates(value.encode())
    except (ValueError, x509.InvalidVersion):
        # Not the library's words: they may quote the text.
        raise ValueError(
            "is not PEM text with certificates. Write | and below it the content of a .crt or .pem file, from "
            "-----BEGIN CERTIFICATE----- on"
        ) from None
    # Comments between the blocks may be anything, and would stand in a ConfigMap.
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in found)


Certificates = Annotated[Document, AfterValidator(_certificates)]
