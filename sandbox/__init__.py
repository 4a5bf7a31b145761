"""The embedded default: a one-machine world in which the real program runs (design.md section 5)."""
