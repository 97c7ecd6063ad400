"""The swarm can find what it looks for: known bugs, planted one at a time. `make mutants` tries them all."""

from pathlib import Path

import pytest

from sim import checks
from sim.faults import KINDS
from sim.night import Night
from tests.mutants.__main__ import markdown
from tests.mutants.hunting import Catch, Found, Player, Unmutated, hunted
from tests.mutants.nights import SUITS, nights_for
from tests.mutants.planted import ROOT, fits, mutants, planted, why

NIGHTS = 20
CHECKERS = {one.name for one in vars(checks).values() if hasattr(one, "on_step") and hasattr(one, "name")}
TABLE = ROOT / "docs" / "reliability.md"
SAMPLE = ("dedupe-off", "unknown-as-rejected", "hedge-wrong-way")


def test_there_are_as_many_mutants_as_promised() -> None:
    assert len(mutants()) >= 25


def test_every_mutant_still_fits_the_code_and_says_what_its_bug_is() -> None:
    for patch in mutants():
        fits(patch)
        assert not why(patch).startswith("diff")


def test_the_published_table_has_every_mutant_and_every_checker_has_caught_one() -> None:
    rows = [line.split("|") for line in TABLE.read_text("utf-8").splitlines() if line.startswith("| `")]
    caught = {row[1].strip(" `"): row[4].strip().split(", ") for row in rows if len(row) == 6}
    assert caught.keys() == {patch.stem for patch in mutants()}
    assert {name for names in caught.values() for name in names} == CHECKERS


def test_what_suits_a_mutant_is_said_of_mutants_and_faults_that_there_are() -> None:
    assert SUITS.keys() <= {patch.stem for patch in mutants()}
    assert {kind for suit in SUITS.values() for kind in suit.kinds} <= KINDS.keys()


def test_the_nights_of_a_suit_are_drawn_and_have_each_of_its_kinds() -> None:
    first, second = list(nights_for("lost-journal-ignored", 2)), list(nights_for("lost-journal-ignored", 2))
    assert first == second
    assert first[0].faults != first[1].faults
    for night in first:
        assert {fault.name for fault in night.faults} == set(SUITS["lost-journal-ignored"].kinds)


class Told:
    """A player that says of each night, by its seed, what was found in it."""

    def __init__(self, found: dict[int, Found], *, log: list[int] | None = None) -> None:
        self.found, self.log = found, [] if log is None else log

    def play(self, night: Night) -> Found:
        self.log.append(night.seed)
        return self.found.get(night.seed, {})


def test_what_fails_without_the_bug_too_is_no_catch(tmp_path: Path) -> None:
    nights = [Night(seed=seed) for seed in range(4)]
    mutated = Told({1: {"fills": "wrong"}, 2: {"fills": "wrong", "kill": "wrong"}})
    unmutated = Unmutated(Told({1: {"fills": "wrong"}, 2: {"fills": "of itself"}}), tmp_path / "known.json")
    caught = hunted(mutated, nights, unmutated)
    assert (caught.nights, caught.excused, caught.found) == (3, 1, {"kill": "wrong"})


def test_a_night_without_a_bug_is_played_once_for_all_mutants(tmp_path: Path) -> None:
    log: list[int] = []
    path = tmp_path / "known.json"
    night = Night(seed=1)
    for _ in range(2):
        unmutated = Unmutated(Told({1: {"fills": "wrong"}}, log=log), path)
        assert unmutated.play(night) == unmutated.play(night) == {"fills": "wrong"}
    assert log == [1]


def test_the_table_names_the_checker_or_says_that_nothing_fired() -> None:
    caught, missed = mutants()[:2]
    text = markdown({caught: Catch(nights=1, found={"kill": "x"}), missed: Catch(nights=9, found={})})
    assert f"| `{caught.stem}` | {why(caught)} | 1 night | kill |" in text
    assert f"| `{missed.stem}` | {why(missed)} | 9 nights | nothing |" in text


@pytest.mark.parametrize("name", SAMPLE)
def test_a_planted_bug_is_caught(name: str, tmp_path: Path) -> None:
    [patch] = [p for p in mutants() if p.stem == name]
    with planted(patch) as copy, Player(copy) as player, Player(ROOT) as plain:
        unmutated = Unmutated(plain, tmp_path / "known.json")
        assert hunted(player, nights_for(name, NIGHTS), unmutated).found
