"""`nightdesk index remove` with a daemon that keeps the index and without one, and the blacklist: who must go is gone."""

import asyncio
import json
from contextlib import asynccontextmanager
from types import SimpleNamespace

import msgspec
import pytest

from daemon.clock import LoopClock
from daemon.control import ControlServer
from daemon.crypto_index.by_hand import Removing
from daemon.run import answer
from daemon.service import Service
from sim.loop import run
from state.errors import DiskRefuses
from state.index_ledger import IndexLedger
from tests.daemon.command_line import nightdesk
from tests.daemon.crypto_index.kept import RULES, House, ms

NOON = "2021-03-31T12:00:00"
WAITS = RULES.replace("[schedule]\n", "[schedule]\nannounced_days = 5\n")
"""A rule book whose reviews are announced five days ahead."""


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def leaving(symbol, reason):
    return Removing(symbol=symbol, reason=reason, by="operator")


def removals(house):
    return [
        (entry.event.symbols, entry.event.reason, entry.event.by)
        for entry in house.entries
        if type(entry.event).__name__ == "Remove"
    ]


def remove(house, symbol, *words, state_dir=None):
    where = "--state-dir", state_dir or house.directory
    return nightdesk("index", "remove", symbol, "--reason", "keys leaked", *where, *words)


@asynccontextmanager
async def daemon(house, keeper=None):
    """A control socket in the house's directory, answered by a service with this keeper."""
    service = Service(SimpleNamespace(clock=None, settings=None, levels=keeper))
    server = ControlServer(house.directory, lambda request: answer(service, request, None))
    await server.start()
    try:
        yield service
    finally:
        await server.close()


async def until(is_so):
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.01)


def test_the_daemon_that_keeps_the_index_removes_at_once_and_refuses_who_is_no_member(house):
    async def scenario():
        clock = LoopClock(ms(NOON), speed=10.0)
        keeper = house.keeper(clock)
        task = asyncio.ensure_future(keeper.run())
        async with daemon(house, keeper):
            await until(lambda: keeper.shown is not None)
            said = [await asyncio.to_thread(remove, house, symbol) for symbol in ("doge", " eth")]
            await until(lambda: "ETH" not in keeper.shown["members"])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return said

    no_member, gone = asyncio.run(scenario())
    assert (no_member.code, no_member.err.count("\n")) == (2, 1)
    assert no_member.err.startswith("nightdesk: DOGE is no member of THREE")
    assert gone.code == 0
    assert "the daemon does it now" in gone.out
    assert removals(house) == [(("ETH",), "keys leaked", "operator")]


def test_an_index_that_another_process_has_is_not_touched_and_the_daemon_to_ask_is_asked_for(house, tmp_path):
    house.lives(NOON, "2021-03-31T12:00:05")
    config = tmp_path / "config.toml"
    config.write_text(f'[crypto_index]\ndir = "{house.directory / "crypto-index"}"\n')
    with IndexLedger.open(house.directory / "crypto-index"):
        said = remove(house, "ETH", "--config", config, state_dir=tmp_path)
    assert said.code == 2
    assert f"kept by another process, and no daemon of {tmp_path} answers: name its --state-dir" in said.err
    assert said.err.count("\n") == 1
    assert removals(house) == []


@pytest.mark.parametrize("keeper", [None, "not launched"])
def test_a_daemon_that_keeps_none_says_so(house, keeper):
    kept = house.keeper(LoopClock(ms(NOON))) if keeper else None
    service = Service(SimpleNamespace(clock=None, settings=None, levels=kept))
    said = answer(service, {"do": "index_change", "change": msgspec.to_builtins(leaving("ETH", "x"))}, None)
    assert list(said) == ["error"]
    assert "keeps no" in said["error"]


def test_without_a_daemon_the_command_removes_and_refuses_as_the_daemon_does(house):
    house.lives(NOON, "2021-03-31T12:00:05")
    no_member = remove(house, "DOGE")
    assert (no_member.code, no_member.err.count("\n")) == (2, 1)
    assert "DOGE is no member of THREE; its members are BTC, ETH, SOL" in no_member.err
    assert remove(house, "eth").code == 0
    assert removals(house) == [(("ETH",), "keys leaked", "operator")]


def test_the_last_member_is_not_removed_by_the_daemon_and_that_is_told(house):
    def ask(keeper):
        assert [keeper.ask(leaving(s, "x")) for s in ("BTC", "ETH", "SOL")] == [{"accepted": True}] * 3

    shown = house.lives(NOON, "2021-03-31T12:00:10", meanwhile=(5, ask))
    assert (shown["members"], shown["state"]) == (["SOL"], "OK")
    assert house.codes["crypto_index.removal"] == "critical"


def test_a_removal_that_is_asked_for_twice_is_done_once_and_nothing_to_be_told(house):
    def ask(keeper):
        assert [keeper.ask(leaving("ETH", "x")) for _ in range(2)] == [{"accepted": True}] * 2

    house.lives(NOON, "2021-03-31T12:00:10", meanwhile=(5, ask))
    assert len(removals(house)) == 1
    assert house.codes == {}


def test_a_removal_that_was_accepted_outlives_a_disk_that_refuses_it(house, monkeypatch):
    record = IndexLedger.record

    def refuses(self, event, prices, *, at_ms):
        if type(event).__name__ == "Remove":
            raise DiskRefuses("ledger.jsonl: cannot be written (No space left on device)")
        return record(self, event, prices, at_ms=at_ms)

    async def scenario():
        clock = LoopClock(ms(NOON))
        keeper = house.keeper(clock)
        first = asyncio.ensure_future(keeper.run())
        await clock.sleep(5)
        monkeypatch.setattr(IndexLedger, "record", refuses)
        assert keeper.ask(leaving("ETH", "key leaked")) == {"accepted": True}
        await asyncio.wait((first,))
        assert isinstance(first.exception(), DiskRefuses)
        monkeypatch.setattr(IndexLedger, "record", record)
        second = asyncio.ensure_future(keeper.run())
        await clock.sleep(5)
        second.cancel()
        await asyncio.wait((second,))

    run(scenario())
    assert removals(house) == [(("ETH",), "key leaked", "operator")]


def test_a_write_that_has_begun_ends_before_the_ledger_is_let_go_of(house):
    """As a thread does: what waits for the disk goes on, though the life that waits for it is over."""

    async def scenario():
        clock = LoopClock(ms(NOON))

        begun = []

        async def apart(function):
            async def slow():
                begun.append(function)
                await clock.sleep(1.0)
                return function()

            return await asyncio.shield(asyncio.ensure_future(slow()))

        house.apart = apart
        keeper = house.keeper(clock)
        life = asyncio.ensure_future(keeper.run())
        await clock.sleep(10)
        keeper.ask(leaving("ETH", "key leaked"))
        count = len(begun)
        while len(begun) == count:
            await clock.sleep(0.05)
        life.cancel()
        await asyncio.wait((life,))
        with IndexLedger.open(house.directory / "crypto-index") as ledger:
            found = [member.symbol for member in ledger.state.members]
        await clock.sleep(2)
        return found, life.cancelled()

    assert run(scenario()) == (["BTC", "SOL"], True)
    assert len(removals(house)) == 1


def test_a_removal_that_comes_between_midnight_and_its_level_leaves_the_settlement_values_alone(house):
    """The disk takes four seconds for the first, so that the second comes after midnight; prices double just before it."""

    async def apart(function):
        await asyncio.sleep(4.0 if len(house.seen) > 100 else 0.0)
        return function()

    def ask(keeper):
        house.px.update({name: 2 * px for name, px in house.px.items()})
        assert [keeper.ask(leaving(s, "x")) for s in ("BTC", "ETH")] == [{"accepted": True}] * 2

    house.apart = apart
    house.lives("2021-03-30T23:59:00", "2021-03-31T00:00:20", meanwhile=(57, ask))
    assert [kind for _, kind in house.told] == ["Launch", "Remove", "Remove", "Publish"]
    second, level = house.entries[2:]
    assert second.at_ms > ms("2021-03-31T00:00:00")
    assert [price.symbol for price in level.prices] == ["SOL"]
    assert 20 < float(level.prices[0].usd) < 30


# --- who is announced ------------------------------------------------------------------------------------


@pytest.fixture
def waiting(house):
    """A house with an index of BTC, ETH and XRP, for which SOL is announced to come in XRP's place on 6 April."""
    (house.directory.parent / "three.toml").write_text(WAITS)
    blacklist(house, "SOL")
    house.lives(NOON, "2021-03-31T12:00:05")
    blacklist(house)
    house.lives("2021-03-31T23:59:30", "2021-04-01T00:00:10")
    assert house.told[1:] == [("04-01 00:00:00", "Announce"), ("04-01 00:00:00", "Publish")]
    return house


def blacklist(house, *symbols):
    (house.data / "blacklist.json").write_text(json.dumps(symbols))


def test_what_is_announced_is_told_with_its_day_and_its_weights(waiting):
    shown = waiting.lives("2021-04-01T12:00:00", "2021-04-01T12:00:05")
    assert shown["members"] == ["BTC", "ETH", "XRP"]
    assert shown["announced"]["effective"] == "2021-04-06T00:00:00.000+00:00"
    assert set(shown["announced"]["weights"]) == {"BTC", "ETH", "SOL"}


def by_blacklist(house):
    blacklist(house, "SOL")
    return


def by_operator(house):
    return 5, lambda keeper: keeper.ask(leaving("SOL", "keys leaked"))


@pytest.mark.parametrize("way", [by_blacklist, by_operator])
def test_who_is_only_announced_does_not_come_and_nothing_else_changes(waiting, way):
    shown = waiting.lives("2021-04-01T12:00:00", "2021-04-01T12:00:10", meanwhile=way(waiting))
    assert [symbols for symbols, _, _ in removals(waiting)] == [("SOL",)]
    assert shown["members"] == ["BTC", "ETH", "XRP"]
    assert set(shown["announced"]["weights"]) == {"BTC", "ETH"}
    assert sum(map(float, shown["announced"]["weights"].values())) == pytest.approx(1, abs=1e-12)
    assert waiting.entries[-1].divisor == waiting.entries[-2].divisor
