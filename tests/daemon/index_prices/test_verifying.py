"""A second implementation makes every value again from what was heard, and finds whatever was changed in a ledger."""

import io
import json
from dataclasses import replace

import pytest

from core.prices.board import PriceBoard
from core.prices.presets import PRESETS
from daemon.index_prices.ledger import Ledger
from daemon.index_prices.replaying import SETTLEMENT, Replayed, played
from research.index_verify import verify
from tests.daemon.command_line import nightdesk
from tests.daemon.index_prices.messy import messy

RIVALS = [*PRESETS.values(), replace(PRESETS["nightdesk"], name="hasty", rate_feeds_min=1)]


LATER = '{"ledger": "index price", "version": 2, "methodology": {}}\n'


def ledger_of(seed, methodology):
    file = io.BytesIO()
    stream, replayed = messy(seed), Replayed()
    written = Ledger(file, methodology, SETTLEMENT)
    values = [v for vs in played(stream, PriceBoard(methodology), replayed, written) for v in vs]
    written.close()
    return file.getvalue().decode().splitlines(keepends=True), values


@pytest.mark.parametrize("methodology", RIVALS, ids=lambda m: m.name)
def test_every_value_of_a_messy_market_is_made_again(tmp_path, methodology):
    states, reasons = set(), set()
    for seed in (2,):
        lines, values = ledger_of(seed, methodology)
        (tmp_path / "a").write_text("".join(lines))
        verified = verify(tmp_path / "a")
        assert str(verified.mismatch) == "None"
        assert verified.values == len(values) > 300
        assert verified.largest < 1e-12
        states |= {value.state for value in values}
        reasons |= {i.reason for value in values for i in value.inputs}
    assert len(states) > 1
    assert len(reasons) > 4


@pytest.mark.parametrize("symbol", ["BTC/", "/USD", "BTC", "BTC-USD", "BTC/EUR", "BTC/USD/X"])
def test_a_symbol_that_is_none_is_none_in_both(tmp_path, symbol):
    rows = [f'{{"source": "{s}", "symbol": "BTC/USD", "price": 5, "timestamp": 1}}\n' for s in "abc"]
    rows += [f'{{"source": "d", "symbol": "{symbol}", "price": 5, "timestamp": 1}}\n']
    (tmp_path / "a.jsonl").write_text("".join(rows))
    assert nightdesk("index-price", "replay", tmp_path / "a.jsonl", "--out", tmp_path / "b").code == 0
    assert nightdesk("index", "verify", tmp_path / "b").code == 0


@pytest.fixture(scope="module")
def ledger():
    return ledger_of(2, PRESETS["nightdesk"])[0]


def an_ok_value(lines, wanted=lambda record: True):
    """Return the line of a value in the middle that has all there is to change."""
    for line in range(20, len(lines)):
        record = json.loads(lines[line])
        if record["state"] == "OK" and record["symbol"] == "BTC/USD" and wanted(record):
            return line, record
    raise AssertionError("no such value")


def left_out(record):
    return next((i for i in record["inputs"] if i["reason"] in ("outlier", "dwell")), None)


def lower_token(record):
    record["token"] = -1


def no_number_for_a_token(record):
    record["token"] = float("nan")


def higher_price(record):
    record["price"] *= 1 + 2e-9


def shifted_weight(record):
    counted = [i for i in record["inputs"] if i["weight"]]
    counted[0]["weight"] -= 1e-6
    counted[1]["weight"] += 1e-6


def other_reason(record):
    left_out(record)["reason"] = "disconnected"


def no_reason(record):
    left_out(record)["reason"] = None


def other_state(record):
    record["state"] = "DEGRADED"


def other_cause(record):
    record["cause"] = "split_market"


def other_sequence(record):
    record["sequence"] += 1


def earlier(record):
    record["at_ms"] -= 1


def a_changed_tick(record):
    next(said for said in record["heard"] if "tick" in said)["tick"]["bid"] *= 0.999


def a_forgotten_input(record):
    record["inputs"].pop()


def a_changed_input(record):
    next(i for i in record["inputs"] if i["weight"])["price"] *= 1.001


def another_rate(record):
    next(i for i in record["inputs"] if i["weight"])["rate"] *= 1.001


def another_volume(record):
    next(i for i in record["inputs"] if i["weight"])["volume"] *= 1.001


def nothing_published(record):
    record["price"] = None


def not_a_number(record):
    record["price"] = float("nan")


def no_confidence(record):
    record["confidence"] = 0


def fewer_feeds(record):
    record["active_feeds"] -= 1


def confirmed_a_moment_later(record):
    record["good_ms"] += 1


def heard_a_moment_later(record):
    next(i for i in record["inputs"] if i["weight"])["received_ms"] += 1


def stamped_a_moment_later(record):
    next(i for i in record["inputs"] if i["weight"])["at_ms"] += 1


TAMPERED = (
    lower_token,
    no_number_for_a_token,
    higher_price,
    shifted_weight,
    other_reason,
    no_reason,
    other_state,
    other_cause,
    other_sequence,
    earlier,
    a_changed_tick,
    a_forgotten_input,
    a_changed_input,
    another_rate,
    another_volume,
    nothing_published,
    not_a_number,
    no_confidence,
    fewer_feeds,
    confirmed_a_moment_later,
    heard_a_moment_later,
    stamped_a_moment_later,
)


@pytest.mark.parametrize("tampered", TAMPERED, ids=lambda f: f.__name__)
def test_what_was_tampered_with_is_found_at_its_line(tmp_path, ledger, tampered):
    line, record = an_ok_value(ledger, lambda r: left_out(r) and any("tick" in said for said in r["heard"]))
    tampered(record)
    changed = [*ledger[:line], json.dumps(record) + "\n", *ledger[line + 1 :]]
    (tmp_path / "a").write_text("".join(changed))
    verified = verify(tmp_path / "a")
    assert verified.mismatch is not None
    assert verified.mismatch.line == line + 1
    assert verified.values == line - 1


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "nonsense", '{"symbol": 1}', "[" * 100_000, '{"symbol": [1]}']
)
def test_a_damaged_line_is_a_mismatch(tmp_path, ledger, text):
    (tmp_path / "a").write_text("".join([*ledger[:5], text + "\n", *ledger[6:]]))
    assert verify(tmp_path / "a").mismatch.line == 6


def test_a_missing_value_is_found(tmp_path, ledger):
    line, _ = an_ok_value(ledger)
    (tmp_path / "a").write_text("".join(ledger[:line] + ledger[line + 1 :]))
    assert verify(tmp_path / "a").mismatch is not None


def test_other_rules_do_not_make_the_same_values(tmp_path, ledger):
    header = json.loads(ledger[0])
    header["methodology"]["outliers"]["clamp"] = 0.001
    (tmp_path / "a").write_text("".join([json.dumps(header) + "\n", *ledger[1:]]))
    assert verify(tmp_path / "a").mismatch is not None


def test_the_command_says_how_many_and_leaves_with_one_where_one_differs(tmp_path, ledger):
    (tmp_path / "a").write_text("".join(ledger[:50]))
    said = nightdesk("index", "verify", tmp_path / "a")
    assert (said.code, "was not closed: 49 values verified" in said.out) == (9, True)
    record = json.loads(ledger[40])
    record["sequence"] += 1
    (tmp_path / "a").write_text("".join([*ledger[:40], json.dumps(record) + "\n"]))
    said = nightdesk("index", "verify", tmp_path / "a", "--json")
    assert said.code == 1
    assert said.document["held"] is False
    assert (said.document["values"], said.document["mismatch"]["line"]) == (39, 41)


@pytest.mark.parametrize(
    "content", ["", "{}\n", "nonsense", '{"ledger": "other"}\n', '{"ledger": "index price"}', LATER]
)
def test_a_file_that_is_no_ledger_is_refused_with_what_is_one(tmp_path, content):
    (tmp_path / "a").write_text(content)
    said = nightdesk("index", "verify", tmp_path / "a")
    assert said.code == 2
    assert said.err.startswith("nightdesk: ")
    assert nightdesk("index", "verify", tmp_path / "nowhere").code == 2
