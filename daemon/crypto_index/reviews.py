"""One review from a data directory. Nothing after its day is read. Its imports are heavy: a process of its own has them."""

from datetime import date

from adapters.crypto_mcap import BLACKLIST, BUNDLED_CUSTODY, CUSTODY, read_blacklist, read_market
from daemon.crypto_index.asking import Asked, Kind, Review
from daemon.crypto_index.place import Files
from daemon.options import BadUse
from research.index_walk import heard, targets_of
from strategies.crypto_index.market import Market
from strategies.crypto_index.pipeline import Decision, NothingEligible, reviewed, reweighted

TAGS = {"Count": "AICBrain"}
"""The brief's name of a part, where ours is another one (S0-5)."""


def review(asked: Asked) -> Review:
    """Read and decide. Raises BadUse where data, blacklist or custody map cannot be used: nothing is decided then."""
    market = read(asked.files, asked.asof)
    known = [symbol for symbol in asked.members if symbol in market.places]
    days = f"{market.days[0]} to {market.day}"
    lines = [("DataEngine", f"{asked.files.data}: {len(market.symbols)} coins, {days}")]
    if asked.asof is not None and asked.asof > market.day:
        lines.append(
            ("DataEngine", f"asked for {asked.asof}: {market.day} is the newest close that is known")
        )
    decision, refused = None, ""
    try:
        decision = _decided(asked, market, known)
    except NothingEligible as error:
        refused = str(error)
    except ValueError as error:
        raise BadUse(f"{asked.files.data}: {error}") from error
    if decision is not None:
        lines += [(TAGS.get(line.tag, line.tag), line.text) for line in decision.lines]
    awaited = [symbol for symbol in asked.announced if symbol in market.places]
    wanted = sorted({*known, *awaited, *(decision.weights if decision else ())})
    return Review(
        day=market.day,
        closes=heard(market, wanted, stale_days=asked.rules.eligibility.stale_max_days),
        targets=() if decision is None else targets_of(decision),
        refused=refused,
        lines=tuple(lines),
    )


def read(files: Files, asof: date | None) -> Market:
    """Return the market up to a day's close. Raises BadUse."""
    own = files.data / CUSTODY
    custody = files.custody or (None if own.exists() else BUNDLED_CUSTODY)
    try:
        market = read_market(files.data, custody=custody, blacklist=files.blacklist)
        return market if asof is None else market.until(min(asof, market.day))
    except (ValueError, OSError) as error:
        raise BadUse(str(error)) from error


def blacklist(files: Files) -> frozenset[str]:
    """Return who must leave today. Raises BadUse where the list is none (E0-22)."""
    asked = files.blacklist
    try:
        return read_blacklist(asked or files.data / BLACKLIST, is_asked=asked is not None)
    except (ValueError, OSError) as error:
        raise BadUse(str(error)) from error


def _decided(asked: Asked, market: Market, known: list[str]) -> Decision | None:
    if asked.kind is Kind.CLOSES:
        return None
    if asked.kind is Kind.WEIGHTS:
        return reweighted(market, asked.rules, members=known)
    return reviewed(market, asked.rules, incumbents=known)
