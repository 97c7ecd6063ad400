from dataclasses import replace as with_fields

from msgspec.structs import replace

from sim.checks.memory import MemoryIsBounded
from tests.sim.checks.recorded import at_end_with, found, night, steps, with_state

COVERED_MS = 1_000_000_000


def of(seen_fills, before=None, **changed):
    """What is found when coverage has come to COVERED_MS with these ids of fills in memory."""
    step = steps()[-1]
    book = replace(step.state.book, covered_to_ms=COVERED_MS, seen_fills=seen_fills, seen_funding={})
    earlier = replace(book, covered_to_ms=COVERED_MS - 1, seen_fills=before or {})
    step = with_state(step, book=replace(book, **changed))
    return list(MemoryIsBounded().on_step(with_fields(step, before=replace(step.state, book=earlier))))


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(lambda _: MemoryIsBounded()) == []
    assert list(MemoryIsBounded().at_end(night().world)) == []


def test_ids_kept_for_ever_are_found():
    assert of({"1:1": COVERED_MS - 180_000}) == []
    assert "is kept" in of({"1:1": COVERED_MS - 180_001})[0]
    assert "is kept" in of({}, seen_funding={"BTC:1": COVERED_MS - 7_400_000})[0]


def test_ids_forgotten_while_a_read_may_bring_them_again_are_found():
    assert "1:1 is forgotten" in of({}, before={"1:1": COVERED_MS - 119_999})[0]
    assert of({}, before={"1:1": COVERED_MS - 120_000}) == []


def test_growing_records_are_found():
    state = night().world.daemon.state
    grown = {
        "orders": replace(state.orders, recent_ms=(1, 60_002)),
        "session": replace(state.session, notices=((1, "x"),) * 51),
        "hedge": replace(state.hedge, turnover=((1, 1.0), (60_002, 1.0))),
    }
    for name, value in grown.items():
        assert list(MemoryIsBounded().at_end(at_end_with(replace(state, **{name: value}))))
