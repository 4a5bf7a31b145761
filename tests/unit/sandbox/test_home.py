"""One sandbox's directory: ports, secrets, its lock, what is removed."""

import os
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.home import Home, exclusive


def test_ports_are_chosen_once_and_differ(home: Home) -> None:
    ports = [home.port(name) for name in ("etcd", "kube-apiserver", "headscale")]
    assert len(set(ports)) == 3
    assert [Home(home.root, home.bin).port(name) for name in ("etcd", "kube-apiserver", "headscale")] == ports


def test_two_homes_are_two_clusters(tmp_path: Path) -> None:
    assert Home(tmp_path / "a", tmp_path).cluster != Home(tmp_path / "b", tmp_path).cluster


def test_secrets_are_made_once_and_closed_to_others(home: Home) -> None:
    passphrase = home.secret("passphrase")
    assert len(passphrase) == 64
    assert home.secret("passphrase") == passphrase
    assert (home.run / "passphrase").stat().st_mode & 0o777 == 0o600
    assert home.run.stat().st_mode & 0o777 == 0o700


def test_the_second_command_is_told_who_is_first(home: Home) -> None:
    with exclusive(home, "sandbox up"), pytest.raises(SandboxError, match=rf"`sandbox up` \(pid {os.getpid()}\)"):  # noqa: SIM117
        with exclusive(home, "sandbox down"):
            pass


def test_removing_leaves_only_the_tools(home: Home) -> None:
    home.bin.mkdir()
    home.secret("passphrase")
    home.kubeconfig.write_text("")
    home.remove()
    assert list(home.root.iterdir()) == []
    assert home.bin.is_dir()
