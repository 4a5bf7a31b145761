"""Drives Pulumi from Python: stacks, previews, updates, locks, the CLI and the plugins. Knows neither sandbox nor program."""
