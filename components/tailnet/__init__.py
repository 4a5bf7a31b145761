"""The tailnet's side of the stack: who may connect to what, and the keys with which the gateways join.

Nothing is imported here: the sandbox reads policies with `hujson` and must not load the Pulumi SDK for it.
"""
