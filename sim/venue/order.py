"""An order at the venue, the grid it must stand on, and how it is written on the wire."""

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any

from sim.venue.assets import VenueAsset
from sim.venue.wire import number

FIGURES_MAX = 5
DECIMALS_MAX = 6


@dataclass(frozen=True, slots=True)
class Trigger:
    """When the mark reaches px the order goes to the book: as a market order, or at its own limit."""

    px: Decimal
    is_market: bool
    tpsl: str

    def above(self, *, buy: bool) -> bool:
        """Say whether the mark has to rise to px: a stop that buys, a take profit that sells."""
        return buy == (self.tpsl == "sl")

    def reached(self, mark: Decimal, *, buy: bool) -> bool:
        return mark >= self.px if self.above(buy=buy) else mark <= self.px


@dataclass(slots=True)
class Order:
    """size is what remains; asked_size what the client wanted. px in USD, sizes in base units.

    waits is true for an order that is open and not in the book: its trigger has not fired, or its parent has not filled.
    children wait for this order to fill; of the orders of one group the first that fills ends the others.
    position_tpsl with an asked_size of zero stands for the whole position, whatever it is when the trigger fires.
    """

    oid: int
    address: str
    asset_id: int
    coin: str
    buy: bool
    px: Decimal
    asked_size: Decimal
    size: Decimal
    tif: str
    reduce_only: bool
    at_ms: int
    cloid: str | None = None
    status: str = "open"
    status_ms: int = 0
    builder_rate: Decimal = Decimal(0)
    trigger: Trigger | None = None
    waits: bool = False
    children: list["Order"] = field(default_factory=list)
    group: int | None = None
    position_tpsl: bool = False
    twap_id: int | None = None

    @property
    def sign(self) -> int:
        return 1 if self.buy else -1

    @property
    def rests(self) -> bool:
        """Say whether what does not execute at once stays in the book."""
        return self.tif in ("Gtc", "Alo")

    @property
    def order_type(self) -> str:
        if self.twap_id is not None:
            return "Twap Slice"
        if self.trigger is not None:
            kind = "Take Profit" if self.trigger.tpsl == "tp" else "Stop"
            return f"{kind} {'Market' if self.trigger.is_market else 'Limit'}"
        return "Market" if self.tif in ("FrontendMarket", "LiquidationMarket") else "Limit"


@dataclass(frozen=True, slots=True)
class OrderRow:
    """What happened to an order: its state then, printed for openOrders and for everything else."""

    address: str
    basic: dict[str, Any]
    full: dict[str, Any]
    status: str
    at_ms: int

    def document(self) -> dict[str, Any]:
        return {"order": self.full, "status": self.status, "statusTimestamp": self.at_ms}

    def update(self) -> dict[str, Any]:
        return {"order": self.basic, "status": self.status, "statusTimestamp": self.at_ms}


def basic_document(order: Order) -> dict[str, Any]:
    """openOrders and orderUpdates: cloid and reduceOnly only where they apply."""
    document: dict[str, Any] = {
        "coin": order.coin,
        "side": "B" if order.buy else "A",
        "limitPx": number(order.px),
        "sz": number(order.size),
        "oid": order.oid,
        "timestamp": order.at_ms,
        "origSz": number(order.asked_size),
    }
    if order.cloid is not None:
        document["cloid"] = order.cloid
    if order.reduce_only:
        document["reduceOnly"] = True
    return document


def full_document(order: Order) -> dict[str, Any]:
    """frontendOpenOrders, orderStatus, historicalOrders."""
    return {
        "coin": order.coin,
        "side": "B" if order.buy else "A",
        "limitPx": number(order.px),
        "sz": number(order.size),
        "oid": order.oid,
        "timestamp": order.at_ms,
        "triggerCondition": trigger_condition(order),
        "isTrigger": order.trigger is not None,
        "triggerPx": "0.0" if order.trigger is None else number(order.trigger.px),
        "children": [full_document(child) for child in order.children],
        "isPositionTpsl": order.position_tpsl,
        "reduceOnly": order.reduce_only,
        "orderType": order.order_type,
        "origSz": number(order.asked_size),
        "tif": None if order.trigger is not None else order.tif,
        "cloid": order.cloid,
    }


def trigger_condition(order: Order) -> str:
    """Return the recorded words, such as 'Price above 0.6'; whole numbers stand without a point."""
    if order.trigger is None:
        return "N/A"
    side = "above" if order.trigger.above(buy=order.buy) else "below"
    return f"Price {side} {number(order.trigger.px).removesuffix('.0')}"


def grid_fault(asset: VenueAsset, px: Decimal, size: Decimal) -> str | None:
    """Return the venue's text for a price or size off its grid (hyperliquid.md 2.7), else None."""
    if size == 0:
        return "Order has zero size."
    return size_fault(asset, size) or price_fault(asset, px)


def size_fault(asset: VenueAsset, size: Decimal) -> str | None:
    return "Order has invalid size." if _decimals(size) > asset.size_decimals else None


def price_fault(asset: VenueAsset, px: Decimal) -> str | None:
    if px <= 0:
        return "Order has invalid price."
    if not on_price_grid(asset, px):
        return f"Price must be divisible by tick size. asset={asset.asset_id}"
    return None


def on_price_grid(asset: VenueAsset, px: Decimal) -> bool:
    """Five significant figures and 6 - szDecimals decimals at most; whole numbers always."""
    decimals = _decimals(px)
    if decimals == 0:
        return True
    figures = px.adjusted() + 1 + decimals
    return figures <= FIGURES_MAX and decimals <= DECIMALS_MAX - asset.size_decimals


def to_grid(asset: VenueAsset, px: Decimal, *, up: bool) -> Decimal:
    """Return the nearest legal price not below (up) or not above px."""
    decimals = min(FIGURES_MAX - 1 - px.adjusted(), DECIMALS_MAX - asset.size_decimals)
    return px.quantize(Decimal(1).scaleb(-max(0, decimals)), rounding=ROUND_UP if up else ROUND_DOWN)


def average_px(asset: VenueAsset, usd: Decimal, size: Decimal) -> Decimal:
    """Return an average price, printed to the finest decimal that the coin allows."""
    return (usd / size).quantize(Decimal(1).scaleb(asset.size_decimals - DECIMALS_MAX))


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
