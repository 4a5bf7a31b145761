"""Where the server answers is said once, and what makes no sense is refused at the start."""

import pytest

from addons.errors import AddonsError
from addons.server.settings import Settings


def test_only_this_machine_is_answered() -> None:
    assert Settings(7080, "ada").hosts == {"127.0.0.1:7080", "localhost:7080"}


def test_behind_serve_that_name_is_answered_too() -> None:
    settings = Settings(7080, "ada", "Console.example.ts.net", frozenset({"alice@example.com"}))
    assert settings.hosts == {"127.0.0.1:7080", "localhost:7080", "console.example.ts.net"}


def test_behind_serve_somebody_has_to_be_let_in() -> None:
    with pytest.raises(AddonsError, match=r"nobody may manage this stack\. Name who may: --login alice@example\.com"):
        Settings(7080, "ada", "console.example.ts.net")


def test_logins_without_serve_would_let_nobody_in() -> None:
    with pytest.raises(AddonsError, match="only known behind Serve"):
        Settings(7080, "ada", logins=frozenset({"alice@example.com"}))
