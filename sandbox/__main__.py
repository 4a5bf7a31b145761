"""`python -m sandbox up|down|status|logs|tools`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (whoever starts it by hand)
    sys.exit(
        "error: this needs Python 3.11 or newer. Run it as `make up`, which finds one, or as .venv/bin/python -m sandbox"
    )
try:
    from sandbox.cli import main
except ImportError as error:
    package = error.name or str(error)
    sys.exit(f"error: the Python package {package} is missing. Run `make up`, or use .venv/bin/python -m sandbox")

main()
