import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hyperliquid.wire.replies import read_cancel_reply, read_noop_reply, read_order_reply
from adapters.hyperliquid.wire.status import outcome, read_order_status
from core.types import Outcome
from tests.adapters.hyperliquid.desk import name
from tests.adapters.hyperliquid.recorded import case, needs_recordings, round_trips
from tests.adapters.hyperliquid.test_wire_frames import nonsense, order_row

NAMES = (name(1), name(2), name(3))


def ok(*statuses, kind="order"):
    return json.dumps(
        {"status": "ok", "response": {"type": kind, "data": {"statuses": list(statuses)}}}
    ).encode()


def outcomes(body, names=NAMES):
    return [a.outcome for a in read_order_reply(body, names)]


def test_each_member_of_a_batch_gets_its_own_answer():
    body = ok(
        {"resting": {"oid": 7, "cloid": name(1)}},
        {"filled": {"totalSz": "0.5", "avgPx": "2345.6", "oid": 8}},
        {"error": "Insufficient margin to place order. asset=1"},
    )
    resting, filled, refused = read_order_reply(body, NAMES)
    assert (resting.outcome, resting.oid) == (Outcome.RESTING, 7)
    assert (filled.outcome, filled.filled_qty, filled.average_px) == (
        Outcome.FILLED,
        Decimal("0.5"),
        Decimal("2345.6"),
    )
    assert (refused.outcome, refused.reason) == (
        Outcome.REJECTED,
        "Insufficient margin to place order. asset=1",
    )


def test_one_error_for_a_whole_batch_refuses_all_of_it():
    assert outcomes(ok({"error": "Order has invalid size."})) == [Outcome.REJECTED] * 3


def test_a_refused_envelope_refuses_all_with_the_venues_words():
    body = b'{"status":"err","response":"Action already expired"}'
    assert {(a.outcome, a.reason) for a in read_order_reply(body, NAMES)} == {
        (Outcome.REJECTED, "Action already expired")
    }


def test_a_duplicate_nonce_proves_nothing_since_the_first_copy_may_have_been_taken():
    body = b'{"status":"err","response":"Invalid nonce: duplicate nonce 1786536000000"}'
    assert outcomes(body) == [Outcome.UNKNOWN] * 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"<html>502</html>",
        b'{"status":"ok"}',
        b'{"status":"ok","response":{"type":"order"}}',
        b'{"status":"maybe","response":"?"}',
        b'{"status":"err","response":{"no":"text"}}',
        ok(),
        ok({"resting": {"oid": 7}}),
        ok({"resting": {"oid": 7}}, {"error": "x"}),
        ok(*[{"error": "x"}] * 4),
        ok("waitingForFill", "waitingForTrigger", "something new"),
        ok(
            {},
            {"filled": {"totalSz": "0.0", "avgPx": "1", "oid": 1}},
            {"filled": {"totalSz": "1", "avgPx": "NaN", "oid": 1}},
        ),
        ok(*[{"resting": {"oid": 7, "cloid": name(9)}}] * 3),
        ok(*[{"resting": {"oid": 7, "cloid": name(9)}}], {"error": "x"}, {"error": "x"}),
        ok(*[{"resting": {"oid": 7, "cloid": name(2)}}] * 3),
    ],
)
def test_a_reply_that_cannot_be_matched_leaves_every_order_unknown(body):
    answers = read_order_reply(body, NAMES)
    assert [a.outcome for a in answers] == [Outcome.UNKNOWN] * 3
    assert all(a.reason for a in answers)


@given(st.lists(nonsense, max_size=4), st.data())
def test_any_reply_gives_one_answer_an_order_and_proof_only_where_there_is_some(statuses, data):
    body = data.draw(st.sampled_from([ok(*statuses), json.dumps(statuses).encode()]))
    answers = read_order_reply(body, NAMES)
    assert [a.cloid for a in answers] == list(NAMES)
    assert all(a.outcome is Outcome.UNKNOWN for a in answers)
    assert [a.cloid for a in read_cancel_reply(body, NAMES)] == list(NAMES)


# --- whose status it is --------------------------------------------------------------------------------

MANY = tuple(name(n) for n in range(1, 9))


def is_json(value):
    return not any(word in json.dumps(value) for word in ("Infinity", "NaN"))


strangers = nonsense.filter(is_json)


def told(cloid, kind, *, names=True):
    """Return the status of one member, and what it proves."""
    own = {"cloid": cloid} if names else {}
    match kind:
        case "resting":
            return {"resting": {"oid": int(cloid, 16), **own}}, Outcome.RESTING
        case "filled":
            filled = {"totalSz": "0.5", "avgPx": "2345.6", "oid": int(cloid, 16), **own}
            return {"filled": filled}, Outcome.FILLED
    return {"error": f"Insufficient margin to place order. asset={int(cloid, 16)}"}, Outcome.REJECTED


kinds = st.lists(st.sampled_from(["resting", "filled"]), min_size=len(MANY), max_size=len(MANY))


@given(kinds=kinds, order=st.permutations(range(len(MANY))), data=st.data())
def test_statuses_that_name_their_orders_find_them_in_any_order_and_any_number(kinds, order, data):
    made = [told(cloid, kind) for cloid, kind in zip(MANY, kinds, strict=True)]
    kept = order[: data.draw(st.integers(0, len(order)))]
    strange = data.draw(st.lists(strangers, max_size=2))
    at = data.draw(st.integers(0, len(kept)))
    sent = [made[i][0] for i in kept]
    answers = read_order_reply(ok(*sent[:at], *strange, *sent[at:]), MANY)
    for i, answer in enumerate(answers):
        assert answer.cloid == MANY[i]
        if i in kept:
            assert (answer.outcome, answer.oid) == (made[i][1], int(MANY[i], 16))
        else:
            assert answer.outcome is Outcome.UNKNOWN


@given(
    st.lists(
        st.tuples(st.sampled_from(["resting", "filled", "error"]), st.booleans()), min_size=8, max_size=8
    )
)
def test_as_many_statuses_as_orders_in_their_order_lose_nothing_whether_they_are_named_or_not(members):
    made = [told(c, kind, names=named) for c, (kind, named) in zip(MANY, members, strict=True)]
    answers = read_order_reply(ok(*(status for status, _ in made)), MANY)
    assert [a.outcome for a in answers] == [outcome for _, outcome in made]


@given(st.integers(0, 7), strangers)
def test_an_unreadable_status_costs_only_its_own_order_an_answer(place, strange):
    statuses = [told(cloid, "filled", names=False)[0] for cloid in MANY]
    statuses[place] = strange
    answers = read_order_reply(ok(*statuses), MANY)
    assert [a.outcome is Outcome.UNKNOWN for a in answers] == [i == place for i in range(8)]


def test_a_name_out_of_its_place_makes_the_places_of_the_nameless_worth_nothing():
    """Errors never carry a name: whose they are is no longer known when another status stands where it should not."""
    body = ok({"resting": {"oid": 7, "cloid": name(2)}}, {"error": "x"}, {"error": "y"})
    assert outcomes(body) == [Outcome.UNKNOWN, Outcome.RESTING, Outcome.UNKNOWN]


def test_two_statuses_for_one_order_prove_nothing_about_it_and_all_about_the_other():
    body = ok(*[told(name(1), "filled")[0]] * 2, told(name(2), "resting")[0])
    assert outcomes(body) == [Outcome.UNKNOWN, Outcome.RESTING, Outcome.UNKNOWN]


def test_a_name_in_capitals_is_the_same_name():
    cloid = "0x" + "ab" * 16
    body = ok({"resting": {"oid": 7, "cloid": cloid.upper().replace("X", "x")}})
    assert outcomes(body, (cloid,)) == [Outcome.RESTING]


# --- what a noop proves --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "proved"),
    [
        (b'{"status":"ok","response":{"type":"default"}}', Outcome.BURNED),
        (b'{"status":"err","response":"Invalid nonce: duplicate nonce 1786536000000"}', Outcome.SPENT),
        (b'{"status":"err","response":"Invalid nonce: nonce too low 5 < 7"}', Outcome.SPENT),
        (b'{"status":"err","response":"Invalid nonce: nonce too high 9 > 7"}', Outcome.UNKNOWN),
        (b'{"status":"err","response":"User or API Wallet 0x1 does not exist."}', Outcome.UNKNOWN),
        (b'{"status":"err","response":"Too many cumulative requests sent (3 > 2)"}', Outcome.UNKNOWN),
        (b'{"status":"ok","response":{"type":"order","data":{"statuses":[]}}}', Outcome.UNKNOWN),
        (b'{"status":"ok"}', Outcome.UNKNOWN),
        (b"<html>502</html>", Outcome.UNKNOWN),
        (b"", Outcome.UNKNOWN),
    ],
)
def test_a_noop_proves_that_its_nonce_was_free_or_is_gone_or_nothing(body, proved):
    answers = read_noop_reply(body, NAMES)
    assert [(a.cloid, a.outcome) for a in answers] == [(n, proved) for n in NAMES]
    assert all(a.reason for a in answers)


@given(nonsense)
def test_no_nonsense_burns_a_nonce(strange):
    body = json.dumps(strange).encode()
    assert {a.outcome for a in read_noop_reply(body, NAMES)} == {Outcome.UNKNOWN}


@pytest.mark.parametrize("read", [read_order_reply, read_cancel_reply, read_noop_reply])
def test_the_word_that_the_address_has_no_requests_left_is_passed_on(read):
    text = "Too many cumulative requests sent (3 > 2) for cumulative volume traded $1."
    body = json.dumps({"status": "err", "response": text}).encode()
    assert all(a.throttled for a in read(body, NAMES))
    other = json.dumps({"status": "err", "response": "Action already expired"}).encode()
    assert not any(a.throttled for a in read(other, NAMES))


def test_a_cancel_is_either_proved_or_unknown():
    gone = "Order was never placed, already canceled, or filled. asset=173"
    answers = read_cancel_reply(ok("success", {"error": gone}, "new word", kind="cancel"), NAMES)
    assert [a.outcome for a in answers] == [Outcome.CANCELLED, Outcome.UNKNOWN, Outcome.UNKNOWN]
    assert answers[1].reason == gone
    refused = read_cancel_reply(b'{"status":"err","response":"Invalid nonce: too low"}', NAMES)
    assert [a.outcome for a in refused] == [Outcome.UNKNOWN] * 3


VOCABULARY = {
    Outcome.RESTING: "open triggered",
    Outcome.FILLED: "filled",
    Outcome.CANCELLED: "canceled marginCanceled vaultWithdrawalCanceled openInterestCapCanceled selfTradeCanceled "
    "reduceOnlyCanceled siblingFilledCanceled delistedCanceled liquidatedCanceled outcomeSettledCanceled "
    "scheduledCancel internalCancel",
    Outcome.REJECTED: "rejected tickRejected minTradeNtlRejected perpMarginRejected reduceOnlyRejected "
    "badAloPxRejected iocCancelRejected badTriggerPxRejected marketOrderNoLiquidityRejected "
    "positionIncreaseAtOpenInterestCapRejected positionFlipAtOpenInterestCapRejected "
    "tooAggressiveAtOpenInterestCapRejected openInterestIncreaseRejected insufficientSpotBalanceRejected "
    "oracleRejected perpMaxPositionRejected tooManyOpenOrdersRejected",
    Outcome.UNKNOWN: "waiting Open FILLED cancelling rejectedPerhaps",
}


@pytest.mark.parametrize(("expected", "words"), VOCABULARY.items())
def test_the_whole_vocabulary_of_order_states_is_read_by_rule(expected, words):
    assert {outcome(word) for word in words.split()} == {expected}


def test_an_order_cancelled_after_a_partial_fill_says_how_much_was_filled():
    body = {"status": "order", "order": {"order": order_row(sz="0.2"), "status": "reduceOnlyCanceled"}}
    answer = read_order_status(json.dumps(body).encode(), name(1))
    assert (answer.outcome, answer.filled_qty, answer.reason) == (
        Outcome.CANCELLED,
        Decimal("0.3"),
        "reduceOnlyCanceled",
    )


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'{"status":"new"}', b'{"status":"order","order":{"status":"open"}}']
)
def test_an_order_status_that_cannot_be_read_is_unknown_and_never_absent(body):
    assert read_order_status(body, name(1)).outcome is Outcome.UNKNOWN


def test_more_left_than_was_asked_for_is_not_believed():
    body = {"status": "order", "order": {"order": order_row(sz="0.6"), "status": "filled"}}
    assert read_order_status(json.dumps(body).encode(), name(1)).outcome is Outcome.UNKNOWN


# --- recorded ------------------------------------------------------------------------------------------


@needs_recordings
def test_recorded_replies_to_orders_are_read():
    def read(tape):
        return [
            read_order_reply(body, (name(1),))[0]
            for _, body in round_trips(f"go_hyperliquid_cassettes/{tape}.yaml")
        ]

    [above] = read("Orders_Above10")
    assert (above.outcome, above.oid) == (Outcome.RESTING, 41545810396)
    [below] = read("Orders_Below10")
    assert (below.outcome, below.reason) == (
        Outcome.REJECTED,
        "Order must have minimum value of $10. asset=173",
    )
    [stranger] = read("Orders_InvalidAuth")
    assert stranger.outcome is Outcome.REJECTED
    assert stranger.reason.startswith("User or API Wallet 0xefc0")


@needs_recordings
def test_a_recorded_reply_that_repeats_the_client_order_id_is_matched_by_it():
    question, body = round_trips("go_hyperliquid_cassettes/Orders_Cloid.yaml")[2]
    ours = question["action"]["orders"][0]["c"]
    assert read_order_reply(body, (ours,))[0].outcome is Outcome.RESTING
    assert read_order_reply(body, (name(1),))[0].outcome is Outcome.UNKNOWN


@needs_recordings
def test_recorded_replies_to_cancels_are_read():
    bodies = [body for _, body in round_trips("go_hyperliquid_cassettes/Cancel_DoubleCancel.yaml")][1:]
    assert [read_cancel_reply(b, (name(1),))[0].outcome for b in bodies] == [
        Outcome.CANCELLED,
        Outcome.UNKNOWN,
    ]


@needs_recordings
def test_recorded_order_states_are_read():
    tape = round_trips("go_hyperliquid_cassettes/QueryOrderByOid.yaml")
    asked = [body for question, body in tape if question["type"] == "orderStatus"]
    answers = [read_order_status(body, name(1)) for body in asked]
    assert {a.outcome for a in answers} == {Outcome.NEVER_PLACED, Outcome.FILLED}
    assert {a.filled_qty for a in answers if a.outcome is Outcome.FILLED} == {Decimal("0.0025")}
    still = read_order_status(json.dumps(case("orderStatus post-only open")).encode(), name(1))
    assert still.outcome is Outcome.RESTING
    gone = read_order_status(json.dumps(case("orderStatus canceled spot")).encode(), name(1))
    assert gone.outcome is Outcome.CANCELLED


@needs_recordings
def test_a_recorded_market_order_with_children_is_filled_and_the_children_are_unknown():
    body = json.dumps(case("order normalTpsl")).encode()
    assert outcomes(body) == [Outcome.FILLED, Outcome.UNKNOWN, Outcome.UNKNOWN]
