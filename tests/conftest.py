"""For all tests: no ambient configuration or credentials, and Outputs that never turn into text unseen."""

import os

from hypothesis import settings

# str(output) becomes an error instead of a text about Outputs inside some name.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"

for _name in [name for name in os.environ if name.startswith(("PULUMI_CONFIG", "TAILSCALE_", "KUBECONFIG"))]:
    del os.environ[_name]

# A busy machine is no failure. In CI the examples are the same at every run; elsewhere each run tries new ones.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
