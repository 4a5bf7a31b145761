"""The API and the page of one stack, on loopback: `create_app` makes it, `serve` runs it."""

from addons.server.app import create_app
from addons.server.listen import serve
from addons.server.settings import Settings

__all__ = ["Settings", "create_app", "serve"]
