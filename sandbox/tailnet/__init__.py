"""The sandbox's tailnet: headscale as control server, and on top of it the hosted API that the provider uses."""
