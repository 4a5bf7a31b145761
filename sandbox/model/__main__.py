"""`python -m sandbox.model --key-file FILE --listen ADDRESS:PORT`: runs the model until it is told to stop."""

import argparse
import logging
from pathlib import Path

import uvicorn

from sandbox.model.server import application

# More callers than any test has; the rest get a 503.
_CALLERS_MAX = 100


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.model", description=__doc__)
    parser.add_argument("--key-file", type=Path, required=True, help="holds the API key that every caller must name")
    parser.add_argument("--listen", default="127.0.0.1:8087", help="address:port of the API")
    arguments = parser.parse_args()
    address, _, port = str(arguments.listen).rpartition(":")
    key_file: Path = arguments.key_file
    try:
        key = key_file.read_text().strip()
    except OSError as error:
        parser.exit(1, f"cannot read the API key: {key_file}: {error.strerror}\n")
    if not key:
        parser.exit(1, f"{key_file} is empty: without a key anybody could ask\n")
    # The supervisor asks every few seconds: what people look for in the log would drown.
    logging.getLogger("uvicorn.access").addFilter(lambda record: "/health" not in record.getMessage())
    uvicorn.run(
        application(key),
        host=address,
        port=int(port),
        log_level="info",
        server_header=False,
        limit_concurrency=_CALLERS_MAX,
        # A caller who was told to wait for minutes does not hold up `down`.
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
