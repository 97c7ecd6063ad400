"""Positions that somebody opened in the account before the daemon's night begins."""

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from adapters.hyperliquid.signing import Network, Signer, action_hash
from adapters.hyperliquid.wire.actions import Limit, OrderAction, OrderType, OrderWire, envelope, number_word
from sim.venue.wire import JSON, Reply

if TYPE_CHECKING:
    from sim.world import World

REACH = Decimal("1.05")
"""How far from the mid the orders may fill: through all that a book holds."""
FIGURES = 4


def open_positions(world: "World") -> None:
    """Trade night.held_usd by hand, with the master's key: a positive amount is bought, in USD of the mid.

    Every node of the venue is told: one that is behind must come to the same ids.
    """
    for asset_id, usd in sorted(world.night.held_usd.items()):
        _trade(world, asset_id, Decimal(str(usd)))


def _trade(world: "World", asset_id: int, usd: Decimal) -> None:
    now_ms = world.clock.now_ms()
    asset, mid = world.market.assets[asset_id], world.market.mid(asset_id, now_ms)
    buys = usd > 0
    qty = round(abs(usd) / mid, asset.size_decimals)
    px = mid * REACH if buys else mid / REACH
    rounded = Decimal(f"{px:.{FIGURES}g}")
    order = OrderWire(
        a=asset_id,
        b=buys,
        p=number_word(rounded),
        s=number_word(qty),
        r=False,
        t=OrderType(Limit("Ioc")),
        c=f"0x{asset_id + 1:032x}",
    )
    action = OrderAction([order])
    nonce = now_ms - 1_000 + asset_id
    signer = Signer.from_key(world.keys.master)
    signature = signer.sign_hash(action_hash(action, nonce), Network.TESTNET)
    body = envelope(action, nonce, signature=signature, expires_ms=None)
    replies: list[Reply] = []
    world.network.order(lambda venue: replies.append(venue.http("/exchange", JSON, body, now_ms=now_ms)))
    _refuse(replies[0])


def _refuse(reply: Reply) -> None:
    """Raise AssertionError when the venue did not fill it: a night that wants a position has it."""
    statuses = msgspec.json.decode(reply.body)["response"]["data"]["statuses"]
    assert "filled" in statuses[0], statuses
