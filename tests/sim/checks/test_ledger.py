from dataclasses import replace as with_fields
from decimal import Decimal
from itertools import pairwise

from msgspec.structs import replace

from core.events import FillsReceived
from sim.checks.ledger import FillsAreTheVenues
from tests.sim.checks.recorded import at_end_with, found, night, steps, stepwise, with_state


def first_fills():
    return next(s for s in steps() if isinstance(s.event, FillsReceived) and s.event.fills)


def in_first_fills(change):
    """Change the events of fills, all alike."""

    def changed(step):
        if not isinstance(step.event, FillsReceived) or not step.event.fills:
            return step
        event = replace(step.event, fills=tuple(change(f) for f in step.event.fills))
        return with_event(step, event)

    return stepwise(changed)


def with_event(step, event):
    return type(step)(
        world=step.world,
        before=step.before,
        state=step.state,
        event=event,
        intents=step.intents,
        executed=step.executed,
    )


def ledger(_):
    return FillsAreTheVenues()


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(ledger) == []


def test_a_fill_at_another_price_or_fee_than_the_venues_is_found():
    assert found(ledger, in_first_fills(lambda f: replace(f, px=f.px + 1)))
    assert found(ledger, in_first_fills(lambda f: replace(f, fee_usd=-f.fee_usd)))
    assert found(ledger, in_first_fills(lambda f: replace(f, cloid=None)))


def test_a_fill_that_no_venue_made_is_found():
    assert found(ledger, in_first_fills(lambda f: replace(f, tid=f.tid + 1)))


def test_a_position_that_is_not_the_sum_of_fills_is_found():
    def doubled(step):
        book = step.state.book
        twice = {coin: 2 * qty for coin, qty in book.positions.items()}
        return with_state(step, book=replace(book, positions=twice))

    assert "not the sum of fills" in found(ledger, stepwise(doubled))[0]


def test_a_fill_counted_twice_is_found_though_positions_are_right():
    def counted(step):
        book = step.state.book
        return with_state(step, book=replace(book, fills_booked=book.fills_booked * 2))

    assert "were heard of" in found(ledger, stepwise(counted))[0]


def test_a_fill_that_is_covered_and_not_booked_is_found():
    """Its event is lost, and coverage is said to reach far beyond it."""
    lost = first_fills()

    def forgetful(step):
        if isinstance(step.event, FillsReceived):
            keys = {f.key for f in lost.event.fills}
            event = replace(step.event, fills=tuple(f for f in step.event.fills if f.key not in keys))
            book = replace(step.state.book, covered_to_ms=step.state.at_ms + 90_000)
            return with_state(with_event(step, event), book=book)
        return step

    assert any("held to be covered" in text for text in found(ledger, stepwise(forgetful)))


def test_a_fill_that_never_came_is_found_at_the_end():
    checker = FillsAreTheVenues()
    for step in steps()[:-1]:
        if not (isinstance(step.event, FillsReceived)):
            list(checker.on_step(step))
    assert any("never reached the book" in text for text in checker.at_end(night().world))


def test_a_position_that_differs_from_the_venues_is_found_at_the_end():
    checker = FillsAreTheVenues()
    state = night().world.daemon.state
    positions = {**state.book.positions, "BTC": state.book.positions["BTC"] + Decimal("0.00001")}
    world = at_end_with(replace(state, book=replace(state.book, positions=positions)))
    assert "BTC" in next(checker.at_end(world))


def opened_twice(*between):
    """A life opens the book and ends; the next finds none, and opens it with what the account holds by then."""
    begins = next(s for s in steps() if s.begins)
    opened = next(s for s in steps() if s.state.book.opened_ms is not None)

    def opening(**positions):
        return with_state(opened, book=replace(opened.state.book, positions=positions))

    first, second = opening(BTC=Decimal(-1)), opening(BTC=Decimal(-1), ETH=Decimal(2))
    lives = (begins, first, *(with_event(first, event) for event in between), begins, second)
    checker = FillsAreTheVenues()
    return [
        text
        for before, step in pairwise(lives)
        for text in checker.on_step(with_fields(step, before=before.state, executed=()))
    ]


def read(covered_to_ms):
    return FillsReceived(at_ms=0, fills=(), covered_to_ms=covered_to_ms)


def test_an_opening_that_nothing_proves_to_be_kept_may_be_made_anew():
    assert opened_twice() == []
    assert opened_twice(read(None)) == [], "what streams in is asked for by no record"


def test_an_opening_that_was_kept_and_is_forgotten_is_found():
    """The read that it asks for comes back: its record was on the disk."""
    assert "BTC 0 and not -1" in opened_twice(read(1))[0]
