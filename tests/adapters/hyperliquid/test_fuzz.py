"""Truncated, reordered, repeated, ill-typed and hostile messages through every reader of the edge and the whole adapter.

The examples that atheris finds (`make fuzz`) become examples here.
"""

import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from adapters.hyperliquid.wire import account, ledger, market, replies, status
from adapters.ports import Unknown
from core.events import FillsReceived, QuoteReceived
from core.types import Outcome
from fuzz import desk, readers, samples
from fuzz.samples import DEEP, FRAMES, HOSTILE, T
from tests.adapters.scripted import run

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

MARK = "here-something-else"


def places(document, path=()):
    """Yield the path of every value inside a document, the whole included."""
    yield path
    children = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in children:
        yield from places(value, (*path, key))


def with_other(document, path, word):
    """Return the document as JSON with another word at a place."""
    if not path:
        return word
    copy = json.loads(json.dumps(document))
    inside = copy
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = MARK
    return json.dumps(copy).replace(json.dumps(MARK), word)


@st.composite
def spoilt(draw, name):
    """A good message with something wrong: a value changed, gone or doubled, cut off, bytes turned over."""
    text = draw(st.sampled_from(samples.of(name)))
    document = json.loads(text)
    for _ in range(draw(st.integers(0, 2))):
        path = draw(st.sampled_from(list(places(document))))
        changed = with_other(document, path, draw(st.sampled_from(HOSTILE)))
        try:
            document, text = json.loads(changed), changed
        except (ValueError, RecursionError):
            text = changed
            break
    payload = text.encode("utf-8", "surrogatepass")
    way = draw(st.sampled_from(("whole", "cut", "flipped", "twice", "inserted")))
    at = draw(st.integers(0, max(len(payload) - 1, 0)))
    match way:
        case "cut":
            return payload[:at]
        case "flipped":
            return payload[:at] + bytes([draw(st.integers(0, 255))]) + payload[at + 1 :]
        case "twice":
            return payload + payload
        case "inserted":
            return payload[:at] + draw(st.binary(max_size=4)) + payload[at:]
    return payload


@pytest.mark.parametrize("name", readers.READERS)
def test_a_good_message_is_read_by_its_reader(name):
    for message in samples.of(name):
        assert readers.examine(name, message.encode()) is not None


@pytest.mark.parametrize("name", readers.READERS)
def test_a_reader_raises_nothing_but_what_it_says_and_passes_only_numbers_to_reckon_with(name):
    @QUICK
    @given(payload=spoilt(name))
    @example(payload=b"")
    @example(payload=b"null")
    @example(payload=b"\xff\xfe")
    @example(payload=b"[" * 100_000)
    def check(payload):
        readers.examine(name, payload)

    check()


@pytest.mark.parametrize("name", readers.READERS)
def test_a_hostile_word_at_every_place_of_a_message_is_withstood(name):
    """Without chance: our own samples, every place, every word. A reader that read all, or nothing, would be none."""
    refused = set()
    for document in samples.OWN[name]:
        assert not readers.refused(readers.examine(name, json.dumps(document).encode()))
        for path in places(document):
            for word in HOSTILE:
                spoilt = with_other(document, path, word).encode("utf-8", "surrogatepass")
                refused.add(readers.refused(readers.examine(name, spoilt)))
    assert refused == {True, False}


# --- nothing valid is lost -------------------------------------------------------------------------------

NO_JSON = {'"\\ud800"', DEEP}
"""Half a surrogate pair is no text, and a thousand brackets are an attack: a message that holds one is refused whole."""

GARBAGE = st.sampled_from([word for word in HOSTILE if word not in NO_JSON])


def stamped(row, key, number):
    return row | {key: number}


ROWS = {
    "fills": (ledger.read_fills, lambda n: samples.FILL | {"tid": n, "time": T + n}, lambda f: f.tid),
    "user fundings": (
        ledger.read_user_fundings,
        lambda n: samples.FUNDING | {"time": T + n},
        lambda p: p.at_ms - T,
    ),
    "funding ledger": (
        ledger.read_funding_ledger,
        lambda n: {"time": T + n, "hash": "0x0", "delta": {"type": "funding"} | samples.FUNDING},
        lambda p: p.at_ms - T,
    ),
    "candles": (
        market.read_candles,
        lambda n: samples.CANDLE | {"t": T + n, "T": T + n + 1},
        lambda c: c.open_ms - T,
    ),
    "funding history": (
        market.read_funding_history,
        lambda n: samples.RATE | {"time": T + n},
        lambda r: r[0] - T,
    ),
    "open orders": (account.read_open_orders, lambda n: samples.ORDER | {"oid": n}, lambda o: o.oid),
    "order updates": (
        status.read_order_updates,
        lambda n: samples.UPDATE | {"order": samples.ORDER | {"oid": n}},
        lambda a: a.oid,
    ),
    "account": (
        lambda body: ((found := account.read_account(body))[0].positions.values(), found[1]),
        lambda n: {"position": samples.POSITION["position"] | {"coin": str(n)}},
        lambda p: int(p.coin),
    ),
    "instruments": (
        market.read_instruments,
        lambda n: samples.ASSET | {"name": str(n)},
        lambda i: int(i.coin),
    ),
}
WRAPPED = {
    "account": lambda rows: f'{{"marginSummary":{{"accountValue":"1.0"}},"time":1,"assetPositions":{rows}}}',
    "instruments": lambda rows: f'{{"universe":{rows}}}',
}


@pytest.mark.parametrize("name", ROWS)
def test_every_valid_row_comes_through_whatever_stands_between_them(name):
    read, row, number = ROWS[name]

    @QUICK
    @given(between=st.lists(st.lists(GARBAGE, max_size=3), min_size=1, max_size=6))
    def check(between):
        words, valid = [], []
        for n, garbage in enumerate(between):
            words += [*garbage, json.dumps(row(n))]
            valid.append(n)
        rows = f"[{','.join(words)}]"
        found, faults = read(WRAPPED.get(name, str)(rows).encode())
        assert [number(item) for item in found] == valid
        assert len(faults) == len(words) - len(valid)

    check()


@QUICK
@given(words=st.lists(st.one_of(GARBAGE, st.none()), min_size=1, max_size=8))
def test_an_instrument_keeps_its_place_behind_rows_that_cannot_be_read(words):
    rows = [json.dumps(samples.ASSET | {"name": str(n)}) if w is None else w for n, w in enumerate(words)]
    found, _ = market.read_instruments(f'{{"universe":[{",".join(rows)}]}}'.encode())
    assert [(int(i.coin), i.asset_id) for i in found] == [(n, n) for n, w in enumerate(words) if w is None]


GOOD_STATUS = '{"filled":{"totalSz":"0.5","avgPx":"10.0","oid":8}}'


@QUICK
@given(words=st.lists(st.one_of(GARBAGE, st.none()), min_size=1, max_size=8))
def test_a_member_that_cannot_be_read_is_unknown_and_the_others_keep_their_answers(words):
    names = [f"0x{n:032x}" for n in range(len(words))]
    statuses = ",".join(GOOD_STATUS if w is None else w for w in words)
    body = f'{{"status":"ok","response":{{"type":"order","data":{{"statuses":[{statuses}]}}}}}}'.encode()
    answers = replies.read_order_reply(body, names)
    assert [a.cloid for a in answers] == names
    for word, answer in zip(words, answers, strict=True):
        assert answer.outcome is (Outcome.FILLED if word is None else Outcome.UNKNOWN)


@QUICK
@given(words=st.lists(st.one_of(GARBAGE, st.none()), min_size=1, max_size=8))
def test_a_cancel_that_cannot_be_read_is_unknown_and_the_others_keep_their_answers(words):
    names = [f"0x{n:032x}" for n in range(len(words))]
    statuses = ",".join('"success"' if w is None else w for w in words)
    body = f'{{"status":"ok","response":{{"type":"cancel","data":{{"statuses":[{statuses}]}}}}}}'.encode()
    for word, answer in zip(words, replies.read_cancel_reply(body, names), strict=True):
        assert answer.outcome is (Outcome.CANCELLED if word is None else Outcome.UNKNOWN)


@QUICK
@given(words=st.lists(st.tuples(st.sampled_from(("BTC", "ETH", "SOL")), GARBAGE), max_size=6))
def test_a_mid_that_is_no_price_takes_no_other_with_it(words):
    spoilt_mids = "".join(f',"X{n}{coin}":{word}' for n, (coin, word) in enumerate(words))
    frame = f'{{"channel":"allMids","data":{{"mids":{{"BTC":"64000.5"{spoilt_mids},"ETH":"2345.6"}}}}}}'
    found = readers.examine("frame", frame.encode())
    assert found.mids["BTC"] == Decimal("64000.5")
    assert found.mids["ETH"] == Decimal("2345.6")
    assert all(mid > 0 for mid in found.mids.values())


# --- the whole adapter -----------------------------------------------------------------------------------


def fill_frame(tid):
    fills = [samples.FILL | {"tid": tid}]
    return json.dumps({"channel": "userFills", "data": {"user": samples.USER, "fills": fills}}).encode()


@QUICK
@given(frames=st.lists(st.one_of(spoilt("frame"), st.integers(0, 50)), max_size=12))
def test_the_feed_survives_any_frames_in_any_order_and_hands_on_every_good_fill(frames):
    """An integer stands for a good userFills frame with that trade id; repeated ones come twice, as they were sent."""
    events = []
    take = desk.feed(events.append)
    for frame in frames:
        take(fill_frame(10**9 + frame) if isinstance(frame, int) else frame)
    came = [f.tid for e in events if isinstance(e, FillsReceived) for f in e.fills if f.tid >= 10**9]
    wanted = [10**9 + n for n in frames if isinstance(n, int)]
    assert [tid for tid in came if tid in set(wanted)] == wanted
    for event in events:
        if isinstance(event, QuoteReceived):
            assert event.quote.mid.is_finite()


def test_the_feed_takes_a_hostile_word_at_every_place_of_every_frame():
    """And hands on a good fill after each of them."""
    events, sent = [], 0
    take = desk.feed(events.append)
    for document in FRAMES:
        take(json.dumps(document))
        for path in places(document):
            for word in HOSTILE:
                take(with_other(document, path, word).encode("utf-8", "surrogatepass"))
                sent += 1
                events.clear()
                take(fill_frame(10**9 + sent))
                assert [f.tid for e in events if isinstance(e, FillsReceived) for f in e.fills] == [
                    10**9 + sent
                ]


def test_a_closed_network_answers_nothing_more():
    network = desk.SameReply(200, b"null")

    async def ask():
        return await network.post("/info", b"{}", timeout_s=1)

    assert run(ask()).body == b"null"
    run(network.close())
    with pytest.raises(Unknown):
        run(ask())


@pytest.mark.parametrize("name", desk.CALLS)
def test_no_reply_makes_a_call_raise_anything_but_a_venue_error(name):
    good = st.sampled_from([m for kind in samples.OWN for m in samples.of(kind)]).map(str.encode)
    kinds = st.sampled_from(sorted(set(samples.OWN) - {"frame"}))

    @settings(QUICK, max_examples=60)
    @given(
        status=st.sampled_from([200, 200, 200, 400, 404, 422, 429, 500, 502]),
        body=st.one_of(
            kinds.flatmap(spoilt), good, st.binary(max_size=20), st.sampled_from([b"null", b"<html>"])
        ),
    )
    def check(status, body):
        desk.call(name, status, body)

    check()
