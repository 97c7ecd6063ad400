"""The ledger of a running instance can be made again up to its end, whoever led, and costs nobody a value."""

import errno
import json
import os

import pytest

from adapters.exchanges.lane import Lane
from core.prices.board import PriceBoard
from core.prices.presets import PRESETS
from core.prices.settling import SettlementRules
from core.prices.types import Tick
from daemon.index_prices import ledger_file, live_ledger
from daemon.index_prices.engine import PriceEngine, ToAll
from daemon.index_prices.ledger_file import LedgerFile
from daemon.index_prices.metrics import Metrics
from daemon.index_prices.publisher import Publisher
from daemon.index_prices.settlements import Settlements
from daemon.options import BadUse
from research.index_verify import verify
from sim.price_files.stream import Alive
from tests.adapters.scripted import ScriptedClock
from tests.daemon.command_line import nightdesk
from tests.daemon.index_prices.messy import T, messy
from tests.daemon.index_prices.test_publisher import ScriptedElection

EXPECTED = [("kraken", "BTC/USD"), ("nobody", "BTC/USD"), ("coinbase", "USDT/USD")]
RULES = SettlementRules(at_min=(22 * 60 + 14,), window_s=30, coverage_min=0.1)
"""A window that ends 40 s into a messy market."""


@pytest.fixture(autouse=True)
def any_disk(monkeypatch):
    """Where tests run there may be little room."""
    monkeypatch.setattr(ledger_file, "ROOM_BYTES", 0)


class Desk:
    def __init__(self):
        self.told = []

    def raised(self, *, code, level, text):
        self.told.append((code, level))

    def ended(self, code):
        self.told.append((code, "ended"))

    def stands(self, code):
        pass


class Live:
    """An instance's engine, publisher and ledger, without sockets; a test moves its clock and its election."""

    def __init__(self, path):
        self.clock, self.lane, self.desk = ScriptedClock(T), Lane(), Desk()
        board = PriceBoard(PRESETS["nightdesk"], symbols=("BTC/USD",), expected=EXPECTED)
        self.ledger = live_ledger.opened(path, self.desk, board, RULES, EXPECTED)
        self.engine = PriceEngine(board, self.lane, self.clock, Metrics(lambda: 0.0), record=self.ledger)
        self.told, self.published = [], []
        self.settlements = Settlements(RULES, told=(self.told.append,), kept=self.ledger.settled)
        self.election = ScriptedElection()
        sinks = (self.engine.publish, self.ledger.published, self.published.extend, self.settlements.publish)
        self.publisher = Publisher(self.election, self.engine.due, ToAll(sinks), publish_s=1.0)

    def calculate(self, token):
        self.election.token = token
        if not self.publisher.publish_due() and token is None:
            self.settlements.stood_by(self.engine.calculate())

    def hear(self, one):
        if isinstance(one, Tick):
            self.lane.tick(one)
        elif isinstance(one, Alive):
            self.lane.heartbeat(one.source, one.received_ms)
        else:
            self.lane.disconnected(one.source)

    def play(self, seed, tokens):
        """Play a messy market; tokens are who leads, in equal parts."""
        stamps = list(messy(seed, 45).stamps())
        for number, (at_ms, heard) in enumerate(stamps):
            self.clock.ms = at_ms
            for one in heard:
                self.hear(one)
            if number in (20, 35):
                self.engine.hold({"BTC/USD": "by hand" if number == 20 else None})
            self.calculate(tokens[number * len(tokens) // len(stamps)])
            self.clock.ms += 40
            self.calculate(self.election.token)


def played(path, seed=2, tokens=(1,)):
    live = Live(path)
    live.play(seed, tokens)
    return live


@pytest.mark.parametrize(
    ("seed", "tokens"), [(2, (1,)), (3, (None, 1, None, 3, 4)), (4, (1, None)), (5, (None,))]
)
def test_all_that_an_instance_published_is_made_again_whoever_led(tmp_path, seed, tokens):
    live = played(tmp_path / "a", seed, tokens)
    live.ledger.close()
    verified = verify(tmp_path / "a")
    assert str(verified.mismatch) == "None"
    assert (verified.closed, verified.values) == (True, len(live.published))
    assert (verified.values > 50) is (tokens != (None,))
    assert verified.settlements > 0
    assert {one.token for one in live.published} == {token for token in tokens if token}
    assert tokens != (1,) or "manual_hold" in {str(one.cause) for one in live.published}


def test_a_follower_settles_the_window_too_and_tells_it_when_it_comes_to_lead(tmp_path):
    live = Live(tmp_path / "a")
    live.play(2, (None,))
    assert live.told == []
    live.calculate(9)
    assert {one.symbol for one in live.told} >= {"BTC/USD", "USDT/USD"}
    assert {one.token for one in live.told} == {9}
    assert all(s.standby == s.expected - s.missing > 0 for s in (one.seconds for one in live.told))
    live.ledger.close()


def test_a_follower_that_leads_much_later_tells_no_old_settlement(tmp_path):
    live = Live(tmp_path / "a")
    live.play(2, (None,))
    live.clock.ms += 61_000
    live.calculate(9)
    assert live.told == []
    live.ledger.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("live") / "ledger"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ledger_file, "ROOM_BYTES", 0)
        played(path, 2, (None, 1)).ledger.close()
    return path.read_text().splitlines(keepends=True)


def test_the_ledger_of_a_process_that_was_killed_is_verified_up_to_its_end(tmp_path, whole):
    cut = "".join(whole[:-40])
    for text in (cut, cut + whole[-40][: len(whole[-40]) // 2]):
        (tmp_path / "a").write_text(text)
        verified = verify(tmp_path / "a")
        assert (verified.mismatch, verified.closed) == (None, False)
        assert verified.values > 20
    said = nightdesk("index", "verify", tmp_path / "a")
    assert (said.code, f"was not closed: {verified.values} values verified" in said.out) == (9, True)
    said = nightdesk("index", "verify", tmp_path / "a", "--json")
    assert (said.code, said.document["held"], said.document["closed"]) == (9, True, False)


def index_of(lines, wanted):
    return next(n for n in range(len(lines) // 3, len(lines)) if wanted(json.loads(lines[n])))


def without_a_step(lines):
    del lines[index_of(lines, lambda r: "step" in r and r["heard"])]


def a_changed_settlement(lines):
    number = index_of(lines, lambda r: "settlement" in r)
    record = json.loads(lines[number])
    record["settlement"]["seconds"]["standby"] += 1
    lines[number] = json.dumps(record) + "\n"


def a_better_settlement(lines):
    number = index_of(lines, lambda r: "settlement" in r and r["settlement"]["twap"])
    record = json.loads(lines[number])
    record["settlement"]["twap"] *= 1 + 1e-8
    lines[number] = json.dumps(record) + "\n"


def without_a_settlement(lines):
    del lines[index_of(lines, lambda r: "settlement" in r)]


def a_settlement_twice(lines):
    number = index_of(lines, lambda r: "settlement" in r)
    lines.insert(number, lines[number])


def without_the_middle(lines):
    """What is left is true; only the last line knows that something is missing."""
    del lines[-3:-1]


def more_after_the_end(lines):
    lines.append(lines[-2])


def a_hole_in_the_numbers(lines):
    number = index_of(lines, lambda r: "sequence" in r)
    record = json.loads(lines[number])
    record["sequence"] += 1
    lines[number] = json.dumps(record) + "\n"


def another_token(lines):
    number = index_of(lines, lambda r: "sequence" in r)
    lines[number] = lines[number].replace('"token":1,', '"token":2,')


def a_value_without_its_step(lines):
    number = index_of(lines, lambda r: "sequence" in r)
    lines.insert(number, lines[number])


@pytest.mark.parametrize(
    "tampered",
    [
        without_a_step,
        a_changed_settlement,
        a_better_settlement,
        without_a_settlement,
        a_settlement_twice,
        without_the_middle,
        more_after_the_end,
        a_hole_in_the_numbers,
        another_token,
        a_value_without_its_step,
    ],
    ids=lambda f: f.__name__,
)
def test_what_was_tampered_with_is_found(tmp_path, whole, tampered):
    lines = list(whole)
    tampered(lines)
    (tmp_path / "a").write_text("".join(lines))
    assert verify(tmp_path / "a").mismatch is not None


# --- several files --------------------------------------------------------------------------------------------


def test_a_ledger_goes_on_in_another_file_and_is_one_where_all_are_named_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(live_ledger, "ROTATE_BYTES", 100_000)
    live = played(tmp_path / "a", 2, (None, 1))
    live.ledger.close()
    files = [*sorted(tmp_path.glob("a.*")), tmp_path / "a"]
    assert len(files) > 2
    verified = verify(*files)
    assert str(verified.mismatch) == "None"
    assert (verified.closed, verified.values, verified.file) == (True, len(live.published), files[-1])
    first = verify(files[0])
    assert (first.mismatch, first.closed) == (None, False)
    for wrong in (files[1:], [files[0], *files[2:]], [files[0], files[0]]):
        assert nightdesk("index", "verify", *wrong).code == 2
    line = files[0].read_text().splitlines(keepends=True)
    files[0].write_text("".join([*line[:-2], line[-1]]))
    verified = verify(*files)
    assert (verified.file, verified.mismatch is None) == (files[0], False)


# --- the disk -----------------------------------------------------------------------------------------------


@pytest.fixture
def disk(monkeypatch):
    """A disk that takes what full says: None for all, else so many bytes more."""

    class Disk:
        full = None

        def write(self, file, text):
            if self.full is None:
                return os.write(file, text)
            taken, self.full = min(self.full, len(text)), 0
            if not taken:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return os.write(file, text[:taken])

    made = Disk()
    monkeypatch.setattr(ledger_file, "FLUSH_S", 0.005)
    monkeypatch.setattr(ledger_file, "write", made.write)
    return made


def wait_for(holds):
    for _ in range(2000):
        if holds():
            return
        os.sched_yield()
        ledger_file.threading.Event().wait(0.005)
    raise AssertionError("it never came")


def test_a_full_disk_is_told_once_and_what_it_did_not_take_is_written_when_there_is_room(tmp_path, disk):
    live = Live(tmp_path / "a")
    disk.full = 100
    live.play(2, (1,))
    wait_for(lambda: live.ledger._file.trouble)
    published = len(live.published)
    for _ in range(3):
        live.clock.ms += 1000
        live.calculate(1)
    assert len(live.published) > published
    assert live.desk.told == [("index.ledger", "error")]
    disk.full = None
    wait_for(lambda: live.ledger._file.trouble is None)
    live.calculate(1)
    assert live.desk.told[1:] == [("index.ledger", "ended")]
    live.ledger.close()
    verified = verify(tmp_path / "a")
    assert (verified.mismatch, verified.closed, verified.values) == (None, True, len(live.published))


def test_a_ledger_ends_where_more_waits_than_is_kept_and_is_verified_up_to_there(tmp_path, disk, monkeypatch):
    monkeypatch.setattr(ledger_file, "WAITING_MAX_BYTES", 200_000)
    disk.full = 50_000
    live = played(tmp_path / "a")
    assert live.desk.told == [("index.ledger", "error")]
    disk.full = None
    wait_for(lambda: live.ledger._file.trouble is None)
    live.calculate(1)
    live.ledger.close()
    verified = verify(tmp_path / "a")
    assert (verified.mismatch, verified.closed) == (None, False)
    assert 0 < verified.values < len(live.published)


def test_a_ledger_leaves_room_on_the_disk_for_others(tmp_path, disk, monkeypatch):
    monkeypatch.setattr(ledger_file, "ROOM_BYTES", 2**60)
    live = Live(tmp_path / "a")
    wait_for(lambda: live.ledger._file.trouble)
    live.calculate(1)
    assert live.desk.told == [("index.ledger", "error")]
    assert (tmp_path / "a").stat().st_size == 0
    live.ledger.close()


def test_an_earlier_ledger_is_kept_beside_the_new_one_and_a_place_that_is_none_is_refused(tmp_path):
    for text in (b"one", b"two", b"three"):
        file = LedgerFile(tmp_path / "a")
        file.put(text)
        file.close()
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert kept == {"a": b"three", "a.1": b"one", "a.2": b"two"}
    board = PriceBoard(PRESETS["nightdesk"])
    with pytest.raises(BadUse, match=r"--out .*cannot be written"):
        live_ledger.opened(tmp_path / "no" / "a", Desk(), board, RULES, [])
    with pytest.raises(BadUse, match=r"--out .*cannot be written"):
        live_ledger.opened(tmp_path, Desk(), board, RULES, [])
