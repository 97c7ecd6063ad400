"""/info about an account. An address nobody funded has an empty one; it is never an error."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from sim.venue.account import ZERO, Account, FundingPaid, LedgerRow, VenueFill
from sim.venue.assets import VenueAsset
from sim.venue.fees import rates_of
from sim.venue.margin import free_usd, leverage_document, leverage_of, valuation
from sim.venue.order import OrderRow, average_px, basic_document, full_document
from sim.venue.requests import AskOrderStatus, AskUserFillsByTime, AskUserFunding
from sim.venue.state import VenueState
from sim.venue.wire import number, usd

FILLS_MAX = 2_000
FILLS_REACHABLE = 10_000
ROWS_MAX = 500
DAY_MS = 86_400_000
VOLUME_DAYS = 14

Document = dict[str, Any]


def account_of(state: VenueState, user: str) -> Account:
    """Return the account of an address, an empty one if nobody funded it (an agent's, for instance)."""
    address = user.lower()
    return state.accounts.get(address) or Account.funded(address, ZERO)


# --- orders ----------------------------------------------------------------------------------------------


def open_orders(account: Account) -> list[Document]:
    return [basic_document(order) for order in reversed(account.open_orders.values())]


def frontend_open_orders(account: Account) -> list[Document]:
    return [full_document(order) for order in reversed(account.open_orders.values())]


def order_status(account: Account, request: AskOrderStatus) -> Document:
    key = request.oid
    oid = account.cloids.get(key.lower()) if isinstance(key, str) else key
    order = None if oid is None else account.orders.get(oid)
    if order is None:
        return {"status": "unknownOid"}
    row = OrderRow(account.address, {}, full_document(order), order.status, order.status_ms)
    return {"status": "order", "order": row.document()}


def historical_orders(account: Account) -> list[Document]:
    return [row.document() for row in reversed(account.history)]


# --- fills and funding -----------------------------------------------------------------------------------


def fill_document(fill: VenueFill) -> Document:
    document: Document = {
        "coin": fill.coin,
        "px": number(fill.px),
        "sz": number(fill.size),
        "side": "B" if fill.buy else "A",
        "time": fill.at_ms,
        "startPosition": number(fill.start_position),
        "dir": fill.direction,
        "closedPnl": number(fill.closed_pnl_usd),
        "hash": fill.hash,
        "oid": fill.oid,
        "crossed": fill.crossed,
        "fee": number(fill.fee_usd),
        "tid": fill.tid,
    }
    if fill.cloid is not None:
        document["cloid"] = fill.cloid
    if fill.builder_fee_usd is not None:
        document["builderFee"] = number(fill.builder_fee_usd)
    if fill.liquidation is not None:
        document["liquidation"] = {
            "liquidatedUser": fill.liquidation.user,
            "markPx": number(fill.liquidation.mark_px),
            "method": fill.liquidation.method,
        }
    return document | {"feeToken": "USDC", "twapId": fill.twap_id}


def newest_first(fills: Iterable[VenueFill]) -> list[Document]:
    """Newest time first, but within one time in the order of execution, as the venue has it."""
    return [fill_document(fill) for fill in sorted(fills, key=lambda fill: -fill.at_ms)]


def user_fills(state: VenueState, account: Account, *, aggregate: bool = False) -> list[Document]:
    fills = account.fills[-FILLS_MAX:]
    return newest_first(aggregated(state, fills) if aggregate else fills)


def aggregated(state: VenueState, fills: Iterable[VenueFill]) -> list[VenueFill]:
    """Return the partial fills of one order in one block as one, at their average price (aggregateByTime)."""
    blocks: dict[tuple[int, int], list[VenueFill]] = {}
    for fill in fills:
        blocks.setdefault((fill.oid, fill.at_ms), []).append(fill)
    return [_as_one(state.prices.assets[parts[0].asset_id], parts) for parts in blocks.values()]


def _as_one(asset: VenueAsset, parts: Sequence[VenueFill]) -> VenueFill:
    if len(parts) == 1:
        return parts[0]
    size = sum((part.size for part in parts), ZERO)
    builders = [part.builder_fee_usd for part in parts if part.builder_fee_usd is not None]
    return replace(
        parts[0],
        px=average_px(asset, sum((part.px * part.size for part in parts), ZERO), size),
        size=size,
        closed_pnl_usd=sum((part.closed_pnl_usd for part in parts), ZERO),
        fee_usd=sum((part.fee_usd for part in parts), ZERO),
        builder_fee_usd=sum(builders, ZERO) if builders else None,
    )


def user_fills_by_time(state: VenueState, account: Account, request: AskUserFillsByTime) -> list[Document]:
    """Return at most 2000 fills, bounds inclusive: the oldest of the range (so that one can page on), or, reversed,
    the newest. Their order is newest_first either way, as recorded."""
    end_ms = state.now_ms if request.end_time is None else request.end_time
    reachable = account.fills[-FILLS_REACHABLE:]
    inside = [fill for fill in reachable if request.start_time <= fill.at_ms <= end_ms]
    if request.aggregate_by_time:
        inside = aggregated(state, inside)
    return newest_first(inside[-FILLS_MAX:] if request.reversed else inside[:FILLS_MAX])


def funding_delta(row: FundingPaid) -> Document:
    return {
        "coin": row.coin,
        "usdc": number(row.usd),
        "szi": number(row.size),
        "fundingRate": number(row.rate),
        "nSamples": None,
    }


def user_funding(state: VenueState, account: Account, request: AskUserFunding) -> list[Document]:
    end_ms = state.now_ms if request.end_time is None else request.end_time
    inside = [row for row in account.fundings if request.start_time <= row.at_ms <= end_ms]
    return [
        {"time": row.at_ms, "hash": row.hash, "delta": {"type": "funding"} | funding_delta(row)}
        for row in inside[:ROWS_MAX]
    ]


def ledger_updates(
    state: VenueState, account: Account, start_ms: int, end_ms: int | None = None
) -> list[Document]:
    """Return what moved money other than trades and funding, from the deposit that every account began with."""
    last_ms = state.now_ms if end_ms is None else end_ms
    return [ledger_document(row) for row in account.ledger if start_ms <= row.at_ms <= last_ms]


def ledger_document(row: LedgerRow) -> Document:
    return {"time": row.at_ms, "hash": row.hash, "delta": row.delta}


# --- limits, roles, fees ---------------------------------------------------------------------------------


def rate_limit(account: Account) -> Document:
    return {
        "cumVlm": number(account.traded_usd.quantize(Decimal("0.01"))),
        "nRequestsUsed": account.requests_used,
        "nRequestsCap": account.requests_cap,
        "nRequestsSurplus": max(0, account.requests_used - account.requests_cap),
    }


def role(state: VenueState, user: str) -> Document:
    address = user.lower()
    account = state.accounts.get(address)
    if account is not None and account.master is not None:
        return {"role": "subAccount", "data": {"master": account.master}}
    agent = state.agents.get(address)
    if agent is not None:
        return {"role": "agent", "data": {"user": agent.master}}
    return {"role": "missing" if account is None else "user"}


def extra_agents(state: VenueState, account: Account) -> list[Document]:
    """Return the named agents; the unnamed one is not listed."""
    return [
        {"name": agent.name, "address": agent.address, "validUntil": agent.valid_until_ms}
        for agent in state.agents.values()
        if agent.master == account.address and agent.name
    ]


def active_asset_data(state: VenueState, account: Account, asset: VenueAsset) -> Document:
    """Return leverage, and how much of the coin the account could still buy and sell at the mark."""
    leverage, mark = leverage_of(account, asset), state.mark(asset.asset_id)
    worth = valuation(state, account)
    free = max(ZERO, free_usd(state, account))
    held = worth.holdings.get(asset.asset_id)
    extra = ZERO if held is None else 2 * max(ZERO, held.margin)
    long = account.size(asset.asset_id) > 0
    available = [free + (extra if held and not long else ZERO), free + (extra if held and long else ZERO)]
    lot = Decimal(1).scaleb(-asset.size_decimals)
    sizes = [(usdc * leverage / mark).quantize(lot, rounding=ROUND_DOWN) for usdc in available]
    return {
        "user": account.address,
        "coin": asset.name,
        "leverage": leverage_document(account, asset),
        "maxTradeSzs": [number(size) for size in sizes],
        "availableToTrade": [number(usd(usdc)) for usdc in available],
        "markPx": number(mark),
    }


def fees(state: VenueState, account: Account) -> Document:
    """Return the base schedule, and the account's volume of each UTC day that counts for its tier."""
    return {"dailyUserVlm": daily_volumes(state, account), **FEES, **rates_of(state, account).document()}


def daily_volumes(state: VenueState, account: Account) -> list[Document]:
    """Return taker and maker volume in USD of the last 14 days and today, the oldest first."""
    today_ms = state.now_ms // DAY_MS * DAY_MS
    first_ms = today_ms - VOLUME_DAYS * DAY_MS
    volumes = {day_ms: [ZERO, ZERO] for day_ms in range(first_ms, today_ms + 1, DAY_MS)}
    for fill in reversed(account.fills):
        if fill.at_ms < first_ms:
            break
        volumes[fill.at_ms // DAY_MS * DAY_MS][fill.crossed] += fill.px * fill.size
    return [
        {"date": _date(day_ms), "userCross": number(crossed), "userAdd": number(added), "exchange": "0.0"}
        for day_ms, (added, crossed) in volumes.items()
    ]


def _date(day_ms: int) -> str:
    return datetime.fromtimestamp(day_ms / 1000, UTC).date().isoformat()


def _tier(cutoff: str, cross: str, add: str) -> Document:
    return {"ntlCutoff": cutoff, "cross": cross, "add": add, "spotCross": "0.0007", "spotAdd": "0.0004"}


FEES: Document = {
    "feeSchedule": {
        "cross": "0.00045",
        "add": "0.00015",
        "spotCross": "0.0007",
        "spotAdd": "0.0004",
        "tiers": {
            "vip": [
                _tier("5000000.0", "0.0004", "0.00012"),
                _tier("25000000.0", "0.00035", "0.00008"),
                _tier("100000000.0", "0.0003", "0.00004"),
                _tier("500000000.0", "0.00028", "0.0"),
                _tier("2000000000.0", "0.00026", "0.0"),
                _tier("7000000000.0", "0.00024", "0.0"),
            ],
            "mm": [
                {"makerFractionCutoff": "0.005", "add": "-0.00001"},
                {"makerFractionCutoff": "0.015", "add": "-0.00002"},
                {"makerFractionCutoff": "0.03", "add": "-0.00003"},
            ],
        },
        "referralDiscount": "0.04",
        "stakingDiscountTiers": [{"bpsOfMaxSupply": "0.0", "discount": "0.0"}],
    },
    "userCrossRate": "0.00045",
    "userAddRate": "0.00015",
    "userSpotCrossRate": "0.0007",
    "userSpotAddRate": "0.0004",
    "activeReferralDiscount": "0.0",
    "trial": None,
    "feeTrialEscrow": "0.0",
    "nextTrialAvailableTimestamp": None,
    "stakingLink": None,
    "activeStakingDiscount": {"bpsOfMaxSupply": "0.0", "discount": "0.0"},
}
