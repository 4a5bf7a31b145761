"""Where the server answers, and to whom."""

from dataclasses import dataclass

from addons.errors import AddonsError


@dataclass(frozen=True)
class Settings:
    """`behind_serve` is the MagicDNS name under which Tailscale Serve passes requests on; empty: only this machine is answered.

    Behind Serve, `logins` are the Tailscale logins that may manage the stack.
    """

    port: int
    user: str
    """The local user's name: who came with a link that this server printed."""
    behind_serve: str = ""
    logins: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.behind_serve and not self.logins:
            raise AddonsError("Behind Serve nobody may manage this stack", "Name who may: --login alice@example.com")
        if self.logins and not self.behind_serve:
            raise AddonsError(
                "Logins are only known behind Serve", "Add --behind-serve with the name that Serve answers at"
            )

    @property
    def hosts(self) -> frozenset[str]:
        """Every Host that is answered. Anything else is a name that somebody else points at this machine (DNS rebinding)."""
        local = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        return frozenset(local | ({self.behind_serve.lower()} if self.behind_serve else set()))
