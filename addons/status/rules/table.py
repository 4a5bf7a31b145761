"""All rules, in one table: of two that are equally bad, the earlier is said first."""

from typing import Final

from addons.status.rules import containers, credentials, gateway, keys, paths, pods, serving, storage, tailnet, unread
from addons.status.rules.rule import Rule

# What stops the pod comes before what a pod that runs may lack.
MODULES: Final = (unread, keys, storage, containers, pods, tailnet, paths, serving, gateway, credentials)
RULES: Final[tuple[Rule, ...]] = tuple(one for module in MODULES for one in module.RULES)

# The steps of docs/troubleshooting.md, and before them whether the gateway runs at all.
STEPS: Final = (
    "Does it run at all: the pod, its images and its volumes",
    "Transport: is the gateway's device in the tailnet, and is there a path?",
    "Identity: is the gateway's device who it should be?",
    "Policy: who may open this gateway?",
    "Serve: does the sidecar pass it on, and to whom?",
    "Gateway auth: is it the right token?",
    "Pairing: does a client wait to be approved?",
    "Node approval: may the gateway execute on its nodes?",
    "The agent answers, and its commands do not run",
    "The network: what may the pod reach?",
)
