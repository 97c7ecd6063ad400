"""The command line. Each command checks its options, calls one function, and prints what it returns."""

import json
import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon import hangups, operate
from daemon.crypto_index.commands import ledgers
from daemon.index_prices.live_commands import prices
from daemon.options import BadUse, RunOptions, checked, parse_instant, parse_speed

app = typer.Typer(
    name="nightdesk",
    help="Takes a beta-neutral perpetuals book on Hyperliquid through midnight UTC.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
backtests = typer.Typer(help="Walk a strategy through history.", no_args_is_help=True)
app.add_typer(backtests, name="backtest")
app.add_typer(prices, name="index-price")
app.add_typer(ledgers, name="index")

Config = Annotated[
    Path | None, typer.Option("--config", help="config.toml; without it ./config.toml, else defaults")
]
StateDir = Annotated[Path | None, typer.Option("--state-dir", help="state directory of the daemon")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document on stdout and nothing else")]
Reason = Annotated[str, typer.Option("--reason", help="why; kept in the history")]

HALTED = 6
NOT_HELD = 7
BROKEN_OFF = 130
BAD_USE = 2

ArgumentInfo = typer.models.ArgumentInfo

ClickException: type[Exception] = typer.BadParameter.__mro__[2]
"""Whatever the parser refuses; typer brings its own copy of click and gives the class no name."""


class UsageFault(Exception):
    """The words on the command line are not those of a command."""


def call(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code. Raises UsageFault where the parser refuses the words."""
    try:
        code = app(args=list(arguments), prog_name="nightdesk", standalone_mode=False)
    except ClickException as error:
        said: str = error.format_message()  # type: ignore[attr-defined]
        raise UsageFault(said if "\n" in said else f"{said.rstrip('.')}. See {_path(error)} --help") from None
    except typer.Abort:
        return 130
    return code if isinstance(code, int) else 0


def _path(error: Exception) -> str:
    """Return the command whose words they were, as it is typed."""
    context = getattr(error, "ctx", None)
    return "nightdesk" if context is None else str(context.command_path)


@app.command()
def run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="trade on a simulated venue")] = False,
    data: Annotated[
        Path | None, typer.Option(help="data directory of the simulated venue; default: the sample")
    ] = None,
    start: Annotated[str | None, typer.Option(help="where the simulated clock starts, ISO")] = None,
    until: Annotated[str | None, typer.Option(help="when to leave, ISO on the run's clock")] = None,
    speed: Annotated[str, typer.Option(help="acceleration of the simulated clock, or max")] = "1",
    seed: Annotated[int, typer.Option(min=0, help="seed of everything that is drawn")] = 0,
    venue: Annotated[str | None, typer.Option(help="URL of a nightdesk venue in another process")] = None,
    state_dir: StateDir = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Run the daemon: live by the configuration, or dry on a simulated venue."""
    hangups.hold()
    options = RunOptions(
        dry_run=dry_run,
        venue_url=None if venue is None else venue.rstrip("/"),
        data=data,
        start_ms=parse_instant(start, option="--start") if start else None,
        until_ms=parse_instant(until, option="--until") if until else None,
        speed=parse_speed(speed),
        seed=seed,
        state_dir=state_dir,
        config=operate.config_path(config, live=not dry_run),
        json=json_,
    )
    from daemon.run import run as run_daemon

    ran = run_daemon(checked(options))
    if json_:
        _print(operate.run_document(ran))
    else:
        operate.show_nights(ran)
    if ran.halted:
        raise typer.Exit(HALTED)


@app.command("venue")
def venue_command(
    data: Annotated[Path | None, typer.Option(help="data directory; default: the sample")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="port on 127.0.0.1; 0 picks a free one")] = 0,
    account: Annotated[list[str] | None, typer.Option(help="address to fund with 1,000,000 USDC")] = None,
    agent: Annotated[list[str] | None, typer.Option(help="AGENT=MASTER: may sign for MASTER")] = None,
    start: Annotated[
        str | None, typer.Option(help="where its clock starts, ISO; default: now, on the last days")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.001, max=1000, help="acceleration of its clock")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="seed of everything that is drawn")] = 0,
    ip_weight: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="request weight a minute of one IP address, 0: no limit; default: 1200 at speed 1, else no limit",
        ),
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option(help="TOML file of faults to strike clients with, or default for the shipped one"),
    ] = None,
) -> None:
    """Serve the simulated Hyperliquid on loopback HTTP and websocket; prints one JSON line once it listens."""
    from daemon.venue_command import Guard, serve

    serve(
        data=data,
        port=port,
        accounts=account or [],
        agents=agent or [],
        start=start,
        speed=speed,
        seed=seed,
        guard=Guard(ip_weight, faults),
    )


@app.command()
def pipeline(
    data: Annotated[Path, typer.Option(help="data directory")],
    asof: Annotated[str, typer.Option(help="candle day, ISO: it closes at 00:00 of the next day")],
    previous: Annotated[
        Path | None, typer.Option(help="parquet or csv with symbol, weight; default: flat")
    ] = None,
    equity: Annotated[float | None, typer.Option(help="account equity, USD")] = None,
    out: Annotated[Path | None, typer.Option(help="directory for the parquet files")] = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Run modules A to D for one close."""
    document = operate.pipeline(
        data=data, asof=_day(asof, "--asof"), previous=previous, equity_usd=equity, out=out, config=config
    )
    _print(document) if json_ else operate.show_pipeline(document)


@backtests.command("idio")
def backtest_idio(
    data: Annotated[Path, typer.Option(help="data directory")],
    start: Annotated[str, typer.Option(help="first day, ISO")],
    end: Annotated[str, typer.Option(help="last day, ISO")],
    out: Annotated[Path, typer.Option(help="directory for figures and parquet files")],
    config: Config = None,
    json_: Json = False,
) -> None:
    """Walk the stat-arb book day by day through history, with costs and funding."""
    days = _day(start, "--start"), _day(end, "--end")
    document = operate.backtest(data=data, days=days, out=out, config=config)
    _print(document) if json_ else operate.show_backtest(document)


@app.command()
def status(state_dir: StateDir = None, config: Config = None, json_: Json = False) -> None:
    """Is the book where it should be, what is the residual delta, what is next, what would kill do now."""
    document = operate.status(operate.directory(state_dir, config))
    _print(document) if json_ else operate.show_status(document)


@app.command()
def kill(reason: Reason, state_dir: StateDir = None, config: Config = None, json_: Json = False) -> None:
    """Latch the kill switch: cancel everything, send nothing more. Works without a running daemon too."""
    _done(operate.kill(operate.directory(state_dir, config), reason), json_)


@app.command()
def reset(reason: Reason, state_dir: StateDir = None, config: Config = None, json_: Json = False) -> None:
    """Take the kill switch back."""
    _done(operate.reset(operate.directory(state_dir, config), reason), json_)


@app.command()
def reload(state_dir: StateDir = None, config: Config = None, json_: Json = False) -> None:
    """Make the running daemon read its configuration again."""
    _done(operate.ask(operate.directory(state_dir, config), do="reload"), json_)


@app.command()
def reconcile(state_dir: StateDir = None, config: Config = None, json_: Json = False) -> None:
    """Make the running daemon compare positions and fills with the venue now."""
    _done(operate.ask(operate.directory(state_dir, config), do="reconcile"), json_)


@app.command()
def tail(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on as lines are written")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="how many lines back")] = 20,
    state_dir: StateDir = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Show the end of the daemon's log."""
    path = operate.log_path(state_dir, config)
    if json_:
        if follow:
            raise BadUse("--json prints one document, --follow never ends: choose one")
        _print({"log": operate.last_lines(path, lines)})
        return
    operate.show_tail(path, lines, follow=follow)


@app.command()
def check(
    venue: Annotated[
        str | None, typer.Option(help="URL of a nightdesk venue to ask instead of the configured one")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="ask no venue")] = False,
    config: Config = None,
    state_dir: StateDir = None,
    json_: Json = False,
) -> None:
    """Look at everything a night depends on, here and at the venue, and say the mend; starts and sends nothing."""
    document = operate.check(
        config, state_dir, venue=None if venue is None else venue.rstrip("/"), offline=offline
    )
    _print(document) if json_ else operate.show_check(document)
    if document["exit"]:
        raise typer.Exit(document["exit"])


@app.command("swarm")
def swarm_command(
    seeds: Annotated[str | None, typer.Option(help="A:B, one night for each seed from A up to B - 1")] = None,
    night: Annotated[Path | None, typer.Option(help="play this one night, a file that was kept")] = None,
    faults: Annotated[
        str | None,
        typer.Option(
            help="kinds or families of faults to draw from, with commas; none for none; default: all"
        ),
    ] = None,
    coins: Annotated[
        int | None, typer.Option(min=8, help="coins of the venue, enough to trade; default: 20")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="nights played at once; default: one for each core")
    ] = None,
    crash_points: Annotated[
        bool, typer.Option("--crash-points", help="kill each night at every write and await instead")
    ] = False,
    every: Annotated[
        int | None, typer.Option(min=1, help="take each so-manieth crash point; default: 1")
    ] = None,
    no_shrink: Annotated[bool, typer.Option("--no-shrink", help="leave failed nights as they are")] = False,
    keep: Annotated[Path, typer.Option(help="directory for failed nights, made smaller")] = Path(
        "failed-nights"
    ),
    json_: Json = False,
) -> None:
    """Play faulted nights of the whole daemon in a simulated world, and check each."""
    from daemon import swarm_command as swarm

    options = swarm.SwarmOptions(
        seeds=seeds,
        night=night,
        faults=faults,
        coins=coins,
        jobs=jobs,
        crash_points=crash_points,
        every=every,
        shrink=not no_shrink,
        keep=keep,
    )
    swarmed = swarm.run(options)
    _print(swarm.document(swarmed)) if json_ else operate.console.print(swarm.view(swarmed))
    if swarmed.broken_off:
        raise typer.Exit(BROKEN_OFF)
    if swarmed.tally.failed:
        raise typer.Exit(NOT_HELD)


@app.command()
def replay(
    journal: Annotated[
        Path, typer.Argument(metavar="JOURNAL", help="a journal.sqlite, or a state directory")
    ],
    json_: Json = False,
) -> None:
    """Play a journal again and stop at the first record that leads elsewhere."""
    from daemon import replay as journals

    replayed = journals.replay_with_bar(journal)
    _print(journals.document(replayed)) if json_ else operate.console.print(journals.view(replayed))
    if replayed.difference is not None:
        raise typer.Exit(NOT_HELD)


@app.command()
def incident(
    session: Annotated[
        str | None, typer.Option(help="day of the night, ISO; default: the one the journal is in")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="file to write; default: incident-DAY.tar.gz in this directory")
    ] = None,
    state_dir: StateDir = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Bundle journal, report, logs, versions and configuration of a night in one file, without secrets."""
    from daemon import incident as incidents

    place = incidents.place(state_dir, operate.config_path(config, live=True), os.environ)
    document = incidents.incident(place, session, out, os.environ)
    _done(document if json_ else incidents.summary(document), json_)


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadUse(f"{option} {text}: not an ISO day such as 2025-07-21") from None


def _print(document: Any) -> None:
    json.dump(document, sys.stdout, default=str, allow_nan=False)
    sys.stdout.write("\n")


def _done(document: dict[str, Any], json_: bool) -> None:
    if "error" in document:
        typer.echo(f"nightdesk: {document['error']}", err=True)
    if json_:
        _print(document)
    if "error" in document:
        raise typer.Exit(document.get("exit", BAD_USE))
    if json_:
        return
    for name, value in document.items():
        typer.echo(f"{name}: {value}")
