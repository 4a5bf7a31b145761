"""OpenClaw gateways that only a tailnet reaches: read the settings, declare the topology, export what people need."""

import pulumi

from components.unexpected import explained

with explained():
    from components import names
    from components.settings import load
    from components.topology import Topology

    topology = Topology(load(), names.stack(pulumi.get_stack()))
    pulumi.export("instances", topology.instances)
    pulumi.export("access", topology.access)
    pulumi.export("tokens", {name: pulumi.Output.secret(token) for name, token in topology.tokens.items()})
    pulumi.export("nodes", topology.nodes)
    pulumi.export("join", topology.join)
