"""An index over restarts, kills and disks that refuse: level, divisor and ledger always agree."""

import json
import os
import subprocess
import sys
from contextlib import closing, suppress
from decimal import Decimal as D
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from core.index_level import level
from core.levels.types import Announce, IndexRefused, Publish, RemovalCause, Remove, Restate, Reweight
from sim.nights.disk import WorldDisk
from sim.nights.disk_faults import DiskFault, DiskFaultKind
from state.disk import OsDisk
from state.errors import AlreadyRunning, CorruptFile, DiskRefuses, NewerFile
from state.index_ledger import DOCUMENT, LEDGER, IndexLedger, corrected, document_of
from state.index_lines import LedgerLines
from tests.core.levels.indices import DAY, T0, launch, prices, targets
from tests.sim.nights.lives import Count, Killed

ROOT = Path(__file__).resolve().parents[2]
NEW = targets(A=(10, ".4"), B=(15, ".4"), C=(30, ".2"))
STEPS = [
    (launch(targets(A=(10, ".5"), B=(15, ".3"), C=(30, ".2"))), prices(A=100, B=50, C=20)),
    (Publish(), prices(A=101, B=49, C=21)),
    (Announce(targets=NEW, effective_at_ms=T0 + 4), {}),
    (Publish(), prices(A=102, C=22)),
    (Reweight(targets=NEW), prices(A=103, B=48)),
    (Remove(symbols=("B",), cause=RemovalCause.BLACKLIST, reason="fraud", by="committee"), {}),
    (Publish(), prices(A=104, C=23)),
]


def lived(directory, steps=STEPS, disk=None, told=None):
    """Do the steps after those that are there already; return the ledger's last place."""
    with IndexLedger.open(directory, disk or world(directory)) as ledger:
        first = ledger.state.sequence + 1 if ledger.state else 0
        for number, (event, heard) in enumerate(steps[first:], start=first):
            ledger.record(event, heard, at_ms=T0 + number)
            if told is not None:
                told.append(number)
        return ledger.state, ledger.head


def places(path):
    return [place for _, place in LedgerLines(path).places()]


def test_a_restart_finds_state_head_and_level_again_and_mends_nothing(tmp_path):
    state, head = lived(tmp_path / "index")
    with IndexLedger.open(tmp_path / "index") as again:
        assert (again.state, again.head, again.messages) == (state, head, [])
        assert repr(again.state) == repr(state)
    assert (state.sequence, [m.symbol for m in state.members]) == (len(STEPS) - 1, ["A", "C"])


def test_lines_are_only_added_and_each_has_the_hash_of_the_one_before(tmp_path):
    lived(tmp_path, STEPS[:3])
    before = (tmp_path / LEDGER).read_bytes()
    lived(tmp_path)
    after = (tmp_path / LEDGER).read_bytes()
    assert after.startswith(before)
    lines = [json.loads(line) for line in after.splitlines()]
    assert [line["previous"] for line in lines[1:]] == [line["hash"] for line in lines[:-1]]
    assert isinstance(lines[1]["entry"]["divisor"], str)


def test_earlier_versions_of_the_document_are_kept(tmp_path):
    state, _ = lived(tmp_path)
    kept = [place.state.sequence for _, place in document_of(tmp_path).previous()]
    assert kept == [state.sequence - n for n in (1, 2, 3)]


def test_an_event_that_cannot_be_leaves_no_trace(tmp_path):
    lived(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with IndexLedger.open(tmp_path) as ledger, pytest.raises(IndexRefused):
        ledger.record(Publish(), prices(A=0), at_ms=T0 + 99)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_two_writers_are_refused(tmp_path):
    with IndexLedger.open(tmp_path), pytest.raises(AlreadyRunning):
        IndexLedger.open(tmp_path)
    words = [
        sys.executable,
        "-c",
        "import sys; from pathlib import Path; from state.index_ledger import IndexLedger;",
    ]
    words[-1] += "IndexLedger.open(Path(sys.argv[1]))"
    with IndexLedger.open(tmp_path):
        other = subprocess.run([*words, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "AlreadyRunning" in other.stderr
    IndexLedger.open(tmp_path).close()


def test_a_line_that_somebody_else_added_stops_the_writer(tmp_path):
    with IndexLedger.open(tmp_path) as ledger:
        ledger.record(*STEPS[0], at_ms=T0)
        with (tmp_path / LEDGER).open("ab") as file:
            file.write(b"hello\n")
        with pytest.raises(CorruptFile, match="somebody else wrote it"):
            ledger.record(*STEPS[1], at_ms=T0 + 1)


# --- killed at every write -----------------------------------------------------------------------------


EVERY = 1 if "NIGHTDESK_INDEX_EVENTS" in os.environ else 2
"""Of the writes, each is one to be killed at; before and after each a kill leaves the same."""
SHORT = [*STEPS[:3], STEPS[6]]


def world(directory, on_write=lambda name: None, cache=None):
    return WorldDisk(directory, on_write=on_write, stall=lambda seconds: None, cache=cache)


def rolled(directory, disk, told):
    """Live a short life with a new file in the middle; return the last state."""
    with IndexLedger.open(directory, disk) as ledger:
        first = ledger.state.sequence + 1 if ledger.state else 0
        for number, (event, heard) in enumerate(SHORT[first:], start=first):
            ledger.record(event, heard, at_ms=T0 + number)
            told.append(number)
            if number == 1:
                ledger.roll()
        return ledger.state


def kept_whole(directory):
    """Say whether what a ledger goes on from is in the file before it."""
    lines = LedgerLines(directory / LEDGER)
    list(lines.places())
    return lines.begins is None or places(directory / "ledger-000000000.jsonl")[-1] == lines.begins


@pytest.mark.parametrize("power", [False, True])
def test_killed_at_any_write_all_that_was_told_is_there_and_it_goes_on_to_the_same_end(place, power):
    counted, cut = Count(), 0
    end = rolled(place / "whole", world(place / "whole", counted), [])
    for kill_at in range(0, len(counted.names), EVERY):
        directory, told = place / f"{kill_at}", []
        disk = world(directory, Count(kill_at))
        with suppress(Killed):
            rolled(directory, disk, told)
        disk.crash(Random(f"{kill_at}"), power=power)
        with IndexLedger.open(directory, world(directory)) as ledger:
            done = ledger.state.sequence + 1 if ledger.state else 0
            assert done in (len(told), len(told) + 1)
            if ledger.state:
                found = document_of(directory).read()
                assert (found.state, found.head) == (ledger.state, ledger.head)
                assert kept_whole(directory)
            cut += any("never written whole" in message for message in ledger.messages)
        assert repr(rolled(directory, world(directory), told)) == repr(end)
    assert cut
    assert len(counted.names) > 80


def test_the_power_never_takes_the_file_that_a_new_one_goes_on_from(place):
    counted = Count()
    rolled(place / "whole", world(place / "whole", counted), [])
    kill_at = [n for n, name in enumerate(counted.names) if name == f"replace {LEDGER}: done"][-1]
    for draw in range(40):
        directory = place / f"{draw}"
        disk = world(directory, Count(kill_at))
        with suppress(Killed):
            rolled(directory, disk, [])
        disk.crash(Random(draw), power=True)
        assert kept_whole(directory)


def test_what_a_second_life_believed_outlives_the_power(place):
    """Killed before a line is synced, started again, and then the power fails at a drawn write of the second life."""
    rng, counted = Random(4), Count()
    lived(place / "whole", disk=world(place / "whole", counted))
    unsynced = [n for n, name in enumerate(counted.names) if name == f"fsync {LEDGER}"]
    assert len(unsynced) == len(STEPS)
    for life, kill_at in enumerate(unsynced * 4):
        directory = place / f"{life}"
        first, told = world(directory, Count(kill_at)), []
        with suppress(Killed):
            lived(directory, disk=first, told=told)
        first.crash(rng, power=False)
        second = world(directory, Count(rng.randrange(5, 25)), first.cache)
        with suppress(Killed):
            lived(directory, disk=second, told=told)
        second.crash(rng, power=True)
        with IndexLedger.open(directory, world(directory)) as ledger:
            assert (ledger.state.sequence if ledger.state else -1) >= (told[-1] if told else -1)


# --- disks that refuse ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [DiskFaultKind.READ_ONLY, DiskFaultKind.FULL])
@pytest.mark.parametrize("room_bytes", [0, 1, 200, 900])
def test_a_disk_that_refuses_for_a_while_costs_nothing_but_that_while(tmp_path, kind, room_bytes):
    disk = world(tmp_path)
    fault = DiskFault(kind, file="" if kind is DiskFaultKind.READ_ONLY else LEDGER, room_bytes=room_bytes)
    with IndexLedger.open(tmp_path, disk) as ledger:
        for number, (event, heard) in enumerate(STEPS):
            before = ledger.state
            disk.begin(fault)
            for _ in range(3):
                with suppress(DiskRefuses):
                    ledger.record(event, heard, at_ms=T0 + number)
                    break
                assert ledger.state == before
            disk.end(fault)
            if ledger.state is before:
                ledger.record(event, heard, at_ms=T0 + number)
        state = ledger.state
    assert repr(state) == repr(lived(tmp_path / "quiet")[0])
    with IndexLedger.open(tmp_path) as again:
        assert (again.state, again.messages) == (state, [])


def test_a_document_that_cannot_be_written_is_told_and_caught_up_with(tmp_path):
    disk = world(tmp_path)
    fault = DiskFault(DiskFaultKind.READ_ONLY, file=DOCUMENT)
    with IndexLedger.open(tmp_path, disk) as ledger:
        ledger.record(*STEPS[0], at_ms=T0)
        disk.begin(fault)
        ledger.record(*STEPS[1], at_ms=T0 + 1)
        assert "cannot be written" in str(ledger.behind)
        assert document_of(tmp_path).read().state.sequence == 0
        disk.end(fault)
        ledger.record(*STEPS[2], at_ms=T0 + 2)
        assert ledger.behind is None
    assert document_of(tmp_path).read().state.sequence == 2


class FailsOnce(OsDisk):
    """Any one operation fails; the rest are done, without waiting for the machine's disk."""

    def __init__(self, fails_at):
        self.fails_at, self.count = fails_at, 0

    def _may(self):
        self.count += 1
        if self.count == self.fails_at:
            raise OSError(5, "Input/output error")

    def open(self, path, flags, mode=0o600):
        self._may()
        return super().open(path, flags, mode)

    def write(self, handle, data):
        self._may()
        return super().write(handle, data)

    def fsync(self, handle):
        self._may()

    def truncate(self, handle):
        self._may()
        super().truncate(handle)

    def replace(self, source, target):
        self._may()
        super().replace(source, target)

    def link(self, source, target):
        self._may()
        super().link(source, target)

    def unlink(self, path):
        self._may()
        super().unlink(path)


def test_any_one_operation_of_a_disk_may_fail_and_the_life_goes_on_to_the_same_end(place):
    counting = FailsOnce(0)
    (place / "whole").mkdir()
    end = rolled(place / "whole", counting, [])
    for fails_at in range(1, counting.count + 1):
        directory, disk = place / f"{fails_at}", FailsOnce(fails_at)
        directory.mkdir()
        with suppress(DiskRefuses):
            ledger = IndexLedger.open(directory, disk)
            for number, (event, heard) in enumerate(SHORT):
                before = ledger.state
                try:
                    ledger.record(event, heard, at_ms=T0 + number)
                except DiskRefuses:
                    assert ledger.state is before
                    ledger.record(event, heard, at_ms=T0 + number)
                if number == 1:
                    with suppress(DiskRefuses):
                        ledger.roll()
                    ledger.roll()
                    assert kept_whole(directory)
            assert repr(ledger.state) == repr(end)
            ledger.close()
        assert repr(rolled(directory, FailsOnce(0), [])) == repr(end)
        document = document_of(directory).read()
        assert repr(document.state) == repr(end)
    assert counting.count > 50


# --- what a start mends and what it refuses ------------------------------------------------------------


def test_a_lost_or_damaged_document_is_written_anew_from_the_ledger(tmp_path):
    state, head = lived(tmp_path)
    for damage in (b"", b"{}", b"\xff"):
        (tmp_path / DOCUMENT).write_bytes(damage)
        with IndexLedger.open(tmp_path) as ledger:
            assert (ledger.state, ledger.head) == (state, head)
        assert document_of(tmp_path).read().state == state
    for path in tmp_path.glob(f"{DOCUMENT}*"):
        path.unlink()
    with IndexLedger.open(tmp_path) as ledger:
        assert "written anew" in ledger.messages[0]


def test_a_line_that_never_ended_is_cut_off_with_a_message_at_any_byte(tmp_path):
    state, head = lived(tmp_path, STEPS[:5])
    whole = (tmp_path / LEDGER).read_bytes()
    document = (tmp_path / DOCUMENT).read_bytes()
    lived(tmp_path)
    line = (tmp_path / LEDGER).read_bytes()[len(whole) :].splitlines(keepends=True)[0]
    for end in range(1, len(line), 61):
        (tmp_path / LEDGER).write_bytes(whole + line[:end])
        (tmp_path / DOCUMENT).write_bytes(document)
        with IndexLedger.open(tmp_path) as ledger:
            assert (ledger.state, ledger.head) == (state, head)
            assert f"never written whole, {end} bytes" in ledger.messages[0]
        assert (tmp_path / LEDGER).read_bytes() == whole


def damaged_line(data, number):
    lines = data.splitlines(keepends=True)
    lines[number] = lines[number].replace(b"0", b"1", 1)
    return b"".join(lines)


REFUSED = {
    "gone": (lambda data: None, "is gone"),
    "empty": (lambda data: b"", "no header"),
    "other": (lambda data: b'{"ledger": "index price", "version": 1}\n', "no header"),
    "header": (lambda data: data.replace(b'"digits":34', b'"digits":35', 1), "to 35 digits"),
    "header hash": (lambda data: b'{"hash":"f' + data[10:], "not what its hash says"),
    "middle": (lambda data: damaged_line(data, 3), "line 4 is not what its hash says, and others follow"),
    "last": (lambda data: damaged_line(data, -1), "does not lead to entry 6"),
    "cut": (lambda data: data[:-1], "does not lead to entry 6"),
    "shorter": (lambda data: data[: data[:-1].rindex(b"\n") + 1], "does not lead to entry 6"),
    "left out": (
        lambda data: b"".join(x for i, x in enumerate(data.splitlines(True)) if i != 3),
        "does not follow",
    ),
    "twice": (lambda data: data + data.splitlines(True)[-1], "does not follow"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_any_other_damage_is_refused_with_one_message_and_nothing_is_touched(tmp_path, what):
    lived(tmp_path)
    change, words = REFUSED[what]
    data = change((tmp_path / LEDGER).read_bytes())
    (tmp_path / LEDGER).unlink()
    if data is not None:
        (tmp_path / LEDGER).write_bytes(data)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(CorruptFile, match=words):
        IndexLedger.open(tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert "\n" not in words


def test_a_torn_ledger_beside_a_damaged_document_is_refused(tmp_path):
    lived(tmp_path)
    (tmp_path / LEDGER).write_bytes((tmp_path / LEDGER).read_bytes()[:-9])
    (tmp_path / DOCUMENT).write_bytes(b"{}")
    with pytest.raises(CorruptFile, match="Put one of them back"):
        IndexLedger.open(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((b'"level":"10', b'"level":"11'), "line 8 is not what its event makes"),
        ((b'["A","104"', b'["A","0"'), "line 8 holds what cannot be: the price of A is 0"),
        ((b'"kind":"Publish"', b'"kind":"Jump"'), "line 8 is no entry"),
    ],
)
def test_an_entry_that_its_event_does_not_make_is_refused_though_its_hash_is_right(tmp_path, change, words):
    lived(tmp_path)
    *lines, last = (tmp_path / LEDGER).read_bytes().splitlines()
    body = last[75:].replace(*change, 1)
    assert body != last[75:]
    forged = b'{"hash":"%b",%b' % (sha256(body).hexdigest().encode(), body)
    (tmp_path / LEDGER).write_bytes(b"".join(line + b"\n" for line in [*lines, forged]))
    with pytest.raises(CorruptFile, match=words):
        IndexLedger.open(tmp_path)


def test_the_document_of_another_index_is_refused(tmp_path):
    lived(tmp_path / "one")
    other = [(STEPS[0][0], prices(A=1, B=2, C=3)), *STEPS[1:]]
    lived(tmp_path / "two", other)
    (tmp_path / "one" / DOCUMENT).write_bytes((tmp_path / "two" / DOCUMENT).read_bytes())
    with pytest.raises(CorruptFile, match="does not lead to entry 6"):
        IndexLedger.open(tmp_path / "one")


def test_a_ledger_of_a_newer_program_is_not_touched(tmp_path):
    lived(tmp_path)
    data = (tmp_path / LEDGER).read_bytes()
    (tmp_path / LEDGER).write_bytes(data.replace(b'"version":1', b'"version":2', 1))
    with pytest.raises(NewerFile, match="Install the newer nightdesk"):
        IndexLedger.open(tmp_path)


# --- new files, and corrections ------------------------------------------------------------------------


def test_a_ledger_goes_on_in_a_new_file_that_begins_where_the_other_ended(tmp_path):
    _, head = lived(tmp_path, STEPS[:4])
    with IndexLedger.open(tmp_path) as ledger:
        kept = ledger.roll()
        assert kept.name == "ledger-000000000.jsonl"
        assert ledger.roll() is None
    header = json.loads((tmp_path / LEDGER).read_text())
    assert header["previous"] == head == last_hash(kept)
    end, _ = lived(tmp_path)
    assert repr(end) == repr(lived(tmp_path / "one")[0])
    with IndexLedger.open(tmp_path) as ledger:
        assert ledger.roll().name == "ledger-000000004.jsonl"


def last_hash(path):
    lines = LedgerLines(path)
    assert len(list(lines.places())) == 4
    return lines.tip


def test_a_correction_is_of_the_level_as_it_stands_and_rewrites_nothing(tmp_path):
    lived(tmp_path)
    before = (tmp_path / LEDGER).read_bytes()
    with closing(IndexLedger.open(tmp_path)) as ledger:
        path = tmp_path / LEDGER
        one = (corrected(path, 3, {"A": D(100)}),)
        ledger.record(Restate(corrections=one, reason="busted", by="committee"), {}, at_ms=T0 + 9)
        two = (corrected(path, 3, {}),)
        ledger.record(Restate(corrections=two, reason="not busted", by="committee"), {}, at_ms=T0 + 9)
        assert (two[0].old, two[0].new) == (one[0].new, one[0].old)
        with pytest.raises(IndexRefused, match="no level with the number 2"):
            corrected(path, 2, {})
        with pytest.raises(IndexRefused, match="Z: no member at entry 3"):
            corrected(path, 3, {"Z": D(1)})
        assert level(ledger.state, {}, at_ms=T0 + DAY) > 0
    assert (tmp_path / LEDGER).read_bytes().startswith(before)
