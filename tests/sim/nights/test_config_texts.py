import tomllib
from random import Random

import pytest

from daemon import config_file
from daemon.settings import Reload, flat, keys
from sim.night import SHORT
from sim.nights.config_texts import BROKEN, CHANGES, broken, changed, with_key


def test_every_change_is_taken_and_changes_its_key():
    before = flat(config_file.parse(SHORT))
    for key, values in CHANGES:
        for value in values:
            after = flat(config_file.parse(with_key(SHORT, key, value)))
            assert {name for name in after if after[name] != before[name]} == {key}


def test_changes_of_every_kind_are_drawn():
    kinds = {keys()[key].reload for key, _ in CHANGES}
    assert kinds == set(Reload)


def test_a_file_can_be_changed_again_and_again():
    random, text = Random(1), SHORT
    for _ in range(100):
        text = changed(text, random)
        config_file.parse(text)
    assert len(tomllib.loads(text)) <= len(tomllib.loads(SHORT)) + 4


@pytest.mark.parametrize("added", [text for _, text in BROKEN], ids=[what for what, _ in BROKEN])
def test_every_broken_file_is_refused(added):
    with pytest.raises(config_file.ConfigError):
        config_file.parse(SHORT + added)
    for seed in range(20):
        with pytest.raises(config_file.ConfigError):
            config_file.parse(broken(changed(SHORT, Random(seed)), Random(seed)))
