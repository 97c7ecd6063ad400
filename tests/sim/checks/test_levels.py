"""A kept index: each thing that the checker asks of it, once as it should be and once broken."""

from decimal import Decimal
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from core.index_level import level
from core.levels import turns
from core.levels.types import Launch, Price, Publish, RemovalCause, Remove, Target
from core.report import iso
from sim.checks.levels import LevelIsContinuous
from sim.nights.elsewhere import Elsewhere
from sim.nights.kept_index import DIRECTORY
from state.disk import OS_DISK
from state.index_ledger import LEDGER, IndexLedger

USD = {"BTC": 100.0, "ETH": 10.0, "SOL": 1.0}
START_MS = 1_735_603_200_000
LAUNCH = Launch(
    name="X",
    methodology="x",
    base_level=Decimal(1000),
    stale_ms=10**9,
    targets=tuple(
        Target(name, Decimal(10), Decimal(part)) for name, part in zip(USD, (".25", ".25", ".5"), strict=True)
    ),
)
GONE = Remove(symbols=("SOL",), cause=RemovalCause.BLACKLIST, reason="a ruling", by="operator")


class House:
    """An index, the world that a checker sees around it, and what is told of the index."""

    def __init__(self, place):
        self.directory, self.usd, self.now_ms = place / DIRECTORY, dict(USD), START_MS
        self.ledger = IndexLedger.open(self.directory)
        self.elsewhere = Elsewhere(None, None)
        self.daemon = SimpleNamespace(index=None)
        self.world = SimpleNamespace(
            night=SimpleNamespace(keeps_index=True),
            running=self.daemon,
            elsewhere=self.elsewhere,
            lives=SimpleNamespace(all=[None]),
            disk=SimpleNamespace(directory=place, outside=lambda: OS_DISK),
            checkers=SimpleNamespace(figures={}),
        )
        self.checker = LevelIsContinuous()
        self.record(LAUNCH)

    def prices(self):
        return {name: Price(name, Decimal(repr(usd)), self.now_ms) for name, usd in self.usd.items()}

    def record(self, event):
        if isinstance(event, Launch | Publish):
            self.settled_ms = self.now_ms
        return self.ledger.record(event, self.prices(), at_ms=self.now_ms)

    def second(self, **instead):
        """Let a second pass, tell the level, and return what the checker finds."""
        self.now_ms += 1000
        self.elsewhere.rounds += 1
        self.elsewhere.recent.append(dict(self.usd))
        state = self.ledger.state
        self.daemon.index = {
            "state": "OK",
            "level": str(level(state, self.prices(), at_ms=self.now_ms)),
            "divisor": str(state.divisor),
            "members": [member.symbol for member in state.members],
            "settled_at": iso(self.settled_ms),
            "carried": [],
        } | instead
        return list(self.checker.on_step(SimpleNamespace(world=self.world, begins=False)))

    def begins(self):
        return list(self.checker.on_step(SimpleNamespace(world=self.world, begins=True)))

    def at_end(self):
        self.ledger.close()
        return list(self.checker.at_end(self.world))


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def test_a_life_with_a_level_and_a_removal_is_as_it_should_be(house):
    found = [house.second() for _ in range(4)]
    house.usd["SOL"] *= 1.5
    found += [house.second() for _ in range(8)]
    house.record(Publish())
    house.record(GONE)
    found += [house.second(), house.begins(), house.at_end()]
    assert not any(found)
    assert house.world.checkers.figures == {"index_entries": 3, "index_levels": 1, "index_told": 13}


def test_what_is_told_before_it_is_in_the_ledger_is_found(house):
    assert "told, and not in the ledger" in house.second(divisor="2")[0]
    assert "told, and not in the ledger" in house.second(members=["BTC", "ETH"])[0]


def test_an_entry_that_was_told_and_that_a_crash_took_is_found_by_the_next_start_and_at_the_end(house):
    house.record(GONE)
    assert not house.second()
    path = house.directory / LEDGER
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert house.begins() == ["entry 1 was told, and is gone"]
    assert any("the next start would refuse the ledger" in text for text in house.at_end())


def test_another_entry_in_the_place_of_one_that_was_told_is_found(house):
    house.record(GONE)
    assert not house.second()
    house.ledger.close()
    for path in house.directory.iterdir():
        path.unlink()
    house.ledger, house.now_ms = IndexLedger.open(house.directory), START_MS
    house.record(LAUNCH)
    house.record(Publish())
    assert house.begins() == ["entry 1 was told, and is another"]


def test_a_divisor_that_is_not_adjusted_is_found_though_the_same_code_reads_it_again(house):
    with patch.object(turns, "divisor_after", lambda divisor, *_: divisor):
        house.record(GONE)
        found = house.at_end()
    assert "entry 1, Remove: the level is" in found[0]


def test_a_divisor_that_moves_with_a_level_is_found(house):
    with patch.object(turns, "divisor_after", lambda divisor, *_: divisor * (1 + Decimal("1e-13"))):
        house.record(Publish())
        found = house.at_end()
    assert found == ["entry 1, Publish, changes members or divisor"]


def test_a_level_that_moves_while_no_price_does_is_found(house):
    assert not house.second()
    assert "the level went from 1000" in house.second(level="1000.1")[0]


def test_a_level_that_moves_with_one_price_by_no_more_than_that_is_none(house):
    assert not house.second()
    house.usd["SOL"] *= 1.02
    assert not house.second()


def test_a_document_that_does_not_say_what_the_ledger_does_is_found(house):
    house.ledger.close()
    with patch.object(IndexLedger, "open", lambda *_: house.ledger), patch.object(house.ledger, "close"):
        house.ledger.state = None
        assert "the next start finds entry None" in next(iter(house.checker.at_end(house.world)))


def test_a_removal_at_other_prices_than_those_of_now_is_found_by_what_is_told(house):
    house.usd["SOL"] *= 1.5
    assert not house.second()
    assert not house.second()
    house.ledger.record(GONE, {}, at_ms=house.now_ms)
    assert "the level went from" in house.second()[0]
