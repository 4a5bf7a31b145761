"""Errors of the sandbox that a person sees."""

from engine.errors import UserError


class SandboxError(UserError):
    """The sandbox cannot do what it was asked: the problem, and what to do about it."""
