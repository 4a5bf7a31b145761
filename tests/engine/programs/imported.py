"""A stack as `pulumi import tailscale:index/acl:Acl policy acl` leaves it: with the live policy, below no parent.

The command itself needs the official CLI's language host, which is not built in the sandbox.
"""

import pulumi
import pulumi_tailscale as tailscale

live = tailscale.get_acl().hujson
tailscale.Acl("policy", acl=live, opts=pulumi.ResourceOptions(import_="acl", protect=True))
