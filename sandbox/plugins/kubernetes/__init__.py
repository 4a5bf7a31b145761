"""Stand-in for the `kubernetes` provider, working on a real API server."""
