"""A sandbox's directory of a test's own."""

from pathlib import Path

import pytest

from sandbox.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home", tmp_path / "bin")
    home.create()
    return home
