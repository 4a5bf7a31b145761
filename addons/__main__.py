"""`python -m addons status|doctor|open|pairings|devices|enable|disable|hostname|rotate-key|dns`."""

import sys

try:
    from addons.cli import main
except ImportError as error:
    package = error.name or str(error)
    sys.exit(f"error: the Python package {package} is missing. Install the extra: pip install '.[addons]'")

main()
