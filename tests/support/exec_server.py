"""A Kubernetes API server on loopback that runs "programs in containers": WebSockets with channels, as the real one speaks."""

import json
import ssl
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from components.settings import Cluster
from sandbox import certificates

SUCCESS: Any = {"status": "Success", "metadata": {}}
STDOUT, STDERR, ERROR = 1, 2, 3


def failed(code: int) -> Any:
    """The status of a program that ended with this exit code."""
    causes = [{"reason": "ExitCode", "message": str(code)}]
    message = f"command terminated with non-zero exit code: exit status {code}"
    return {"status": "Failure", "reason": "NonZeroExitCode", "message": message, "details": {"causes": causes}}


@dataclass
class ExecServer:
    """`frames` are sent on their channels, and after `pause` seconds the status. `silent`: seconds before the handshake."""

    frames: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    status: Any = field(default_factory=lambda: SUCCESS)
    pause: float = 0.0
    refusal: tuple[int, Any] | None = None
    silent: float = 0.0
    asked: list[tuple[str, dict[str, list[str]], Headers]] = field(
        default_factory=list[tuple[str, dict[str, list[str]], Headers]]
    )

    def handshake(self, _: ServerConnection, request: Request) -> Response | None:
        place = urlsplit(request.path)
        self.asked.append((place.path, parse_qs(place.query), request.headers))
        time.sleep(self.silent)
        if self.refusal:
            status, body = self.refusal
            content = json.dumps(body).encode()
            return Response(status, "refused", Headers({"Content-Length": str(len(content))}), content)
        return None

    def run(self, connection: ServerConnection) -> None:
        try:
            for channel, data in self.frames:
                connection.send(bytes([channel]) + data)
            time.sleep(self.pause)
            if self.status is not None:
                connection.send(bytes([ERROR]) + json.dumps(self.status).encode())
        except ConnectionClosed:
            pass


@contextmanager
def exec_server(directory: Path, pki: Path | None = None, **options: Any) -> Generator[tuple[ExecServer, Cluster]]:
    """The server, and settings whose kubeconfig leads to it: with a token, or by certificates of the authority in `pki`."""
    script = ExecServer(**options)
    protocols = [Subprotocol(name) for name in ("v5.channel.k8s.io", "v4.channel.k8s.io")]
    served: Any = {"process_request": script.handshake, "subprotocols": protocols, "close_timeout": 0.2}
    if pki:
        served["ssl"] = _server_side(pki)
    with serve(script.run, "127.0.0.1", 0, **served) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"127.0.0.1:{server.socket.getsockname()[1]}"
        path = kubeconfig(directory, f"https://{place}", pki) if pki else kubeconfig(directory, f"http://{place}")
        yield script, Cluster(kubeconfig=str(path))


def _server_side(pki: Path) -> ssl.SSLContext:
    """Its own certificate, and who has none of the same authority is refused."""
    certificates.authority(pki)
    certificates.issue(pki, pki / "server.crt", common="kubernetes", addresses=["127.0.0.1"])
    certificates.issue(pki, pki / "client.crt", common="admin")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "server.crt", pki / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def kubeconfig(directory: Path, url: str, pki: Path | None = None) -> Path:
    cluster: dict[str, Any] = {"server": url}
    user: dict[str, Any] = {"token": "secret-token"}
    if pki:
        cluster["certificate-authority"] = str(pki / "ca.crt")
        user = {"client-certificate": str(pki / "client.crt"), "client-key": str(pki / "client.key")}
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": cluster}],
        "users": [{"name": "me", "user": user}],
    }
    path = directory / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path
