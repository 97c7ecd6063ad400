"""What rests at the venue: an order that has rested was placed, and one that is listed is not over."""

from msgspec.structs import replace

from core import orders
from core.events import SnapshotReceived
from core.intents import BurnNonce
from core.types import Answer, OpenOrder, Outcome
from tests.core.desk import CLOSE_MS, SOL, D, after, answered, desk, fills, of, order, snapshot

ORDER = order(SOL, D(10))
PROVED_MS = ORDER.expires_ms + orders.EXPIRY_SLACK_MS + 1


def said(outcome, *, at_ms=CLOSE_MS + 100):
    return answered(Answer(cloid=ORDER.cloid, outcome=outcome), at_ms=at_ms)


def listing(*resting, at_ms):
    """Return a snapshot of a flat account with orders that rest."""
    rows = [
        OpenOrder(coin=o.coin, oid=1, cloid=o.cloid, side=o.side, remaining_qty=o.qty, limit_px=o.limit_px)
        for o in resting
    ]
    shows = replace(snapshot(at_ms=at_ms), open_orders=tuple(rows))
    return SnapshotReceived(at_ms=at_ms, snapshot=shows)


def after_its_end(*events, late_ms=1_000):
    """Return an order past its expiry with every fill known, after the events and the word that it is not known."""
    at_ms = PROVED_MS + late_ms
    covered = fills(covered=(CLOSE_MS - 20_000, at_ms), at_ms=at_ms)
    return after(
        orders.register(desk(), (ORDER,)),
        *events,
        listing(at_ms=at_ms),
        covered,
        said(Outcome.NEVER_PLACED, at_ms=at_ms),
    )


def test_an_order_that_has_rested_was_placed_though_a_node_does_not_know_it():
    """A cancel without an answer made it unknown, a node that was behind made it never placed; it rested on."""
    rested = said(Outcome.RESTING), said(Outcome.UNKNOWN)
    assert not after_its_end()[0].orders.open
    state, wanted = after_its_end(*rested)
    assert orders.outstanding(state, SOL) == 10
    assert not of(wanted, BurnNonce)


def test_an_order_that_has_rested_and_that_the_venue_has_forgotten_is_let_go_a_minute_later():
    later_ms = orders.DISPUTED_MS + orders.EXPIRY_SLACK_MS
    assert not after_its_end(said(Outcome.RESTING), late_ms=later_ms)[0].orders.open


def test_an_order_that_is_on_the_list_of_what_rests_is_not_let_go_though_a_node_does_not_know_it():
    at_ms = PROVED_MS + 1_000
    covered = fills(covered=(CLOSE_MS - 20_000, at_ms), at_ms=at_ms)
    unknown = said(Outcome.NEVER_PLACED, at_ms=at_ms)
    state, _ = after(orders.register(desk(), (ORDER,)), covered, listing(ORDER, at_ms=at_ms), unknown)
    assert orders.outstanding(state, SOL) == 10
    state, _ = after(state, listing(at_ms=at_ms + 500), said(Outcome.NEVER_PLACED, at_ms=at_ms + 600))
    assert not state.orders.open


def test_a_snapshot_whose_stamp_is_ahead_shows_nothing_later_than_when_it_came():
    early = SnapshotReceived(at_ms=CLOSE_MS + 200, snapshot=snapshot(at_ms=PROVED_MS + 20_000))
    covered = fills(covered=(CLOSE_MS - 20_000, PROVED_MS), at_ms=PROVED_MS)
    state, _ = after(
        orders.register(desk(), (ORDER,)), early, covered, said(Outcome.NEVER_PLACED, at_ms=PROVED_MS)
    )
    assert orders.outstanding(state, SOL) == 10
