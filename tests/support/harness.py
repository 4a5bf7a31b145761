"""Runs the program under mocks that cannot lie: everything is awaited, nothing leaks into the next run, secrets stay marked.

The mocks of the SDK alone would let assertions in `apply` pass unseen, forget secret outputs, name nothing, accept two
resources with one URN, and keep exports and configuration for the next test.
"""

import asyncio
import json
import runpy
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi.runtime
from pulumi.runtime.mocks import MockSettings
from pulumi.runtime.settings import configure, reset_options
from pulumi.runtime.stack import run_in_stack

from components.ownership import LiveCluster
from components.settings import SettingsError
from components.settings.load import parse
from components.tailnet.policy import render
from components.tailnet.signature import signed
from tests.support.configs import secrets_of
from tests.support.graph import Graph
from tests.support.recording import HookLog, RecordingMonitor, StackLog, TailnetApi

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "openclaw-tailnet"
# An API with nothing in it.
SILENT = TailnetApi()
EMPTY = LiveCluster()

Config = Mapping[str, Any]
"""A stack's configuration without the project's prefix, as plain data."""


def run_program(
    config: Config,
    stack: str = "test",
    preview: bool = False,
    live: str | Exception | None = None,
    devices: Sequence[Mapping[str, Any]] | Exception = (),
    cluster: LiveCluster = EMPTY,
    plain: bool = False,
) -> Graph:
    """The graph that `__main__.py` declares with this configuration. Its errors are raised, as the engine would show them.

    `live` is the tailnet's policy (None: it gives what the configuration asks for), `devices` are its devices with the
    API's keys; an exception is the error of asking for them. `cluster` is what is in the cluster already. The configuration's
    secrets are encrypted, unless it is `plain`.
    """
    tailnet = TailnetApi(wanted_policy(config, stack) if live is None else live, devices)
    with patch("components.ownership.read", return_value=cluster):
        return run(
            lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
            config,
            stack,
            preview,
            tailnet,
            plain,
        )


def wanted_policy(config: Config, stack: str = "test") -> str:
    """The policy that gives exactly what the configuration asks for; signed where the stack itself writes it."""
    try:
        settings = parse(config)
    except SettingsError:
        # The program refuses the configuration before it asks for any policy.
        return ""
    text = render(settings)
    return signed(text, stack) if settings.tailnet.ownership == "owned" else text


def run(
    program: Callable[[], object],
    config: Config | None = None,
    stack: str = "test",
    preview: bool = False,
    tailnet: TailnetApi = SILENT,
    plain: bool = False,
) -> Graph:
    """The graph that a function declares. With `preview`, what only an API could tell is unknown."""
    # A thread of its own has its own event loop and context: the SDK keeps root stack, settings and configuration there.
    # (Its stack is also short: the SDK records the whole stack for each resource, which is slow below pytest.)
    result: Future[Graph] = Future()

    def work() -> None:
        try:
            result.set_result(_run(program, config or {}, stack, preview, tailnet, plain))
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return result.result()


def _run(
    program: Callable[[], object], config: Config, stack: str, preview: bool, tailnet: TailnetApi, plain: bool
) -> Graph:
    graph = Graph()
    monitor: Any = RecordingMonitor(graph, preview, tailnet)  # the SDK's own mocks have no types
    hooks: Any = HookLog(graph)
    loop = asyncio.new_event_loop()
    # What failed is raised. A future that nobody asked would be logged whenever it is collected, in the midst of another test;
    # formatting its traceback parses source, which within another parse ends in a SystemError (CPython 3.11).
    loop.set_exception_handler(_unheard)
    loop.set_default_executor(_Immediate())
    asyncio.set_event_loop(loop)
    try:
        reset_options(project=PROJECT, stack=stack, preview=preview)
        configure(
            MockSettings(
                monitor=monitor,
                monitor_features=monitor.features(),
                engine=StackLog(graph),
                project=PROJECT,
                stack=stack,
                dry_run=preview,
                organization=None,
                callbacks=hooks,
            )
        )
        # As the engine says it: which top keys hold something encrypted.
        encrypted = [f"{PROJECT}:{key}" for key, value in config.items() if secrets_of(value) and not plain]
        pulumi.runtime.set_all_config(
            {f"{PROJECT}:{key}": json.dumps(value) for key, value in config.items()}, encrypted
        )
        loop.run_until_complete(run_in_stack(lambda: _without_result(program)))
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    monitor.check_complete()
    return graph


def _unheard(loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    pass


def _without_result(program: Callable[[], object]) -> None:
    # A result would be taken for an awaitable, or for outputs.
    program()


class _Immediate(ThreadPoolExecutor):
    """Runs at once: no threads, so that a run is the same each time and cannot hang."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future
