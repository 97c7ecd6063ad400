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
