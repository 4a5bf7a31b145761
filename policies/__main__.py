"""Starts the policy pack: for the engine, which gives its address first, or for a person with files (policies/cli.py)."""

import re
import sys
from pathlib import Path

# The engine starts this file from the pack's directory; `policies` and `components.constants` lie one above.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

_ADDRESS = re.compile(r"[\w.\[\]:-]*:\d{1,5}")

if len(sys.argv) > 1 and _ADDRESS.fullmatch(sys.argv[1]) and not Path(sys.argv[1]).exists():
    from policies.server import serve  # needs the path above, and the SDK of Pulumi

    # Never returns: it serves the engine until the engine ends the process.
    serve()
else:
    from policies.cli import main  # needs the path above

    main()
