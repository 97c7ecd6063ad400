"""The documents say what is true: their command blocks run, and nothing they should name is left out."""

import ast
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.prices.types import Reason
from daemon import command_docs, time_keeping
from daemon.__main__ import CODES
from daemon.settings import keys

ROOT = Path(__file__).resolve().parents[1]
RUN = ("README.md", "docs/tutorial.md", "docs/tutorial_crypto_index.md", "docs/runbook.md")
LIMIT_S = 180.0
"""For all the blocks of one document together; on an idle machine they take about 45 s."""

FENCE = re.compile(
    r"(?:<!-- not run: (?P<why>.*?) -->\n)?```(?P<kind>sh|console)\n(?P<text>.*?)^```$", re.S | re.M
)


@dataclass(frozen=True)
class Block:
    """A fenced block; why says what keeps it from being run here."""

    name: str
    text: str
    why: str


def blocks(document: str) -> Iterator[Block]:
    text = (ROOT / document).read_text("utf-8")
    for found in FENCE.finditer(text):
        line = text[: found.start("text")].count("\n")
        words = found["text"]
        if found["kind"] == "console":
            words = "\n".join(re.findall(r"^\$ (.*)$", words, re.M))
        yield Block(f"{document}:{line}", words, found["why"] or "")


@pytest.fixture
def place(tmp_path):
    """A working directory like the repository's, whose .venv is the environment that runs this test."""
    for name in ("sim", "systemd", "config.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name, words in {"python": "", "nightdesk": "-m daemon"}.items():
        (binaries / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
        (binaries / name).chmod(0o755)
    (tmp_path / "runs").mkdir()
    (tmp_path / "home").mkdir()
    return tmp_path


def run(script, place):
    """Run a script in a process group of its own, and end whatever it leaves behind."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    environ = kept | {"HOME": str(place / "home"), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (place / "said").open("w+") as said:
        process = subprocess.Popen(
            ["bash", "-c", script], cwd=place, env=environ, stdout=said, stderr=said, start_new_session=True
        )
        try:
            code = process.wait(LIMIT_S)
        finally:
            end_group(process)
        said.seek(0)
        return code, said.read()


def end_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait(10)


@pytest.mark.xdist_group("waiting")
@pytest.mark.parametrize("document", RUN)
def test_every_command_block_runs_as_it_stands(document, place):
    runnable = [b for b in blocks(document) if not b.why]
    if not runnable:
        pytest.skip(f"{document}: " + "; ".join(b.why for b in blocks(document)))
    script = "set -e\n" + "".join(f"echo '== {b.name}'\n{b.text}\n" for b in runnable)
    code, said = run(script, place)
    assert code == 0, said[-4000:]
    assert "Traceback" not in said, said[-4000:]
    if document == "docs/tutorial.md":
        assert said.count("The book is where it should be.") == 2
        assert "restarts 1" in said
    if document == "docs/tutorial_crypto_index.md":
        assert "3 entries and 3 levels made again" in said


def test_every_block_that_is_not_run_says_why():
    skipped = [b for document in RUN for b in blocks(document) if b.why]
    for block in skipped:
        print(f"{block.name}: {block.why}")
        assert len(block.why) > 15
    fences = sum((ROOT / d).read_text("utf-8").count("\n```sh\n") for d in RUN)
    assert fences == sum(1 for d in RUN for _ in blocks(d))


# --- commands, options, exit codes ---------------------------------------------------------------------


def test_the_page_of_commands_is_what_the_command_line_says():
    written = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert written == command_docs.commands_md(), "run: python -m daemon.command_docs"


HELP = """
import contextlib, io, json, sys
from daemon.__main__ import main
shown = {}
for name in json.load(sys.stdin):
    sys.argv = ["nightdesk", *name.split(), "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            main()
        except SystemExit as left:
            assert not left.code, (name, left.code)
    shown[name] = out.getvalue()
print(json.dumps(shown))
"""


@pytest.fixture(scope="module")
def helps(tmp_path_factory):
    """What each command shows with --help, all of them asked for in one process that inherits nothing."""
    environ = {"PATH": os.environ["PATH"], "COLUMNS": "400", "TERM": "dumb", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", HELP],
        cwd=tmp_path_factory.mktemp("help"),
        env=environ,
        input=json.dumps([*command_docs.commands()]),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.xdist_group("help")
@pytest.mark.parametrize("name", command_docs.commands())
def test_the_page_of_commands_names_the_options_that_help_shows(name, helps):
    shown = helps[name]
    known = {n for o in command_docs.options(command_docs.commands()[name]) for n in o.names}
    options = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", shown.partition("Options")[2])) - {"--help"}
    arguments = set(re.findall(r"[A-Z]{2,}", shown.partition("Usage:")[2].partition("\n")[0])) - {"OPTIONS"}
    assert options | arguments == known


def inline_commands() -> Iterator[tuple[str, list[str]]]:
    for path in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for text in re.findall(r"`((?:\.venv/bin/)?nightdesk [a-z][^`\n]*)`", path.read_text("utf-8")):
            yield path.name, text.split()[1:]


def test_every_command_that_a_document_mentions_exists_with_its_options():
    known, wrong = command_docs.commands(), []
    for document, words in inline_commands():
        name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
        if name not in known:
            wrong.append(f"{document}: {' '.join(words)}")
            continue
        allowed = {n for o in command_docs.options(known[name]) for n in o.names} | {"--help"}
        used = {w for w in words if re.fullmatch(r"--?[a-z][a-z-]*", w)}
        wrong += [f"{document}: nightdesk {name} has no {option}" for option in used - allowed]
    assert wrong == []


def test_every_exit_code_is_documented():
    assert {code for _, code in CODES} | {0, 6} <= command_docs.EXIT_CODES.keys()
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert all(f"\n| {code} | " in page for code in command_docs.EXIT_CODES)


def test_every_key_of_the_configuration_is_documented():
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    sections = {part.partition("]")[0]: part for part in page.split("\n## [")[1:]}
    missing = [
        k.name for k in keys().values() if f"\n| `{k.name.rpartition('.')[2]}` |" not in sections[k.section]
    ]
    assert missing == []


# --- alerts and reasons --------------------------------------------------------------------------------


def runbook() -> str:
    return (ROOT / "docs" / "runbook.md").read_text("utf-8")


def test_the_runbook_explains_every_alert_and_no_other():
    source = "".join(
        p.read_text("utf-8") for f in ("core", "daemon") for p in sorted((ROOT / f).glob("*.py"))
    )
    codes = set(re.findall(r'\bcode="([a-z.]+)"', source)) | {"pipeline.projected", "pipeline.correction"}
    codes |= {time_keeping.STEPPED, time_keeping.WRONG}
    table = runbook().partition("## Alerts")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z.]+)` \|", table, re.M)) == codes


INDICES = ("index_prices", "crypto_index")


def test_the_runbook_explains_every_alert_of_the_indices_and_no_other():
    """Kinds of alerts, without the symbol or venue that follows."""
    files = [ROOT / "daemon" / "price_check.py"]
    files += [path for name in INDICES for path in sorted((ROOT / "daemon" / name).glob("*.py"))]
    source = "".join(path.read_text("utf-8") for path in files)
    codes = set(re.findall(r'"(index\.[a-z]+)', source))
    patterns = (
        r'_raised\(\s*"([a-z]+)"',
        r'code=f"\{ALERT\}\.([a-z]+)"',
        r'\bcode = "([a-z]+)"',
        r'\bcode = .* else "([a-z]+)"',
    )
    codes |= {f"crypto_index.{code}" for pattern in patterns for code in re.findall(pattern, source)}
    rows = re.findall(r"^\| (`(?:crypto_)?index\.[^|]*) \|", runbook(), re.M)
    told = {code for row in rows for code in re.findall(r"`((?:crypto_)?index\.[a-z]+)", row)}
    told |= {f"crypto_index{code}" for row in rows for code in re.findall(r"`(\.[a-z]+)`", row)}
    assert told == codes


def test_the_runbook_explains_every_reason_why_a_feed_does_not_count():
    chapter = runbook().partition("## The index price")[2].partition("\n## ")[0]
    assert [str(reason) for reason in Reason if f"`{reason}`" not in chapter] == []


REASONS = {
    "core/report.py": ("_why_residual", "_asset", "_hedge_asset"),
    "core/rebalance.py": ("_why_held", "_why_not_open", "_preflight", "_gave_up"),
    "core/risk.py": ("_refusal", "watch"),
    "core/reconcile.py": ("on_snapshot",),
    "core/allowance.py": ("ration",),
    "daemon/account_modes.py": ("role", "mode", "elsewhere", "signer", "requests", "clock"),
}


def reasons() -> Iterator[str]:
    """Yield the longest fixed piece of every text that these functions can answer with."""
    for name, functions in REASONS.items():
        for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in functions:
                yield from _texts(node)


def _texts(function) -> Iterator[str]:
    inner = {
        id(v) for n in ast.walk(function) if isinstance(n, ast.JoinedStr) for v in ast.walk(n) if v is not n
    }
    doc = ast.get_docstring(function, clean=False)
    for node in ast.walk(function):
        if id(node) in inner:
            continue
        pieces = node.values if isinstance(node, ast.JoinedStr) else [node]
        texts = [p.value for p in pieces if isinstance(p, ast.Constant) and isinstance(p.value, str)]
        longest = max(texts, key=len, default="").strip(" :;,.+%")
        if " " in longest and longest != (doc or "").strip(" :;,.+%"):
            yield longest


def test_the_runbook_explains_every_reason_a_night_can_give():
    words = re.sub(r"\s+", " ", runbook())
    found = sorted(set(reasons()))
    assert len(found) > 20
    assert [text for text in found if text not in words] == []


# --- the words -----------------------------------------------------------------------------------------


def test_links_between_documents_lead_somewhere():
    dead = []
    for path in [
        ROOT / "README.md",
        ROOT / "ARCHITECTURE.md",
        ROOT / "CHANGELOG.md",
        *(ROOT / "docs").rglob("*.md"),
    ]:
        targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
        dead += [f"{path.name}: {target}" for target in targets if not (path.parent / target).exists()]
    assert dead == []


def test_every_field_that_swarm_and_replay_print_is_documented():
    from daemon import replay, swarm_command
    from daemon.swarm import Tally

    page = (ROOT / "docs" / "swarm.md").read_text("utf-8")
    options = swarm_command.SwarmOptions(seeds="0:1", jobs=1, keep=Path("x"))
    swarmed = swarm_command.Swarmed(swarm_command.Plan(options, []), Tally(0), [])
    replayed = replay.Replayed(path=Path("j"), after_seq=0, records=0, snapshots=0, difference=None)
    printed = swarm_command.document(swarmed)
    names = [*printed, *printed["figures"], *replay.document(replayed)]
    assert [name for name in names if f"`{name}`" not in page] == []
