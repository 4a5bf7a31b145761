"""The `kubernetes` stand-in: what the official plugin does with a declared object, on a real API server."""

from collections.abc import Collection
from typing import Any

from sandbox.plugins.kubernetes import kubeconfig, live, rules, waiting
from sandbox.plugins.kubernetes.client import Client, Kind, KubernetesApiError
from sandbox.plugins.provider import Diff, Failure, InitFailed, Live, Provider, ProviderError, Resource
from sandbox.plugins.values import UNKNOWN, Path, Props, get, get_map, has_unknown, is_list, is_map

_UNSUPPORTED = ("renderYamlToDirectory", "alwaysRender")
_MUTABLE = {"enableConfigMapMutable": "ConfigMap", "enableSecretMutable": "Secret"}


def _truth(value: object) -> bool:
    """The SDK sends the provider's booleans as JSON text."""
    return value in (True, "true")


class Kubernetes(Provider):
    name = "kubernetes"
    version = "4.34.2"
    _client: Client | None = None
    _namespace = "default"
    _upsert = False
    _force = False
    _mutable: frozenset[str] = frozenset()

    def check_config(self, config: Props) -> list[Failure]:
        failures = [
            Failure(key, "is not in the sandbox's stand-in: use the official plugin for it")
            for key in _UNSUPPORTED
            if config.get(key) not in (None, "", "false", False)
        ]
        if config.get("enableServerSideApply") in (False, "false"):
            failures.append(Failure("enableServerSideApply", "the sandbox's stand-in knows only server-side apply"))
        return failures

    def diff_config(self, old: Props, new: Props) -> Diff:
        diff = super().diff_config(old, new)
        return Diff(diff.changes, [c for c in diff.changes if c.path[0] in self._replacing(old, new)])

    def _replacing(self, old: Props, new: Props) -> Collection[str]:
        if old.get("clusterIdentifier") or new.get("clusterIdentifier"):
            return ("clusterIdentifier",)
        where = ("kubeconfig", "context", "cluster")
        if any(UNKNOWN in (old.get(key), new.get(key)) for key in where):
            return ()
        try:
            before, after = (kubeconfig.stanza(*(config.get(key) for key in where)) for config in (old, new))
        except ProviderError:
            return ()
        return () if before == after else where

    def configure(self, config: Props) -> None:
        self._upsert = _truth(config.get("upsertExistingObjects"))
        self._force = _truth(config.get("enablePatchForce"))
        self._mutable = frozenset(kind for key, kind in _MUTABLE.items() if _truth(config.get(key)))
        if has_unknown(config):
            return
        where = (config.get(key) or None for key in ("kubeconfig", "context", "cluster", "namespace"))
        cluster = kubeconfig.load(*where)
        self._client, self._namespace = Client(cluster), cluster.namespace

    @property
    def client(self) -> Client:
        if self._client is None:
            raise ProviderError("the provider's kubeconfig is not known yet, so the cluster cannot be asked")
        return self._client

    def _kind(self, inputs: Props) -> Kind:
        return self.client.kind(inputs["apiVersion"], inputs["kind"])

    def check(self, resource: Resource, old: Props, new: Props, seed: bytes) -> tuple[Props, list[Failure]]:
        api_version, kind = rules.split_type(resource.type)
        if kind.endswith("Patch") or api_version.startswith(("yaml", "helm", "kustomize")):
            return new, [
                Failure("", f"{resource.type} is not in the sandbox's stand-in: use the official plugin for it")
            ]
        new = _without_nulls({"apiVersion": api_version, "kind": kind, **new})
        annotations = get(new, "metadata", "annotations")
        if is_map(annotations) and "pulumi.com/waitFor" in annotations:
            return new, [Failure("metadata.annotations", "pulumi.com/waitFor is not in the sandbox's stand-in")]
        new = rules.with_name(resource.name, old, rules.with_data(new), seed)
        return rules.with_namespace(self._namespace, new) if self._kind(new).namespaced else new, []

    def diff(self, resource: Resource, id: str, old: Props, state: Props, new: Props) -> Diff:
        return rules.decide(old, state, new, self._mutable)

    def create(self, resource: Resource, new: Props) -> tuple[str, Props]:
        if resource.preview and has_unknown(new):
            return "", new
        kind, manager = self._kind(new), rules.field_manager()
        try:
            created = (
                self._upserted(resource, kind, manager, new) if self._upsert else self._created(resource, kind, new)
            )
        except KubernetesApiError as error:
            if resource.preview and error.status == 404:
                # The namespace is created by the same update.
                return "", new
            raise
        if created is None:
            return "", new
        outputs = {**live.outputs(created, dry_run=resource.preview), "__fieldManager": manager}
        if resource.preview:
            return "", outputs
        return _id(created), self._ready(resource, kind, created, outputs)

    def _created(self, resource: Resource, kind: Kind, new: Props) -> Props | None:
        """A plain POST: an object that is there already is an error, whoever made it. None: a preview cannot tell."""
        try:
            return self.client.create(kind, new, live.CREATE_MANAGER, resource.preview)
        except KubernetesApiError as error:
            if resource.preview and error.reason == "AlreadyExists":
                # The old object of a replacement, which goes first.
                return None
            if error.reason == "NotFound":
                raise
            raise ProviderError(
                f'resource "{resource.urn}" was not successfully created by the Kubernetes API server: {error}'
            ) from error

    def _upserted(self, resource: Resource, kind: Kind, manager: str, new: Props) -> Props:
        """Server-side apply, which takes over what is there."""
        existing = self.client.get(kind, get(new, "metadata", "namespace"), new["metadata"]["name"])
        try:
            return self._apply(resource, kind, existing or {}, manager, new, force=resource.preview)
        except ProviderError as error:
            cause = error.__cause__
            if not (resource.preview and isinstance(cause, KubernetesApiError) and "immutable" in str(cause)):
                raise
            # Where a replacement is shown, the old object is still in the way.
            other = {**new, "metadata": {**new["metadata"], "name": rules.auto_name(new["metadata"]["name"], b"")}}
            self.host.log("info", resource.urn, f"{_label(new)} has immutable fields: previewed as {_label(other)}")
            return self._apply(resource, kind, {}, manager, other, force=True)

    def _apply(
        self, resource: Resource, kind: Kind, existing: Props, manager: str, new: Props, *, force: bool = False
    ) -> Props:
        """Server-side apply; `existing` is the object as it is now, empty when there is none."""
        namespace, name = get(new, "metadata", "namespace"), new["metadata"]["name"]
        force = force or self._force or _annotation(new, "patchForce") == "true"
        if resource.preview:
            force = force or live.never_applied(existing)
        elif fields := live.taken_over(existing, manager):
            version = existing["metadata"]["resourceVersion"]
            patch = [
                {"op": "replace", "path": "/metadata/managedFields", "value": fields},
                {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            ]
            self.client.json_patch(kind, namespace, name, patch)
        try:
            return self.client.apply(kind, new, manager, dry_run=resource.preview, force=force)
        except KubernetesApiError as error:
            if error.status == 404:
                raise
            raise ProviderError(_not_applied(new, manager, error)) from error

    def update(self, resource: Resource, id: str, old: Props, state: Props, new: Props) -> Props:
        if resource.preview and has_unknown(new):
            return {**state, **new}
        kind, manager = self._kind(new), state.get("__fieldManager") or rules.field_manager()
        existing = self.client.get(kind, get(new, "metadata", "namespace"), new["metadata"]["name"])
        if existing is None:
            raise ProviderError(f"update {_label(new)}: it is no longer there; `pulumi refresh`, then update again")
        try:
            updated = self._apply(resource, kind, existing, manager, new)
        except ProviderError as error:
            if not (resource.preview and _may_not_patch(error.__cause__)):
                raise
            # pulumi-kubernetes#2419: a preview by somebody who may only read is the difference of the inputs.
            self.host.log("info", resource.urn, f"{_label(new)} is previewed from its inputs alone: {error.__cause__}")
            return {**state, **new}
        outputs = {**live.outputs(updated), "__fieldManager": manager}
        return outputs if resource.preview else self._ready(resource, kind, updated, outputs)

    def _ready(self, resource: Resource, kind: Kind, applied: Props, outputs: Props) -> Props:
        """Wait as the official plugin does; an object that does not get ready is kept, with the reasons."""
        default = waiting.DEFAULT_TIMEOUTS.get((kind.api_version, kind.kind))
        if default is None or _annotation(applied, "skipAwait") == "true":
            return outputs
        timeout, latest = _timeout(resource, applied, default), applied

        def poll() -> bool:
            nonlocal latest
            now = self.client.get(kind, get(applied, "metadata", "namespace"), applied["metadata"]["name"])
            if now is None:
                raise ProviderError(f"{_label(applied)} was deleted by somebody else while waiting for it to be ready")
            latest = now
            return waiting.progress(self.client, latest).ready

        def say() -> None:
            reasons = waiting.progress(self.client, latest).reasons or ("not ready yet",)
            self.host.log("status", resource.urn, f"{_label(applied)}: {reasons[0]}")

        try:
            reached = waiting.until(self.host, timeout, poll, say)
            reasons = [] if reached else [f"{_label(applied)} did not become ready within {timeout:g} s"]
        except ProviderError as error:
            reached, reasons = False, [f"{_label(applied)}: {error}"]
        outputs = {**outputs, **live.outputs(latest)}
        if reached:
            return outputs
        reasons += waiting.progress(self.client, latest).reasons
        if kind.kind == "Deployment":
            reasons += waiting.pod_reasons(self.client, latest)
        raise InitFailed(_id(applied), outputs, reasons)

    def read(self, resource: Resource, id: str, old: Props, state: Props) -> Live | None:
        api_version, kind_name = rules.split_type(resource.type)
        kind = self.client.kind(old.get("apiVersion") or api_version, kind_name)
        namespace, _, name = id.rpartition("/")
        current = self.client.get(kind, namespace or (self._namespace if kind.namespaced else None), name)
        if current is None:
            return None
        inputs = live.inputs(current, old) if old else live.imported(current)
        kept = {"__fieldManager": state["__fieldManager"]} if "__fieldManager" in state else {}
        outputs = {**live.outputs(current), **kept}
        progress = waiting.progress(self.client, current)
        if not progress.ready and _annotation(current, "skipAwait") != "true":
            raise InitFailed(_id(current), outputs, [f"{_label(current)} is not ready", *progress.reasons], inputs)
        return Live(_id(current), inputs, outputs)

    def delete(self, resource: Resource, id: str, state: Props) -> None:
        api_version, kind_name = rules.split_type(resource.type)
        kind = self.client.kind(state.get("apiVersion") or api_version, kind_name)
        namespace, _, name = id.rpartition("/")
        uid = get(state, "metadata", "uid")
        latest: Props = state
        try:
            self.client.delete(kind, namespace, name, _annotation(state, "deletionPropagationPolicy") or "Foreground")
        except KubernetesApiError as error:
            raise self._named(error, "delete", state) from error
        if _annotation(state, "skipAwait") == "true":
            return

        def gone() -> bool:
            nonlocal latest
            remaining = self.client.get(kind, namespace, name)
            latest = remaining or latest
            return remaining is None or (uid is not None and get(remaining, "metadata", "uid") != uid)

        timeout = _timeout(resource, state, waiting.DELETE_TIMEOUT)
        if not waiting.until(self.host, timeout, gone):
            reasons = "; ".join(waiting.deletion_reasons(latest)) or "the server gives no reason"
            raise ProviderError(f"delete {_label(state)}: still there after {timeout:g} s: {reasons}")

    def secret_outputs(self, resource: Resource) -> Collection[Path]:
        return (("data",), ("stringData",)) if resource.type == "kubernetes:core/v1:Secret" else ()

    def _named(self, error: KubernetesApiError, doing: str, inputs: Props) -> ProviderError:
        return ProviderError(f"{doing} {_label(inputs)}: {error}")


_CONFLICTS = (
    "https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/"
)


def _not_applied(new: Props, manager: str, error: KubernetesApiError) -> str:
    reported = f'the Kubernetes API server reported that "{_id(new)}" failed to fully initialize or become live: '
    if error.reason != "Conflict" or not error.causes:
        return f"{reported}{error}"
    return (
        f"{reported}server-side apply field conflict detected, see {_CONFLICTS}#handle-field-conflicts-on-existing-resources. "
        f'The resource managed by field manager "{manager}" had an apply conflict: {error}'
    )


def _may_not_patch(error: BaseException | None) -> bool:
    """True where the right to write is lacking; what an admission policy refuses is refused in a preview, too."""
    return isinstance(error, KubernetesApiError) and error.status == 403 and "cannot patch resource" in str(error)


def _label(inputs: Props) -> str:
    metadata = get_map(inputs, "metadata")
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{inputs.get('kind')} {place}{metadata.get('name')}"


def _id(live_object: Props) -> str:
    metadata = live_object["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else metadata["name"]


def _annotation(inputs: Props, name: str) -> str | None:
    return get(inputs, "metadata", "annotations", f"pulumi.com/{name}")


def _timeout(resource: Resource, declared: Props, default: float) -> float:
    """Seconds: customTimeouts, then the annotation, then the kind's default."""
    text = _annotation(declared, "timeoutSeconds")
    if resource.timeout:
        return resource.timeout
    try:
        return float(text) if text else default
    except ValueError as error:
        raise ProviderError(f"{_label(declared)}: pulumi.com/timeoutSeconds must be a number, not {text!r}") from error


def _without_nulls(value: Any) -> Any:
    if is_map(value):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if is_list(value) else value
