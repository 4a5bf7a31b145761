"""A pure, offline evaluator of tailnet policies: what a control server would refuse, allow and deny, and through which rule."""

from components.tailnet.evaluator.answers import Access, Flows, Opening, Verdict
from components.tailnet.evaluator.assertions import Outcome, check, run_login_tests, run_tests
from components.tailnet.evaluator.errors import Failure, PolicyError
from components.tailnet.evaluator.evaluator import Evaluator
from components.tailnet.evaluator.network import Device, Network, User
from components.tailnet.evaluator.policy import Policy
from components.tailnet.evaluator.ssh_assertions import LoginOutcome

__all__ = [
    "Access",
    "Device",
    "Evaluator",
    "Failure",
    "Flows",
    "LoginOutcome",
    "Network",
    "Opening",
    "Outcome",
    "Policy",
    "PolicyError",
    "User",
    "Verdict",
    "check",
    "run_login_tests",
    "run_tests",
]
