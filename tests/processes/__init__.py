"""Venue and daemon as real processes. What is held against the ledgers tells both sides where they differ."""

import pytest

pytest.register_assert_rewrite("tests.processes.round_checks", "tests.processes.rounds")
