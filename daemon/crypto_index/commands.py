"""The commands of the crypto index. Each checks its options, calls one function, and prints what it returns."""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.index_prices.commands import Json, ledgers
from daemon.options import BadUse

__all__ = ["ledgers"]

Config = Annotated[
    Path | None, typer.Option("--config", help="config.toml; without it ./config.toml, else defaults")
]
StateDir = Annotated[Path | None, typer.Option("--state-dir", help="state directory of the daemon")]

BOOK = "TOML file, or one of brief, nci-like, bgci-like, cmc20-like, crix-like, top"


@ledgers.command("methodology")
def methodology(
    file: Annotated[str, typer.Argument(metavar="FILE", help=BOOK)],
    json_: Json = False,
) -> None:
    """Print a crypto index's methodology as a rule book; nothing is decided by it."""
    from daemon.crypto_index import methodology_file, rule_book

    rules = methodology_file.chosen(file)
    _print(rule_book.document(rules)) if json_ else _show(rule_book.view(rules))


@ledgers.command("backtest")
def backtest(
    data: Annotated[Path, typer.Option(help="data directory of market caps")],
    start: Annotated[str, typer.Option(help="first day, ISO")],
    end: Annotated[str, typer.Option(help="last day, ISO")],
    out: Annotated[Path, typer.Option(help="directory for the page, tables and ledgers")],
    methodology: Annotated[
        list[str],
        typer.Option("--methodology", help=f"{BOOK}, or all for the first five"),
    ],
    top: Annotated[
        str, typer.Option(help="fixed numbers of the largest coins to compare with; none for none")
    ] = "5,10,20",
    json_: Json = False,
) -> None:
    """Walk crypto indices through history, point in time and with costs, and compare them on one page."""
    from daemon.crypto_index import backtesting

    days = _day(start, "--start"), _day(end, "--end")
    books = backtesting.books(methodology, top)
    document = backtesting.backtest(data=data, books=books, days=days, out=out)
    _print(document) if json_ else _show(backtesting.view(document, out))


@ledgers.command("rebalance")
def rebalance(
    methodology: Annotated[str | None, typer.Option("--methodology", help=BOOK)] = None,
    data: Annotated[Path | None, typer.Option(help="data directory of market caps")] = None,
    asof: Annotated[
        str | None, typer.Option(help="day whose close is the last that is known, ISO; default: the newest")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="decide and show, record nothing")] = False,
    state_dir: StateDir = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Review a crypto index from a data directory and record it: launch it, else new members and weights."""
    from daemon import operate
    from daemon.crypto_index import rebalancing, shown

    options = rebalancing.Options(
        methodology=methodology,
        data=data,
        asof=_day(asof, "--asof") if asof else None,
        dry_run=dry_run,
    )
    settings = operate.settings(config)
    document = rebalancing.rebalance(settings.crypto_index, operate.directory(state_dir, config), options)
    _print(document) if json_ else _show(shown.rebalance(document))


@ledgers.command("level")
def level(state_dir: StateDir = None, config: Config = None, json_: Json = False) -> None:
    """Show the last recorded level of the index, its divisor and constituents."""
    from daemon.crypto_index import kept, shown

    document = kept.level(_directory(state_dir, config)[0])
    _print(document) if json_ else _show(shown.level(document))


@ledgers.command("history")
def history(
    csv: Annotated[bool, typer.Option("--csv", help="as CSV on stdout")] = False,
    state_dir: StateDir = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Show every entry of the index's ledger: launches, reviews, removals, levels."""
    from daemon.crypto_index import kept, shown

    if csv and json_:
        raise BadUse("--csv and --json are two forms of the same: choose one")
    directory, _ = _directory(state_dir, config)
    if csv:
        typer.echo(kept.as_csv(directory), nl=False)
    elif json_:
        entries = [dict(zip(kept.COLUMNS, row, strict=True)) for row in kept.rows(directory)]
        _print({"kind": "index history", "entries": entries})
    else:
        _show(shown.history(kept.COLUMNS, kept.rows(directory)))


@ledgers.command("remove")
def remove(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="member that leaves now")],
    reason: Annotated[str, typer.Option("--reason", help="why; kept in the ledger")],
    state_dir: StateDir = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Remove a member the same day at the last vetted price; the others take its weight in proportion."""
    from daemon.crypto_index import kept

    directory, daemon_dir = _directory(state_dir, config)
    document = kept.remove(directory, daemon_dir, symbol, reason)
    if "error" in document:
        raise BadUse(document["error"])
    if json_:
        _print(document)
        return
    if "accepted" in document:
        typer.echo(f"the daemon removes {symbol.strip().upper()} now; nightdesk index history shows it")
        return
    typer.echo(
        f"{document['removed']} left {document['index']} at level {document['level_after']}, "
        f"divisor {document['divisor_before']} -> {document['divisor_after']}"
    )


def _directory(state_dir: Path | None, config: Path | None) -> tuple[Path, Path]:
    """Return the index's directory and the daemon's."""
    from daemon import operate
    from daemon.crypto_index.place import directory_of

    daemon_dir = operate.directory(state_dir, config)
    return directory_of(operate.settings(config).crypto_index, daemon_dir), daemon_dir


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadUse(f"{option} {text}: not an ISO day such as 2021-12-31") from None


def _show(what: Any) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(what)


def _print(document: Any) -> None:
    json.dump(document, sys.stdout, default=str, allow_nan=False)
    sys.stdout.write("\n")
