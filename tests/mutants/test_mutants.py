"""The swarm can find what it looks for: known bugs, planted one at a time. `make mutants` tries them all."""

import pytest

from tests.mutants.planted import apply, hunted, mutants, planted, why

NIGHTS = 40
SAMPLE = ("dedupe-off", "unknown-as-rejected", "hedge-wrong-way")


def test_there_are_as_many_mutants_as_promised() -> None:
    assert len(mutants()) >= 25


def test_every_mutant_still_fits_the_code_and_says_what_its_bug_is(tmp_path) -> None:
    for patch in mutants():
        with planted(None) as copy:
            apply(patch, copy)
        assert not why(patch).startswith("diff")


@pytest.mark.parametrize("name", SAMPLE)
def test_a_planted_bug_is_caught(name: str) -> None:
    [patch] = [p for p in mutants() if p.stem == name]
    with planted(patch) as copy:
        assert hunted(copy, first=0, nights=NIGHTS)["found"]
