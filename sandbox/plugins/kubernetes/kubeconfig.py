"""Reads the API server's address, and our identity there, from a kubeconfig's content or path."""

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.plugins.provider import ProviderError
from sandbox.plugins.values import get, is_list, is_map


@dataclass(frozen=True)
class Cluster:
    server: str
    namespace: str
    headers: dict[str, str]
    tls: ssl.SSLContext | None


def stanza(text: str | None, context: str | None, cluster: str | None) -> Any:
    """The active cluster's part of the file: where it changes, so does the cluster."""
    document = _document(text)[0]
    return _named(document, "clusters", cluster or get(_context(document, context), "cluster") or "", "cluster")


def load(text: str | None, context: str | None, cluster: str | None, namespace: str | None) -> Cluster:
    """Raises ProviderError naming what is missing. `text` None: $KUBECONFIG, then ~/.kube/config, as kubectl does."""
    document, directory = _document(text)
    chosen = _context(document, context)
    server = stanza(text, context, cluster)
    user = _named(document, "users", get(chosen, "user") or "", "user")
    if unsupported := user.keys() & {"exec", "auth-provider"}:
        raise ProviderError(
            f"kubeconfig: the sandbox's stand-in has no support for users with {sorted(unsupported)[0]}"
        )
    url = str(server.get("server", ""))
    return Cluster(
        server=url.rstrip("/"),
        namespace=namespace or get(chosen, "namespace") or "default",
        headers=_headers(user, directory),
        tls=_tls(server, user, directory) if url.startswith("https:") else None,
    )


def _document(text: str | None) -> tuple[dict[str, Any], Path]:
    # Not at the top: the import would delay the start of the plugin.
    import yaml

    path: Path | None = None
    if text is None:
        path = Path(os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser()
    elif "\n" not in text and not text.lstrip().startswith("{"):
        path = Path(text).expanduser()
    try:
        document = yaml.safe_load(path.read_text() if path else text or "")
    except (OSError, yaml.YAMLError) as error:
        raise ProviderError(f"cannot read the kubeconfig {path or '(given as text)'}: {error}") from error
    if not is_map(document):
        raise ProviderError(f"the kubeconfig {path or '(given as text)'} is not a YAML mapping")
    return document, path.parent if path else Path.cwd()


def _context(document: dict[str, Any], name: str | None) -> dict[str, Any]:
    return _named(document, "contexts", name or document.get("current-context") or "", "context")


def _named(document: dict[str, Any], section: str, name: str, key: str) -> dict[str, Any]:
    entries = document.get(section)
    for entry in entries if is_list(entries) else []:
        if get(entry, "name") == name and is_map(get(entry, key)):
            return get(entry, key)
    raise ProviderError(f"kubeconfig: {section} has no entry named {name!r}")


def _bytes(entry: dict[str, Any], key: str, directory: Path) -> bytes | None:
    if data := entry.get(f"{key}-data"):
        return base64.b64decode(data)
    if path := entry.get(key):
        return (directory / Path(path).expanduser()).read_bytes()
    return None


def _headers(user: dict[str, Any], directory: Path) -> dict[str, str]:
    token = user.get("token")
    if not token and (path := user.get("tokenFile")):
        token = (directory / Path(path).expanduser()).read_text().strip()
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}
    return {}


def _tls(server: dict[str, Any], user: dict[str, Any], directory: Path) -> ssl.SSLContext:
    authority = _bytes(server, "certificate-authority", directory)
    tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if server.get("insecure-skip-tls-verify"):
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    certificate, key = _bytes(user, "client-certificate", directory), _bytes(user, "client-key", directory)
    if certificate and key:
        # OpenSSL takes client certificates only from a file (mkstemp: 0600, and gone at once).
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(certificate + b"\n" + key)
            file.flush()
            tls.load_cert_chain(file.name)
    return tls
