"""Starts the policy pack for the engine. A violation stops preview and up; advice is only shown."""

import sys
from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack

# The engine starts this file from the pack's directory; `policies` and `components.constants` lie one above.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policies.pack import DESCRIPTION, NAME, policies  # needs the path above

# Never returns: it serves the engine until the engine ends the process.
PolicyPack(NAME, policies(), enforcement_level=EnforcementLevel.MANDATORY, description=DESCRIPTION)
