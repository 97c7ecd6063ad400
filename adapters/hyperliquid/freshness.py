"""Whether the content of a stream is alive, judged without IO: by exchange time, and by change against its peers.

A quiet channel and a dead one look alike (hyperliquid.md 3.2), and pongs go on over both. So each channel is held against
others that tell of the same thing:

    l2Book (fast)       comes twice a second, changed or not, with the venue's time: no frame is mute, no later time frozen
    bbo                 speaks on change alone: frozen when the book or the mids show another price and it does not
    allMids             every 5 s
    clearinghouseState  every few seconds; a position that moves without a fill means that userFills is mute
    userFills           and orderUpdates tell of the same executions: what one has and the other has not is muteness
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from core.types import Quote

SILENT_MAX_MS = {"l2Book": 2_300, "allMids": 7_300, "clearinghouseState": 8_000, "userFills": 5_000}
"""How long a channel that speaks by itself may be silent; userFills until its first frame, then it is quiet by nature."""
FIRST_MORE_MS = 2_000
"""How much longer the first frame after a subscription may take."""
STANDS_MAX_MS = 2_300
"""How long a book may come again with the same stamp."""
OLD_MS = 5_000
"""A stamp that is older than this is what a node shows that fell behind (hyperliquid.md 4.6)."""
GRACE_MS = 1_500
"""How long one channel may run ahead of another: they promise no order between them."""
SETTLED_MS = 500
"""A best price younger than this is not held against a mid: the mid may have been taken before it."""
KEPT_MS = 60_000
PRICES = frozenset({"l2Book", "bbo", "allMids"})


class Topic(NamedTuple):
    """One subscription; coin is empty where the whole account or market is meant."""

    channel: str
    coin: str = ""

    def __str__(self) -> str:
        return f"{self.channel} {self.coin}".strip()


class Ailment(StrEnum):
    MUTE = "mute"
    FROZEN = "frozen"
    OLD = "old"
    DOUBTED = "doubted"
    """A peer says otherwise, and which of the two is right must be asked elsewhere."""


class Verdict(NamedTuple):
    topic: Topic
    ailment: Ailment
    why: str

    def __str__(self) -> str:
        return f"{self.topic} is {self.ailment.value}: {self.why}"


@dataclass(slots=True)
class Heard:
    """What is known of one topic, asked for first at asked_ms. contradicted_ms is since when a peer shows another price;
    a book with a later stamp refutes it, a mid only makes it doubted."""

    asked_ms: int
    heard_ms: int
    first: bool = True
    exchange_ms: int = 0
    lag_ms: int = 0
    moved_ms: int = 0
    contradicted_ms: int | None = None
    is_refuted: bool = False
    against: str = ""


@dataclass(slots=True)
class Executions:
    """What the account's channels told of orders and positions: pending by oid or coin, with the time of hearing."""

    unfilled_ms: dict[int, int] = field(default_factory=dict)
    unreported_ms: dict[int, int] = field(default_factory=dict)
    filled_ms: dict[int, int] = field(default_factory=dict)
    reported_ms: dict[int, int] = field(default_factory=dict)
    traded_ms: dict[str, int] = field(default_factory=dict)
    moved_ms: dict[str, int] = field(default_factory=dict)
    positions: dict[str, Decimal] | None = None
    positions_ms: int = 0


class Freshness:
    """The topics of one connection and what they said. patience stretches the limits, for clocks that run fast."""

    def __init__(self, *, patience: float = 1.0) -> None:
        self._patience = patience
        self._topics: dict[Topic, Heard] = {}
        self._executions = Executions()
        self._heard_ms = 0
        self.newest_exchange_ms = 0

    def expect(self, topic: Topic, now_ms: int) -> None:
        """Begin to wait for a topic that has just been subscribed, or subscribed again."""
        known = self._topics.get(topic)
        asked_ms = now_ms if known is None else known.asked_ms
        self._topics[topic] = Heard(asked_ms=asked_ms, heard_ms=now_ms, moved_ms=now_ms)

    def forget(self, topic: Topic) -> None:
        self._topics.pop(topic, None)

    def forgive(self, now_ms: int) -> None:
        """Hold nothing against anybody: it was we who did not listen."""
        for known in self._topics.values():
            known.heard_ms = known.moved_ms = now_ms
            known.lag_ms = 0
            known.contradicted_ms, known.is_refuted = None, False
        self._heard_ms = now_ms
        self._executions = Executions()

    def __contains__(self, topic: object) -> bool:
        return topic in self._topics

    # --- what was said -----------------------------------------------------------------------------------

    def heard(self, topic: Topic, now_ms: int, *, exchange_ms: int = 0) -> None:
        """Note content. A later exchange time is a movement; the same one again is none."""
        known = self._topics.get(topic)
        if known is None:
            return
        if exchange_ms > known.exchange_ms:
            known.exchange_ms, known.moved_ms = exchange_ms, now_ms
        known.heard_ms, known.first = now_ms, False
        known.lag_ms = now_ms - exchange_ms
        if topic.channel in PRICES:
            self._heard_ms = now_ms
        if topic.channel == "bbo":
            known.contradicted_ms, known.is_refuted = None, False
        self.newest_exchange_ms = max(self.newest_exchange_ms, exchange_ms)

    def book(self, book: Quote, best: Quote | None, now_ms: int) -> None:
        """Hold a coin's bbo against its book, of the stream or over HTTP: one that is newer refutes what stands still."""
        known = self._topics.get(Topic("bbo", book.coin))
        if known is None or best is None:
            return
        if (best.bid, best.ask) == (book.bid, book.ask):
            known.contradicted_ms, known.is_refuted = None, False
        elif book.at_ms > best.at_ms and not known.is_refuted:
            known.contradicted_ms, known.is_refuted = now_ms, True
            known.against = f"l2Book has {book.bid} / {book.ask}"

    def mid(self, mid: Decimal, best: Quote, now_ms: int) -> bool:
        """Hold a coin's bbo against its mid; return whether they agree, to a quarter of the spread."""
        agrees = abs(mid - best.mid) * 4 < best.ask - best.bid
        known = self._topics.get(Topic("bbo", best.coin))
        if known is None:
            return agrees
        if agrees and not known.is_refuted:
            known.contradicted_ms = None
        elif known.contradicted_ms is None and now_ms - known.heard_ms >= SETTLED_MS:
            known.contradicted_ms, known.is_refuted, known.against = now_ms, False, f"its mid is {mid}"
        return agrees

    def reported(self, oid: int, now_ms: int, *, filled: bool) -> None:
        """orderUpdates told of an order."""
        told = self._executions
        told.reported_ms[oid] = now_ms
        told.unreported_ms.pop(oid, None)
        if filled and oid not in told.filled_ms:
            told.unfilled_ms.setdefault(oid, now_ms)

    def executed(self, oid: int, coin: str, now_ms: int, *, live: bool) -> None:
        """UserFills told of an execution; a live one of an order with an id must be on orderUpdates too."""
        told = self._executions
        told.filled_ms[oid] = told.traded_ms[coin] = now_ms
        told.unfilled_ms.pop(oid, None)
        told.moved_ms.pop(coin, None)
        if live and oid not in told.reported_ms:
            told.unreported_ms.setdefault(oid, now_ms)

    def positions(self, positions: dict[str, Decimal], now_ms: int) -> None:
        """ClearinghouseState showed the account: a coin that moved must have been traded since the last look."""
        told, before = self._executions, self._executions.positions
        if before is not None:
            for coin in before.keys() | positions.keys():
                moved = before.get(coin, 0) != positions.get(coin, 0)
                if moved and told.traded_ms.get(coin, 0) < told.positions_ms - GRACE_MS:
                    told.moved_ms.setdefault(coin, now_ms)
        told.positions, told.positions_ms = positions, now_ms

    # --- what follows -----------------------------------------------------------------------------------

    def verdicts(self, now_ms: int) -> tuple[Verdict, ...]:
        """Return what is wrong now."""
        found = [v for topic, known in self._topics.items() if (v := self._ailing(topic, known, now_ms))]
        found += self._unequal(now_ms)
        return tuple(found)

    def dead(self, now_ms: int) -> str:
        """Return why the whole connection is dead: no price of any kind, whatever pings it answers. "" when it is not."""
        for channel in ("l2Book", "allMids"):
            asked_ms = [known.asked_ms for topic, known in self._topics.items() if topic.channel == channel]
            if asked_ms:
                silent_ms = now_ms - max(self._heard_ms, max(asked_ms) + FIRST_MORE_MS)
                is_dead = silent_ms > self._ms(SILENT_MAX_MS[channel])
                return f"no price for {silent_ms / 1000:.1f} s" if is_dead else ""
        return ""

    def _ailing(self, topic: Topic, known: Heard, now_ms: int) -> Verdict | None:
        limit_ms = SILENT_MAX_MS.get(topic.channel)
        if topic.channel == "userFills" and not known.first:
            limit_ms = None
        silent_ms = now_ms - known.heard_ms
        if limit_ms is not None and silent_ms > self._ms(limit_ms + known.first * FIRST_MORE_MS):
            return Verdict(topic, Ailment.MUTE, f"nothing for {silent_ms / 1000:.1f} s")
        if topic.channel == "l2Book" and not known.first:
            return self._standing(topic, known, now_ms)
        if known.contradicted_ms is None:
            return None
        if not known.is_refuted:
            return Verdict(topic, Ailment.DOUBTED, known.against)
        if now_ms - known.contradicted_ms <= self._ms(GRACE_MS):
            return None
        return Verdict(topic, Ailment.FROZEN, known.against)

    def _standing(self, topic: Topic, known: Heard, now_ms: int) -> Verdict | None:
        if now_ms - known.moved_ms > self._ms(STANDS_MAX_MS):
            why = f"the same stamp for {(now_ms - known.moved_ms) / 1000:.1f} s"
            return Verdict(topic, Ailment.FROZEN, why)
        if known.lag_ms > self._ms(OLD_MS):
            return Verdict(topic, Ailment.OLD, f"it came with a stamp {known.lag_ms / 1000:.1f} s old")
        return None

    def _unequal(self, now_ms: int) -> list[Verdict]:
        """Hold the account's channels against each other, and forget what is long past."""
        told, found = self._executions, []
        grace_ms = self._ms(GRACE_MS)
        for oid, since_ms in told.unfilled_ms.items():
            if now_ms - since_ms > grace_ms:
                found.append(
                    Verdict(Topic("userFills"), Ailment.MUTE, f"order {oid} was filled without a fill")
                )
        for coin, since_ms in told.moved_ms.items():
            if now_ms - since_ms > grace_ms:
                found.append(Verdict(Topic("userFills"), Ailment.MUTE, f"{coin} moved without a fill"))
        for oid, since_ms in told.unreported_ms.items():
            if now_ms - since_ms > grace_ms:
                why = f"order {oid} has a fill and no update"
                found.append(Verdict(Topic("orderUpdates"), Ailment.MUTE, why))
        for memory in (told.filled_ms, told.reported_ms):
            for oid in [o for o, at_ms in memory.items() if now_ms - at_ms > KEPT_MS]:
                del memory[oid]
        return [v for v in found[:1] if v.topic in self._topics] if found else []

    def settled(self, topic: Topic) -> None:
        """What was missing on an account's channel is being fetched: do not complain of it again."""
        told = self._executions
        if topic.channel == "userFills":
            told.unfilled_ms.clear()
            told.moved_ms.clear()
        elif topic.channel == "orderUpdates":
            told.unreported_ms.clear()

    def _ms(self, limit_ms: int) -> float:
        return limit_ms * self._patience
