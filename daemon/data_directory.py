"""The data directory of a simulated venue, looked through before anything starts."""

from pathlib import Path
from typing import TYPE_CHECKING

from core.calendar import DAY_MS, current_close_ms
from core.config import SessionSettings
from core.report import iso
from daemon.options import BadUse
from strategies.idio_statarb.parameters import Parameters

if TYPE_CHECKING:
    from sim.venue.market import Market
    from sim.venue.recorded import Recorded, Table

PX_MIN = 1e-5
"""Ten of the smallest ticks that a perpetual can be quoted in (hyperliquid.md 2.7)."""

SAMPLE = Path(__file__).resolve().parent.parent / "sim" / "sample"


def checked_market(directory: Path, *, seed: int) -> "Market":
    """Return the market of a data directory. Raises BadUse naming the fault, the file and the row."""
    from sim.venue.market import Market
    from sim.venue.recorded import DataDirectoryError, Recorded

    check_rows(directory)
    try:
        recorded = Recorded(directory)
        _check_parts(recorded, directory)
        return Market(recorded, seed=seed)
    except (DataDirectoryError, OSError) as error:
        raise BadUse(f"--data {directory}: {error}") from error


def check_rows(directory: Path) -> None:
    """Look at every daily row, as the pipeline's reader does; the bundled sample is known to be whole."""
    if directory.resolve() == SAMPLE:
        return
    from adapters.panel import read_panel
    from adapters.tables import DataFault

    try:
        panel = read_panel(directory)
    except (DataFault, OSError) as error:
        raise BadUse(f"--data {error}") from error
    small = (panel.low.where(panel.live) < PX_MIN).any()
    if names := [str(name) for name in small.index[small]]:
        raise BadUse(
            f"--data {directory}: perp_daily.parquet: prices of {', '.join(names)} below {PX_MIN} USD, too near the venue's "
            "smallest tick: give them in units of a thousand coins, as kPEPE is"
        )


def check_night(directory: Path, start_ms: int, session: SessionSettings, parameters: Parameters) -> None:
    """Raise BadUse unless the data know enough days before the first night for the pipeline's windows."""
    import pandas as pd

    from adapters.panel import read_panel, require_history
    from adapters.tables import DataFault
    from research.pipeline_run import closes_needed

    close_ms = current_close_ms(start_ms, session)
    day = pd.Timestamp(close_ms - 2 * DAY_MS, unit="ms")
    try:
        require_history(read_panel(directory), day, closes=closes_needed(parameters))
    except DataFault as error:
        raise BadUse(f"--data {directory}: {error}") from error


def check_start(market: "Market", start_ms: int) -> None:
    if not market.first_ms <= start_ms < market.last_ms:
        raise BadUse(
            f"--start {iso(start_ms)}: the data hold {iso(market.first_ms)} to {iso(market.last_ms)}; "
            "start inside of them"
        )


def _check_parts(recorded: "Recorded", directory: Path) -> None:
    """Read now what the venue would read in mid-night: candles of hours and minutes, hourly funding."""
    from sim.venue.recorded import FUNDING_FILE, HOURLY_FILE, MINUTE_FILE, PRICES, DataDirectoryError

    for name, part in ((HOURLY_FILE, "hourly"), (MINUTE_FILE, "minutes"), (FUNDING_FILE, "funding")):
        try:
            table: Table = getattr(recorded, part)
        except DataDirectoryError:
            raise
        except (ValueError, OSError) as error:
            raise BadUse(
                f"--data {directory / name}: not a readable parquet file ({error}); write it again"
            ) from error
        if name == FUNDING_FILE:
            _check_numbers(name, table, ("rate",), positive=())
        else:
            _check_numbers(name, table, (*PRICES, "volume"), positive=PRICES)


def _check_numbers(name: str, table: "Table", columns: tuple[str, ...], *, positive: tuple[str, ...]) -> None:
    import numpy as np

    for symbol, rows in table.slices.items():
        times = table.times[rows]
        if (twice := np.flatnonzero(np.diff(times) == 0)).size:
            raise BadUse(_fault(name, symbol, int(times[twice[0]]), "there are two rows of this time"))
        for column in columns:
            values = table.columns[column][rows]
            bad = ~np.isfinite(values) | (values <= 0 if column in positive else np.zeros(len(values), bool))
            if bad.any():
                at = int(np.argmax(bad))
                wanted = "a positive number" if column in positive else "a finite number"
                raise BadUse(_fault(name, symbol, int(times[at]), f"{column} {values[at]} must be {wanted}"))


def _fault(name: str, symbol: str, at_ms: int, what: str) -> str:
    return f"--data: {name}: row of {symbol} at {iso(at_ms)}: {what}; mend the row or drop it"
