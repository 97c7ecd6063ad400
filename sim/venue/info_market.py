"""Public /info: universe, contexts, books, candles, funding."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from sim.venue.assets import VenueAsset
from sim.venue.book import Level
from sim.venue.info_spot import empty_book, is_spot
from sim.venue.margin import TIERED
from sim.venue.matching import DEPTH
from sim.venue.requests import AskCandles, AskFundingHistory, AskL2Book
from sim.venue.state import VenueState
from sim.venue.wire import number

FUNDING_ROWS_MAX = 500

Document = dict[str, Any]


class NoSuchCoin(Exception):
    """The venue answers this with HTTP 500 and null, though it is the client's error."""


def meta(state: VenueState) -> Document:
    """Return the universe. The asset id is the index, so delisted coins stay in it."""
    return {
        "universe": [_listing(state, asset) for asset in universe(state)],
        "marginTables": [[i, margin_table(*TIERED[i])] for i in sorted(TIERED)],
        "collateralToken": 0,
    }


def universe(state: VenueState) -> Sequence[VenueAsset]:
    """Return the coins that were ever listed, by asset id: a new one comes after all others when it is listed."""
    assets = state.prices.assets
    count = len(assets)
    while count and assets[count - 1].listed_from_ms > state.now_ms:
        count -= 1
    return assets[:count]


def _listing(state: VenueState, asset: VenueAsset) -> Document:
    document: Document = {
        "szDecimals": asset.size_decimals,
        "name": asset.name,
        "maxLeverage": asset.leverage_max,
        "marginTableId": asset.margin_table_id,
    }
    if asset.margin_mode is not None:
        document["onlyIsolated"] = True
    if not state.prices.live(asset.asset_id, state.now_ms):
        document["isDelisted"] = True
    if asset.margin_mode is not None:
        document["marginMode"] = asset.margin_mode
    return document


def margin_table(description: str, tiers: Sequence[tuple[int, int]]) -> Document:
    """Return a margin table; tiers are (lower bound in USD, maximum leverage)."""
    rows = [{"lowerBound": number(Decimal(bound)), "maxLeverage": leverage} for bound, leverage in tiers]
    return {"description": description, "marginTiers": rows}


def asset_context(state: VenueState, asset_id: int) -> Document:
    """Return one coin's context; premium, mid and impact prices are null without a book."""
    context = state.prices.context(asset_id, state.price_ms)
    return {
        "funding": number(context.funding_rate),
        "openInterest": number(context.open_interest),
        "prevDayPx": number(context.prev_day_px),
        "dayNtlVlm": number(context.day_notional_usd),
        "premium": _or_null(context.premium),
        "oraclePx": number(context.oracle),
        "markPx": number(context.mark),
        "midPx": _or_null(context.mid),
        "impactPxs": None if context.impact is None else [number(px) for px in context.impact],
        "dayBaseVlm": number(context.day_base_volume),
    }


def _or_null(value: Decimal | None) -> str | None:
    return None if value is None else number(value)


def asset_contexts(state: VenueState) -> list[Document]:
    """Return every coin's context, by asset id."""
    return [asset_context(state, asset.asset_id) for asset in universe(state)]


def meta_and_contexts(state: VenueState) -> list[Any]:
    return [meta(state), asset_contexts(state)]


def all_mids(state: VenueState) -> dict[str, str]:
    prices, now_ms = state.prices, state.now_ms
    live = (asset for asset in prices.assets if prices.live(asset.asset_id, now_ms))
    return {asset.name: number(prices.mid(asset.asset_id, now_ms)) for asset in live}


# --- books -----------------------------------------------------------------------------------------------


def level_document(level: Level) -> Document:
    return {"px": number(level.px), "sz": number(level.size), "n": level.orders}


def l2_book(state: VenueState, request: AskL2Book, *, depth: int = DEPTH) -> Document | None:
    """Return the book, at most 20 levels a side; None for a coin that does not exist."""
    if is_spot(request.coin):
        return empty_book(state, request.coin)
    asset = state.by_name.get(request.coin)
    if asset is None:
        return None
    book = state.book(asset.asset_id)
    sides = [book.levels(state.now_ms, of_bids=side) for side in (True, False)]
    document: Document = {"coin": asset.name, "time": state.now_ms}
    if request.n_sig_figs is not None:
        if all(sides):
            document["spread"] = number(sides[1][0].px - sides[0][0].px)
        sides = [
            bucketed(sides[0], request.n_sig_figs, request.mantissa or 1, rounding=ROUND_FLOOR),
            bucketed(sides[1], request.n_sig_figs, request.mantissa or 1, rounding=ROUND_CEILING),
        ]
    document["levels"] = [[level_document(level) for level in side[:depth]] for side in sides]
    return document


def bucketed(levels: Sequence[Level], figures: int, mantissa: int, *, rounding: str) -> list[Level]:
    """Return levels gathered to so many significant figures: bids down, asks up."""
    buckets: dict[Decimal, Level] = {}
    for level in levels:
        step = Decimal(mantissa).scaleb(level.px.adjusted() + 1 - figures)
        px = (level.px / step).to_integral_value(rounding=rounding) * step
        seen = buckets.get(px, Level(px, Decimal(0), 0))
        buckets[px] = Level(px, seen.size + level.size, seen.orders + level.orders)
    return list(buckets.values())


# --- history ---------------------------------------------------------------------------------------------


def candle_snapshot(state: VenueState, request: AskCandles) -> list[Any]:
    asked = request.req
    if is_spot(asked.coin):
        return []
    asset = asset_named(state, asked.coin)
    end_ms = state.now_ms if asked.end_time is None else min(asked.end_time, state.now_ms)
    if end_ms < asked.start_time:
        return []
    return list(
        state.prices.candles(
            asset.asset_id,
            asked.interval,
            start_ms=asked.start_time,
            end_ms=end_ms,
            now_ms=state.now_ms,
        )
    )


def funding_history(state: VenueState, request: AskFundingHistory) -> list[Any]:
    asset = asset_named(state, request.coin)
    end_ms = state.now_ms if request.end_time is None else min(request.end_time, state.now_ms)
    rows = state.prices.funding_history(
        asset.asset_id, start_ms=request.start_time, end_ms=end_ms, now_ms=state.now_ms
    )
    return list(rows[:FUNDING_ROWS_MAX])


def asset_named(state: VenueState, coin: str) -> VenueAsset:
    """Return a perp by its name. Raises NoSuchCoin."""
    asset = state.by_name.get(coin)
    if asset is None:
        raise NoSuchCoin(coin)
    return asset
