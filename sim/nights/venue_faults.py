"""What goes wrong at the venue: its answers, its rules, its market, and what others do with our account."""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Literal

from sim.nights.distortions import (
    GAP_MAX,
    CrossedBook,
    Delisting,
    Distortion,
    EmptyBook,
    Gap,
    Halted,
    Side,
    ThinBook,
    WideSpread,
    Window,
)
from sim.nights.fault import Fault, Kind
from sim.nights.network_faults import EXCHANGE, REQUESTS, SHARE, scope, share, throughout
from sim.nights.scene import Scene
from sim.nights.traders import close_by_hand, deleverage_us, overload, place_foreign
from sim.venue import faults as of
from sim.venue.faults import Planned, Scope
from sim.venue.refusing import UNMATCHED, UNREAD, UNREASONED, Refusing
from sim.venue.state import BACKSTOP_CAPACITY_USD
from sim.venue.venue import Venue

if TYPE_CHECKING:
    from sim.world import World

STATUSES: tuple[Literal[502, 503, 504], ...] = (502, 503, 504)
STALE_MAX_S = 30.0
READS = (
    "clearinghouseState",
    "frontendOpenOrders",
    "openOrders",
    "orderStatus",
    "userFillsByTime",
    "userFills",
)
BEHIND_S = 2.0
"""What a read misses that comes just after a write; the nodes are behind by at most so much."""
YOUNG_MS = 20_000.0
SKEW_MAX_MS = 30_000
EXHAUSTED_EVERY_S = 1.0
GAP_AFTER_S = 6.0
LIQUIDATED_FOR_S = 10.0


# --- answers ---------------------------------------------------------------------------------------------


def _too_many(fault: Fault, from_s: float) -> Iterator[Planned]:
    yield Planned(scope(fault, from_s), of.HttpStatus(status=429))


def _server_error(fault: Fault, from_s: float, *, when: of.Side) -> Iterator[Planned]:
    status = STATUSES[fault.coin % len(STATUSES)]
    for path in REQUESTS if when == "before" else (EXCHANGE,):
        yield Planned(scope(fault, from_s, path), of.HttpStatus(status=status, when=when))


def _html(fault: Fault, from_s: float) -> Iterator[Planned]:
    when: of.Side = "after" if fault.coin % 2 else "before"
    yield Planned(scope(fault, from_s), of.Html(when=when))


def _stale(fault: Fault, from_s: float) -> Iterator[Planned]:
    age_s = round(1.0 + (STALE_MAX_S - 1.0) * fault.intensity, 1)
    yield Planned(throughout(fault, from_s), of.StaleReads(age_s=age_s))


def _read_after_write(fault: Fault, from_s: float) -> Iterator[Planned]:
    age_s = round(0.2 + (BEHIND_S - 0.2) * fault.intensity, 1)
    for kind in READS:
        window = Scope(type=kind, begins=from_s, ends=from_s + fault.for_s, probability=0.5)
        yield Planned(window, of.StaleReads(age_s=age_s))


def _unknown_oid(fault: Fault, from_s: float) -> Iterator[Planned]:
    yield Planned(throughout(fault, from_s), of.UnknownOrder(young_ms=1_000.0 + YOUNG_MS * fault.intensity))


def _post_only(fault: Fault, from_s: float) -> Iterator[Planned]:
    yield Planned(throughout(fault, from_s), of.PostOnly())


def _no_budget(fault: Fault, from_s: float) -> Iterator[Planned]:
    """Use the budget up again and again: every USDC that is traded adds a request."""
    left = round(20 * (1 - fault.intensity))
    for n in range(1 + int(fault.for_s / EXHAUSTED_EVERY_S)):
        yield Planned(Scope(begins=from_s + n * EXHAUSTED_EVERY_S), of.BudgetExhausted(left=left))


def _skewed(fault: Fault, from_s: float) -> Iterator[Planned]:
    sign = 1 if fault.coin % 2 else -1
    skew_ms = sign * max(round(SKEW_MAX_MS * fault.intensity), 1)
    yield Planned(throughout(fault, from_s), of.ClockSkew(skew_ms=skew_ms))


# --- refusals --------------------------------------------------------------------------------------------


def _refusing(
    world: "World",
    fault: Fault,
    *,
    door: Callable[[Venue, Refusing], None],
    texts: tuple[tuple[str, str], ...],
) -> None:
    """Open a door of the venue, for each of its nodes with the same dice."""
    until_ms = world.clock.now_ms() + round(1000 * fault.for_s)
    seed = f"{fault.name} {world.night.seed} {fault.at_s}"
    world.network.order(lambda venue: door(venue, Refusing(texts, 2 * share(fault), until_ms, Random(seed))))


def _capped(world: "World", fault: Fault) -> None:
    coins = [asset.name for asset in world.market.assets]
    coin = coins[fault.coin % len(coins)]
    world.network.order(partial(Venue.cap_open_interest, coin=coin, cap_usd=Decimal(0)))
    lift = partial(Venue.cap_open_interest, coin=coin, cap_usd=None)
    world.at(fault.at_s + fault.for_s, world.network.order, lift)


# --- the market ------------------------------------------------------------------------------------------


def _book(make: Callable[[Fault, Window], Distortion]) -> Callable[[Fault, Scene], Iterator[Distortion]]:
    """Return what makes a distortion of one coin's book, or of every coin's from intensity 0.8 on."""

    def distorts(fault: Fault, scene: Scene) -> Iterator[Distortion]:
        yield make(fault, scene.window(fault, None if fault.intensity >= 0.8 else scene.coin(fault)))

    return distorts


def _empty(fault: Fault, window: Window) -> Distortion:
    return EmptyBook(window, tuple(Side)[fault.coin % len(Side)])


def _crossed(fault: Fault, window: Window) -> Distortion:
    return CrossedBook(window, 50.0 * fault.intensity)


def _thin(fault: Fault, window: Window) -> Distortion:
    return ThinBook(window, 0.05 * (1.0 - fault.intensity))


def _wide(fault: Fault, window: Window) -> Distortion:
    return WideSpread(window, 20.0 + 480.0 * fault.intensity)


def _gap(fault: Fault, window: Window) -> Distortion:
    sign = 1 if fault.coin % 2 else -1
    return Gap(window, sign * max(GAP_MAX * fault.intensity, 0.001))


def _halted(fault: Fault, scene: Scene) -> Iterator[Distortion]:
    yield Halted(scene.window(fault, None))


def _delisted(fault: Fault, scene: Scene) -> Iterator[Distortion]:
    yield Delisting(scene.name(fault), scene.at_ms(fault))


# --- our account -----------------------------------------------------------------------------------------


def _liquidating(fault: Fault, scene: Scene) -> Iterator[Distortion]:
    from_ms = scene.at_ms(fault) + round(1000 * GAP_AFTER_S)
    yield Gap(Window(scene.coins[0], from_ms, from_ms + round(1000 * LIQUIDATED_FOR_S)), -GAP_MAX)


def _overloaded(world: "World", fault: Fault) -> None:
    times = Decimal(4) + 6 * Decimal(str(fault.intensity))
    for second in range(5):
        world.at(fault.at_s + second, overload, world, times / 5)


def _whipsaw(fault: Fault, scene: Scene) -> Iterator[Distortion]:
    """The price falls and rises, so that whoever holds either side with little money is over."""
    from_ms, coin = scene.at_ms(fault) + 3_000, scene.coin(fault)
    yield Gap(Window(coin, from_ms, from_ms + 8_000), -GAP_MAX)
    yield Gap(Window(coin, from_ms + 8_000, from_ms + 16_000), GAP_MAX)


def _deleveraged(world: "World", fault: Fault) -> None:
    deleverage_us(world, fault.coin % len(world.market.assets))
    restored = partial(Venue.limit_backstop, notional_usd=BACKSTOP_CAPACITY_USD)
    world.at(fault.at_s + 30.0, world.network.order, restored)


def _foreign(world: "World", fault: Fault) -> None:
    place_foreign(world, fault.coin % len(world.market.assets), fault.intensity)


def _closed_by_hand(world: "World", fault: Fault) -> None:
    close_by_hand(world, fault.coin, fault.intensity)


def _kind(
    name: str,
    text: str,
    *,
    intensity: str = "not read",
    planned: Callable[[Fault, float], Iterable[Planned]] | None = None,
    distorts: Callable[[Fault, Scene], Iterable[Distortion]] | None = None,
    strike: Callable[["World", Fault], None] | None = None,
    chance: float = 1.0,
) -> Kind:
    return Kind(
        name=name,
        family="venue",
        text=text,
        intensity=intensity,
        planned=planned,
        distorts=distorts,
        strike=strike,
        chance=chance,
    )


_REFUSED = "the share refused, 4% to 100%"
_EACH = "one coin; from 0.8 on every coin"

SELDOM = 0.15
"""Of what ends a night's trading: whatever else is drawn would find nothing left to go wrong."""

VENUE = (
    _kind("too-many-requests", "429, also to a new websocket", planned=_too_many, intensity=SHARE),
    _kind(
        "server-error-before-effect",
        "502, 503 or 504, and nothing was done",
        planned=partial(_server_error, when="before"),
        intensity=SHARE,
    ),
    _kind(
        "server-error-after-effect",
        "502, 503 or 504 to an action that was done",
        planned=partial(_server_error, when="after"),
        intensity=SHARE,
    ),
    _kind(
        "html-with-200",
        "an HTML page with status 200, before the effect or after it",
        planned=_html,
        intensity=SHARE,
    ),
    _kind(
        "stale-state",
        "reads are answered by a node that is behind",
        planned=_stale,
        intensity=f"by 1 to {STALE_MAX_S:.0f} s",
    ),
    _kind(
        "read-after-write",
        "half of the reads of orders, fills and positions miss what was just done",
        planned=_read_after_write,
        intensity=f"what is younger than 0.2 to {BEHIND_S:.0f} s",
    ),
    _kind(
        "unknown-oid",
        "orderStatus does not know young orders",
        planned=_unknown_oid,
        intensity="younger than 1 to 21 s",
    ),
    _kind("post-only", "only post-only orders are taken, as after an upgrade", planned=_post_only),
    _kind(
        "budget-exhausted",
        "the address budget is used up, and again a second after something was traded",
        planned=_no_budget,
        intensity="how few requests are left, 20 to 0",
    ),
    _kind(
        "clock-skew",
        "the venue's clock is ahead or behind",
        planned=_skewed,
        intensity=f"by up to {SKEW_MAX_MS // 1000} s",
    ),
    _kind(
        "rejects",
        "orders are refused one by one, in each of the venue's own words",
        strike=partial(_refusing, door=Venue.refuse_orders, texts=UNREASONED),
        intensity=_REFUSED,
    ),
    _kind(
        "ioc-no-match",
        "orders are told that nothing rests that they could match",
        strike=partial(_refusing, door=Venue.refuse_orders, texts=UNMATCHED),
        intensity=_REFUSED,
    ),
    _kind(
        "batch-reject",
        "whole batches are refused with one member",
        strike=partial(_refusing, door=Venue.refuse_batches, texts=UNREAD),
        intensity=_REFUSED,
    ),
    _kind("open-interest-cap", "a coin is at its open interest cap: only closing is allowed", strike=_capped),
    _kind(
        "partial-fills",
        "books are so thin that orders fill in part",
        distorts=_book(_thin),
        intensity=f"the share of its size that is gone, 95% to 100%, of {_EACH}",
    ),
    _kind(
        "wide-spread",
        "bid and ask are far apart",
        distorts=_book(_wide),
        intensity=f"by 20 to 500 bps, of {_EACH}",
    ),
    _kind("empty-book", "a book has no bids, no asks, or neither", distorts=_book(_empty), intensity=_EACH),
    _kind(
        "crossed-book",
        "the best bid stands above the best ask",
        distorts=_book(_crossed),
        intensity=f"by up to 50 bps, of {_EACH}",
    ),
    _kind(
        "price-gap",
        "the price jumps up or down, and back when it is over",
        distorts=_book(_gap),
        intensity=f"by up to {GAP_MAX:.0%}, of {_EACH}",
    ),
    _kind("halted-matching", "no book and no ticks, of any coin", distorts=_halted),
    _kind("delisting", "a coin is delisted: its orders are cancelled, positions settled", distorts=_delisted),
    _kind(
        "liquidation",
        "somebody with our key buys far too much, and the price falls by 30 %: the venue liquidates the account",
        distorts=_liquidating,
        strike=_overloaded,
        intensity="4 to 10 times the equity",
        chance=SELDOM,
    ),
    _kind(
        "adl",
        "a stranger on the other side of our position goes under, and ours is closed against theirs",
        distorts=_whipsaw,
        strike=_deleveraged,
        chance=SELDOM,
    ),
    _kind(
        "foreign-order",
        "somebody trades with our key",
        strike=_foreign,
        intensity="below 1/3 an order that rests; else USD traded at once, up to 50,000",
        chance=SELDOM,
    ),
    _kind(
        "manual-close",
        "the user closes a position from another client, if there is one",
        strike=_closed_by_hand,
        intensity="half of it; from 0.5 on the whole",
        chance=SELDOM,
    ),
)
