"""The errors that the program means to show to whoever runs Pulumi."""


class Refusal(Exception):
    """The program declares nothing, or nothing more, until somebody changes something; the message says what and where.

    Raised by code that knows nothing of Pulumi; `unexpected.explained` makes of it what Pulumi shows without a traceback.
    """
