"""The Kubernetes API over plain HTTP: discovery, create, server-side apply, delete, with the server's own messages."""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from sandbox.plugins.kubernetes.kubeconfig import Cluster
from sandbox.plugins.provider import ProviderError
from sandbox.plugins.values import Props, get, get_maps, is_map

_APPLY = "application/apply-patch+yaml"
_JSON_PATCH = "application/json-patch+json"


class KubernetesApiError(ProviderError):
    """The API server refused. `causes` are its field-level messages."""

    def __init__(self, status: int, reason: str, message: str, causes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status, self.reason, self.causes = status, reason, list(causes)


@dataclass(frozen=True)
class Kind:
    """A kind as the server serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str | None = None) -> str:
        parts = ["api" if "/" not in self.api_version else "apis", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name is not None:
            parts.append(quote(name, safe=""))
        return "/" + "/".join(parts)


class Client:
    """Thread-safe. Raises KubernetesApiError for a refusal, ProviderError when the server cannot be reached."""

    def __init__(self, cluster: Cluster) -> None:
        self.server = cluster.server
        self._headers = cluster.headers
        self._pool = urllib3.PoolManager(
            maxsize=32, retries=False, timeout=urllib3.Timeout(connect=10, read=60), ssl_context=cluster.tls
        )
        self._kinds: dict[str, dict[str, Kind]] = {}
        self._lock = threading.Lock()

    def kind(self, api_version: str, kind: str) -> Kind:
        with self._lock:
            discovered = self._kinds.get(api_version, {}).get(kind)
            # A kind that is not there may have been defined since: ask again.
            if discovered is None:
                self._kinds[api_version] = self._discover(api_version)
                discovered = self._kinds[api_version].get(kind)
        if discovered is None:
            raise ProviderError(f"the API server has no kind {kind} in {api_version}")
        return discovered

    def _discover(self, api_version: str) -> dict[str, Kind]:
        prefix = "api" if "/" not in api_version else "apis"
        listed = self.request("GET", f"/{prefix}/{api_version}", missing_ok=True) or {}
        return {
            entry["kind"]: Kind(api_version, entry["kind"], entry["name"], entry["namespaced"])
            for entry in listed.get("resources", [])
            if "/" not in entry["name"]
        }

    def get(self, kind: Kind, namespace: str | None, name: str) -> Props | None:
        return self.request("GET", kind.path(namespace, name), missing_ok=True)

    def matching(self, kind: Kind, namespace: str, selector: Mapping[str, str]) -> list[Props]:
        labels = ",".join(f"{key}={value}" for key, value in selector.items())
        answer = self.request("GET", kind.path(namespace), {"labelSelector": labels})
        return get_maps(answer, "items")

    def create(self, kind: Kind, manifest: Props, manager: str, dry_run: bool) -> Props:
        query = {"fieldManager": manager, "fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return self.request("POST", kind.path(get(manifest, "metadata", "namespace")), query, manifest) or {}

    def apply(self, kind: Kind, manifest: Props, manager: str, *, dry_run: bool, force: bool) -> Props:
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        query |= {"force": "true"} if force else {}
        query |= {"dryRun": "All"} if dry_run else {}
        path = kind.path(get(manifest, "metadata", "namespace"), get(manifest, "metadata", "name"))
        return self.request("PATCH", path, query, manifest, content_type=_APPLY) or {}

    def json_patch(self, kind: Kind, namespace: str | None, name: str, patch: list[Props]) -> Props:
        return self.request("PATCH", kind.path(namespace, name), None, patch, content_type=_JSON_PATCH) or {}

    def delete(self, kind: Kind, namespace: str | None, name: str, propagation: str) -> None:
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        self.request("DELETE", kind.path(namespace, name), None, options, missing_ok=True)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        content_type: str = "application/json",
        missing_ok: bool = False,
    ) -> Props | None:
        url = f"{self.server}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {**self._headers, "Accept": "application/json", "User-Agent": "openclaw-tailnet-sandbox"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = content_type
        for attempt in range(6):
            try:
                response = self._pool.request(method, url, body=data, headers=headers)
            except urllib3.exceptions.HTTPError as error:
                # A kept connection the server has closed meanwhile; only repeat what is harmless to repeat.
                if attempt == 0 and method == "GET":
                    continue
                raise ProviderError(f"cannot reach the API server at {self.server}: {error}") from error
            if response.status == 429 and attempt < 5:
                time.sleep(min(float(response.headers.get("Retry-After", "1")), 10))
                continue
            break
        else:
            raise AssertionError("the loop ends by break or raise")
        if response.status == 404 and missing_ok:
            return None
        return _answer(response.status, response.data)


def _answer(status: int, data: bytes) -> Props:
    try:
        answer = json.loads(data)
    except ValueError:
        answer = None
    if status < 300 and is_map(answer):
        return answer
    message = get(answer, "message") or data.decode(errors="replace")[:500] or "no message"
    causes = [str(cause.get("message", "")) for cause in get_maps(answer, "details", "causes")]
    raise KubernetesApiError(status, get(answer, "reason") or "", message, causes)
