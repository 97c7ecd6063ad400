"""Property tests draw the same examples on every machine: a red run is a change of ours, and can be repeated."""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, print_blob=True)
settings.load_profile("repeatable")
