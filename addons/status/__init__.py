"""The state of each gateway, truthfully: every value with its source and its age, unknown once it is too old."""
