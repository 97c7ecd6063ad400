"""The nights that a mutant is hunted in: drawn ones, of the faults in which its bug can show.

The swarm draws of all kinds, and needs no such table; but hundreds of its nights, where some need three faults at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from msgspec.structs import replace

from sim.faults import KINDS, drawn_fault
from sim.night import Night, drawn_night

COINS = 8
STRIKES = (1, 2, 3)
TRADES_S = (-60.0, 8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suit:
    """What suits a mutant: every night has each of the kinds, at times of the window, as bad and as long as the ranges say.

    for_s: nothing leaves the lengths to the kinds. keeps_index: a crypto index is kept in every night.
    """

    kinds: tuple[str, ...]
    window_s: tuple[float, float] = TRADES_S
    intensity: tuple[float, float] = (0.3, 1.0)
    for_s: tuple[float, float] | None = None
    keeps_index: bool = False


UNSURE = ("reset-after-effect", "late")
"""Orders whose fate only the venue knows."""

SUITS: dict[str, Suit] = {
    "absence-as-proof": Suit(kinds=("reset-before-effect", *UNSURE, "unknown-oid")),
    "act-before-journal": Suit(kinds=("disk-full", "disk-read-only"), intensity=(0.0, 0.3)),
    "bad-gateway-as-rejected": Suit(kinds=("server-error-after-effect",)),
    "disputes-ignored": Suit(kinds=("price-dispute",), window_s=(-60.0, -40.0), for_s=(20.0, 40.0)),
    "disputes-unheard": Suit(kinds=("price-dispute",), window_s=(-60.0, -40.0), for_s=(20.0, 40.0)),
    "divisor-not-adjusted": Suit(kinds=(), keeps_index=True),
    "fills-from-now-on": Suit(kinds=("both-down", "kill-at-step"), for_s=(4.0, 12.0)),
    "foreign-orders-kept": Suit(kinds=("foreign-order",), intensity=(0.0, 0.3)),
    "kill-ignored": Suit(kinds=("operator-kill",), window_s=(-55.0, -10.0)),
    "latch-unread": Suit(kinds=("operator-kill", "kill"), window_s=(-60.0, -20.0), for_s=(15.0, 30.0)),
    "ledger-unsynced": Suit(kinds=("power-cut",), keeps_index=True, for_s=(0.5, 3.0)),
    "limits-only-when-reducing": Suit(
        kinds=("foreign-order",), window_s=(-55.0, -30.0), intensity=(0.0, 0.3)
    ),
    "lost-journal-ignored": Suit(kinds=("disk-full", "disk-read-only"), intensity=(0.0, 0.3)),
    "nonce-from-the-clock": Suit(kinds=("post-only",), for_s=(15.0, 30.0)),
    "outstanding-ignored": Suit(
        kinds=("reset-before-effect", "late"), window_s=(56.0, 66.0), intensity=(0.8, 1.0), for_s=(6.0, 15.0)
    ),
    "removed-at-old-prices": Suit(kinds=(), keeps_index=True),
    "resent-when-unknown": Suit(kinds=("reset-after-effect",)),
    "restart-forgets-orders": Suit(kinds=("kill-at-step", *UNSURE)),
    "seen-ids-forgotten": Suit(kinds=("duplicated-frames", "read-after-write")),
    "snapshot-trusted": Suit(kinds=("stale-state", "read-after-write", "mute-user-fills")),
    "spent-as-burnt": Suit(kinds=(*UNSURE, "unknown-oid")),
    "stale-quotes-traded": Suit(kinds=("mute-bbo", "halted-coin"), intensity=(0.0, 1.0)),
    "told-before-written": Suit(
        kinds=("index-disk-full", "index-disk-read-only"),
        window_s=(-100.0, -1.0),
        intensity=(0.0, 0.3),
        for_s=(20.0, 60.0),
        keeps_index=True,
    ),
    "unknown-as-rejected": Suit(kinds=("reset-after-effect",)),
    "unreadable-as-rejected": Suit(kinds=("html-with-200", "truncated")),
    "unsynced-journal": Suit(kinds=("power-cut",)),
}


def nights_for(mutant: str, count: int, *, coins: int = COINS) -> Iterator[Night]:
    """Return nights to hunt a mutant in: those of its suit, or of the swarm where it has none."""
    suit = SUITS.get(mutant)
    for seed in range(count):
        night = drawn_night(seed, coins=coins)
        yield night if suit is None else _suited(night, suit)


def _suited(night: Night, suit: Suit) -> Night:
    random = Random(f"suited {night.seed}")
    from_s, to_s = max(suit.window_s[0], night.start_s), suit.window_s[1]
    faults = []
    for name in suit.kinds:
        for _ in range(random.choice(STRIKES)):
            fault = drawn_fault(random, KINDS[name], from_s, max(to_s, from_s + 5.0))
            for_s = fault.for_s if suit.for_s is None else round(random.uniform(*suit.for_s), 3)
            faults.append(replace(fault, for_s=for_s, intensity=round(random.uniform(*suit.intensity), 3)))
    inorder = tuple(sorted(faults, key=lambda fault: (fault.at_s, fault.name)))
    return replace(night, faults=inorder, keeps_index=suit.keeps_index)
