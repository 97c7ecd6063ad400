import json

import msgspec
import pytest

from core.types import SessionDay
from state.errors import StateError, WrongAccount
from state.store import Identity, Store

DAY = SessionDay("2025-01-31")
OURS = Identity("mainnet", "0x" + "aB" * 20)


def test_a_state_directory_is_made_for_its_owner_only(tmp_path):
    store = Store(tmp_path / "state")
    assert store.directory.stat().st_mode & 0o077 == 0
    assert (store.directory / "sessions").is_dir()


def test_another_accounts_state_is_refused_with_both_addresses(tmp_path):
    Store(tmp_path).claim(OURS)
    other = Identity("mainnet", "0x" + "cd" * 20)
    with pytest.raises(WrongAccount, match=f"{OURS.address} on mainnet, not of {other.address}"):
        Store(tmp_path).claim(other)


def test_another_networks_state_is_refused(tmp_path):
    Store(tmp_path).claim(OURS)
    with pytest.raises(WrongAccount, match="on testnet"):
        Store(tmp_path).claim(Identity("testnet", OURS.address))


def test_the_spelling_of_an_address_does_not_matter(tmp_path):
    Store(tmp_path).claim(OURS)
    Store(tmp_path).claim(Identity("mainnet", OURS.address.lower()))
    assert Store(tmp_path).identity() == OURS


def test_reports_and_pages_are_found_by_their_day(tmp_path):
    store = Store(tmp_path)
    report = msgspec.json.encode({"session": DAY})
    assert store.read_report(DAY) is None
    assert store.write_report(DAY, report) == tmp_path / "sessions" / "2025-01-31.json"
    assert store.write_page(DAY, "<p>é</p>") == tmp_path / "sessions" / "2025-01-31.html"
    store.write_report(SessionDay("2024-12-31"), report)
    assert json.loads(store.read_report(DAY)) == {"session": DAY}
    assert store.page_path(DAY).read_text("utf-8") == "<p>é</p>"
    assert store.sessions() == ["2024-12-31", "2025-01-31"]


@pytest.mark.parametrize("day", ["../../etc/passwd", "2025-1-31", "20250131", "2025-02-30", ""])
def test_what_is_not_a_day_names_no_file(tmp_path, day):
    with pytest.raises(ValueError, match="is not a day"):
        Store(tmp_path).report_path(SessionDay(day))


def test_what_is_not_json_is_no_report(tmp_path):
    with pytest.raises(msgspec.DecodeError):
        Store(tmp_path).write_report(DAY, b"{")


def test_a_file_in_the_directorys_place_is_named(tmp_path):
    (tmp_path / "state").touch()
    with pytest.raises(StateError, match="cannot be made a state directory"):
        Store(tmp_path / "state")
