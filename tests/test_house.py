"""The layout is kept by tests: floors, one home for each library, one clock, and names that say something."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("core", "strategies", "adapters", "state", "sim", "research", "daemon")

HOMES: dict[str, tuple[str, ...]] = {
    "hyperliquid": ("adapters/hyperliquid/signing.py",),
    "eth_account": ("adapters/hyperliquid/signing.py",),
    "apscheduler": ("daemon/scheduler.py",),
    "tenacity": ("adapters/retry.py",),
    "websockets": ("adapters/stream.py", "sim/exchanges/"),
    "ccxt": ("adapters/exchanges/rest.py",),
    "kazoo": ("adapters/zookeeper.py",),
    "hvac": ("adapters/vault.py",),
    "apprise": ("daemon/index_prices/alerts.py",),
    "prometheus_client": ("daemon/index_prices/metrics.py",),
    "uvloop": ("daemon/run.py",),
    "cvxpy": ("strategies/idio_statarb/optimizer_cvxpy.py",),
    "sqlite3": ("state/",),
    "typer": (
        "daemon/cli.py",
        "daemon/crypto_index/commands.py",
        "daemon/index_prices/commands.py",
        "daemon/index_prices/live_commands.py",
    ),
    "sdnotify": ("daemon/pulse.py",),
    "plotly": ("research/",),
    "matplotlib": ("research/",),
    "pydantic": ("daemon/",),
    "aiohttp": (
        "adapters/http.py",
        "sim/venue/server.py",
        "sim/exchanges/",
        "daemon/alerts.py",
        "daemon/index_prices/",
    ),
    "coincurve": ("adapters/hyperliquid/signing.py", "sim/venue/"),
}
"""Where a library may be imported; a change of library is a change of one file."""

CLOCKS = ("daemon/clock.py", "sim/venue/clock.py", "daemon/operate.py", "daemon/wiring.py", "state/lock.py")
BANNED_NAMES = {"utils.py", "helpers.py", "common.py", "manager.py", "misc.py"}


@cache
def sources() -> tuple[tuple[str, ast.Module], ...]:
    paths = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    return tuple((path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())) for path in paths)


def written() -> Iterator[str]:
    """Yield the name of every file of ours, the tests' own included."""
    yield from (name for name, _ in sources())
    for path in sorted((ROOT / "tests").rglob("*.py")):
        yield path.relative_to(ROOT).as_posix()


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_every_library_stays_in_its_home() -> None:
    strays = [
        f"{name} imports {library}"
        for name, tree in sources()
        for library in imported(tree)
        if library in HOMES and not name.startswith(HOMES[library])
    ]
    assert strays == []


def test_nobody_asks_the_machine_what_time_it_is() -> None:
    asked = []
    for name, tree in sources():
        if name in CLOCKS:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                word = f"{node.value.id}.{node.attr}"
                if word in {
                    "time.time",
                    "time.time_ns",
                    "time.monotonic",
                    "datetime.now",
                    "datetime.utcnow",
                    "uuid.uuid4",
                }:
                    asked.append(f"{name}: {word}")
    assert asked == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [name for name, _ in sources() if Path(name).name in BANNED_NAMES] == []


def test_files_and_functions_stay_short() -> None:
    lines = {name: (ROOT / name).read_text().count("\n") for name in written()}
    long = [f"{name} {n} lines" for name, n in lines.items() if n > 500]
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > 60:
                    long.append(f"{name}:{node.lineno} {node.name} {length} lines")
    assert long == []


def test_the_import_contracts_hold() -> None:
    words = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_no_file_names_a_place_of_the_machine_it_was_written_on() -> None:
    import re

    pattern = re.compile(
        r"(/(?:work|farm|root)/" r"|--?(extra-)?index" r"-url|trusted" r"-host|https?://[^ ]*/simple" r"\b)"
    )
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    bad = []
    for name in tracked.stdout.split():
        path = ROOT / name
        if (
            path.suffix in {".py", ".md", ".toml", ".lock", ".service", ""}
            and path.is_file()
            and name != "tests/test_house.py"
        ):
            bad += [
                f"{name}: {line}"
                for line in path.read_text(errors="replace").splitlines()
                if pattern.search(line)
            ]
    assert bad == []
