"""Which of the eligible are members: the largest, with a buffer for those that are in (S0-56, S0-88 to S0-90, E0-21)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strategies.crypto_index.methodology import Buffer


@dataclass(frozen=True, slots=True)
class Choice:
    """Members by falling market cap, and a line for each time the buffer decided."""

    members: tuple[str, ...]
    said: tuple[str, ...]


def ranked(caps_usd: Mapping[str, float]) -> list[str]:
    """Return symbols by falling market cap, ties by symbol (E0-8)."""
    return sorted(caps_usd, key=lambda symbol: (-caps_usd[symbol], symbol))


def chosen(caps_usd: Mapping[str, float], *, incumbents: Sequence[str], k: int, buffer: Buffer) -> Choice:
    """Return k members of the eligible, whose market caps caps_usd holds; fewer where fewer are eligible.

    An incumbent that is still eligible stays until a challenger outside is more than size_ratio times as large; pairs of
    the smallest incumbent and the largest challenger are taken until none qualifies. By rank: it goes below rank_keep, who
    is within rank_enter comes in. Then the smallest go, or the largest come, until there are k.
    """
    order = ranked(caps_usd)
    held = set(incumbents)
    inside = [symbol for symbol in order if symbol in held]
    outside = [symbol for symbol in order if symbol not in held]
    said: Said = []
    if inside:
        inside, outside = _by_rank(order, inside, outside, buffer)
        inside, outside = _by_size(caps_usd, inside, outside, buffer, said)
    while len(inside) < k and outside:
        inside.append(outside.pop(0))
    place = {symbol: i for i, symbol in enumerate(order)}
    members = tuple(sorted(inside, key=place.__getitem__)[:k])
    return Choice(members, tuple(line for gone, line in said if gone not in members))


Sides = tuple[list[str], list[str]]
Said = list[tuple[str | None, str]]
"""What the buffer decided; first whom it sent away, which is not said of one that found room all the same."""


def _by_rank(order: list[str], inside: list[str], outside: list[str], buffer: Buffer) -> Sides:
    keep = buffer.rank_keep or len(order)
    kept = {s for s in inside if order.index(s) < keep} | set(order[: buffer.rank_enter])
    return [s for s in order if s in kept], [s for s in order if s not in kept]


def _by_size(
    caps_usd: Mapping[str, float], inside: list[str], outside: list[str], buffer: Buffer, said: Said
) -> Sides:
    inside, outside = list(inside), list(outside)
    while inside and outside and caps_usd[outside[0]] > caps_usd[inside[-1]]:
        goes, comes = inside[-1], outside[0]
        ratio = caps_usd[comes] / caps_usd[goes]
        if ratio <= buffer.size_ratio:
            said.append(
                (None, f"{goes} stays: {comes} is {ratio:.3f} times as large, wanted {buffer.size_ratio:g}")
            )
            break
        said.append((goes, f"{comes} replaces {goes}: it is {ratio:.3f} times as large"))
        inside[-1], outside[0] = comes, goes
        inside.sort(key=lambda s: (-caps_usd[s], s))
        outside.sort(key=lambda s: (-caps_usd[s], s))
    return inside, outside
