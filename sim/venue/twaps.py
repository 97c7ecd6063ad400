"""TWAP orders: a slice every half minute, and more where earlier ones did not fill (hyperliquid.md 2.4, 2.6, 4.6).

A slice takes up to 3 % from the mark. It is as large as what the plan is behind, at most three times the plain slice;
randomized ones differ by up to a fifth of it. The last slice ends the TWAP, whatever has filled.
"""

import random
from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

from sim.venue.account import ZERO, Account, VenueFill
from sim.venue.order import Order, size_fault, to_grid
from sim.venue.order_actions import TwapCancelAction, TwapOrderAction, TwapWire
from sim.venue.placing import enter, filled_of, refuse
from sim.venue.reading import asset_of
from sim.venue.refusals import listing_fault, margin_fault, reduce_only_fault
from sim.venue.reply import Document, Handlers, ok
from sim.venue.state import Happening, Liquidated, VenueState
from sim.venue.twap import SLICE_MS, Twap, TwapRow

MINUTES_MIN, MINUTES_MAX = 5, 1_440
USD_PER_MINUTE = 10
SLIPPAGE = Decimal("0.03")
CATCH_UP = 3
RANDOM_SHARE = Decimal("0.2")
ROWS_MAX = 2_000
WOULD_INCREASE = "Reduce-only TWAP order would increase position."
GONE = "TWAP was never placed, already canceled, or filled."


def _order(state: VenueState, account: Account, action: TwapOrderAction) -> Document:
    fault = _fault(state, account, action.twap)
    if fault is not None:
        return ok("twapOrder", {"status": {"error": fault}})
    twap = _new(state, account, action.twap)
    state.twaps[twap.twap_id] = twap
    _note(state, twap, "activated")
    return ok("twapOrder", {"status": {"running": {"twapId": twap.twap_id}}})


def _fault(state: VenueState, account: Account, wire: TwapWire) -> str | None:
    asset, size = asset_of(state, wire.a), Decimal(wire.s)
    if size == 0:
        return "Order has zero size."
    fault = size_fault(asset, size)
    if fault is not None:
        return fault
    if not MINUTES_MIN <= wire.m <= MINUTES_MAX:
        return f"Invalid TWAP duration: {wire.m} min(s)"
    if size * state.mark(wire.a) < USD_PER_MINUTE * wire.m:
        least = USD_PER_MINUTE * wire.m
        return f"TWAP order value too small. Min is ${least}, which is ${USD_PER_MINUTE} per minute."
    if wire.r and account.size(wire.a) * (1 if wire.b else -1) >= 0:
        return WOULD_INCREASE
    halted = listing_fault(state, wire.a)
    return None if halted is None else halted.text


def _new(state: VenueState, account: Account, wire: TwapWire) -> Twap:
    return Twap(
        twap_id=state.ids.twap_id(),
        address=account.address,
        asset_id=wire.a,
        coin=state.prices.assets[wire.a].name,
        buy=wire.b,
        size=Decimal(wire.s),
        minutes=wire.m,
        reduce_only=wire.r,
        randomize=wire.t,
        at_ms=state.now_ms,
        next_ms=state.now_ms,
    )


def _cancel(state: VenueState, account: Account, action: TwapCancelAction) -> Document:
    twap = state.twaps.get(action.t)
    if twap is None or (twap.address, twap.asset_id) != (account.address, action.a):
        return ok("twapCancel", {"status": {"error": GONE}})
    _end(state, twap, "terminated")
    return ok("twapCancel", {"status": "success"})


HANDLERS: Handlers = {TwapOrderAction: _order, TwapCancelAction: _cancel}


# --- slices --------------------------------------------------------------------------------------------------


def execute_slice(state: VenueState, twap: Twap) -> None:
    """Execute the slice that is due; in the post-only window nothing fills, and later slices catch up."""
    twap.slices += 1
    twap.next_ms += SLICE_MS
    account = state.accounts[twap.address]
    size = _slice_size(state, twap)
    if size > 0 and not state.post_only:
        order = _slice(state, twap, size)
        fault = listing_fault(state, twap.asset_id) or reduce_only_fault(account, order)
        fault = fault or margin_fault(state, account, order)
        if fault is not None:
            refuse(state, account, order, fault)
            _end(state, twap, "error", fault.text)
            return
        enter(state, account, order)
        filled, spent = filled_of(account, order)
        twap.executed_size += filled
        twap.executed_usd += spent
    if twap.slices >= twap.slices_max:
        _end(state, twap, "finished")


def _slice_size(state: VenueState, twap: Twap) -> Decimal:
    plain, last = twap.slice_size, twap.slices >= twap.slices_max
    wanted = twap.size * twap.slices / twap.slices_max - twap.executed_size
    if twap.randomize and not last:
        chance = random.Random(f"{state.seed} twap {twap.twap_id} {twap.slices - 1}")
        wanted += plain * RANDOM_SHARE * chance.randint(-100, 100) / 100
    wanted = min(wanted, CATCH_UP * plain, twap.size - twap.executed_size)
    lot = Decimal(1).scaleb(-state.prices.assets[twap.asset_id].size_decimals)
    return max(ZERO, wanted).quantize(lot, rounding=ROUND_DOWN)


def _slice(state: VenueState, twap: Twap, size: Decimal) -> Order:
    sign = 1 if twap.buy else -1
    px = state.mark(twap.asset_id) * (1 + SLIPPAGE * sign)
    return Order(
        oid=state.ids.oid(),
        address=twap.address,
        asset_id=twap.asset_id,
        coin=twap.coin,
        buy=twap.buy,
        px=to_grid(state.prices.assets[twap.asset_id], px, up=not twap.buy),
        asked_size=size,
        size=size,
        tif="Ioc",
        reduce_only=twap.reduce_only,
        at_ms=state.now_ms,
        twap_id=twap.twap_id,
    )


# --- how they end, and what is told of them --------------------------------------------------------------------


def _end(state: VenueState, twap: Twap, status: str, description: str | None = None) -> None:
    del state.twaps[twap.twap_id]
    _note(state, twap, status, description)


def end_with_liquidation(state: VenueState, happened: Sequence[Happening]) -> None:
    """Terminate the TWAPs of accounts that were liquidated."""
    for one in happened:
        if isinstance(one, Liquidated):
            for twap in [t for t in state.twaps.values() if t.address == one.address]:
                _end(state, twap, "terminated")


def _note(state: VenueState, twap: Twap, status: str, description: str | None = None) -> None:
    row = TwapRow(twap.address, twap.twap_id, twap.document(), status, state.now_ms, description)
    rows = state.twap_rows.setdefault(twap.address, [])
    rows.append(row)
    del rows[:-ROWS_MAX]
    state.happened.append(row)


def twap_states(state: VenueState, address: str) -> list[list[Any]]:
    """Return [[twapId, state], ...] of the TWAPs that run, oldest first: twapStates, and a member of webData2."""
    running = state.twaps.values()
    return [[twap.twap_id, twap.document()] for twap in running if twap.address == address]


def twap_history(state: VenueState, address: str) -> list[Document]:
    """Return the rows of twapHistory, newest first."""
    return [row.document() for row in reversed(state.twap_rows.get(address, []))]


def slice_fills(account: Account) -> list[VenueFill]:
    """Return the fills that userTwapSliceFills shows, each with its twap_id, in the order of execution."""
    return [fill for fill in account.fills if fill.twap_id is not None]
