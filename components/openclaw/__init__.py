"""OpenClaw's own configuration: its types, the keys that are ours, and the secrets that do not belong in it. Knows no settings."""
