"""Certificates of the control plane."""

import contextlib
import ssl

from sandbox import control_plane
from sandbox.home import Home


def test_certificates_are_made_once_and_closed_to_others(home: Home) -> None:
    control_plane.prepare(home)
    before = {path.name: path.read_bytes() for path in control_plane.pki(home).iterdir()}
    assert set(before) == {f"{name}.{end}" for name in ("ca", "apiserver", "admin") for end in ("crt", "key")}
    control_plane.prepare(home)
    assert before == {path.name: path.read_bytes() for path in control_plane.pki(home).iterdir()}
    keys = [*control_plane.pki(home).glob("*.key"), home.kubeconfig]
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}


def test_the_api_server_proves_who_it_is_to_a_strict_client(home: Home) -> None:
    control_plane.prepare(home)
    pki = control_plane.pki(home)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pki / "apiserver.crt", pki / "apiserver.key")
    client = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    # What Python asks for from 3.13 on.
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    answering = server.wrap_bio(ours, theirs, server_side=True)
    asking = client.wrap_bio(theirs, ours, server_hostname="127.0.0.1")
    for _ in range(4):
        for side in (asking, answering):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    assert asking.getpeercert()
