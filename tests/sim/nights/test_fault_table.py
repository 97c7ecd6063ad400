from pathlib import Path

from sim.faults import KINDS
from sim.nights.fault_table import page, table

ISSUE = (
    "lost-frames",
    "late",
    "duplicated-frames",
    "reordered-frames",
    "truncated",
    "half-open",
    "frozen-price",
    "reset-before-effect",
    "reset-after-effect",
    "dns-gone",
    "both-down",
    "mute-bbo",
    "mute-user-fills",
    "mute-order-updates",
    "mute-all-mids",
    "too-many-requests",
    "server-error-before-effect",
    "server-error-after-effect",
    "html-with-200",
    "stale-state",
    "read-after-write",
    "unknown-oid",
    "post-only",
    "partial-fills",
    "ioc-no-match",
    "rejects",
    "batch-reject",
    "budget-exhausted",
    "delisting",
    "liquidation",
    "adl",
    "foreign-order",
    "manual-close",
    "halted-matching",
    "price-gap",
    "empty-book",
    "crossed-book",
    "clock-skew",
    "missing-close",
    "late-close",
    "revised-close",
    "missing-funding",
    "new-listing",
    "halted-coin",
    "bad-number",
    "unit-change",
)
"""What issue 4 names of network, venue and data."""


def test_everything_that_was_named_is_a_kind():
    assert set(ISSUE) <= set(KINDS)


def test_every_kind_has_a_text_does_something_and_stands_in_the_table_once():
    rows = table().splitlines()[2:]
    assert len(rows) == len(KINDS)
    for kind in KINDS.values():
        assert kind.text
        assert kind.intensity
        assert kind.family in ("network", "venue", "process", "data", "disk", "index")
        assert kind.planned or kind.distorts or kind.strike
        assert sum(row.startswith(f"| `{kind.name}` | {kind.family} | {kind.text} |") for row in rows) == 1


def test_the_page_in_docs_is_the_one_that_is_written():
    assert Path(__file__).parents[3].joinpath("docs/night_faults.md").read_text("utf-8") == page()
