"""Runs the program without an engine, a cluster or a tailnet: what it declares with a configuration, and what it says."""

import asyncio
import json
import os
import runpy
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks, set_all_config
from pulumi.runtime.mocks import MockMonitor, MockSettings
from pulumi.runtime.settings import configure, reset_options
from pulumi.runtime.stack import run_in_stack

from components.constants import PROJECT
from components.settings import Settings
from components.tailnet.policy import render
from components.tailnet.signature import signed
from gitops.stack_config import FileConfig

# As the engine's protocol counts them.
_SEVERITIES: Final = ("debug", "info", "warning", "error")


@dataclass
class Declared:
    """`resources` are (type, name, inputs); `said` what the program logs, as (severity, text)."""

    resources: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list[Any])
    said: list[tuple[str, str]] = field(default_factory=list[Any])


def declared(program: Path, config: FileConfig, settings: Settings, stack: str) -> Declared:
    """What `program` declares. Raises what it raises: pulumi.RunError with its own words."""
    # In a thread of its own: the SDK keeps configuration, settings and event loop by thread and context.
    result: Future[Declared] = Future()

    def work() -> None:
        try:
            result.set_result(_run(program, config, settings, stack))
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return result.result()


class _Nobody(Mocks):
    """Providers that do nothing. The tailnet gives what the settings ask for: whether it does is for somebody who may read it."""

    def __init__(self, found: Declared, policy: str) -> None:
        self._found = found
        acl: dict[str, Any] = {"id": "acl", "hujson": policy, "json": policy}
        self._answers: dict[str, dict[str, Any]] = {
            "getAcl": acl,
            "getDevices": {"id": "devices", "devices": list[Any]()},
        }

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        inputs: dict[str, Any] = dict(cast("dict[str, Any]", args.inputs))  # pyright: ignore[reportUnknownMemberType]  # the SDK's bare dict
        self._found.resources.append((args.typ, args.name, inputs))
        return "", inputs

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        return self._answers[args.token.rpartition(":")[2]], []


class _Log:
    """The engine, as far as a program sees it."""

    def __init__(self, found: Declared) -> None:
        self._found = found

    def Log(self, request: Any) -> None:
        severity: int = request.severity
        self._found.said.append((_SEVERITIES[severity], str(request.message)))


class _Hooks:
    """Nothing is created here, so nothing is called before that."""

    def register_resource_hook(self, hook: object) -> None:
        return None


def _run(program: Path, config: FileConfig, settings: Settings, stack: str) -> Declared:
    found = Declared()
    text = render(settings)
    # It has no types.
    monitor: Any = MockMonitor(_Nobody(found, signed(text, stack) if settings.tailnet.ownership == "owned" else text))
    # The cluster of whoever runs this is not asked.
    cluster: dict[str, Any] = {**(config.values.get("cluster") or {}), "kubeconfig": os.devnull}
    given: dict[str, Any] = {**config.values, "cluster": cluster}
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        reset_options(project=PROJECT, stack=stack, preview=True)
        # Not set_mocks, which makes a root stack of its own: the program could then export nothing.
        configure(
            MockSettings(
                monitor=monitor,
                monitor_features=set(monitor.GetDeploymentInfo(None).supportedFeatures),
                engine=_Log(found),
                project=PROJECT,
                stack=stack,
                dry_run=True,
                organization=None,
                callbacks=_Hooks(),
            )
        )
        texts = {f"{PROJECT}:{key}": json.dumps(value) for key, value in given.items()}
        set_all_config(texts, [f"{PROJECT}:{key}" for key in config.encrypted])

        def run() -> None:
            runpy.run_path(str(program), run_name="__main__")

        loop.run_until_complete(run_in_stack(run))
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    return found
