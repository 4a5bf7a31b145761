"""A Kubernetes API server on loopback that says what it is told to."""

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from components.settings import Cluster

NAMESPACES, CLAIMS = "/api/v1/namespaces", "/api/v1/persistentvolumeclaims"
DNS_PODS = "/api/v1/namespaces/kube-system/pods"


@contextmanager
def api_server(answers: Mapping[str, tuple[int, object]], directory: Path) -> Generator[Cluster]:
    """An API server with these answers by path, and the kubeconfig that names it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers[self.path.partition("?")[0]]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                "clusters": [{"name": "here", "cluster": {"server": url}}],
                "users": [{"name": "me", "user": {"token": "secret-token"}}],
            }
        )
    )
    yield Cluster(kubeconfig=str(kubeconfig))
    server.shutdown()
    server.server_close()
