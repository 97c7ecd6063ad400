"""Rule books: the bundled ones, what a file may say, and one message with all that is wrong in it."""

import dataclasses
import tomllib
from pathlib import Path

import pytest

from daemon.crypto_index import rule_book
from daemon.crypto_index.backtesting import books
from daemon.crypto_index.methodology_file import BUNDLED, SECTIONS, TEMPLATE, chosen, read, top
from daemon.options import BadUse
from strategies.crypto_index.methodology import (
    Category,
    Crix,
    Everyone,
    Fixed,
    HoldOut,
    LiteralAic,
    LiteralCappedCap,
    LiteralMinimumVariance,
    MinimumVariance,
    Schedule,
)

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "strategies/crypto_index/methodologies"
TEXT = (FOLDER / "bgci-like.toml").read_text("utf-8")


def refused(old, new, *, text=TEXT):
    assert old in text
    with pytest.raises(BadUse) as caught:
        read(text.replace(old, new), place="FILE", stem="mine")
    return str(caught.value)


def test_five_rule_books_and_a_template_come_with_nightdesk_under_their_own_names():
    assert {path.stem for path in FOLDER.iterdir()} == {*BUNDLED, TEMPLATE}
    assert [chosen(name).name for name in BUNDLED] == list(BUNDLED)
    assert len(BUNDLED) == 5


def test_the_five_differ_in_what_they_are_known_for():
    brief, nci, bgci, cmc, crix = (chosen(name) for name in BUNDLED)
    assert isinstance(brief.count, LiteralAic)
    assert isinstance(brief.weights, LiteralMinimumVariance)
    assert (brief.buffer.size_ratio, brief.eligibility.custodians_min) == (1.1, 2)
    assert isinstance(nci.count, Everyone)
    assert (bgci.count, bgci.weights.cap, bgci.weights.floor, bgci.eligibility.passed_in_row) == (
        Fixed(k=12),
        0.35,
        0.01,
        3,
    )
    assert cmc.count == Fixed(k=20)
    assert (crix.count, crix.eligibility.mdvt_quantile) == (Crix(), 0.25)


def test_the_largest_k_differ_from_the_template_in_nothing_else():
    template, five = chosen(TEMPLATE), top(5)
    assert (five.name, five.count) == ("top-5", Fixed(k=5))
    assert (
        dataclasses.replace(five, name=template.name, title=template.title, count=template.count) == template
    )


def test_a_file_is_read_by_its_path_and_named_after_it_where_it_has_no_name(tmp_path):
    path = tmp_path / "of-mine.toml"
    path.write_text(TEXT.replace('name = "bgci-like"\n', ""), "utf-8")
    assert chosen(str(path)).name == "of-mine"
    assert dataclasses.replace(chosen(str(path)), name="bgci-like") == chosen("bgci-like")


@pytest.mark.parametrize(
    ("stem", "name"), [("My Index_2", "my-index-2"), ("\u00e4", "index"), ("a" * 50, "a" * 40)]
)
def test_a_file_whose_own_name_is_none_for_an_index_still_names_one(tmp_path, stem, name):
    path = tmp_path / f"{stem}.toml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace('name = "bgci-like"\n', "").encode())
    assert chosen(str(path)).name == name


@pytest.mark.parametrize("text", ["a = " + "[" * 20_000, "a = " + "9" * 5000])
def test_toml_that_cannot_be_read_is_one_message(text):
    with pytest.raises(BadUse, match="FILE: cannot be read as TOML"):
        read(text, place="FILE", stem="mine")


def test_what_is_left_out_has_a_default_except_base_count_and_weights():
    least = (
        '[base]\nday = 2021-01-01\nlevel = 100\n[count]\nrule = "everyone"\n[weights]\nrule = "capped_cap"\n'
    )
    rules = read(least, place="FILE", stem="least")
    assert (rules.schedule, rules.base.level) == (Schedule(), 100.0)
    with pytest.raises(BadUse, match=r"^FILE: base is missing; count is missing; weights is missing$"):
        read("", place="FILE", stem="least")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("within_rank", "within_rang", "eligibility.within_rang is no key of a methodology, did you mean eligibility.wit"),
        ("[buffer]", "[bufer]", "bufer is no key of a methodology, did you mean buffer"),
        ("cost_bps", "xyz", "xyz is no key of a methodology; known are name, title, about, base"),
        ("k = 12", "step = 5", "count.step is no key of a methodology; known are k, rule; count.k is missing"),
        ("k = 12", "k = 0", "count.k: Input should be greater than or equal to 1"),
        ("k = 12", "k = 12.0", "count.k: Input should be a valid integer"),
        ("k = 12", "k = true", "count.k: Input should be a valid integer"),
        ('rule = "fixed"', 'rule = "fixt"', "count.rule 'fixt' is no rule, did you mean fixed; known are fixed, everyone"),
        ('rule = "fixed"', "", "count.rule is missing; known are fixed, everyone, crix, hold_out, literal_aic"),
        ("cap = 0.35", "cap = 0.005", "weights: floor 0.01 is above cap 0.005"),
        ("cap = 0.35", "cap = 1.01", "weights.cap: Input should be less than or equal to 1"),
        ("cap = 0.35", "cap = 0.0", "weights.cap: Input should be greater than 0"),
        ("floor = 0.01", "floor = -0.01", "weights.floor: Input should be greater than or equal to 0"),
        ("2020-12-01", '"2020-12-01T12:00"', "base.day: "),
        ("2020-12-01", "2020-02-30", "cannot be read as TOML: "),
        ("2020-12-01", "20201201", "base.day: "),
        ("level = 1000.0", "level = 0", "base.level: Input should be greater than 0"),
        ("level = 1000.0", 'level = "1000"', "base.level: Input should be a valid number"),
        ("2e6", "nan", "eligibility: numbers must be finite, nan and inf are none"),
        ("2e6", "-1", "eligibility.mdvt_min_usd: Input should be greater than or equal to 0"),
        ('"meme"', '"mem"', "eligibility.excluded.3: Input should be 'stablecoin', 'wrapped_or_staked'"),
        ("size_ratio = 1.0", "size_ratio = 0.9", "buffer.size_ratio: Input should be greater than or equal to 1"),
        ("size_ratio = 1.0", "rank_keep = 3\nrank_enter = 4", "buffer: rank_enter 4 is beyond rank_keep 3"),
        ('weights = "month"', 'weights = "quarter"', "schedule: new members have new weights"),
        ('weights = "month"', 'weights = "weekly"', "schedule.weights: Input should be 'month' or 'quarter'"),
        ('weights = "month"', "announced_days = 28", "schedule.announced_days: Input should be less than or equal to 27"),
        ("cost_bps = 10.0", "cost_bps = -1", "cost_bps: Input should be greater than or equal to 0"),
        ('name = "bgci-like"', 'name = "../x"', "name '../x' must be small letters, digits and dashes"),
        ("[count]", "count = 3\n[counted]", "count must be a table: write [count]"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_by_its_key_with_what_may_be(old, new, said):
    text = refused(old, new) if old != "[count]" else refused(old, new, text=headless())
    assert text.startswith("FILE: ")
    assert said in text


def headless():
    """The same file with nothing in a table before count, so that count can be a number."""
    return "[count]\n" + TEXT.partition("[count]")[2]


def test_start_above_most_is_refused():
    text = (FOLDER / "crix-like.toml").read_text("utf-8")
    assert "count: start 60 is above most 50" in refused("start = 5", "start = 60", text=text)


def test_all_faults_are_told_at_once():
    text = refused(
        "cap = 0.35\nfloor = 0.01", "cap = 2.0\nfloor = -1.0", text=TEXT.replace("k = 12", "k = 0")
    )
    assert text.count("Input should be") == 3


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "bcgi-like",
            "bcgi-like: no such file, and no methodology of that name, did you mean bgci-like; known are brief, ",
        ),
        ("gone.toml", "gone.toml: no such file"),
    ],
)
def test_a_name_that_is_none_is_told_with_the_nearest(name, said):
    with pytest.raises(BadUse) as caught:
        chosen(name)
    assert str(caught.value).startswith(said)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadUse, match=r"bytes\.toml: cannot be read"):
        chosen(str(path))


# --- in sentences -----------------------------------------------------------------------------------------


def sentences(rules):
    return " ".join(line for _, lines in rule_book.sections(rules) for line in lines)


def test_every_number_of_a_bundled_rule_book_is_in_its_sentences():
    said = sentences(chosen("bgci-like"))
    for words in (
        "1,000.00 at the close of 2020-12-01",
        "stablecoins, wrapped and staked coins, gold tokens, meme coins, privacy coins, exchange tokens",
        "the last 30 days traded 2,000,000 USD or more",
        "the largest 25 of those that pass all else",
        "passed at 3 month ends in a row",
        "The largest 12 by market cap",
        "none above 0.35 and none below 0.01",
        "10 basis points",
    ):
        assert words in said
    brief = sentences(chosen("brief"))
    for words in (
        "1,000,000,000 USD or more",
        "At least 2 custodians",
        "90 days old or older",
        "1.1 times as large",
        "90 days",
    ):
        assert words in brief
    assert "not pegged" in said
    assert "not pegged" not in brief


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"count": HoldOut(start=3, step=2, most=9)}, "3, 5, 7 and so on up to 9: the fewest whose tracking error"),
        ({"count": Crix(days=120)}, "over 120 days"),
        ({"weights": MinimumVariance(cap=0.2, floor=0.0, days=60)}, "none above 0.2, on a Ledoit-Wolf covariance of 60"),
        ({"weights": LiteralCappedCap()}, "the brief's loop, none above 0.35 and none below 0.01"),
        ({"schedule": Schedule(announced_days=1)}, "holds from the close one day later"),
        ({"schedule": Schedule()}, "Weights are renewed at the close of the last day of each month"),
    ],
)  # fmt: skip
def test_a_rule_that_is_chosen_is_told(changed, words):
    assert words in sentences(dataclasses.replace(chosen("bgci-like"), **changed))


def test_every_kind_of_coin_has_a_name():
    assert set(rule_book.KINDS) == set(Category)


# --- what a backtest is asked for -------------------------------------------------------------------------


def names(*words, tops="none"):
    return [rules.name for rules in books(words, tops)]


def test_all_are_the_five_and_fixed_numbers_come_last():
    assert names("all", tops="5,10,20") == [*BUNDLED, "top-5", "top-10", "top-20"]
    assert names("brief", "crix-like", tops="7,7") == ["brief", "crix-like", "top-7"]


@pytest.mark.parametrize("tops", ["", "x", "0", "5,-1", "1001", "5;10"])
def test_numbers_that_are_none_are_refused(tops):
    with pytest.raises(BadUse, match=r"--top .*: give whole numbers from 1 to 1000"):
        books(["brief"], tops)


def test_no_methodology_at_all_is_refused():
    with pytest.raises(BadUse, match="--methodology: name a file"):
        books([], "5")


def test_rule_books_custody_map_and_page_are_in_the_wheel():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"][
        "package-data"
    ]
    for package, patterns in declared.items():
        for pattern in patterns:
            assert list((ROOT / package).glob(pattern)), f"{package}: {pattern}"
    packed = {p for package, patterns in declared.items() for q in patterns for p in (ROOT / package).glob(q)}
    needed = [
        *FOLDER.glob("*.toml"),
        FOLDER.parent / "custody_map.json",
        *(ROOT / "research/templates").iterdir(),
    ]
    assert set(needed) <= packed


def ruled(kind):
    return next(field.default for field in dataclasses.fields(kind) if field.name == "rule")


def test_every_key_and_rule_is_in_the_documentation():
    page = (ROOT / "docs" / "crypto_index.md").read_text("utf-8")
    for section, classes in SECTIONS.items():
        for kind in classes:
            keys = {field.name for field in dataclasses.fields(kind)}
            if len(classes) == 1:
                assert {key for key in keys if f"| `{section}.{key}` |" not in page} == set()
            else:
                row = next(
                    line
                    for line in page.splitlines()
                    if line.startswith(f"| `[{section}]` | `{ruled(kind)}` |")
                )
                assert {key for key in keys - {"rule"} if f"`{key}`" not in row} == set()
    for kind in Category:
        assert f"`{kind.value}`" in page
