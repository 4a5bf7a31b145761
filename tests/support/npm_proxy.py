"""An HTTP proxy that inspects TLS, as companies have them, and behind it an npm registry with the packages of a test."""

import base64
import gzip
import hashlib
import io
import json
import socket
import ssl
import tarfile
import threading
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sandbox import certificates

_END_OF_HEADERS = b"\r\n\r\n"


@dataclass(frozen=True)
class Package:
    """An npm package: `files` by path; `package.json` gives its name and version. `digest` is what the registry publishes."""

    files: Mapping[str, str]
    digest: str = ""

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads(self.files["package.json"])

    @property
    def tarball(self) -> bytes:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path, text in self.files.items():
                entry = tarfile.TarInfo(f"package/{path}")
                entry.size, entry.mode = len(text.encode()), 0o644
                archive.addfile(entry, io.BytesIO(text.encode()))
        return gzip.compress(packed.getvalue(), mtime=0)

    @property
    def integrity(self) -> str:
        return f"sha512-{self.digest or base64.b64encode(hashlib.sha512(self.tarball).digest()).decode()}"


@dataclass
class NpmProxy:
    """Answers CONNECT for any host with a certificate of `authority` (a directory) for it, and then as a registry."""

    address: str
    authority: Path
    packages: list[Package]
    # "GET /name" of each request, as it came.
    requests: list[str] = field(default_factory=list[str])

    def __enter__(self) -> "NpmProxy":
        proxy = self

        class Handler(_Handler):
            registry = proxy

        self._server = ThreadingHTTPServer((self.address, 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port

    def secured(self, connection: socket.socket, host: str) -> ssl.SSLSocket:
        certificate = self.authority / f"{host}.crt"
        certificates.issue(self.authority, certificate, common=host, addresses=[self.address])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        return context.wrap_socket(connection, server_side=True)

    def answer(self, host: str, path: str) -> bytes | None:
        """The body of GET `path`: what is known of a package, or a tarball; None if there is none."""
        for package in self.packages:
            name, version = package.manifest["name"], package.manifest["version"]
            tarball = f"/{name}/-/{version}.tgz"
            if path == tarball:
                return package.tarball
            if path == f"/{name}":
                dist = {"tarball": f"https://{host}{tarball}", "integrity": package.integrity}
                known = {**package.manifest, "_id": f"{name}@{version}", "dist": dist}
                return json.dumps(
                    {"name": name, "dist-tags": {"latest": version}, "versions": {version: known}}
                ).encode()
        return None


class _Handler(BaseHTTPRequestHandler):
    registry: NpmProxy

    def do_CONNECT(self) -> None:
        host = self.path.partition(":")[0]
        self.send_response(200)
        self.end_headers()
        with self.registry.secured(self.connection, host) as inside:
            head = b""
            while _END_OF_HEADERS not in head and (more := inside.recv(65536)):
                head += more
            if head:
                inside.sendall(self._answered(host, head.decode("latin-1").splitlines()[0]))
        self.close_connection = True

    def _answered(self, host: str, request: str) -> bytes:
        method, path, _ = request.split(" ")
        self.registry.requests.append(f"{method} {host}{urllib.parse.unquote(path)}")
        body = self.registry.answer(host, urllib.parse.unquote(path).partition("?")[0]) if method == "GET" else None
        status = "200 OK" if body is not None else "404 Not Found"
        content = body or b"{}"
        return f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content

    def log_message(self, format: str, *args: Any) -> None:
        pass
