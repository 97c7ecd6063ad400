"""Modules A to D for one close of a data directory: the JSON document and the long files of `nightdesk pipeline`."""

from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from adapters.panel import read_panel, require_history
from strategies.idio_statarb.optimizer import physical_gross
from strategies.idio_statarb.panel import HEDGES, Panel
from strategies.idio_statarb.parameters import FACTORS, Parameters
from strategies.idio_statarb.pipeline import Frames, PipelineResult, Targets, run
from strategies.idio_statarb.universe import REASONS

_NAMES = """
window_days cov_days pool_days ema_fast_days ema_slow_days sma_days winsor min_names min_history_days
min_volume_usd gamma gross_max physical_gross_max weight_max adv_share_max fee_bps half_spread_bps
hedge_cost_bps impact_y holding_days kappa ridge_alpha equity_usd rules
"""
PARAMETER_NAMES = tuple(_NAMES.split())
"""The JSON's `parameters`, by name and order (D3-14)."""

PREVIOUS_COLUMNS = ("symbol", "weight")
TRADED = 1e-6
"""Smallest change of weight that counts as a trade: a dollar on a million."""


class UnknownDay(ValueError):
    """The data have no such day; the text says which they have."""


class PreviousFault(ValueError):
    """The file of previous weights cannot be used; the text says why, where, and what is allowed."""


def pipeline_document(
    data: Path,
    *,
    asof: date,
    previous: Path | None,
    equity_usd: float,
    out: Path | None,
    parameters: Parameters,
) -> dict[str, object]:
    """Return what `nightdesk pipeline --json` prints, and write the long parquet files when out is given.

    asof is a UTC candle day, which closes at 00:00 of the next (D3-4). Raises adapters.panel.DataFault, UnknownDay,
    PreviousFault, and ValueError for an equity that is not positive and finite.
    """
    if not (np.isfinite(equity_usd) and equity_usd > 0):
        raise ValueError(f"equity {equity_usd} USD: it must be a positive, finite number of dollars")
    panel = read_panel(data)
    day = pd.Timestamp(asof)
    check_day(panel, day)
    require_history(panel, day, closes=closes_needed(parameters))
    held = read_previous(previous, panel) if previous is not None else pd.Series(dtype=float)
    result = run(panel, day, parameters=replace(parameters, equity_usd=equity_usd), previous=held)
    if out is not None:
        write_files(result, panel.until(day), out)
    return document(result, panel)


def closes_needed(parameters: Parameters) -> int:
    """Closes before the ridge can see its first pair: a whole regression, a warm momentum, one day ahead."""
    return parameters.window_days + parameters.ema_slow_days + 1


def check_day(panel: Panel, day: pd.Timestamp) -> None:
    """Raise UnknownDay unless the panel has live closes that day."""
    first, last = panel.days[0].date(), panel.days[-1].date()
    if day not in panel.days:
        raise UnknownDay(
            f"no candles of {day.date()}: the data hold {first} to {last}; ask for one of these days"
        )
    if dead := [hedge for hedge in HEDGES if not panel.live.at[day, hedge]]:
        raise UnknownDay(
            f"no live close of {', '.join(dead)} on {day.date()}; ask for a day on which they trade"
        )


def read_previous(path: Path, panel: Panel) -> pd.Series:
    """Return the weights held before, by symbol, from parquet or csv with columns symbol, weight (D3-13).

    Other columns are not looked at: the pipeline's own targets file will do. Raises PreviousFault.
    """
    table = _previous_table(path)
    if "symbol" not in table and table.index.name == "symbol":
        table = table.reset_index()
    if missing := [name for name in PREVIOUS_COLUMNS if name not in table]:
        raise PreviousFault(f"{path}: missing columns {missing}; it must hold symbol, weight")
    weights = pd.to_numeric(table["weight"], errors="coerce").to_numpy(dtype=float)
    symbols = table["symbol"].astype("str")
    known = set(panel.symbols) - set(HEDGES)
    _refuse(path, table, ~np.isfinite(weights), "the weight is no finite number; give a share of equity")
    _refuse(path, table, table["symbol"].isna().to_numpy(), "the symbol is missing; name the perpetual")
    _refuse(path, table, symbols.duplicated().to_numpy(), "the symbol is a duplicate; keep one row a symbol")
    _refuse(path, table, symbols.isin(HEDGES).to_numpy(), "a hedge follows from the book; leave it out")
    _refuse(
        path,
        table,
        ~symbols.isin(known).to_numpy(),
        "the symbol is unknown: the data never had it; leave it out",
    )
    return pd.Series(weights, index=pd.Index(symbols), name="weight")


def _previous_table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise PreviousFault(f"{path}: no such file; give a parquet or csv file with columns symbol, weight")
    kind = path.suffix.lower()
    if kind not in (".parquet", ".csv"):
        raise PreviousFault(f"{path}: the name must end in .parquet or .csv")
    try:
        return pd.read_parquet(path) if kind == ".parquet" else _read_csv(path)
    except (ValueError, OSError) as error:
        raise PreviousFault(f"{path}: not readable as {path.suffix[1:]} ({error}); write it again") from error


def _read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def _refuse(path: Path, table: pd.DataFrame, bad: np.ndarray, fault: str) -> None:
    if bad.any():
        index = int(np.argmax(bad))
        row = table.iloc[index]
        raise PreviousFault(f"{path}: row {index} (symbol {row['symbol']}, weight {row['weight']}): {fault}")


# --- the document --------------------------------------------------------------------------------------


def document(result: PipelineResult, panel: Panel) -> dict[str, object]:
    """Return the run as plain JSON values; NaN becomes null."""
    frames, targets = result.frames, result.targets
    weights, problem, solution = targets.solution.weights, targets.problem, targets.solution
    fit = targets.fit
    return {
        "asof": str(targets.asof.date()),
        "parameters": used_parameters(frames.parameters, targets),
        "solver": solution.solver,
        "status": solution.status,
        "objective": solution.objective,
        "gap": solution.gap,
        "duals": {**solution.duals, "cap": _by_symbol(targets.symbols, solution.duals.get("cap"))},
        "counts": {
            "active": int(frames.universe.active.to_numpy()[targets.row].sum()),
            "optimised": len(targets.symbols),
            "held": int((problem.previous != 0).sum()),
            "traded": int((np.abs(weights - problem.previous) > TRADED).sum()),
        },
        "gross": float(np.abs(weights).sum()),
        "physical_gross": physical_gross(weights, problem.beta_btc, problem.beta_eth),
        "factor_weights": {name: _number(float(fit[name])) for name in FACTORS},
        "factor_weights_unconstrained": {str(k): _number(v) for k, v in targets.unconstrained.items()},
        "effective_degrees_of_freedom": _number(float(fit["freedom"])),
        "pooled_rows": int(float(fit["rows"])),
        "zero_weight_days": targets.zero_weight_days,
        "funding_flagged": flagged_funding(panel, targets.asof),
        "targets": targets.table.to_dict(orient="records"),
    }


def used_parameters(parameters: Parameters, targets: Targets) -> dict[str, object]:
    """Return every parameter by the names of D3-14, with the kappa and the ridge_alpha in force."""
    values = {
        **asdict(parameters),
        "kappa": _number(targets.kappa),
        "ridge_alpha": _number(targets.ridge_alpha),
    }
    return {name: values[name] for name in PARAMETER_NAMES}


def flagged_funding(panel: Panel, day: pd.Timestamp) -> list[str]:
    """Live symbols whose count of funding payments is not the day's usual one (D3-5)."""
    row = panel.days.get_indexer(pd.Index([day]))[0]
    counts, live = panel.funding_n.to_numpy()[row], panel.live.to_numpy()[row]
    if not (paid := live & (counts > 0)).any():
        return []
    values, times = np.unique(counts[paid], return_counts=True)
    return [str(s) for s in panel.symbols[live & (counts != values[np.argmax(times)])]]


def _by_symbol(symbols: pd.Index, values: object) -> dict[str, float]:
    listed = values if isinstance(values, list) else []
    return {str(s): float(v) for s, v in zip(symbols, listed, strict=False)}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


# --- the files -----------------------------------------------------------------------------------------


def write_files(result: PipelineResult, panel: Panel, out: Path) -> None:
    """Write the long parquet files; dates are UTC days, symbol-days without any value are left out."""
    out.mkdir(parents=True, exist_ok=True)
    for name, table in long_tables(result.frames, panel).items():
        table.to_parquet(out / f"{name}.parquet", index=False)
    targets = result.targets
    targets.mu.rename_axis("symbol").reset_index().to_parquet(out / "mu.parquet", index=False)
    vol = result.frames.model.idio_vol[targets.symbols].to_numpy()[-1]
    known = targets.symbols[np.isfinite(vol)]
    targets.covariance.loc[known, known].to_parquet(out / "covariance.parquet")
    targets.table.to_parquet(out / "targets.parquet", index=False)


def long_tables(frames: Frames, panel: Panel) -> dict[str, pd.DataFrame]:
    """Return the whole history of everything that does not depend on the book, one row a symbol-day."""
    model, scores = frames.model, frames.signals
    weights = frames.weighting.fit[[*FACTORS, "ridge_alpha"]]
    return {
        "betas": _long({"beta_btc": model.beta_btc, "beta_eth": model.beta_eth}),
        "residuals": _long({"resid_signal": model.resid_signal, "resid_trade": model.resid_trade}),
        "idio_vol": _long({"idio_vol": model.idio_vol}),
        "funding": _long({"funding": panel.funding}),
        "universe": _universe(frames, panel),
        "signals": _long({name: getattr(scores, name) for name in FACTORS}),
        "factor_weights": weights.dropna(how="all").rename_axis("date").reset_index(),
    }


def _long(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    arrays = {name: frame.to_numpy() for name, frame in frames.items()}
    known = np.logical_or.reduce([np.isfinite(x) for x in arrays.values()])
    first = next(iter(frames.values()))
    return _rows(first, known, arrays)


def _universe(frames: Frames, panel: Panel) -> pd.DataFrame:
    words = np.array(REASONS, dtype=object)[frames.universe.reason.to_numpy()]
    columns = {"active": frames.universe.active.to_numpy(), "reason": words}
    return _rows(frames.universe.active, panel.live.to_numpy(), columns)


def _rows(frame: pd.DataFrame, known: np.ndarray, columns: dict[str, np.ndarray]) -> pd.DataFrame:
    day, name = np.nonzero(known)
    values = {key: x[day, name] for key, x in columns.items()}
    return pd.DataFrame({"date": frame.index[day], "symbol": frame.columns[name], **values})
