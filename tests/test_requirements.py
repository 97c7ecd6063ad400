"""The lists of requirements are whole, and what they name is there: a test that was renamed takes its row along."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CRYPTO, PRICE = "crypto_index_requirements.md", "index_price_requirements.md"

IDS = {
    PRICE: [
        *(f"S4-{n}" for n in range(1, 52)),
        *(f"E4-{n}" for n in range(1, 22)),
        *(f"O4-{n}" for n in range(1, 15)),
        *(f"M4-{n}" for n in range(1, 7)),
    ],
    CRYPTO: [
        *(f"S0-{n}" for n in range(1, 114)),
        *(f"E0-{n}" for n in range(1, 32)),
        *["O0-1", "O0-1b", "O0-1c", "O0-2", "O0-2b", "O0-2c", "O0-3", "O0-4", "O0-5", "O0-5b", "O0-5c"],
        *(f"O0-{n}" for n in range(6, 13)),
        *(f"M0-{n}" for n in range(1, 8)),
    ],
}
"""Of the specification, in its order."""

NAMED = re.compile(r"`(?P<file>[\w./-]+\.(?:py|toml))?(?:::)?(?P<name>[A-Za-z_][\w.]*)?`")


def rows(document):
    """Yield (id, state, where, why) of each row."""
    text = (ROOT / "docs" / document).read_text("utf-8")
    for line in re.findall(r"^\| [A-Z]\d-\d.*$", text, re.M):
        yield [cell.strip() for cell in line.strip("|").split("|")]


FOLDERS = ["core", "strategies", "adapters", "state", "sim", "research", "daemon", "bench", "tests"]
TEST = re.compile(r"^(?:async )?def (test_\w+)\(.*?\n(?=\S|\Z)", re.M | re.S)

ORACLE = re.compile(r"(?:O0-|o0_)\d+[bc]?(?![a-z0-9])")


@cache
def sources():
    """Return every file that a row may name, by its path in the repository."""
    found = [p for folder in FOLDERS for p in sorted((ROOT / folder).rglob("*.py"))]
    return {str(p.relative_to(ROOT)): p.read_text("utf-8") for p in [*found, ROOT / "pyproject.toml"]}


@cache
def known():
    """Return the text of every test, by file and name."""
    return {
        path: {found[1]: found[0] for found in TEST.finditer(text)}
        for path, text in sources().items()
        if Path(path).name.startswith("test_")
    }


def files(name):
    return [path for path in sources() if f"/{path}".endswith(f"/{name}")]


def is_there(file, name):
    """Say whether a row's file and what it names in it exist; a test's name alone may be in any file."""
    if file is None:
        return not name.startswith("test_") or any(name in inside for inside in known().values())
    if name is not None and name.startswith("test_"):
        return any(name in known()[path] for path in files(file))
    return any(all(part in sources()[path] for part in (name or "").split(".")) for path in files(file))


def named_tests(where):
    return [found["name"] for found in NAMED.finditer(where) if (found["name"] or "").startswith("test_")]


@pytest.mark.parametrize("document", IDS)
def test_every_row_of_the_specification_has_a_state_and_a_reason(document):
    found = list(rows(document))
    assert [row[0] for row in found] == IDS[document]
    assert {row[1] for row in found} <= {"met", "changed", "left"}
    assert [row[0] for row in found if len(row) != 4 or not (row[2] or row[3])] == []
    assert [row[0] for row in found if row[1] == "met" and not row[2]] == []


@pytest.mark.parametrize("document", IDS)
def test_every_test_and_module_that_a_row_names_is_there(document):
    gone = []
    for number, _, where, why in rows(document):
        named = NAMED.finditer(f"{where} {why}")
        gone += [f"{number}: {one[0]}" for one in named if not is_there(one["file"], one["name"])]
        gone += [f"{number}: {d}" for d in re.findall(r"`([\w/]+/)`", where) if not (ROOT / d).is_dir()]
    assert gone == []


def test_each_oracle_of_the_crypto_index_has_one_test_that_has_its_name():
    having = {}
    for inside in known().values():
        for name, text in inside.items():
            for number in {found.upper().replace("_", "-") for found in ORACLE.findall(text)}:
                having.setdefault(number, []).append(name)
    for number, state, where, _ in rows(CRYPTO):
        if number.startswith("O0") and state != "left":
            assert having[number.upper()] == named_tests(where), number
