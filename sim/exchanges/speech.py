"""How a spot venue talks, so that one server can play any of them: its frames and answers, made of a pair and a price."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from sim.exchanges.script import Answer, Await, Live, Reply, Say, Scene, Script

BASE_VOLUME = 1_500.0
"""Of 24 hours, in base currency, at every scripted venue."""

STEP_MS = 100
SWING = 2
"""Units that the price goes up, and then down, from where it began."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The market as it is at a venue at one time (UTC ms): the book is half a unit around the price."""

    pair: str
    price: float
    at_ms: int
    number: int = 0

    def after(self, rounds: int) -> "Moment":
        """Return the market so many rounds on: each is 100 ms, and one unit dearer or cheaper."""
        at_ms, number = self.at_ms + rounds * STEP_MS, self.number + rounds
        price = self.price - swung(self.number) + swung(number)
        return replace(self, price=price, at_ms=at_ms, number=number)

    @property
    def base(self) -> str:
        return self.pair.partition("/")[0]

    @property
    def quote(self) -> str:
        return self.pair.partition("/")[2]

    @property
    def bid(self) -> float:
        return self.price - 0.5

    @property
    def ask(self) -> float:
        return self.price + 0.5

    @property
    def turnover(self) -> float:
        """Of 24 hours, in quote currency."""
        return BASE_VOLUME * self.price

    def named(self, mark: str) -> str:
        """Return the pair as BASE, mark, QUOTE."""
        return self.pair.replace("/", mark)


def swung(number: int) -> int:
    """Return where the price is in a round, from where it began: 0, 1, 2, 1, 0, -1, -2, -1, 0 and so on."""
    return SWING - abs((number + SWING) % (4 * SWING) - 2 * SWING)


@dataclass(frozen=True, slots=True)
class Speech:
    """One venue's: what it says at once, which request it waits for, its replies, its prices and its answers to HTTP."""

    pair: str
    awaits: str
    says: Callable[[Moment], tuple[Say, ...]]
    answers: Callable[[Moment], Mapping[str, Answer]]
    replies: Callable[[Moment], tuple[Reply, ...]]
    greeting: tuple[str, ...] = ()

    def script(self, first: Moment, *, rounds: int = 3) -> Script:
        """Return so many rounds of prices, then silence."""
        said = (say for number in range(rounds) for say in self.says(first.after(number)))
        return self._script(first, said)

    def live(self, first: Moment, *, every_s: float) -> Script:
        """Return a venue that talks for ever, with the server's time on its prices."""

        def texts(number: int, now_ms: int) -> tuple[Say, ...]:
            return self.says(replace(first.after(number), at_ms=now_ms))

        return self._script(first, (Live(texts, every_s),))

    def _script(self, first: Moment, steps: Iterable[Say | Live]) -> Script:
        greeting = tuple(Say(text) for text in self.greeting)
        scene = Scene((*greeting, Await(self.awaits), *steps), self.replies(first))
        return Script((scene,), self.answers(first))


def text(message: object) -> str:
    return json.dumps(message, separators=(",", ":"))


def answer(message: object) -> Answer:
    return Answer(text(message).encode())


def say(message: object, wanted: str = "") -> Say:
    return Say(text(message), wanted=wanted)


def reply(when: str, *messages: object) -> Reply:
    return Reply(when, tuple(text(message) for message in messages))
