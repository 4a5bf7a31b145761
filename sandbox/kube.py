"""A few calls to the Kubernetes API with the admin kubeconfig: what the sandbox itself needs, nothing more."""

import base64
import contextlib
import json
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

# The API's objects are JSON: typed no further, here is the one edge.
Object = dict[str, Any]
MANAGER: Final = "openclaw-sandbox"
_PATCH: Final = {"content-type": "application/merge-patch+json"}


class Api:
    """One API server. Errors are httpx's: HTTPStatusError for an answer, TransportError for none."""

    def __init__(self, kubeconfig: Path, timeout: float = 10.0) -> None:
        config: Object = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(cadata=_decode(cluster["certificate-authority-data"]))
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:  # 0600; ssl reads client keys from files only
            pem.write(_decode(user["client-certificate-data"]) + _decode(user["client-key-data"]))
            pem.flush()
            context.load_cert_chain(pem.name)
        self._http = httpx.Client(base_url=cluster["server"], verify=context, timeout=timeout, trust_env=False)

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ready(self) -> bool:
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str) -> Object | None:
        """The object; None when there is none."""
        response = self._http.get(path)
        return None if response.status_code == 404 else _body(response)

    def items(self, path: str) -> list[Object]:
        return _body(self._http.get(path)).get("items", [])

    def create(self, path: str, body: Object) -> bool:
        """False when one of that name is there already."""
        response = self._http.post(path, json=body)
        if response.status_code == 409:
            return False
        _body(response)
        return True

    def apply(self, path: str, body: Object) -> Object:
        """Server-side apply of `body` at the object's own path."""
        headers = {"content-type": "application/apply-patch+yaml"}
        query = {"fieldManager": MANAGER, "force": "true"}
        return _body(self._http.patch(path, content=json.dumps(body), headers=headers, params=query))

    def merge(self, path: str, body: Object) -> Object:
        return _body(self._http.patch(path, content=json.dumps(body), headers=_PATCH))

    def delete(self, path: str) -> None:
        response = self._http.delete(path)
        if response.status_code != 404:
            _body(response)

    def watch(self, path: str, seconds: int = 300) -> Iterator[Object]:
        """Every object that is there and every change of one, for so long; deletions are left out."""
        query = {"watch": "true", "timeoutSeconds": str(seconds)}
        with self._http.stream("GET", path, params=query, timeout=httpx.Timeout(10, read=seconds + 10)) as response:
            response.raise_for_status()
            for line in response.iter_lines():
                event: Object = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED"):
                    yield event["object"]


def _decode(text: str) -> str:
    return base64.b64decode(text).decode()


def _body(response: httpx.Response) -> Object:
    if response.is_error:
        reason = response.text
        with contextlib.suppress(ValueError):
            reason = response.json().get("message", reason)
        raise httpx.HTTPStatusError(f"{response.status_code}: {reason}", request=response.request, response=response)
    return response.json()
