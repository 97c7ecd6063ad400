"""Positions that somebody opened in the account before the daemon's night begins."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from adapters.hyperliquid.signing import Network, Signer, action_hash
from adapters.hyperliquid.wire.actions import Limit, OrderAction, OrderType, OrderWire, envelope, number_word
from sim.venue.venue import Venue
from sim.venue.wire import JSON, Reply

REACH = Decimal("1.05")
"""How far from the mid the orders may fill: through all that a book holds."""
FIGURES = 4


def open_positions(venue: Venue, key: str, held_usd: Mapping[int, float], now_ms: int) -> None:
    """Trade by hand, with the master's key, before anybody has spoken to the venue: a positive amount is bought, in USD
    of the mid. A coin that is not listed yet is left out.

    Nodes of the venue that are behind are copies of it, so they have known of it for long.
    """
    for asset_id, usd in sorted(held_usd.items()):
        if venue.market.live(asset_id, now_ms):
            _trade(venue, key, _order(venue, asset_id, Decimal(str(usd)), now_ms), now_ms)


def _order(venue: Venue, asset_id: int, usd: Decimal, now_ms: int) -> OrderWire:
    asset, mid = venue.market.assets[asset_id], venue.market.mid(asset_id, now_ms)
    px = mid * REACH if usd > 0 else mid / REACH
    return OrderWire(
        a=asset_id,
        b=usd > 0,
        p=number_word(Decimal(f"{px:.{FIGURES}g}")),
        s=number_word(round(abs(usd) / mid, asset.size_decimals)),
        r=False,
        t=OrderType(Limit("Ioc")),
        c=f"0x{asset_id + 1:032x}",
    )


def _trade(venue: Venue, key: str, order: OrderWire, now_ms: int) -> None:
    action, nonce = OrderAction([order]), now_ms - 1_000 + order.a
    signature = Signer.from_key(key).sign_hash(action_hash(action, nonce), Network.TESTNET)
    body = envelope(action, nonce, signature=signature, expires_ms=None)
    _refuse(venue.http("/exchange", JSON, body, now_ms=now_ms))


def _refuse(reply: Reply) -> None:
    """Raise AssertionError when the venue did not fill it: a night that wants a position has it."""
    statuses = msgspec.json.decode(reply.body)["response"]["data"]["statuses"]
    assert "filled" in statuses[0], statuses
