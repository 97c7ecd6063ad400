"""Faults of network, venue and data strike in a night as their texts say, heard on the wire and seen in the ledger."""

import json
from collections import Counter
from decimal import Decimal
from functools import cache

import pytest

from daemon.played import CLOSE_MS, in_memory, outcome, played
from sim.night import Night
from sim.nights.fault import Fault
from tests.wire_tap import tapped

COINS = 8
LATENCY_S = 0.2


def fault(name, at_s, for_s=10.0, intensity=0.9, coin=2):
    return Fault(name=name, at_s=at_s, for_s=for_s, intensity=intensity, coin=coin)


@cache
def night(*faults, coins=COINS, start_s=-110.0):
    """Play a night with these faults and return its world, what was heard on its wire, and its outcome."""
    with in_memory() as directory:
        kept = Night(seed=1, coins=coins, start_s=start_s, faults=faults)
        with tapped(CLOSE_MS) as tap:
            world = played(kept, directory)
        return world, tap, outcome(world)


def inside(one, at_s):
    return one.at_s <= at_s < one.at_s + one.for_s


def fills(world):
    return world.venue.fills(world.keys.address)


def statuses(tap, words):
    """Return when orders were answered with such words."""
    return [a.at_s for a in tap.asked if a.reply and words in a.reply.decode()]


# --- network ---------------------------------------------------------------------------------------------

FRAMES = tuple(
    fault(name, at_s, 12.0, intensity)
    for name, at_s, intensity in (
        ("lost-frames", -80, 0.9),
        ("late", -65, 0.2),
        ("duplicated-frames", -50, 0.9),
        ("reordered-frames", -35, 0.9),
        ("truncated", -20, 0.9),
        ("broken-sockets", 0, 0.9),
    )
)


def frames_of(name):
    """Return (what was said while a fault lasted, everything heard around it), as (time, connection, text)."""
    _, tap, _ = night(*FRAMES)
    one = next(f for f in FRAMES if f.name == name)
    said = [(at_s, number, text) for at_s, number, channel, text in tap.said if inside(one, at_s)]
    heard = [(at_s, number, text) for at_s, number, channel, text in tap.heard if at_s >= one.at_s]
    return said, heard


def test_lost_frames_are_said_and_not_heard():
    said, heard = frames_of("lost-frames")
    missing = Counter((n, text) for _, n, text in said) - Counter((n, text) for _, n, text in heard)
    assert 0.2 < missing.total() / len(said) < 0.8


def test_late_frames_are_heard_long_after_they_were_said():
    said, heard = frames_of("late")
    first = {}
    for at_s, number, text in heard:
        first.setdefault((number, text), at_s)
    delays = [first[n, text] - at_s for at_s, n, text in said if (n, text) in first]
    assert max(delays) > 0.8


def test_duplicated_frames_are_heard_more_often_than_said():
    said, heard = frames_of("duplicated-frames")
    heard = [h for h in heard if h[0] < -37]
    assert len(heard) > 1.2 * len(said)


def test_reordered_frames_overtake_each_other_and_none_of_their_own_channel():
    said, heard = frames_of("reordered-frames")
    places = {}
    for place, (_, number, text) in enumerate(said):
        places.setdefault((number, text), place)
    came = [(text, places[n, text]) for at_s, n, text in heard if (n, text) in places and at_s < -19]
    assert [p for _, p in came] != sorted(p for _, p in came)
    for word in ('{"channel":"bbo"', '{"channel":"allMids"'):
        own = [p for text, p in came if text.startswith(word)]
        assert own == sorted(own)


def test_truncated_frames_and_replies_are_no_json():
    _, heard = frames_of("truncated")
    _, tap, _ = night(*FRAMES)
    assert any(not text.endswith("}") for at_s, _, text in heard if at_s < -8)
    assert all(text.endswith("}") for at_s, _, text in heard if at_s > 14)
    assert any(not a.reply.endswith((b"}", b"]")) for a in tap.asked if a.reply and -20 <= a.at_s < -8)


def test_broken_sockets_are_connected_anew():
    _, tap, _ = night(*FRAMES)
    assert any(0 <= at_s < 20 for at_s in tap.connected_s)


MUTED = {
    "bbo": fault("mute-bbo", -75, 8),
    "userFills": fault("mute-user-fills", -58, 10),
    "orderUpdates": fault("mute-order-updates", -46, 10),
    "allMids": fault("mute-all-mids", -35, 8),
    "clearinghouseState": fault("mute-clearinghouse-state", -26, 10),
    "userFundings": fault("mute-user-fundings", -3, 10),
}


@pytest.mark.parametrize("channel", MUTED)
def test_a_mute_channel_is_not_heard_while_others_are(channel):
    _, tap, _ = night(*MUTED.values())
    one = MUTED[channel]
    said = [s for s in tap.said if s[2] == channel and inside(one, s[0])]
    end_s = one.at_s + one.for_s
    heard = [h for h in tap.heard if one.at_s + LATENCY_S < h[0] < end_s]
    assert said
    assert channel not in {h[2] for h in heard}
    assert len({h[2] for h in heard}) >= 1


def test_a_weak_fault_mutes_the_connections_that_stand_and_spares_new_ones():
    weak = fault("mute-bbo", -75, 60, intensity=0.2)
    _, tap, _ = night(weak)
    bbo = [h for h in tap.heard if h[2] == "bbo" and inside(weak, h[0])]
    assert bbo
    assert {h[1] for h in bbo}.isdisjoint(h[1] for h in tap.heard if h[0] < weak.at_s)


RESETS = (fault("reset-before-effect", -55, 20), fault("reset-after-effect", -30, 20, intensity=1.0))


def unanswered(tap, one):
    """Return the actions that got no answer while a fault lasted."""
    return {a.body for a in tap.asked if a.status is None and a.path == "/exchange" and inside(one, a.at_s)}


def test_a_reset_before_the_effect_leaves_nothing_done_and_one_after_it_all():
    _, tap, ended = night(*RESETS)
    before, after = (unanswered(tap, one) for one in RESETS)
    assert before
    assert after
    answered, done = Counter(a.body for a in tap.asked if a.status is not None), Counter(tap.done)
    assert all(done[body] == answered[body] for body in before)
    assert all(done[body] > answered[body] for body in after)
    assert not ended.failures


def test_without_names_no_new_connection_comes_about_for_minutes():
    gone = fault("dns-gone", -60, 70)
    _, tap, ended = night(gone)
    assert not [s for s in tap.connected_s if gone.at_s < s < 10]
    assert len([s for s in tap.refused_s if inside(gone, s)]) >= 3
    assert not [a for a in tap.asked if a.status is not None and gone.at_s + 1 < a.at_s < 10]
    assert [s for s in tap.connected_s if s > 10]
    assert not ended.failures


def test_with_both_transports_down_nothing_is_heard_or_answered():
    down = fault("both-down", -40, 10)
    _, tap, _ = night(down)
    assert not [h for h in tap.heard if -40 + LATENCY_S < h[0] < -30]
    assert [a for a in tap.asked if inside(down, a.at_s)]
    assert not [a for a in tap.asked if a.status is not None and -40 < a.at_s < -30.2]


def test_a_half_open_socket_says_nothing_until_it_is_given_up():
    _, tap, ended = night(fault("half-open", -40))
    before = {h[1] for h in tap.heard if h[0] < -41}
    assert not [h for h in tap.heard if h[1] in before and h[0] > -40 + LATENCY_S]
    assert [s for s in tap.connected_s if s > -40]
    assert not ended.failures


# --- the venue's answers ---------------------------------------------------------------------------------

ANSWERS = {
    "too-many-requests": fault("too-many-requests", -62, 12),
    "server-error-before-effect": fault("server-error-before-effect", -48, 12),
    "server-error-after-effect": fault("server-error-after-effect", -34, 14, intensity=1.0),
    "html-with-200": fault("html-with-200", -18, 14),
}


@pytest.mark.parametrize(
    ("name", "status", "done"),
    [
        ("too-many-requests", 429, False),
        ("server-error-before-effect", 504, False),
        ("server-error-after-effect", 504, True),
    ],
)
def test_a_refusing_edge_answers_with_its_status_and_did_it_or_not(name, status, done):
    _, tap, ended = night(*ANSWERS.values())
    struck = [a for a in tap.asked if a.status == status and inside(ANSWERS[name], a.at_s)]
    # A noop that burns a nonce is the same bytes each time: another of them may have been done.
    actions = [a for a in struck if a.path == "/exchange" and a.kind != "noop"]
    assert struck
    assert all((a.body in tap.done) is done for a in actions)
    assert actions or not done
    assert not ended.failures


def test_html_comes_with_status_200():
    _, tap, _ = night(*ANSWERS.values())
    pages = [a for a in tap.asked if a.reply and a.reply.startswith(b"<html>") and a.status == 200]
    assert pages
    assert all(inside(ANSWERS["html-with-200"], a.at_s) for a in pages)


BEHIND = (
    fault("read-after-write", -60, 20, intensity=1.0),
    fault("stale-state", -38, 30, intensity=0.5),
    fault("clock-skew", 2, 20, intensity=1.0, coin=3),
)


def ages_s(tap, one):
    """Return how far the venue's own time was behind in its answers about the account while a fault lasted."""
    answered = [
        a for a in tap.asked if a.status == 200 and a.kind == "clearinghouseState" and inside(one, a.at_s)
    ]
    return [a.at_s - (json.loads(a.reply)["time"] - CLOSE_MS) / 1000 for a in answered]


def test_stale_reads_are_of_an_older_state_and_a_skewed_clock_tells_another_time():
    _, tap, ended = night(*BEHIND)
    missing, stale, skewed = (ages_s(tap, one) for one in BEHIND)
    assert any(1.5 < age_s < 2.1 for age_s in missing)
    assert stale
    assert all(15 < age_s < 16 for age_s in stale)
    assert skewed
    assert all(age_s < -29 for age_s in skewed)
    assert not ended.failures


def test_an_order_that_is_young_is_unknown_by_its_id():
    resets = fault("reset-after-effect", -55, 30, intensity=1.0)
    _, tap, ended = night(resets, fault("unknown-oid", -55, 40, intensity=0.5))
    answers = [a for a in tap.asked if a.kind == "orderStatus" and a.reply]
    unknown = [a for a in answers if b"unknownOid" in a.reply]
    cloids = {json.loads(a.body)["oid"] for a in unknown}
    assert any(cloid in body.decode() for cloid in cloids for body in tap.done)
    assert not ended.failures


REFUSED = {
    "post-only": fault("post-only", -58, 8),
    "rejects": fault("rejects", -50, 9),
    "ioc-no-match": fault("ioc-no-match", -40, 9),
    "batch-reject": fault("batch-reject", -30, 9),
    "open-interest-cap": fault("open-interest-cap", -20, 30, coin=2),
}
WORDS = {
    "post-only": "Only post-only orders allowed immediately after a network upgrade",
    "rejects": "Insufficient margin to place order",
    "ioc-no-match": "Order could not immediately match against any resting orders",
    "batch-reject": "Price must be divisible by tick size",
    "open-interest-cap": "Order would increase open interest while open interest is capped",
}


@pytest.mark.parametrize("name", REFUSED)
def test_orders_are_refused_in_the_venues_words_while_the_fault_lasts_and_not_after_it(name):
    _, tap, ended = night(*REFUSED.values())
    one = REFUSED[name]
    when = [s for s in statuses(tap, WORDS[name]) if name == "rejects" or not inside(REFUSED["rejects"], s)]
    assert [s for s in when if inside(one, s)]
    assert all(one.at_s - 0.3 < s < one.at_s + one.for_s for s in when)
    assert not ended.failures


def test_a_batch_is_refused_with_one_member():
    _, tap, _ = night(*REFUSED.values())
    refused = [a for a in tap.asked if a.reply and WORDS["batch-reject"] in a.reply.decode()]
    sizes = {len(json.loads(a.body)["action"]["orders"]) for a in refused}
    members = {len(json.loads(a.reply)["response"]["data"]["statuses"]) for a in refused}
    assert members == {1}
    assert max(sizes) > 1


def test_a_used_up_budget_lets_few_orders_pass():
    """What trades frees its own way, so nothing may trade: the venue lets one action pass in ten seconds."""
    unmatched = fault("ioc-no-match", -70, 40, intensity=1.0)
    _, tap, ended = night(fault("budget-exhausted", -70, 40, intensity=1.0), unmatched)
    assert statuses(tap, "Too many cumulative requests sent")
    assert not ended.failures


# --- the venue's market, as the daemon's orders meet it --------------------------------------------------


def test_a_delisting_at_23_58_settles_what_is_held_and_takes_no_order_from_then_on():
    world, _tap, ended = night(fault("delisting", -120, coin=0), start_s=-130.0)
    assert {f.coin for f in fills(world)}.isdisjoint({"SOL"})
    assert len(fills(world)) > 50
    assert not ended.failures


def test_a_delisting_in_the_session_settles_the_position_at_the_mark():
    world, _, ended = night(fault("delisting", -30, coin=0))
    settled = [f for f in fills(world) if f.direction == "Settlement"]
    assert [f.coin for f in settled] == ["SOL"]
    assert settled[0].at_ms == CLOSE_MS - 30_000
    assert "SOL" not in world.venue.positions(world.keys.address)
    assert not ended.failures


def test_thin_books_fill_in_part():
    thin = fault("partial-fills", -60, 70, intensity=0.95)
    world, tap, ended = night(thin)
    replies = [
        json.loads(a.reply) for a in tap.asked if a.kind == "order" and a.reply and inside(thin, a.at_s)
    ]
    sent = [json.loads(a.body)["action"]["orders"] for a in tap.asked if a.kind == "order" and a.reply]
    members = [m for r in replies for m in r["response"]["data"]["statuses"]]
    filled = [Decimal(m["filled"]["totalSz"]) for m in members if "filled" in m]
    plain = fills(night()[0])
    assert len(filled) > 20
    assert sent
    assert sum(f.size * f.px for f in fills(world) if f.at_ms < CLOSE_MS - 10_000) < Decimal("0.7") * sum(
        f.size * f.px for f in plain if f.at_ms < CLOSE_MS - 10_000
    )
    assert not ended.failures


# --- our account, in other hands -------------------------------------------------------------------------


def without_cloid(world):
    return [f for f in fills(world) if f.cloid is None]


def test_a_foreign_order_trades_with_our_key_and_stops_new_risk():
    world, _, ended = night(fault("foreign-order", -40))
    assert {f.coin for f in without_cloid(world)} == {world.market.assets[2].name}
    assert any("REDUCING: a second writer" in text for _, text in world.daemon.state.session.notices)
    assert not ended.failures


def test_a_foreign_order_may_rest():
    _world, tap, ended = night(fault("foreign-order", -40, intensity=0.1))
    rows = [json.loads(h[3])["data"] for h in tap.heard if h[2] == "orderUpdates"]
    assert [o for row in rows for o in row if "cloid" not in o["order"] and o["status"] == "open"]
    assert not ended.failures


def test_a_position_closed_by_hand_is_gone():
    world, _, ended = night(fault("manual-close", -30))
    closed = without_cloid(world)
    assert len({f.coin for f in closed}) == 1
    assert closed[-1].start_position + (closed[-1].size if closed[-1].buy else -closed[-1].size) == 0
    assert not ended.failures


def test_a_liquidation_takes_every_position():
    world, _, ended = night(fault("liquidation", -40))
    forced = [f for f in fills(world) if f.direction.startswith("Liquidated")]
    assert {"BTC", "SOL"} <= {f.coin for f in forced}
    assert not world.venue.positions(world.keys.address)
    assert not ended.failures


def test_a_stranger_that_goes_under_takes_our_position_along():
    world, _, ended = night(fault("adl", -20))
    forced = [f for f in fills(world) if f.direction == "Auto-Deleveraging"]
    assert [f.coin for f in forced] == [world.market.assets[2].name]
    assert not ended.failures


# --- data ------------------------------------------------------------------------------------------------

DAY_MS = 86_400_000


def closes_told(tap, coin):
    """Return (when, close of the last day) of the answers about a coin after the close; "" where it is missing."""
    found = []
    for a in tap.asked:
        if a.kind == "candleSnapshot" and a.reply and a.at_s > 0:
            rows = json.loads(a.reply) if json.loads(a.body)["req"]["coin"] == coin else None
            if rows is not None:
                found.append((a.at_s, next((r["c"] for r in rows if r["t"] == CLOSE_MS - DAY_MS), "")))
    return found


def test_the_close_of_a_day_is_missing_late_or_another():
    late, missing = fault("late-close", 0, 18, 0.5, 2), fault("missing-close", 0, 0, 0.5, 3)
    revised, spoiled = fault("revised-close", 0, 60, 0.5, 4), fault("bad-number", 0, 60, 0.0, 5)
    world, tap, ended = night(late, missing, revised, spoiled)
    coins = [asset.name for asset in world.market.assets]
    plain = {coin: closes_told(night()[1], coin)[0][1] for coin in coins[2:6]}
    assert {bool(close) for _, close in closes_told(tap, coins[2])} == {False, True}
    assert {close for _, close in closes_told(tap, coins[3])} == {""}
    ratio = Decimal(closes_told(tap, coins[4])[0][1]) / Decimal(plain[coins[4]])
    assert abs(ratio - Decimal("0.9")) < Decimal("0.001")
    assert closes_told(tap, coins[5])[0][1] == "NaN"
    assert len(fills(world)) > 100
    assert not ended.failures


def fundings_asked(tap):
    """Return the rows of every answer of the night itself about funding that was paid."""
    return [
        json.loads(a.reply) for a in tap.asked if a.kind == "fundingHistory" and a.reply and a.at_s > -110
    ]


def test_funding_hours_are_missing_before_the_night_and_in_it():
    _, tap, ended = night(fault("missing-funding", 0, intensity=0.5))
    assert not fundings_asked(night()[1])
    assert fundings_asked(tap)
    assert not any(fundings_asked(tap))
    assert not ended.failures


def test_a_coin_that_is_listed_in_the_night_has_no_history_and_is_not_traded():
    world, _tap, ended = night(fault("new-listing", -70))
    last = world.market.assets[-1]
    assert last.listed_from_ms == CLOSE_MS - 70_000
    assert last.name in {f.coin for f in fills(night()[0])}
    assert last.name not in {f.coin for f in fills(world)}
    assert not ended.failures


def test_a_price_gap_in_the_world_is_what_orders_fill_at():
    gap = fault("price-gap", -45, 20, 0.7, coin=2)
    world, _, ended = night(gap)
    gone = CLOSE_MS - 43_000, CLOSE_MS - 26_000
    low = [f.px for f in fills(world) if f.coin == "SOL" and gone[0] < f.at_ms < gone[1]]
    usual = [f.px for f in fills(night()[0]) if f.coin == "SOL"]
    assert low
    assert max(low) < Decimal("0.85") * min(usual)
    assert not ended.failures


@pytest.mark.parametrize("at_s", [-30, -5])
@pytest.mark.parametrize("intensity", [0.1, 0.9])
def test_a_coin_quoted_in_another_unit_is_not_held_to_be_worth_a_thousand_times_as_much(at_s, intensity):
    world, _, ended = night(fault("unit-change", at_s, intensity=intensity), coins=8)
    state = world.daemon.state
    assert state.book.positions["kPEPE"]
    assert "kPEPE is quoted at" in state.halt_reason
    assert max(abs(beta) for betas in state.hedge.betas.values() for beta in betas) < 20
    assert not ended.failures
