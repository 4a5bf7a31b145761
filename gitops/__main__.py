"""`python -m gitops preview|apply|drift|destroy-check|rbac`."""

import sys

try:
    from gitops.cli import main
except ImportError as error:
    package = error.name or str(error)
    sys.exit(f"error: the Python package {package} is missing. Install the extra: pip install '.[addons]'")

main()
