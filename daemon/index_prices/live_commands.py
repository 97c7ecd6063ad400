"""The commands of a running index price. Each checks its options, calls one function, and prints what it returns."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.index_prices.commands import Json, Preset, Symbols, prices

__all__ = ["prices"]

Config = Annotated[
    Path | None, typer.Option("--config", help="config.toml; without it ./config.toml, else defaults")
]
StateDir = Annotated[
    Path | None, typer.Option("--state-dir", help="state directory; the index price has a folder in it")
]
Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="an index that is published, such as BTC/USD")]
Why = Annotated[str, typer.Option("--reason", help="why; kept in the history")]


@prices.command()
def run(
    symbols: Symbols = None,
    preset: Preset = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="port of the endpoint, instead of index_price.port")
    ] = None,
    state_dir: StateDir = None,
    config: Config = None,
    out: Annotated[
        Path | None, typer.Option(help="ledger to write: all that was heard and published, as JSON lines")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="print one JSON line for each published value and nothing else")
    ] = False,
) -> None:
    """Publish index prices live, as one of several instances: connectors, election, endpoint, alerts."""
    from daemon import operate
    from daemon.index_prices import replaying, running

    settings = running.chosen(
        operate.settings(config), symbols=replaying.symbols_of(symbols), preset=preset, port=port
    )
    running.run(running.LiveOptions(settings=settings, state_dir=state_dir, json=json_, out=out))


@prices.command()
def watch(
    url: Annotated[
        str | None, typer.Option(help="endpoint of an instance; default: where the configuration has it")
    ] = None,
    config: Config = None,
) -> None:
    """Show feeds, weights and exclusions of a running instance until Ctrl-C."""
    from rich.console import Console

    from daemon import operate
    from daemon.index_prices import watching

    index = operate.settings(config).index_price
    watching.watch_until_stopped(url or f"http://{index.host}:{index.port}", Console())


@prices.command()
def hold(
    symbol: Symbol, reason: Why, state_dir: StateDir = None, config: Config = None, json_: Json = False
) -> None:
    """Hold an index at its last good price until it is released; every instance on this lease file heeds it."""
    from daemon.index_prices import holding

    where = holding.place(state_dir, config)
    _done(holding.hold(where, symbol, reason), json_, holding.doubts(where, symbol))


@prices.command()
def release(
    symbol: Symbol,
    reason: Why = "no reason given",
    state_dir: StateDir = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Let an index go on that is held."""
    from daemon.index_prices import holding

    where = holding.place(state_dir, config)
    _done(holding.release(where, symbol, reason), json_, holding.doubts(where, symbol))


def _done(document: dict[str, Any], json_: bool, doubts: Sequence[str]) -> None:
    for doubt in doubts:
        typer.echo(f"nightdesk: {doubt}", err=True)
    if json_:
        json.dump(document, sys.stdout, default=str, allow_nan=False)
        sys.stdout.write("\n")
        return
    for name, value in document.items():
        typer.echo(f"{name}: {value}")
