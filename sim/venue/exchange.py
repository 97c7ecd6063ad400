"""POST /exchange: who asks, whether it may, and what the action does (hyperliquid.md 2)."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from sim.venue.account import Account
from sim.venue.actions import (
    AnyAction,
    ApproveAgentAction,
    ApproveBuilderFeeAction,
    BatchModifyAction,
    CancelAction,
    CancelByCloidAction,
    Envelope,
    ModifyAction,
    NoopAction,
    OrderAction,
    OrderWire,
    ReserveRequestWeightAction,
    ScheduleCancelAction,
    SetReferrerAction,
    UpdateLeverageAction,
    UserSigned,
    canonical,
)
from sim.venue.clearing import drop
from sim.venue.margin import equity_usd, leverage_of, resting_margin_usd, valuation
from sim.venue.order import Order, grid_fault
from sim.venue.placing import Status, cancel, place
from sim.venue.signature import Unrecoverable, action_hash, agent_digest, recover, user_signed_digest
from sim.venue.state import VenueState

WEIGHT_MAX = 200
EXPIRED_COST = 5
CANCELS_EXTRA = 100_000
THROTTLE_MS = 10_000
SCHEDULE_AHEAD_MS = 5_000
SCHEDULE_VOLUME_USD = 1_000_000
SCHEDULE_TRIGGERS_A_DAY = 10
NAMED_AGENTS_MAX = 3
REQUEST_PRICE_USD = Decimal("0.0005")
TENTH_OF_A_BP = Decimal("0.00001")
NOBODY = "0x" + 40 * "0"
DAY_MS = 86_400_000

Document = dict[str, Any]


class Refusal(Exception):
    """The envelope is refused with this text: HTTP 200, status err."""


def ok(kind: str, data: Any = None) -> Document:
    response = {"type": kind} if data is None else {"type": kind, "data": data}
    return {"status": "ok", "response": response}


def statuses(kind: str, members: Sequence[Status]) -> Document:
    return ok(kind, {"statuses": list(members)})


def act(state: VenueState, envelope: Envelope) -> Document:
    """Carry out a signed action and return the reply. Raises Unrecoverable for a signature of nobody."""
    try:
        return _act(state, envelope)
    except Refusal as e:
        return {"status": "err", "response": str(e)}


def _act(state: VenueState, envelope: Envelope) -> Document:
    cost = weight(envelope.action)
    if cost > WEIGHT_MAX:
        raise Refusal(f"Signed action over weight limit of {WEIGHT_MAX}.")
    action = canonical(envelope.action)
    signer = _signer(state, envelope, action)
    account = _account(state, signer, action)
    nonces = state.signer_nonces(signer)
    refusal = nonces.refusal(envelope.nonce, state.now_ms)
    if refusal is not None:
        raise Refusal(refusal)
    nonces.use(envelope.nonce)
    if envelope.expires_after is not None and state.now_ms > envelope.expires_after:
        account.requests_used += EXPIRED_COST * cost
        raise Refusal("Action already expired")
    if envelope.vault_address is not None:
        raise Refusal(f"Vault not registered: 0x{envelope.vault_address.removeprefix('0x').lower()}")
    _within_budget(state, account, action, cost)
    reply = _dispatch(state, account, action)
    account.requests_used += cost
    return reply


# --- who -------------------------------------------------------------------------------------------------


def _signer(state: VenueState, envelope: Envelope, action: AnyAction) -> str:
    if isinstance(action, UserSigned):
        digest = _user_signed(state, envelope, action)
    else:
        connection_id = action_hash(
            action,
            vault=envelope.vault_address,
            nonce=envelope.nonce,
            expires_after=envelope.expires_after,
        )
        digest = agent_digest(connection_id, state.chain)
    signature = envelope.signature
    return recover(digest, int(signature.r, 16), int(signature.s, 16), signature.v)


def _user_signed(
    state: VenueState, envelope: Envelope, action: ApproveAgentAction | ApproveBuilderFeeAction
) -> bytes:
    if action.hyperliquid_chain != state.chain.title:
        raise Refusal("Mainnet and testnet require different signature.")
    if action.nonce != envelope.nonce:
        raise Refusal("Nonce mismatch.")
    try:
        return user_signed_digest(msgspec.to_builtins(action), state.chain)
    except ValueError as e:
        raise Unrecoverable(f"signatureChainId is not a hexadecimal number: {e}") from e


def _account(state: VenueState, signer: str, action: AnyAction) -> Account:
    account = state.accounts.get(signer)
    if account is not None:
        return account
    if isinstance(action, UserSigned):
        raise Refusal(f"Must deposit before performing actions. User: {signer}")
    agent = state.agents.get(signer)
    if agent is None or agent.valid_until_ms < state.now_ms or agent.master not in state.accounts:
        raise Refusal(f"User or API Wallet {signer} does not exist.")
    return state.accounts[agent.master]


# --- whether ---------------------------------------------------------------------------------------------


def weight(action: AnyAction) -> int:
    """Return what an action costs of the address budget: the length of its batch."""
    match action:
        case OrderAction(orders=members):
            return max(1, len(members))
        case CancelAction(cancels=cancels):
            return max(1, len(cancels))
        case CancelByCloidAction(cancels=by_cloid):
            return max(1, len(by_cloid))
        case BatchModifyAction(modifies=modifies):
            return max(1, len(modifies))
        case _:
            return 1


def _within_budget(state: VenueState, account: Account, action: AnyAction, cost: int) -> None:
    """Refuse beyond the lifetime budget, but let one action pass every ten seconds."""
    cap = account.requests_cap
    if isinstance(action, CancelAction | CancelByCloidAction):
        cap = min(cap + CANCELS_EXTRA, 2 * cap)
    used = account.requests_used + cost
    if used <= cap or isinstance(action, ReserveRequestWeightAction):
        return
    if state.now_ms - account.throttled_ms >= THROTTLE_MS:
        account.throttled_ms = state.now_ms
        return
    raise Refusal(
        f"Too many cumulative requests sent ({used} > {cap}) for cumulative volume traded "
        f"${account.traded_usd:.2f}. Place taker orders to free up 1 request per USDC traded."
    )


# --- what ------------------------------------------------------------------------------------------------


def _dispatch(state: VenueState, account: Account, action: AnyAction) -> Document:
    match action:
        case OrderAction():
            return _order(state, account, action)
        case CancelAction(cancels=cancels):
            return statuses("cancel", [cancel(state, account, c.a, c.o) for c in cancels])
        case CancelByCloidAction(cancels=by_cloid):
            found = [(c.asset, account.cloids.get(c.cloid)) for c in by_cloid]
            return statuses("cancel", [cancel(state, account, asset, oid) for asset, oid in found])
        case ModifyAction(oid=oid, order=wire, a=always):
            _modified(_modify(state, account, (oid, wire), always=always))
        case BatchModifyAction(modifies=modifies, a=always):
            replies = [_modify(state, account, (m.oid, m.order), always=always) for m in modifies]
            return statuses("order", replies)
        case ScheduleCancelAction(time=at_ms):
            _schedule(state, account, at_ms)
        case UpdateLeverageAction():
            _leverage(state, account, action)
        case ReserveRequestWeightAction(weight=bought):
            _buy_requests(state, account, bought)
        case ApproveAgentAction():
            _approve_agent(state, account, action)
        case ApproveBuilderFeeAction():
            _approve_builder(account, action)
        case NoopAction() | SetReferrerAction():
            pass
    return ok("default")


def _order(state: VenueState, account: Account, action: OrderAction) -> Document:
    if action.grouping != "na" or any(wire.t.trigger is not None for wire in action.orders):
        raise Refusal("Trigger orders and their groupings are not served by this venue.")
    rate = Decimal(0)
    if action.builder is not None:
        if account.builder_fees.get(action.builder.b, -1) < action.builder.f:
            raise Refusal("Builder fee has not been approved.")
        rate = action.builder.f * TENTH_OF_A_BP
    fault = "Orders are empty." if not action.orders else _batch_fault(state, action.orders)
    if fault is not None:
        return statuses("order", [{"error": fault}])
    return statuses(
        "order", [place(state, account, _new_order(state, account, w, rate)) for w in action.orders]
    )


def _batch_fault(state: VenueState, wires: Sequence[OrderWire]) -> str | None:
    """Return the one text that answers a whole batch, found before any member is placed."""
    for wire in wires:
        asset = state.asset(wire.a)
        if asset is None:
            raise Refusal(f"Asset {wire.a} does not exist.")
        fault = grid_fault(asset, Decimal(wire.p), Decimal(wire.s))
        if fault is not None:
            return fault
    return None


def _new_order(
    state: VenueState, account: Account, wire: OrderWire, builder_rate: Decimal = Decimal(0)
) -> Order:
    assert wire.t.limit is not None, "trigger orders are refused before this"
    return Order(
        oid=state.ids.oid(),
        address=account.address,
        asset_id=wire.a,
        coin=state.prices.assets[wire.a].name,
        buy=wire.b,
        px=Decimal(wire.p),
        asked_size=Decimal(wire.s),
        size=Decimal(wire.s),
        tif=wire.t.limit.tif,
        reduce_only=wire.r,
        at_ms=state.now_ms,
        cloid=wire.c,
        builder_rate=builder_rate,
    )


def _modified(status: Status) -> None:
    if isinstance(status, dict) and "error" in status:
        raise Refusal(str(status["error"]))


def _modify(
    state: VenueState, account: Account, change: tuple[int | str, OrderWire], *, always: bool
) -> Status:
    """Cancel and replace: a new oid, and the client order id only if it is given again."""
    key, wire = change
    oid = account.cloids.get(key.lower()) if isinstance(key, str) else key
    old = None if oid is None else account.open_orders.get(oid)
    if old is None:
        return {"error": "Cannot modify canceled or filled order"}
    if wire.t.limit is None or (not always and wire.t.limit.tif not in ("Gtc", "Alo")):
        return {"error": "Cannot modify to an order that is not post only"}
    fault = _batch_fault(state, [wire])
    if fault is not None:
        return {"error": f"Error placing new order during modify: {fault}"}
    order = _new_order(state, account, wire)
    if not always:
        order.tif = "Alo"
    drop(state, old, "canceled")
    status = place(state, account, order)
    if isinstance(status, dict) and "error" in status:
        return {"error": f"Error placing new order during modify: {status['error']}"}
    return status


def _schedule(state: VenueState, account: Account, at_ms: int | None) -> None:
    scheduled = account.scheduled
    if at_ms is None:
        scheduled.at_ms = None
        return
    if account.traded_usd < SCHEDULE_VOLUME_USD:
        raise Refusal(
            "Cannot set scheduled cancel time until enough volume traded. "
            f"Required: ${SCHEDULE_VOLUME_USD}. Traded: ${account.traded_usd:.2f}."
        )
    if at_ms < state.now_ms + SCHEDULE_AHEAD_MS:
        raise Refusal("Scheduled cancel time too early, must be at least 5 seconds from now.")
    if scheduled.day == at_ms // DAY_MS and scheduled.triggers >= SCHEDULE_TRIGGERS_A_DAY:
        raise Refusal(f"Too many scheduled cancels triggered today. Limit: {SCHEDULE_TRIGGERS_A_DAY}.")
    scheduled.at_ms = at_ms


def _leverage(state: VenueState, account: Account, action: UpdateLeverageAction) -> None:
    asset = state.asset(action.asset)
    if asset is None:
        raise Refusal(f"Asset {action.asset} does not exist.")
    if not 1 <= action.leverage <= asset.leverage_max:
        raise Refusal("Invalid leverage value")
    if not action.is_cross:
        held = asset.asset_id in account.positions
        raise Refusal(
            "Cannot switch leverage type with open position."
            if held
            else "Isolated margin is not served by this venue."
        )
    before = leverage_of(account, asset)
    account.leverage[asset.asset_id] = action.leverage
    worth = valuation(state, account)
    worth.renew(state, account, asset.asset_id)
    if action.leverage < before and (
        equity_usd(state, account) < worth.margin + resting_margin_usd(state, account)
    ):
        account.leverage[asset.asset_id] = before
        worth.renew(state, account, asset.asset_id)
        raise Refusal("Insufficient margin to change leverage.")


def _buy_requests(state: VenueState, account: Account, bought: int) -> None:
    cost_usd = bought * REQUEST_PRICE_USD
    if cost_usd > equity_usd(state, account) - valuation(state, account).margin:
        raise Refusal("Insufficient balance to reserve request weight.")
    account.requests_bought += bought
    account.cash_usd -= cost_usd


def _approve_agent(state: VenueState, account: Account, action: ApproveAgentAction) -> None:
    address = action.agent_address.lower()
    name, _, until = (action.agent_name or "").partition(" valid_until ")
    mine = [a for a in state.agents.values() if a.master == account.address and a.name != name]
    if address == NOBODY:
        state.agents = {
            k: a for k, a in state.agents.items() if (a.master, a.name) != (account.address, name)
        }
        return
    if address in state.agents or address in state.accounts:
        raise Refusal("Extra agent already used.")
    if name and len([a for a in mine if a.name]) >= NAMED_AGENTS_MAX:
        raise Refusal(
            f"Too many extra agents for cumulative volume traded. Current limit is {NAMED_AGENTS_MAX}"
        )
    if until and (not until.isdigit() or int(until) < state.now_ms):
        raise Refusal("Agent valid_until already expired.")
    state.approve(address, account.address, name, int(until) if until else None)


def _approve_builder(account: Account, action: ApproveBuilderFeeAction) -> None:
    try:
        rate = Decimal(action.max_fee_rate.removesuffix("%"))
    except ArithmeticError as e:
        raise Refusal("Invalid builder fee rate.") from e
    if not (action.max_fee_rate.endswith("%") and 0 <= rate <= Decimal("0.1")):
        raise Refusal("Invalid builder fee rate.")
    account.builder_fees[action.builder.lower()] = int(rate * 1000)
