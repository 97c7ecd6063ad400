"""What is not a signature, and what typed data is called. The 44 vectors are in tests/conformance/test_signing.py."""

import pytest

from sim.venue.signature import USER_SIGNED, Unrecoverable, recover


def test_a_signature_of_no_point_is_refused():
    with pytest.raises(Unrecoverable, match="belong to no key"):
        recover(b"\1" * 32, 2**256 - 1, 1, 27)


def test_every_user_signed_type_begins_with_a_capital():
    assert all(title[0].isupper() for title, _ in USER_SIGNED.values())
