"""Does a chosen number of members track better than a fixed one? `python -m bench.index_count [--data DIR] [--json]` (M0-3).

The recorded coins since 2020, one rule book but for the number of members: CRIX's rule, the hold-out rule, and the largest
5, 10 and 20; members chosen each quarter, weights by market cap each month. Every day that is counted comes after the
review that chose its members, so all of it is out of sample. The error is the annual standard deviation of daily returns
before costs less those of the market: of all priced coins, and of those of the kinds that the rules admit, as no index of
coins follows stablecoins. The interval of a difference of two errors is a bootstrap's of whole quarters, the same quarters
for both (scipy.stats.bootstrap, bias-corrected and accelerated, 95 %): within a quarter days hang together.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.stats import bootstrap  # noqa: E402

from adapters.crypto_mcap import read_market  # noqa: E402
from research.index_record import DAYS_A_YEAR, returns_of, tracked  # noqa: E402
from research.index_walk import Walk, walked  # noqa: E402
from strategies.crypto_index.market import Days, Market  # noqa: E402
from strategies.crypto_index.methodology import (  # noqa: E402
    Base,
    CappedCap,
    Category,
    Count,
    Crix,
    Eligibility,
    Every,
    Fixed,
    HoldOut,
    Methodology,
)
from strategies.crypto_index.schedule import is_last_of  # noqa: E402
from strategies.crypto_index.total_market import total_market_returns  # noqa: E402
from strategies.quant.trailing import Floats  # noqa: E402

SHARED = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).resolve().parents[1] / "../shared"))
DATA = SHARED / "data/crypto_mcap"
START = date(2020, 3, 31)
"""The first quarter's end with ninety days of returns before it; the span ends at the last quarter's end of the data."""

CHOSEN: Mapping[str, Count] = {"crix": Crix(), "hold-out": HoldOut()}
FIXED: Mapping[str, Count] = {f"top-{k}": Fixed(k=k) for k in (5, 10, 20)}
EXCLUDED = (Category.STABLECOIN, Category.WRAPPED, Category.GOLD)
RULES = Methodology(
    name="counted",
    base=Base(day=START, level=1000.0),
    eligibility=Eligibility(excluded=EXCLUDED, mdvt_quantile=0.25),
    count=Fixed(k=10),
    weights=CappedCap(),
)
RESAMPLES, LEVEL, SEED = 9999, 0.95, 0

Quarters = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Annual tracking error of a chosen number less that of a fixed one, its interval, and mean members of both."""

    chosen: str
    fixed: str
    error: float
    low: float
    high: float
    members: tuple[float, float]

    @property
    def reached(self) -> bool:
        """Say whether the goal is: no larger an error, with fewer members."""
        return self.error <= 0 and self.members[0] < self.members[1]

    @property
    def proved(self) -> bool:
        return self.reached and self.high <= 0


def admitted(market: Market, excluded: tuple[Category, ...]) -> Market:
    """Return the market of the coins that are of none of these kinds on its last day."""
    kept = [i for i, symbol in enumerate(market.symbols) if market.kind(symbol) not in excluded]
    return replace(
        market,
        symbols=tuple(market.symbols[i] for i in kept),
        close=market.close[:, kept],
        supply=market.supply[:, kept],
        volume_usd=market.volume_usd[:, kept],
    )


def last_quarter_end(day: date) -> date:
    """Return the newest quarter's end up to a day."""
    while not is_last_of(Every.QUARTER, day):
        day -= timedelta(days=1)
    return day


def quarters_of(days: Days) -> Quarters:
    """Return 0, 1, 2 and so on: the quarter of each day (t,), the first day's being 0."""
    months = days.astype("datetime64[M]").astype(np.int64)
    quarters = months // 3
    return np.asarray(quarters - quarters[0], dtype=np.int64)


def errors(active: Floats, quarters: Quarters) -> tuple[Floats, float]:
    """Return the annual tracking error of each quarter of active returns (t,), and of all days."""
    each = [active[quarters == q].std(ddof=1) for q in range(quarters[-1] + 1)]
    return np.array(each) * np.sqrt(DAYS_A_YEAR), float(active.std(ddof=1) * np.sqrt(DAYS_A_YEAR))


def interval(one: Floats, other: Floats, quarters: Quarters) -> tuple[float, float]:
    """Return the 95 % interval of the error of one less that of other, active returns (t,), by drawing quarters."""
    sums = [_sums(active, quarters) for active in (one, other)]

    def difference(drawn: Quarters, axis: int) -> Floats:
        error = [_error(*(part[drawn].sum(axis=axis) for part in parts)) for parts in sums]
        return error[0] - error[1]

    numbers = np.arange(quarters[-1] + 1)
    if np.array_equal(one, other):
        return 0.0, 0.0
    found = bootstrap(
        (numbers,),
        difference,
        n_resamples=RESAMPLES,
        confidence_level=LEVEL,
        vectorized=True,
        method="BCa",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return float(found.low), float(found.high)


def _sums(active: Floats, quarters: Quarters) -> tuple[Floats, Floats, Floats]:
    ones, squares = np.ones_like(active), active**2
    count, total, square = (
        np.bincount(quarters, column).astype(np.float64) for column in (ones, active, squares)
    )
    return count, total, square


def _error(count: Floats, total: Floats, squares: Floats) -> Floats:
    return np.asarray(np.sqrt((squares - total**2 / count) / (count - 1) * DAYS_A_YEAR))


def measure(
    market: Market, counts: Mapping[str, Mapping[str, Count]], span: tuple[date, date]
) -> dict[str, Any]:
    """Walk a book of each count ("chosen", "fixed") and return errors and differences, against both markets."""
    books = {**counts["chosen"], **counts["fixed"]}
    walks = {name: walked(market, replace(RULES, count=count), *span) for name, count in books.items()}
    moves = {name: returns_of(tracked(walk).gross) for name, walk in walks.items()}
    inside = (market.days > np.datetime64(span[0])) & (market.days <= np.datetime64(span[1]))
    quarters = quarters_of(market.days[inside])
    against = {
        "all priced coins": total_market_returns(market)[inside],
        "coins of the kinds admitted": total_market_returns(admitted(market, EXCLUDED))[inside],
    }
    members = {name: float(np.mean([len(day.weights) for day in w.days[1:]])) for name, w in walks.items()}
    return {
        "from": str(span[0]),
        "to": str(span[1]),
        "quarters": int(quarters[-1]) + 1,
        "members": members,
        "reviewed": {name: _reviewed(walk) for name, walk in walks.items()},
        "against": {
            name: _against(
                {book: move - base for book, move in moves.items()}, members, quarters, counts=counts
            )
            for name, base in against.items()
        },
    }


def _reviewed(walk: Walk) -> list[int]:
    """Return how many members each quarter's review chose."""
    months = [d for d in walk.decisions if d.day.month % 3 == 0]
    return [len(decision.weights) for decision in months[:-1]]


def _against(
    active: Mapping[str, Floats],
    members: Mapping[str, float],
    quarters: Quarters,
    *,
    counts: Mapping[str, Mapping[str, Count]],
) -> dict[str, Any]:
    found = {name: errors(one, quarters) for name, one in active.items()}
    differences = []
    for chosen in counts["chosen"]:
        for fixed in counts["fixed"]:
            low, high = interval(active[chosen], active[fixed], quarters)
            one = Difference(
                chosen=chosen,
                fixed=fixed,
                error=found[chosen][1] - found[fixed][1],
                low=low,
                high=high,
                members=(members[chosen], members[fixed]),
            )
            better = int((found[chosen][0] < found[fixed][0]).sum())
            differences.append((one, better))
    return {
        "error_annual": {name: whole for name, (_, whole) in found.items()},
        "differences": [
            {
                "chosen": one.chosen,
                "fixed": one.fixed,
                "error_annual": one.error,
                "low": one.low,
                "high": one.high,
                "quarters_better": better,
                "reached": one.reached,
                "proved": one.proved,
            }
            for one, better in differences
        ],
    }


def shown(found: Mapping[str, Any]) -> str:
    """Return the figures as lines for people."""
    lines = [f"{found['from']} to {found['to']}, {found['quarters']} quarters after a review each"]
    for name, sizes in found["reviewed"].items():
        lines.append(f"  {name:9} {found['members'][name]:5.1f} members a day; by review {sizes}")
    for market, part in found["against"].items():
        lines.append(f"against {market}: tracking error a year")
        lines += [f"  {name:9} {100 * error:6.2f} %" for name, error in part["error_annual"].items()]
        for one in part["differences"]:
            said = "proved" if one["proved"] else "reached, not proved" if one["reached"] else "not reached"
            lines.append(
                f"  {one['chosen']:8} less {one['fixed']:6} {100 * one['error_annual']:+6.2f} % "
                f"({100 * one['low']:+.2f} to {100 * one['high']:+.2f}), better in {one['quarters_better']} quarters: {said}"
            )
    return "\n".join(lines)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--data", type=Path, help="data directory of market caps")
    arguments.add_argument("--json", action="store_true", help="print one JSON document")
    chosen = arguments.parse_args()
    data = chosen.data or DATA
    if not data.is_dir():
        said = f"{data} is no directory; name a data directory of market caps with --data"
        print(f"not measured: {said}", file=sys.stderr)
        return 0 if chosen.data is None else 2
    market = read_market(data)
    found = measure(market, {"chosen": CHOSEN, "fixed": FIXED}, (START, last_quarter_end(market.day)))
    print(json.dumps(found, indent=1) if chosen.json else shown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
