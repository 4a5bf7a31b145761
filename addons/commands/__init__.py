"""The commands of `python -m addons`, one module for each kind."""
