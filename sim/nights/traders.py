"""Clients that are not the daemon: the user's own hands, somebody else with our key, a stranger on the other side.

What they send is signed, and goes through the venue's edge like everything; only the cable is another.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from adapters.hyperliquid.signing import Network, Signer, action_hash
from sim.venue.order import to_grid
from sim.venue.venue import Venue

if TYPE_CHECKING:
    from sim.world import World

ACROSS = Decimal("0.05")
"""How far beyond the mark a trader's order goes, so that it executes."""
PIECE_USD = Decimal(400_000)
STRANGERS_PIECE_USD = Decimal(30_000)
STRANGERS_PIECES = 20


@dataclass(frozen=True, slots=True)
class Trader:
    """One client with a key that may sign for its account."""

    world: "World"
    signer: Signer

    @classmethod
    def with_our_key(cls, world: "World") -> "Trader":
        return cls(world, Signer.from_key(world.keys.master))

    @classmethod
    def stranger(cls, world: "World") -> "Trader":
        return cls(world, Signer.from_key(world.keys.stranger))

    def trade(self, asset_id: int, size: Decimal, *, tif: str = "Ioc", reduce_only: bool = False) -> None:
        """Order a signed size at a price that executes; Alo: at one so far away that it rests."""
        market, now_ms = self.world.venue.market, self.world.clock.now_ms()
        asset, side = market.assets[asset_id], 1 if size > 0 else -1
        mark = market.mark(asset_id, now_ms)
        px = to_grid(asset, mark * (1 + side * (-ACROSS if tif == "Alo" else ACROSS)), up=side < 0)
        self._send(
            {
                "a": asset_id,
                "b": side > 0,
                "p": _signed_text(px),
                "s": _signed_text(abs(size)),
                "r": reduce_only,
                "t": {"limit": {"tif": tif}},
            }
        )

    def trade_usd(self, asset_id: int, notional_usd: Decimal) -> None:
        """Trade so much at the mark, whole lots, in pieces that the venue takes as market orders."""
        left_usd, side = abs(notional_usd), 1 if notional_usd > 0 else -1
        while left_usd > 0:
            self.trade(asset_id, side * _lots(self.world, asset_id, min(left_usd, PIECE_USD)))
            left_usd -= PIECE_USD

    def _send(self, order: dict[str, Any]) -> None:
        action = {"type": "order", "orders": [order], "grouping": "na"}
        nonce = self.world.clock.now_ms() + self.world.network.submitted
        signed = self.signer.sign_hash(action_hash(action, nonce), Network.TESTNET)
        envelope = {"action": action, "nonce": nonce, "signature": signed._asdict()}
        self.world.network.submit(msgspec.json.encode(envelope))


# --- what they do ----------------------------------------------------------------------------------------


def place_foreign(world: "World", asset_id: int, intensity: float) -> None:
    """Let somebody trade with our key: at the market, or below a third with an order that rests far away."""
    trader = Trader.with_our_key(world)
    side = 1 if asset_id % 2 else -1
    if intensity < 1 / 3:
        trader.trade(asset_id, side * _lots(world, asset_id, Decimal(1_000)), tif="Alo")
    else:
        trader.trade_usd(asset_id, side * Decimal(round(50_000 * intensity)))


def close_by_hand(world: "World", place: int, intensity: float) -> None:
    """Let the user close a position, or half of it below 0.5, from another client; nothing when there is none."""
    market = world.venue.market
    ids = {asset.name: asset.asset_id for asset in market.assets}
    held = [(ids[coin], size) for coin, size in sorted(world.venue.positions(world.keys.address).items())]
    if held:
        asset_id, size = held[place % len(held)]
        closed = size if intensity >= 0.5 else _whole(world, asset_id, size / 2)
        Trader.with_our_key(world).trade(asset_id, -closed, reduce_only=True)


def overload(world: "World", times: Decimal) -> None:
    """Buy so many times the account's equity of the first coin, with our key."""
    Trader.with_our_key(world).trade_usd(0, times * world.venue.equity(world.keys.address))


def deleverage_us(world: "World", asset_id: int) -> None:
    """Let a stranger take all that its margin bears of the other side of our position, and nobody stand behind it."""
    coin = world.venue.market.assets[asset_id].name
    side = -1 if world.venue.positions(world.keys.address).get(coin, Decimal(0)) > 0 else 1
    world.network.order(partial(Venue.limit_backstop, notional_usd=Decimal(0)))
    for _ in range(STRANGERS_PIECES):
        Trader.stranger(world).trade_usd(asset_id, side * STRANGERS_PIECE_USD)


def _signed_text(value: Decimal) -> str:
    """Return a number as the venue has it where it checks a signature: without zeros at its end (hyperliquid.md 2.3)."""
    return format(value.normalize(), "f")


def _lots(world: "World", asset_id: int, notional_usd: Decimal) -> Decimal:
    return _whole(world, asset_id, notional_usd / world.venue.market.mark(asset_id, world.clock.now_ms()))


def _whole(world: "World", asset_id: int, size: Decimal) -> Decimal:
    """Return a size in whole lots, at least one."""
    lot = Decimal(1).scaleb(-world.venue.market.assets[asset_id].size_decimals)
    return max(abs(size).quantize(lot), lot).copy_sign(size)
