"""The server listens on loopback alone, says what is wrong in a line, and ends without a trace of streams."""

import socket

import httpx
import pytest

from addons.errors import AddonsError
from addons.server.listen import bound
from tests.support.addons_server import SAME_ORIGIN, Served, in_a_process


def test_a_taken_port_is_said_in_a_line() -> None:
    with bound(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddonsError, match=rf"Nothing can listen on 127.0.0.1:{port} .*another port with --port"):
            bound(port)


def test_nobody_beyond_this_machine_gets_an_answer(server: Served) -> None:
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith("127."):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            # Sends nothing: it only asks which address would be ours.
            probe.connect(("192.0.2.1", 9))
            own = probe.getsockname()[0]
    assert not own.startswith("127.")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((own, server.port), timeout=5)


def test_it_ends_with_streams_open_and_without_a_traceback() -> None:
    with in_a_process() as (process, link):
        address, _, token = link.partition("/login#token=")
        with httpx.Client(base_url=address, headers=SAME_ORIGIN, trust_env=False, timeout=60) as browser:
            assert browser.post("/login", data={"token": token}).status_code == 303
            with browser.stream("GET", "/api/events") as events:
                next(events.iter_lines())
                process.terminate()
                _, errors = process.communicate(timeout=60)
    assert errors == ""
