"""Which venues' words are there: those of a venue come in a file of its own."""

from importlib.util import find_spec

import pytest


def needs_words(name):
    """Return a parameter that is skipped where the venue has no file of words."""
    missing = find_spec(f"adapters.exchanges.{name}") is None
    return pytest.param(name, marks=pytest.mark.skipif(missing, reason=f"no words of {name} in this tree"))
