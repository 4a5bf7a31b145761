"""The search for secrets finds one in every encoding: else a secret in a disguise would pass for none (I4)."""

import base64
import json
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from tests.support.plain_text import encodings, hidden_in

# A first byte of zero has no place in a number.
SECRETS = st.binary(min_size=16, max_size=64).filter(lambda raw: raw[0] > 0)
NEIGHBOURS = st.binary(max_size=7)


@given(SECRETS, NEIGHBOURS, NEIGHBOURS)
def test_i4_a_secret_is_found_in_any_encoding_and_neighbourhood(raw: bytes, before: bytes, after: bytes) -> None:
    for secret in (raw.hex(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("=")):
        places = {
            "as it is": f"x{secret}y",
            "hex": raw.hex(),
            "hex in capitals": raw.hex().upper(),
            "decimal": str(int.from_bytes(raw)),
            "base32": base64.b32encode(raw).decode(),
            "base64": base64.b64encode(before + raw + after).decode(),
            "base64url": base64.urlsafe_b64encode(before + raw + after).decode(),
            "base64 of the text": base64.b64encode(before + secret.encode() + after).decode(),
            "hex of the text": secret.encode().hex(),
            "in a URL": quote(secret, safe=""),
            "in JSON": json.dumps({"key": secret}),
        }
        places_with_it = {line.partition(":")[0] for line in hidden_in(places, {"it": secret})}
        assert places_with_it == places.keys()


@given(SECRETS, SECRETS)
def test_i4_another_secret_is_not_taken_for_it(one: bytes, other: bytes) -> None:
    if one[:9] != other[:9] and one[-9:] != other[-9:]:
        assert not hidden_in({"place": other.hex() + base64.b64encode(other).decode()}, {"it": one.hex()})


def test_i4_short_words_are_no_secrets() -> None:
    assert encodings("true") == {}
