"""Stand-in for the `tailscale` provider, speaking the Tailscale API v2 to whatever `baseUrl` names."""
