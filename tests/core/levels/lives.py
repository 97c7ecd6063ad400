"""A long life of an index, drawn from a seed: rebalances, forks, delistings, removals and all else, at moving prices."""

from dataclasses import dataclass, field
from decimal import Decimal as D
from random import Random

from core.index_level import coverage, due
from core.levels.types import (
    Announce,
    ChangeSupply,
    Fork,
    ForkVariant,
    Price,
    Publish,
    Redenominate,
    RemovalCause,
    Remove,
    Reweight,
    Supply,
    Target,
    Withdraw,
)
from tests.core.levels.indices import DAY, T0, launch

KINDS = {
    "publish": 25,
    "reweight": 25,
    "announce": 8,
    "withdraw": 2,
    "remove": 12,
    "fork": 10,
    "redenominate": 8,
    "supply": 10,
    "silence": 6,
}
SIZE = (3, 14)


@dataclass
class Market:
    """usd by symbol, walking; silent ones have no price until the time given; gone ones are blacklisted or delisted."""

    rng: Random
    usd: dict[str, D] = field(default_factory=dict)
    supply: dict[str, D] = field(default_factory=dict)
    silent_until_ms: dict[str, int] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    at_ms: int = T0
    listed: int = 0

    def walk(self):
        """Let time pass; list new coins for those that are gone."""
        self.at_ms += self.rng.randrange(DAY // 4)
        while len(self.usd) < 40:
            symbol, self.listed = f"C{self.listed}", self.listed + 1
            self.usd[symbol] = D(repr(10 ** self.rng.uniform(-9, 5)))
            self.supply[symbol] = D(repr(10 ** self.rng.uniform(3, 16)))
        for symbol in self.usd:
            self.usd[symbol] = D(f"{self.usd[symbol] * D(repr(2.718 ** self.rng.gauss(0, 0.05))):.17g}")

    def prices(self):
        return {
            s: Price(s, usd, self.at_ms)
            for s, usd in self.usd.items()
            if self.silent_until_ms.get(s, 0) <= self.at_ms
        }

    def targets(self):
        """Draw members with a price, and weights as floats make them: they sum to 1 only within 1e-15 or so."""
        symbols = self.rng.sample(sorted(self.prices()), self.rng.randint(*SIZE))
        raw = [self.rng.random() ** 4 + 1e-6 for _ in symbols]
        return tuple(
            Target(s, self.supply[s], D(repr(x / sum(raw)))) for s, x in zip(symbols, raw, strict=True)
        )

    def leave(self, symbol):
        self.gone.add(symbol)
        for known in (self.usd, self.supply, self.silent_until_ms):
            known.pop(symbol, None)


def next_event(market, state):
    """Draw what happens next to an index in a market; what has no price any more is excluded first."""
    if state is None:
        return launch(market.targets())
    members = [m.symbol for m in state.members]
    silent = coverage(state, market.prices(), at_ms=market.at_ms).excluded
    if silent:
        return Remove(symbols=silent, cause=RemovalCause.NO_PRICE, reason="no price", by="rule")
    ready = due(state, at_ms=market.at_ms)
    if ready and {t.symbol for t in ready.targets} <= market.prices().keys():
        return ready
    kind = market.rng.choices(list(KINDS), list(KINDS.values()))[0]
    return DRAW[kind](market, state, members) or Publish()


def _reweight(market, state, members):
    return None if state.pending else Reweight(targets=market.targets())


def _announce(market, state, members):
    if state.pending:
        return None
    return Announce(
        targets=market.targets(), effective_at_ms=market.at_ms + 1 + market.rng.randrange(2 * DAY)
    )


def _withdraw(market, state, members):
    return Withdraw(reason="a supply was wrong", by="committee") if state.pending else None


def _remove(market, state, members):
    count = market.rng.randint(1, 2)
    if len(members) <= count + 1:
        return None
    announced = [t.symbol for t in state.pending.targets] if state.pending else []
    leaving = tuple(market.rng.sample(sorted({*members, *announced}), count))
    for symbol in leaving:
        market.leave(symbol)
    cause = market.rng.choice([RemovalCause.BLACKLIST, RemovalCause.DELISTING])
    return Remove(symbols=leaving, cause=cause, reason="exploit", by="committee")


def _fork(market, state, members):
    parent, ratio = market.rng.choice(members), D(market.rng.choice(["1", "2", "0.1", "0.333"]))
    if parent not in market.prices():
        return None
    child, market.listed = f"C{market.listed}", market.listed + 1
    share = D(repr(market.rng.uniform(0.001, 0.6)))
    market.usd[child] = D(f"{market.usd[parent] * share / ratio:.17g}")
    market.supply[child] = market.supply[parent]
    market.usd[parent] = D(f"{market.usd[parent] * (1 - share):.17g}")
    variant = market.rng.choice(list(ForkVariant))
    return Fork(parent=parent, child=child, ratio=ratio, variant=variant)


def _redenominate(market, state, members):
    symbol, ratio = market.rng.choice(members), D(market.rng.choice(["1000", "0.001", "3", "7", "0.1"]))
    if symbol not in market.prices() or not D("1e-12") < market.usd[symbol] * ratio < D("1e8"):
        return None
    return Redenominate(symbol=symbol, ratio=ratio)


def redenominated(market, event):
    """Let a market follow what an index has done: from now on its prices are the new ones."""
    if isinstance(event, Redenominate):
        market.usd[event.symbol] = D(f"{market.usd[event.symbol] * event.ratio:.17g}")
        market.supply[event.symbol] = D(f"{market.supply[event.symbol] / event.ratio:.17g}")


def _supply(market, state, members):
    changed = market.rng.sample(members, market.rng.randint(1, len(members)))
    made = [Supply(s, D(f"{market.supply[s] * D(repr(market.rng.uniform(0.8, 1.3))):.17g}")) for s in changed]
    market.supply.update({s.symbol: s.supply for s in made})
    return ChangeSupply(supplies=tuple(made))


def _silence(market, state, members):
    """One of more than three goes without a price for longer than the last one stands."""
    if len(members) > 3:
        market.silent_until_ms[market.rng.choice(members)] = market.at_ms + market.rng.randrange(3 * DAY)


DRAW = {
    "publish": lambda market, state, members: Publish(),
    "reweight": _reweight,
    "announce": _announce,
    "withdraw": _withdraw,
    "remove": _remove,
    "fork": _fork,
    "redenominate": _redenominate,
    "supply": _supply,
    "silence": _silence,
}
