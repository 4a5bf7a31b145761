"""For all tests: no ambient configuration or credentials, and Outputs that never turn into text unseen."""

import os

# str(output) becomes an error instead of a text about Outputs inside some name.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"

for _name in [name for name in os.environ if name.startswith(("PULUMI_CONFIG", "TAILSCALE_", "KUBECONFIG"))]:
    del os.environ[_name]
