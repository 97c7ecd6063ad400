"""The commands of the crypto index. Each checks its options, calls one function, and prints what it returns."""

import json
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from daemon.index_prices.commands import Json, ledgers
from daemon.options import BadUse

__all__ = ["ledgers"]

Config = Annotated[
    Path | None, typer.Option("--config", help="config.toml; without it ./config.toml, else defaults")
]
StateDir = Annotated[Path | None, typer.Option("--state-dir", help="state directory of the daemon")]
Reason = Annotated[str, typer.Option("--reason", help="why; kept in the ledger")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="show what it would do, record nothing")]
Prices = Annotated[list[str], typer.Option("--price", help="SYMBOL=USD, of each symbol that needs one")]
ForkValue = Literal["dropped", "total_return"]

OPERATOR = "operator"
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
    methodology: Annotated[
        str | None, typer.Option("--methodology", help=f"{BOOK}; default: crypto_index.methodology")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="data directory of market caps; default: crypto_index.data")
    ] = None,
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
    reason: Reason,
    state_dir: StateDir = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Remove a member the same day at the last vetted price; the others take its weight in proportion."""
    from daemon.crypto_index import kept, shown
    from daemon.crypto_index.by_hand import Removing

    directory, daemon_dir = _directory(state_dir, config)
    one = Removing(symbol=symbol.strip().upper(), reason=reason, by=OPERATOR)
    _told(kept.changed(directory, daemon_dir, one), shown.change, json_)


@ledgers.command("restate")
def restate(
    level: Annotated[
        str,
        typer.Argument(metavar="LEVEL", help="day whose close it is of, ISO, or its number in the history"),
    ],
    price: Prices,
    reason: Reason,
    by: Annotated[str, typer.Option("--by", help="who decided; kept in the ledger")] = OPERATOR,
    dry_run: DryRun = False,
    state_dir: StateDir = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Announce what a published level would have been at the right prices; the published one stays as it is."""
    from daemon.crypto_index import kept, shown
    from daemon.crypto_index.by_hand import Restating

    directory, daemon_dir = _directory(state_dir, config)
    number = kept.entry_of(directory, level)
    one = Restating(entry=number, usd=_usd(price), reason=reason, by=by)
    document = kept.changed_or_tried(directory, daemon_dir, one, dry_run=dry_run)
    _told(document, shown.change, json_)


@ledgers.command("fork")
def fork(
    parent: Annotated[str, typer.Argument(metavar="PARENT", help="member that inherits the place")],
    child: Annotated[str, typer.Argument(metavar="CHILD", help="ticker of the other chain")],
    facts: Annotated[
        Path, typer.Option("--facts", help="TOML file of both chains, by which the fork rule decides")
    ],
    price: Prices,
    value: Annotated[
        ForkValue,
        typer.Option("--value", help="of the child: dropped, or put into all members as a dividend"),
    ],
    ratio: Annotated[str, typer.Option("--ratio", help="coins of the child for a coin of the parent")] = "1",
    dry_run: DryRun = False,
    state_dir: StateDir = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Record a fork: the parent stays by the fork rule, the child's value is dropped or put into all members."""
    from core.levels.types import ForkVariant
    from daemon.crypto_index import fork_file, kept, shown
    from daemon.crypto_index.by_hand import Forking

    directory, daemon_dir = _directory(state_dir, config)
    names = parent.strip().upper(), child.strip().upper()
    found = fork_file.decided(facts, *names)
    one = Forking(
        parent=names[0],
        child=names[1],
        ratio=_number(ratio, "--ratio"),
        variant=ForkVariant(value),
        usd=_usd(price),
        reason=f"{names[0]} {found['because']}",
        by=OPERATOR,
    )
    document = kept.changed_or_tried(directory, daemon_dir, one, dry_run=dry_run)
    _told(document | {"inheritance": found}, shown.change, json_)


@ledgers.command("redenominate")
def redenominate(
    symbol: Annotated[
        str, typer.Argument(metavar="SYMBOL", help="member whose coin is another unit from now on")
    ],
    ratio: Annotated[
        str, typer.Option("--ratio", help="old coins in a new one: the price is so many times as high")
    ],
    reason: Reason,
    dry_run: DryRun = False,
    state_dir: StateDir = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Count a member in another unit of its coin: price times the ratio, supply divided by it, nothing else moves."""
    from daemon.crypto_index import kept, shown
    from daemon.crypto_index.by_hand import Redenominating

    directory, daemon_dir = _directory(state_dir, config)
    number = _number(ratio, "--ratio")
    if number == 1:
        raise BadUse("--ratio 1: a unit of 1 old coin is the old one")
    one = Redenominating(symbol=symbol.strip().upper(), ratio=number, reason=reason, by=OPERATOR)
    document = kept.changed_or_tried(directory, daemon_dir, one, dry_run=dry_run)
    _told(document, shown.change, json_)


def _told(document: dict[str, Any], shown: Callable[[dict[str, Any]], str], json_: bool) -> None:
    if "error" in document:
        raise BadUse(document["error"])
    _print(document) if json_ else typer.echo(shown(document))


def _usd(prices: list[str]) -> dict[str, Decimal]:
    """Return the prices of BTC=100.5, by symbol. Raises BadUse."""
    found: dict[str, Decimal] = {}
    for text in prices:
        symbol, is_there, usd = text.partition("=")
        symbol = symbol.strip().upper()
        if not is_there or not symbol or symbol in found:
            raise BadUse(f"--price {text}: give each symbol once, with its price in USD, such as BTC=100.5")
        found[symbol] = _number(usd, f"--price {symbol}")
    return found


def _number(text: str, option: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(0)
    if not (number.is_finite() and number > 0):
        raise BadUse(f"{option} {text}: must be a number above 0")
    return number


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
