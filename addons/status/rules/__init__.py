"""What is wrong with a gateway, and what to do: one table of rules, for the status, the page and the doctor."""

from addons.status.rules.verdict import judge, report

__all__ = ["judge", "report"]
