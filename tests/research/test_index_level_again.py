"""What a second implementation finds in a ledger that was changed, with the chain as it was and with a chain made anew."""

import ast
import json
import re
import subprocess
import sys
from decimal import Decimal as D
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from core.index_level import applied, correction, due
from core.levels.types import (
    Announce,
    ChangeSupply,
    Fork,
    ForkVariant,
    Price,
    Publish,
    Redenominate,
    RemovalCause,
    Remove,
    Restate,
    Supply,
)
from research.index_level_again import NotALedger, check
from state.index_lines import entry_line, hash_of, header_line
from tests.core.levels.indices import T0, launch, prices, targets
from tests.daemon.command_line import nightdesk

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "research" / "index_level_again.py"
NEW = targets(A=(10, ".4"), B=(15, ".35"), D=(7, ".25"))


def written():
    """Return the lines of a ledger with every event."""
    lines, state = [header_line(None)], None

    def does(event, at_ms, **usd):
        nonlocal state
        change = applied(state, event, prices(at_ms, **usd), at_ms=at_ms)
        state = change.state
        lines.append(entry_line(hash_of(lines[-1]), change.entry))
        return change

    does(launch(targets(A=(10, ".5"), B=(15, ".3"), C=(30, ".2"))), T0, A=100, B=50, C=20)
    published = does(Publish(), T0 + 1, A="110.37", B="45.91", C="21.003")
    does(Announce(targets=NEW, effective_at_ms=T0 + 3), T0 + 2)
    does(due(state, at_ms=T0 + 3), T0 + 3, A="111.5", B="46.1", C="20.7", D="3.1416")
    wrong = correction(published.state, published.entry.level, [Price("B", D("46.2"), T0 + 1)])
    does(Restate(corrections=(wrong,), reason="a print was busted", by="committee"), T0 + 4)
    does(
        Fork(parent="A", child="AC", ratio=D("0.5"), variant=ForkVariant.TOTAL_RETURN),
        T0 + 5,
        A=90,
        AC="31.7",
    )
    does(Redenominate(symbol="B", ratio=D("1000.3")), T0 + 6)
    does(ChangeSupply(supplies=(Supply("A", D("10.97")),)), T0 + 7, A="91.3")
    does(
        Remove(symbols=("D",), cause=RemovalCause.BLACKLIST, reason="fraud", by="committee"), T0 + 8, B=45999
    )
    does(Publish(), T0 + 9, A="93.001")
    return lines


LINES = written()


def chained(lines):
    """Return lines with the hashes that they should have: what a forger does, or a program with a mistake."""
    made, previous = [], "0" * 64
    for line in lines:
        body = re.sub(
            rb'"previous":"[0-9a-f]{64}"', b'"previous":"%b"' % previous.encode(), line[75:], count=1
        )
        previous = sha256(body).hexdigest()
        made.append(b'{"hash":"%b",%b' % (previous.encode(), body))
    return made


def put(path, lines):
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def changed(line, place, rng):
    digit = rng.choice([d for d in b"0123456789" if d != line[place]])
    return line[:place] + bytes([digit]) + line[place + 1 :]


def test_every_event_is_made_again_to_the_last_digit(tmp_path):
    found = check(put(tmp_path / "a", LINES))
    assert str(found.difference) == "None"
    assert (found.entries, found.levels, found.head) == (10, 8, hash_of(LINES[-1]))
    assert chained(LINES) == LINES


def test_one_changed_digit_anywhere_is_found_at_its_line(tmp_path):
    rng = Random(1)
    places = [(n, m.start()) for n, line in enumerate(LINES) for m in re.finditer(rb"\d", line)]
    for n, place in rng.sample(places, 150):
        lines = [*LINES[:n], changed(LINES[n], place, rng), *LINES[n + 1 :]]
        try:
            found = check(put(tmp_path / "a", lines))
        except NotALedger:
            assert n == 0
        else:
            assert found.difference is not None, lines[n]
            assert found.difference.line == n + 1


def test_one_changed_byte_anywhere_is_found(tmp_path):
    rng, whole = Random(2), b"".join(line + b"\n" for line in LINES)
    for _ in range(100):
        place = rng.randrange(len(whole))
        (tmp_path / "a").write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << rng.randrange(8)]) + whole[place + 1 :]
        )
        try:
            assert check(tmp_path / "a").difference is not None, place
        except NotALedger:
            assert place <= len(LINES[0])


NUMBERS = rb'"(-?\d[0-9.E+-]*)"'
"""Decimals, with the times, digests and names left out."""


def test_one_changed_digit_of_any_number_is_found_though_the_chain_was_made_anew(tmp_path):
    """Times, reasons and names are what somebody said: only the chain holds them."""
    rng, seen = Random(3), 0
    for n, line in enumerate(LINES[1:], start=1):
        for number in re.finditer(NUMBERS, line[75 + 78 :]):
            first, last = (75 + 78 + at for at in number.span(1))
            digits = [at for at in range(first, last) if line[at : at + 1].isdigit()]
            for place in {rng.choice(digits), digits[-1]}:
                seen += 1
                lines = chained([*LINES[:n], changed(line, place, rng), *LINES[n + 1 :]])
                found = check(put(tmp_path / "a", lines))
                assert found.difference is not None, (n, line[first:last], line[:400])
    assert seen > 150


def test_a_missing_a_doubled_and_a_moved_line_are_found_with_the_chain_made_anew(tmp_path):
    for n in range(1, len(LINES) - 1):
        without, twice = [*LINES[:n], *LINES[n + 1 :]], [*LINES[:n], LINES[n], *LINES[n:]]
        moved = [*LINES[:n], LINES[n + 1], LINES[n], *LINES[n + 2 :]]
        for lines in (without, twice, moved):
            assert check(put(tmp_path / "a", lines)).difference is not None
            assert check(put(tmp_path / "a", chained(lines))).difference is not None


TAMPERED = {
    "price of the future": (2, lambda e: e["prices"][0].__setitem__(2, T0 + 2)),
    "stale price": (2, lambda e: e["prices"][0].__setitem__(2, T0 - 10**9)),
    "price of nobody": (2, lambda e: e["prices"].append(["Z", "1", T0])),
    "price left out": (2, lambda e: e["prices"].pop()),
    "time before the last": (3, lambda e: e.__setitem__("at_ms", T0)),
    "members moved without an event": (2, lambda e: e.__setitem__("members", [["A", "10", "1"]])),
    "level of an announcement": (3, lambda e: e.__setitem__("level", "1000")),
    "unknown kind": (2, lambda e: e["event"].__setitem__("kind", "Jump")),
    "correction of no entry": (5, lambda e: e["event"]["corrections"][0].__setitem__(0, 99)),
    "negative price": (2, lambda e: e["prices"][0].__setitem__(1, "-1")),
    "no number": (2, lambda e: e.__setitem__("level", "NaN")),
    "no entry": (2, lambda e: e.clear()),
    "another who stays": (9, lambda e: e["event"].__setitem__("symbols", ["A"])),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_is_found_though_the_chain_was_made_anew(tmp_path, what):
    n, tamper = TAMPERED[what]
    line = json.loads(LINES[n])
    tamper(line["entry"])
    text = json.dumps(line, separators=(",", ":")).encode()
    found = check(put(tmp_path / "a", chained([*LINES[:n], text, *LINES[n + 1 :]])))
    assert found.difference is not None
    assert found.difference.line == n + 1


def test_a_member_that_is_not_what_it_must_be_is_named(tmp_path):
    line = json.loads(LINES[1])
    line["entry"]["members"][0][2] = "7"
    text = json.dumps(line, separators=(",", ":")).encode()
    found = check(put(tmp_path / "a", chained([LINES[0], text])))
    assert str(found.difference).startswith(f"factor of {line['entry']['members'][0][0]} is 7, must be ")


def test_a_last_line_without_its_end_is_found(tmp_path):
    path = put(tmp_path / "a", LINES)
    path.write_bytes(path.read_bytes()[:-1])
    assert check(path).difference.line == len(LINES)


def test_it_imports_nothing_of_ours():
    tree = ast.parse(PROGRAM.read_text("utf-8"))
    names = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_it_runs_alone_and_prints_the_first_difference(tmp_path):
    def alone(path):
        words = [sys.executable, "-I", "-S", PROGRAM, path]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)

    held = alone(put(tmp_path / "a", LINES))
    assert (held.returncode, held.stdout.split(",")[0]) == (0, "10 entries")
    broken = alone(put(tmp_path / "a", [*LINES[:4], LINES[4].replace(b"111.5", b"111.6"), *LINES[5:]]))
    assert broken.returncode == 1
    assert broken.stderr.startswith("then line 5: hash is ")


def test_the_command_verifies_both_kinds_of_ledger_by_what_the_file_is(tmp_path):
    path = put(tmp_path / "a", LINES)
    said = nightdesk("index", "verify", path)
    assert (said.code, "10 entries and 8 levels made again" in said.out) == (0, True)
    put(path, [*LINES[:4], LINES[4].replace(b"111.5", b"111.6"), *LINES[5:]])
    said = nightdesk("index", "verify", path, "--json")
    assert said.code == 1
    assert (said.document["held"], said.document["mismatch"]["line"], said.document["levels"]) == (
        False,
        5,
        2,
    )
    newer = b'{"ledger":"index level","version":2,"digits":34,"previous":"","state":null}'
    for header in (newer, b'{"ledger":"index level"}'):
        said = nightdesk("index", "verify", put(path, [header]))
        assert (said.code, said.err.startswith("nightdesk: ")) == (2, True)
