"""Execution nodes: what each kind of machine joins its gateway with."""
