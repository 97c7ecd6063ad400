"""The commands of the index price: each checks its options, calls one function, and prints what it returns."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

prices = typer.Typer(help="One price from many exchanges, with its proof.", no_args_is_help=True)
ledgers = typer.Typer(
    help="A crypto index: rule book, backtest, reviews, level; ledgers made again.", no_args_is_help=True
)

MISMATCH = 1
NOT_CLOSED = 9
WIDTH = 160
"""Columns of what is written to a file or a pipe."""

INPUT = "normalised ticks or minute bars (.parquet, .jsonl, .json, .csv, .gz), or raw frames; a file, or a directory of them"

BARS = "bars with venue, pair, close and volume (.parquet, .jsonl, .json, .csv, .gz); a file, or a directory of them"
SettleMethod = Literal["vetted", "vetted_literal", "reference_rate"]

Input = Annotated[Path, typer.Argument(metavar="PRICES", help=INPUT)]
Preset = Annotated[str | None, typer.Option("--preset", help="named methodology; default: nightdesk")]
Rules = Annotated[
    Path | None, typer.Option("--methodology", help="TOML file with what differs from its preset")
]
Symbols = Annotated[
    str | None, typer.Option("--symbols", help="such as BTC/USD,ETH/USD; default: all that are heard")
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document on stdout and nothing else")]


@prices.command()
def replay(
    path: Input,
    preset: Preset = None,
    methodology: Rules = None,
    symbols: Symbols = None,
    out: Annotated[
        Path | None, typer.Option(help="ledger to write: every value with its proof, as JSON lines")
    ] = None,
    settle_at: Annotated[
        str, typer.Option(help="ends of settlement windows, UTC, several with commas")
    ] = "00:00",
    json_: Json = False,
) -> None:
    """Publish recorded prices again: a value at every stamp of the input; with --json an array, the last value last."""
    from daemon.index_prices import methodology_file, replaying, shown
    from daemon.index_prices.replaying_json import JsonArray

    options = replaying.ReplayOptions(
        path=path,
        methodology=methodology_file.chosen(preset, methodology),
        symbols=replaying.symbols_of(symbols),
        out=out,
        settlement=replaying.settlement_rules(settle_at),
    )
    if not json_:
        series = shown.Condensed()
        _show(shown.view(replaying.replay_with_bar(options, series), series))
        return
    with JsonArray() as array:
        replayed = replaying.replay_with_bar(options, array)
        array.write(sys.stdout)
    if replayed.refused or replayed.left_out or replayed.units:
        typer.echo(f"nightdesk: {shown.summary(replayed, replayed.states.total())}", err=True)
    for line in replayed.left_out:
        typer.echo(f"nightdesk: left out {line}", err=True)


@prices.command()
def settle(
    path: Annotated[Path, typer.Argument(metavar="BARS", help=BARS)],
    method: Annotated[
        SettleMethod,
        typer.Option(
            "--method", help="vetted, vetted_literal (the brief's, word for word) or reference_rate"
        ),
    ] = "vetted",
    at: Annotated[str, typer.Option("--at", help="ends of windows, UTC, several with commas")] = "00:00",
    symbols: Symbols = None,
    screened: Annotated[
        bool, typer.Option("--screened", help="leave out venues that fail the wash-trade screen until then")
    ] = False,
    json_: Json = False,
) -> None:
    """Settle on recorded minute bars with volumes, in dollars; live settlement has no volumes (run, replay)."""
    from daemon.index_prices import replaying, settling_bars

    document = settling_bars.settle(
        path,
        symbols=replaying.symbols_of(symbols),
        rules=replaying.settlement_rules(at, option="--at"),
        method=settling_bars.Method(method),
        screened=screened,
    )
    _print(document) if json_ else _show(settling_bars.view(document))


@prices.command()
def compare(
    path: Annotated[Path | None, typer.Argument(metavar="PRICES", help=INPUT)] = None,
    events: Annotated[
        bool, typer.Option("--events", help="score on the scripted abnormal markets instead of a path")
    ] = False,
    symbols: Symbols = None,
    figure: Annotated[Path | None, typer.Option(help="picture of the table to write, .png or .svg")] = None,
    json_: Json = False,
) -> None:
    """Score every preset on the same input: seconds wrong, seconds without a value, errors, smoothness."""
    from daemon.index_prices import comparing, comparison, replaying

    scores = comparing.with_bar(path, events=events, symbols=replaying.symbols_of(symbols))
    if figure is not None:
        comparing.draw(scores, figure)
    _print(comparison.document(scores)) if json_ else _show(comparison.view(scores, "on"))


@ledgers.command()
def screen(
    path: Annotated[Path, typer.Argument(metavar="BARS", help=f"{BARS}, or trades with size and side")],
    json_: Json = False,
) -> None:
    """Say of each venue whether its volumes, or trades, look fabricated: pass or fail, with the figures."""
    from daemon.index_prices import screening

    document = screening.screen(path)
    _print(document) if json_ else _show(screening.view(document))


@ledgers.command()
def verify(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="a ledger of index prices (replay --out, run --out; several files in their order), or of levels; "
            "default: that of the configured crypto index",
        ),
    ] = None,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", help="state directory of the daemon")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="config.toml; without it ./config.toml, else defaults")
    ] = None,
    json_: Json = False,
) -> None:
    """Make every value of a ledger again, by an implementation of its own; exit 1 at the first that differs."""
    from rich.text import Text

    from daemon.index_prices import verifying

    found = verifying.finding(files or [_own_ledger(state_dir, config)])
    _print(found.document) if json_ else _show(Text(found.text, style=found.ending))
    if found.ending is verifying.Ending.DIFFERS:
        raise typer.Exit(MISMATCH)
    if found.ending is verifying.Ending.NOT_CLOSED:
        raise typer.Exit(NOT_CLOSED)


def _own_ledger(state_dir: Path | None, config: Path | None) -> Path:
    from daemon import operate
    from daemon.crypto_index.kept import nothing
    from daemon.crypto_index.place import directory_of
    from state.index_ledger import LEDGER

    settings = operate.settings(config).crypto_index
    path = directory_of(settings, operate.directory(state_dir, config)) / LEDGER
    if not path.exists():
        raise nothing(path.parent)
    return path


def _show(what: Any) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(what, soft_wrap=isinstance(what, Text))


def _print(document: Any) -> None:
    json.dump(document, sys.stdout, default=str, allow_nan=False)
    sys.stdout.write("\n")
