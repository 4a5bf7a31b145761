"""Errors of the Addons that a person can do something about."""

from engine.errors import UserError


class AddonsError(UserError):
    """`problem` says what is wrong, `hint` the next step."""
