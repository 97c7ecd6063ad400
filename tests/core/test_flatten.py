from dataclasses import replace as replaced

from msgspec.structs import replace

from core.events import KillReset, KillTripped
from core.intents import RaiseAlert, SubmitOrders
from core.orders import register
from core.state import Allowance
from core.types import Answer, Coin, Outcome, Purpose
from tests.core.desk import (
    BTC,
    CLOSE_MS,
    DOGE,
    INSTRUMENTS,
    SETTINGS,
    SOL,
    D,
    after,
    answered,
    desk,
    fill,
    fills,
    of,
    order,
    quote,
    sent,
    tick,
)

HELD = {SOL: D("0.03"), DOGE: D(-50_000), BTC: D("-0.5")}
FLATTENS = replaced(SETTINGS, flatten_on_kill=True)
KILL = KillTripped(at_ms=CLOSE_MS, reason="test", by="operator")


def test_by_default_a_kill_keeps_the_positions():
    state, intents = after(desk(HELD), KILL, *(tick(CLOSE_MS + 1000 * s) for s in range(60)))
    assert not sent(intents)
    assert state.book.positions == HELD


def test_where_the_settings_say_so_a_kill_closes_everything_exactly():
    _, intents = after(desk(HELD, settings=FLATTENS), KILL)
    assert "are being closed" in of(intents, RaiseAlert)[0].text
    made = sent(intents)
    assert {o.coin: o.signed_qty for o in made} == {c: -q for c, q in HELD.items()}
    assert all(o.reduce_only and o.purpose is Purpose.FLATTEN for o in made)


def test_what_the_venue_has_delisted_is_left_to_its_settlement():
    state = desk(HELD, settings=FLATTENS)
    listed = {**state.instruments, SOL: replace(INSTRUMENTS[SOL], delisted=True)}
    _, intents = after(replace(state, instruments=listed), KILL)
    assert {o.coin for o in sent(intents)} == {DOGE, BTC}


def test_what_was_not_filled_is_tried_again_until_flat():
    state, intents = after(desk(HELD, settings=FLATTENS), KILL)
    first = sent(intents)
    answers = [Answer(cloid=o.cloid, outcome=Outcome.REJECTED) for o in first if o.coin != DOGE]
    doge = next(o for o in first if o.coin == DOGE)
    state, _ = after(
        state,
        answered(*answers, Answer(cloid=doge.cloid, outcome=Outcome.FILLED, filled_qty=D(20_000))),
        fills(fill(DOGE, D(20_000), cloid=doge.cloid)),
    )
    state, intents = after(state, tick(CLOSE_MS + 1_000))
    assert not sent(intents)
    _, intents = after(state, tick(CLOSE_MS + 5_000))
    assert {o.coin: o.signed_qty for o in sent(intents)} == {SOL: D("-0.03"), DOGE: D(30_000), BTC: D("0.5")}


def test_a_coin_with_an_unknown_order_waits_for_its_proof():
    state = register(desk(HELD, settings=FLATTENS), [order(SOL, D(10))])
    _, intents = after(state, KILL)
    assert {o.coin for o in sent(intents)} == {DOGE, BTC}


def test_an_address_without_requests_flattens_at_the_pace_the_venue_takes():
    empty = replace(desk(HELD, settings=FLATTENS), allowance=Allowance(used=1, cap=D(1)))
    state, intents = after(empty, KILL)
    ended = [Answer(cloid=o.cloid, outcome=Outcome.REJECTED) for o in sent(intents)]
    state, _ = after(state, answered(*ended))
    for at_ms, goes in ((9_900, False), (10_000, True)):
        _, again = after(state, tick(CLOSE_MS + at_ms))
        assert bool(sent(again)) is goes


def test_more_positions_than_one_action_takes_go_in_several():
    coins = [Coin(f"C{n:03}") for n in range(250)]
    state = desk(settings=FLATTENS)
    state = replace(
        state,
        book=replace(state.book, positions=dict.fromkeys(coins, D(1))),
        instruments={c: replace(INSTRUMENTS[SOL], coin=c, asset_id=n) for n, c in enumerate(coins)},
        quotes={c: replace(quote(SOL), coin=c) for c in coins},
    )
    _, intents = after(state, KILL)
    assert [len(i.orders) for i in intents if isinstance(i, SubmitOrders)] == [100, 100, 50]


def test_after_a_reset_nothing_is_flattened():
    state, _ = after(desk(HELD, settings=FLATTENS), KILL)
    _, intents = after(state, KillReset(at_ms=CLOSE_MS, reason="test"), tick(CLOSE_MS + 6_000))
    assert not sent(intents, Purpose.FLATTEN)


def test_in_a_post_only_window_one_order_asks_and_the_rest_follow_when_it_has_filled():
    state = desk(HELD, settings=FLATTENS)
    state = replace(state, account=replace(state.account, post_only_until_ms=CLOSE_MS + 30_000))
    state, intents = after(state, KILL)
    (probe,) = sent(intents)
    assert probe.coin == BTC
    refused = Answer(
        cloid=probe.cloid, outcome=Outcome.REJECTED, reason="Only post-only orders allowed immediately after"
    )
    state, _ = after(state, answered(refused))
    state, intents = after(state, tick(CLOSE_MS + 5_000))
    (probe,) = sent(intents)
    filled = Answer(cloid=probe.cloid, outcome=Outcome.FILLED, filled_qty=probe.qty)
    state, _ = after(
        state, answered(filled), fills(fill(BTC, probe.qty, cloid=probe.cloid, start_position=D("-0.5")))
    )
    _, intents = after(state, tick(CLOSE_MS + 10_000))
    assert {o.coin for o in sent(intents)} == {SOL, DOGE}
