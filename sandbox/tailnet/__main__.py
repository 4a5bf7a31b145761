"""`python -m sandbox.tailnet --home DIR --listen 127.0.0.1:PORT`: runs the adapter until it is told to stop."""

import argparse
import logging
from pathlib import Path

import uvicorn

from sandbox.errors import SandboxError
from sandbox.tailnet.adapter import application
from sandbox.tailnet.api import Tailnet
from sandbox.tailnet.client import Headscale
from sandbox.tailnet.headscale import HeadscaleEndpoint


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.tailnet", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="directory with headscale's files")
    parser.add_argument("--listen", default="127.0.0.1:8086", help="address:port of the API")
    arguments = parser.parse_args()
    home: Path = arguments.home
    address, _, port = str(arguments.listen).rpartition(":")

    try:
        place = HeadscaleEndpoint.of(home)
    except SandboxError as error:
        parser.exit(1, f"{error}\n")
    tailnet = Tailnet(home, Headscale(place.socket), place.base_domain)
    # The supervisor asks every few seconds: what people look for in the log would drown.
    logging.getLogger("uvicorn.access").addFilter(lambda record: "/health" not in record.getMessage())
    uvicorn.run(application(tailnet), host=address, port=int(port), log_level="info", server_header=False)


if __name__ == "__main__":
    main()
