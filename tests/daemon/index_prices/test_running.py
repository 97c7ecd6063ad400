"""The commands: run as a process with its signals and lines, hold and release, watch."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest
from rich.console import Console

from adapters.exchanges.venues import VENUES
from core.prices.presets import PRESETS
from core.prices.types import Cause, Reason, State
from daemon.control import NotRunning
from daemon.index_prices import running, watching
from daemon.index_prices.documents import proof
from daemon.index_prices.holds import Holds
from daemon.index_prices.pairs import CONVERSIONS, QUOTES, pairs_of
from daemon.index_prices.printing import Changes, Printer
from daemon.settings import Settings, Source, keys
from research.index_verify import verify
from tests.daemon.command_line import nightdesk
from tests.daemon.index_prices.market import market, ok, publishing
from tests.daemon.index_prices.values import fed, value

pytestmark = pytest.mark.xdist_group("waiting")

ROOT = Path(__file__).resolve().parents[3]
NOWHERE = "127.0.0.1:9"
"""The port of a service that nobody runs: a connection is refused at once."""


# --- run -----------------------------------------------------------------------------------------------------


def test_run_prints_a_json_line_for_each_value_and_ends_in_order(tmp_path):
    words = [sys.executable, "-m", "tests.daemon.index_prices.live_process", str(tmp_path), NOWHERE]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as process:
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert errors == ""
    lines += [json.loads(line) for line in rest.splitlines()]
    assert {line["state"] for line in lines} == {"STARTING"}
    assert lines[0]["price"] is None
    assert not any(lines[0]["allowed"].values())
    assert [line["sequence"] for line in lines] == sorted({line["sequence"] for line in lines})
    log = (tmp_path / "index-price" / "nightdesk.log").read_text("utf-8")
    assert "the endpoint listens" in log
    assert "stopped" in log
    verified = verify(tmp_path / "ledger")
    assert (verified.mismatch, verified.closed, verified.values) == (None, True, len(lines))


def test_the_command_line_goes_before_the_configuration(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(running, "run", given.append)
    config = tmp_path / "config.toml"
    config.write_text('[index_price]\nsymbols = ["SOL/USD"]\npreset = "okx"\nport = 1\n')
    assert nightdesk("index-price", "run", "--config", config).code == 0
    words = ("--symbols", "btc,ETH/USD", "--preset", "pyth", "--port", "0", "--json", "--state-dir", tmp_path)
    words += ("--out", tmp_path / "ledger")
    assert nightdesk("index-price", "run", "--config", config, *words).code == 0
    first, second = (options.settings.index_price for options in given)
    assert (first.symbols, first.preset, first.port) == (("SOL/USD",), "okx", 1)
    assert (second.symbols, second.preset, second.port) == (("BTC/USD", "ETH/USD"), "pyth", 0)
    assert [(options.json, options.out) for options in given] == [
        (False, None),
        (True, tmp_path / "ledger"),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--preset", "mine"), "no such preset. Presets are nightdesk, brief"),
        (("--symbols", "BTC/EUR"), "an index is in USD"),
        (("--port", "70000"), "65535"),
    ],
)
def test_a_wrong_word_is_refused_before_anything_starts(monkeypatch, words, said):
    monkeypatch.setattr(running, "run", lambda _: pytest.fail("started"))
    refused = nightdesk("index-price", "run", *words)
    assert refused.code == 2
    assert said in refused.err


def test_a_second_instance_needs_a_state_directory_of_its_own(tmp_path):
    directory = running.directory_of(Settings(), tmp_path)
    options = running.LiveOptions(settings=Settings(), state_dir=tmp_path, json=True)
    from state.errors import AlreadyRunning
    from state.lock import InstanceLock

    with InstanceLock.acquire(directory), pytest.raises(AlreadyRunning, match="name another state directory"):
        running.run(options)


def test_a_reader_that_takes_nothing_stops_nobody_and_one_that_left_ends_the_run():
    reads, writes = os.pipe()
    left = threading.Event()
    out = os.fdopen(writes, "w")
    printer = Printer(out, lambda _: "x" * 1000, left.set)
    for _ in range(11_000):
        printer.publish([value()])
    assert printer.dropped > 0
    os.close(reads)
    assert left.wait(5)
    with suppress(BrokenPipeError):
        out.close()


def test_people_are_told_when_a_state_changes():
    say = Changes()
    halted = value(state=State.HALTED, cause=Cause.SPLIT, inputs=(fed(reason=Reason.STALE),))
    lines = [say(one) for one in (value(), value(), halted, halted, value(symbol="ETH/USD"))]
    assert [line is not None for line in lines] == [True, False, True, False, True]
    assert "HALTED split_market: 50,000, 3 feeds; left out kraken stale" in lines[2]


# --- what is asked of whom -------------------------------------------------------------------------------------


def test_sources_and_presets_of_the_configuration_are_those_there_are():
    assert set(get_args(Source)) == set(VENUES) == set(QUOTES)
    assert set(CONVERSIONS) <= set(VENUES)
    allowed = keys()["index_price.preset"].allowed
    assert allowed == " or ".join(f'"{name}"' for name in PRESETS)


def test_pairs_are_asked_for_once_and_conversions_besides():
    assert pairs_of("binance", ("BTC/USD", "ETH/USD")) == ("BTC/USDT", "ETH/USDT", "USDC/USDT")
    assert pairs_of("kraken", ("USDT/USD", "BTC/USD")) == ("USDT/USD", "BTC/USD", "USDC/USD")
    assert pairs_of("kraken", ("BTC/USD",), without=("kraken USDC/USD",)) == ("BTC/USD", "USDT/USD")
    assert pairs_of("gate", ("USDT/USD",)) == ()
    assert pairs_of("gate", ("BTC/USD",), converts=False) == ()


def test_conversions_have_the_feeds_they_need():
    """USDT needs two dollar pairs (E4-4), USDC two of either kind."""
    asked = [pair for source in VENUES for pair in pairs_of(source, ("BTC/USD",))]
    for base in ("USDT", "USDC"):
        assert asked.count(f"{base}/USD") >= PRESETS["nightdesk"].rate_feeds_min


# --- hold, release -----------------------------------------------------------------------------------------------


def test_hold_and_release_write_what_instances_read_and_keep_the_reasons(tmp_path):
    words = ("--state-dir", tmp_path, "--json")
    held = nightdesk("index-price", "hold", "btc-usd", "--reason", "why not", *words).document
    where = str(tmp_path / "index-price" / "holds")
    assert held == {
        "held": "BTC/USD",
        "reason": "why not",
        "held_before": False,
        "running": False,
        "configured": True,
        "directory": where,
    }
    again = nightdesk("index-price", "hold", "BTC", "--reason", "again", *words).document
    assert (again["reason"], again["held_before"]) == ("why not", True)
    holds = Holds(tmp_path / "index-price")
    assert holds.read(["BTC/USD"]) == {"BTC/USD": "why not"}
    released = nightdesk("index-price", "release", "BTC", "--reason", "enough", *words).document
    assert released["was"] == "why not"
    assert holds.read(["BTC/USD"]) == {"BTC/USD": None}
    assert [one["reason"] for one in holds.history("BTC/USD")] == ["why not", "again", "enough"]
    assert nightdesk("index-price", "release", "BTC", *words).document["was"] is None


def test_a_hold_of_what_is_not_published_says_so_and_of_no_index_is_refused(tmp_path):
    words = ("--reason", "x", "--state-dir", tmp_path, "--json")
    said = nightdesk("index-price", "hold", "SOL", *words)
    assert said.document["configured"] is False
    assert "no instance runs in" in said.err
    assert "SOL/USD is no index of this configuration, which has BTC/USD" in said.err
    assert nightdesk("index-price", "hold", "BTC/EUR", *words).code == 2
    assert nightdesk("index-price", "hold", "../x", *words).code == 2
    assert nightdesk("index-price", "hold", "BTC", "--reason", " ", "--state-dir", tmp_path).code == 2


# --- watch -------------------------------------------------------------------------------------------------------


def shown(*values):
    console = Console(file=io.StringIO(), width=160)
    documents = {one.symbol: json.loads(json.dumps(proof(one), default=str)) for one in values}
    console.print(watching.view(documents, "http://x", "connected"))
    return console.file.getvalue()


def test_feeds_weights_and_exclusions_are_shown():
    feeds = (
        fed(weight=0.4),
        fed("okx", weight=0.0, reason=Reason.OUTLIER),
        fed("gate", price=None, usd=None),
    )
    text = shown(value(inputs=feeds, state=State.DEGRADED, cause=Cause.QUORUM))
    assert "BTC/USD 50,000 ± 1 DEGRADED below_minimum_feeds, 3 feeds" in text
    rows = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert "40.0%" in rows["kraken"]
    assert rows["okx"].rstrip().endswith("outlier")
    assert "allowed: funding, marking, reducing" in text
    assert "no value yet" in shown()


def test_watch_follows_a_running_instance_and_says_when_it_is_gone(tmp_path):
    async def scenario():
        console = Console(file=io.StringIO(), width=160, force_terminal=True)
        async with market() as made:
            async with publishing(made, tmp_path) as desk:
                await desk.until(ok)
                task = asyncio.create_task(watching.watch(desk.url, console))
                async with asyncio.timeout(10):
                    while "gemini" not in console.file.getvalue():
                        await asyncio.sleep(0.05)
            async with asyncio.timeout(10):
                while "trying again" not in console.file.getvalue():
                    await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with pytest.raises(NotRunning, match="no index price answers"):
                await watching.watch(desk.url, console)

    asyncio.run(scenario())


def test_watch_of_something_else_says_that_it_is_no_index_price():
    refused = nightdesk("index-price", "watch", "--url", f"http://{NOWHERE}")
    assert refused.code == 3
    assert "no index price answers at" in refused.err
