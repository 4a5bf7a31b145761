"""The blocks of docs/gateway.md are configurations that the program takes."""

import pytest

from components.settings.load import parse
from tests.support.wishes import WISHES, Wish


@pytest.mark.parametrize("wish", WISHES, ids=[wish.title for wish in WISHES])
def test_a_wish_of_the_page_is_taken_as_it_stands(wish: Wish) -> None:
    parse({"tailnet": {"name": "example.ts.net"}, "instances": wish.instances})


def test_every_block_of_the_page_is_one_of_them() -> None:
    assert len(WISHES) >= 8
