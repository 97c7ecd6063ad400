"""Fault plans as files: what they mean, and what is said of bad ones."""

import tomllib
from datetime import UTC, datetime

import pytest

from sim.venue import faults as of
from sim.venue.fault_docs import ROOT, faults_md
from sim.venue.fault_file import (
    KINDS,
    BadFaultFile,
    default_text,
    kind_keys,
    known_types,
    load_plan,
    parse_plan,
    scope_keys,
)


def refused(text):
    with pytest.raises(BadFaultFile) as refusal:
        parse_plan(text, place="plan.toml")
    return str(refusal.value)


def test_a_table_becomes_a_value_with_its_scope():
    [planned] = parse_plan(
        """
        [[fault]]
        kind = "status"
        status = 502
        when = "after"
        path = "/exchange"
        type = "order"
        from = 30
        until = 2024-12-31T23:59:00Z
        every_nth = 3
        """,
        place="plan.toml",
    )
    assert planned.fault == of.HttpStatus(status=502, when="after")
    assert planned.scope == of.Scope(
        path="/exchange",
        type="order",
        begins=30.0,
        ends=datetime(2024, 12, 31, 23, 59, tzinfo=UTC),
        every_nth=3,
    )


def test_times_without_a_zone_are_utc_written_as_text_or_as_tomls_own():
    text = '[[fault]]\nkind = "post_only"\nfrom = "2024-12-31T23:45:00"\nuntil = 2024-12-31T23:46:00'
    [planned] = parse_plan(text, place="plan.toml")
    assert planned.scope.begins == datetime(2024, 12, 31, 23, 45, tzinfo=UTC)
    assert planned.scope.ends == datetime(2024, 12, 31, 23, 46, tzinfo=UTC)


def test_an_empty_plan_is_a_plan():
    assert parse_plan("", place="plan.toml") == ()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_can_be_written_with_what_it_must_have(kind):
    needed = {"delay_ms": 5, "status": 503, "age_s": 1, "young_ms": 5, "skew_ms": -5}
    keys = [f"{k} = {v}" for k, v in needed.items() if k in kind_keys(kind)]
    [planned] = parse_plan("\n".join(["[[fault]]", f'kind = "{kind.KIND}"', *keys]), place="plan.toml")
    assert type(planned.fault) is kind
    assert set(planned.paths) == set(kind.PATHS)


BAD = {
    "[[fault]]\nkind = 'dely'": ["[[fault]] 1 (dely): kind = 'dely': did you mean delay?"],
    "[[fault]]\npath = 'ws'": ["[[fault]] 1 (?): kind = 'left out'", "budget_exhausted"],
    "[[fault]]\nkind = 'delay'": ["[[fault]] 1 (delay): delay_ms must be given: a number, at least 0"],
    "[[fault]]\nkind = 'delay'\ndelay_ms = -5": ["delay_ms = -5: allowed is a number, at least 0 and at most 600000"],
    "[[fault]]\nkind = 'delay'\ndelay_ms = nan": ["delay_ms = nan: allowed is"],
    "[[fault]]\nkind = 'close'\nprobability = 1.5": ["probability = 1.5: allowed is a number, at least 0 and at most 1"],
    "[[fault]]\nkind = 'close'\nprobability = true": ["probability = True: allowed is"],
    "[[fault]]\nkind = 'close'\nprobabilty = 0.5": ["probabilty: unknown key, did you mean probability?"],
    "[[fault]]\nkind = 'close'\npath = '/info'": ["path = '/info': this kind strikes only ws"],
    "[[fault]]\nkind = 'close'\ntype = 'bboo'": ["type = 'bboo': did you mean bbo?"],
    "[[fault]]\nkind = 'close'\nevery_s = 3\nevery_nth = 2": ["every_nth and every_s: only one of them"],
    "[[fault]]\nkind = 'post_only'\nprobability = 0.5": ["probability: this kind holds from"],
    "[[fault]]\nkind = 'close'\nfrom = 'noon'": ["from = 'noon': allowed is an ISO time such as"],
    "[[fault]]\nkind = 'close'\nfrom = 9\nuntil = 3": ["until = 3.0: must be after from = 9.0"],
    "[[fault]]\nkind = 'status'\nstatus = 418": ["status = 418: allowed is 429 or 502 or 503 or 504"],
    "[[fault]]\nkind = 'status'\nstatus = 429\nwhen = 'after'": ['when = "after": 429 means that nothing was done'],
    "[[fault]]\nkind = 'unknown_order'\nyoung_ms = 5\ntype = 'meta'": ["type = 'meta': this kind strikes only orderStatus"],
    "[fault]\nkind = 'close'": ["fault: write [[fault]], with two brackets"],
    "faults = 3": ["faults: unknown, a plan is a list of [[fault]] tables"],
    "kind = ": ["plan.toml: not TOML"],
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_a_bad_plan_is_refused_with_the_table_the_key_and_what_is_allowed(text):
    said = refused(text)
    assert said.startswith("plan.toml: ")
    for words in BAD[text]:
        assert words in said


def test_all_faults_of_a_file_are_named_at_once():
    said = refused("a = 1\n" + "\n".join(t for t in BAD if t.startswith("[[")))
    for words in ("[[fault]] 1 (dely)", "[[fault]] 4 (delay)", "(unknown_order)", "\n  a: unknown"):
        assert words in said


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path):
    with pytest.raises(BadFaultFile, match=r'No such file or directory.*"default" is the shipped plan'):
        load_plan(str(tmp_path / "none.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadFaultFile, match=r"bytes\.toml: not UTF-8 at byte 0"):
        load_plan(str(tmp_path / "bytes.toml"))


def test_types_are_those_that_the_venue_serves():
    assert {"orderStatus", "cancelByCloid", "l2Book", "user", "pong", "subscribe"} <= known_types()


# --- the shipped plan --------------------------------------------------------------------------------------


def test_the_default_plan_has_everything_that_a_night_must_survive():
    kinds = {planned.fault.KIND for planned in load_plan("default")}
    wanted = {
        "delay", "drop_before_effect", "drop_after_effect", "status", "duplicate", "reorder", "close",
        "silent_channel", "stale",
    }  # fmt: skip
    assert wanted <= kinds


def test_the_default_plan_is_moderate():
    for planned in load_plan("default"):
        scope = planned.scope
        share = scope.probability if scope.every_s is None else 0.0
        harmless = isinstance(planned.fault, of.Delay | of.SlowConnect | of.UnknownOrder)
        assert share is not None, planned
        assert share <= (0.3 if harmless else 0.01), planned


# --- the page ----------------------------------------------------------------------------------------------


def test_the_page_of_faults_is_what_the_types_say():
    written = (ROOT / "docs" / "faults.md").read_text("utf-8")
    assert written == faults_md(), "run: python -m sim.venue.fault_docs"


def test_the_page_has_every_kind_every_key_and_a_plan_that_can_be_read():
    page = faults_md()
    for kind in KINDS.values():
        section = page.partition(f"\n## {kind.KIND}\n")[2].partition("\n## ")[0]
        assert all(f"| `{name}` | " in section for name in kind_keys(kind))
    assert all(f"| `{name}` | " in page for name in scope_keys())
    examples = [block.partition("```")[0] for block in page.split("```toml\n")[1:]]
    assert examples[-1] == default_text()
    assert [len(parse_plan(e, place="page")) for e in examples] == [
        1,
        len(tomllib.loads(default_text())["fault"]),
    ]
