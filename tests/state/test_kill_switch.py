import pytest

from state.errors import StateError
from state.kill_switch import UNREADABLE, KillSwitch, Latch


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kill_switch.json"


@pytest.fixture
def switch(path):
    return KillSwitch(path)


def test_a_fresh_directory_is_not_tripped(switch):
    assert switch.read() is None


def test_a_trip_survives_the_process(switch, path):
    switch.trip("loss of 11 %", by="risk", at_ms=5)
    assert KillSwitch(path).read() == Latch("loss of 11 %", "risk", 5)


def test_the_first_reason_stands(switch):
    switch.trip("first", by="risk", at_ms=1)
    assert switch.trip("second", by="operator", at_ms=2) == Latch("first", "risk", 1)
    assert switch.read() == Latch("first", "risk", 1)


def test_only_a_reset_with_a_reason_clears_it_and_all_is_remembered(switch):
    switch.trip("first", by="risk", at_ms=1)
    for reason in ("", "  "):
        with pytest.raises(ValueError, match="needs a reason"):
            switch.reset(reason, at_ms=2)
    assert switch.reset("book checked", at_ms=3) == Latch("first", "risk", 1)
    assert switch.read() is None
    assert [(e["action"], e["reason"], e["at_ms"]) for e in switch.history()] == [
        ("trip", "first", 1),
        ("reset", "book checked", 3),
    ]


def test_a_reset_of_nothing_changes_nothing(switch):
    assert switch.reset("to be sure", at_ms=1) is None
    assert switch.history() == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"null", b'{"format": "\xe1"}', b"[" * 100_000, b"\xff\xfe", b'{"reason": "x"}']
)
def test_a_latch_that_cannot_be_read_counts_as_tripped(switch, path, content):
    path.write_bytes(content)
    latch = switch.read()
    assert latch is not None
    assert latch.by == UNREADABLE
    assert str(path) in latch.reason


def test_a_directory_in_its_place_counts_as_tripped_and_cannot_be_reset_away(switch, path):
    path.mkdir()
    assert switch.read().by == UNREADABLE
    with pytest.raises(StateError, match="stays tripped"):
        switch.reset("go", at_ms=1)
    assert switch.read().by == UNREADABLE


def test_an_unreadable_latch_can_be_reset_by_a_person(switch, path):
    path.touch()
    assert switch.reset("the disk was full", at_ms=1).by == UNREADABLE
    assert switch.read() is None


def test_a_trip_makes_an_unreadable_latch_readable(switch, path):
    path.touch()
    switch.trip("loss", by="risk", at_ms=9)
    assert switch.read() == Latch("loss", "risk", 9)


def test_a_history_line_cut_by_a_crash_hides_no_other(switch, path):
    switch.trip("first", by="risk", at_ms=1)
    history = path.with_name("kill_switch.json.history")
    history.write_bytes(history.read_bytes() + b'{"action": "res')
    assert [e["action"] for e in switch.history()] == ["trip"]


def test_the_latch_is_written_even_when_the_history_cannot_be(switch, path):
    path.with_name("kill_switch.json.history").mkdir()
    with pytest.raises(StateError, match="history"):
        switch.trip("loss", by="risk", at_ms=1)
    assert switch.read() == Latch("loss", "risk", 1)
