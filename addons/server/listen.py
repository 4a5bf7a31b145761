"""Runs the server: on 127.0.0.1 and nowhere else, without a log of requests."""

import socket
from collections.abc import Callable
from typing import cast

import uvicorn
from fastapi import FastAPI

from addons.console import Console
from addons.errors import AddonsError
from addons.server.app import create_app
from addons.server.events import Changes
from addons.server.settings import Settings


def serve(console: Console, settings: Settings, announce: Callable[[str], None] = print) -> None:
    """Until Ctrl-C or SIGTERM. Raises AddonsError when the port is taken."""
    with bound(settings.port) as listener:
        Server(create_app(console, settings, announce)).run(sockets=[listener])


def bound(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise AddonsError(
            f"Nothing can listen on 127.0.0.1:{port} ({error.strerror})", "Choose another port with --port"
        ) from None


class Server(uvicorn.Server):
    """Ends its streams before it waits for what is being answered; else each would be cut off with a traceback."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        # Each proxy on this machine could say who the client is; session.py decides whom to believe.
        super().__init__(
            uvicorn.Config(
                app,
                proxy_headers=False,
                access_log=False,
                server_header=False,
                log_level="warning",
                timeout_graceful_shutdown=2,
                lifespan="on",
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await cast(Changes, self._app.state.changes).end()
        await super().shutdown(sockets)
