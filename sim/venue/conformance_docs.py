"""docs/hyperliquid.md, written from the venue itself: `python -m sim.venue.conformance_docs`."""

import ast
import re
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from sim.venue import frames
from sim.venue.actions import AnyAction
from sim.venue.conformance_spec import ACTIONS, CHANNELS, REFUSALS, REQUESTS
from sim.venue.requests import InfoRequest
from sim.venue.subscriptions import Topic

ROOT = Path(__file__).resolve().parents[2]
SPEC = "conformance_spec.py"
FILLED = "\x00"
BRACES = f"(?:(?:0x)?{FILLED}|$)"
"""What is filled in, or the end of a text that is put before it."""

_OPENING = """\
# Hyperliquid at the simulated venue

What the protocol has and what the venue of `nightdesk venue` answers. This page is written from the code by
`python -m sim.venue.conformance_docs`: the types are those that the venue reads, the texts those that stand in it.
What is asked of it is in `tests/conformance` and `tests/sim/venue`. Questions about vaults, staking, deployments and
spot balances are answered as for an account that has none: the venue has none of them.

Actions are signed as for testnet: `source` "b" in those of trading, `hyperliquidChain` "Testnet" in those of users.
The SDK does so at any address but mainnet's; other clients have a switch for it (ccxt: `options.sandboxMode`).
One that signs for mainnet is told `User or API Wallet {address} does not exist.`, with the unknown address that its
signature recovers to.
"""


def tags(union: Any) -> dict[str, type]:
    """Return the tagged structs of a union by what stands in their type member."""
    return {kind.__struct_config__.tag: kind for kind in get_args(union)}


def texts_in_code() -> tuple[str, ...]:
    """Return every string of the venue's modules but for their documentation; what is filled in stands as FILLED."""
    files = sorted(path for path in Path(__file__).parent.glob("*.py") if path.name != SPEC)
    return tuple(text for path in files for text in _strings(ast.parse(path.read_text("utf-8"))))


def _strings(tree: ast.Module) -> Iterator[str]:
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(_text(part) or FILLED for part in node.values)
        elif id(node) not in documentation and (text := _text(node)) is not None:
            yield text


def _text(node: ast.AST) -> str | None:
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


def pattern(text: str) -> re.Pattern[str]:
    """Return what the code must hold to say a refusal: braces stand for what is filled in, numbers may be."""
    parts = re.split(r"(\{[^}]*\}|[0-9]+)", text.rstrip("."))
    said = (
        BRACES if part.startswith("{") else f"(?:{part}|{FILLED})" if part.isdigit() else re.escape(part)
        for part in parts
    )
    return re.compile("".join(said))


def said(texts: Iterable[str]) -> set[str]:
    """Return the refusals that the code can say."""
    known = texts_in_code()
    return {text for text in texts if any(map(pattern(text).search, known))}


def hyperliquid_md() -> str:
    """Return docs/hyperliquid.md: requests, actions, channels and texts, had or not had."""
    return "\n".join([_OPENING, *_requests(), *_actions(), *_channels(), *_refusals()])


def main() -> None:
    (ROOT / "docs" / "hyperliquid.md").write_text(hyperliquid_md(), "utf-8")


def _mark(name: str, had: Container[str]) -> str:
    return "had" if name in had else "not had"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _count(names: Iterable[str], had: Iterable[str]) -> str:
    named, known = list(names), set(had)
    return f"{sum(name in known for name in named)} of {len(named)}"


def _requests() -> Iterator[str]:
    had = tags(InfoRequest)
    named = [name for names in REQUESTS.values() for name in names]
    yield f"## POST /info: {_count(named, had)} request types\n"
    for about, names in REQUESTS.items():
        yield f"### {about[0].upper()}{about[1:]}\n"
        yield _table(
            ("type", "members", ""), ((f"`{n}`", _members(had.get(n)), _mark(n, had)) for n in names)
        )
    yield from _unnamed(named, had)


def _actions() -> Iterator[str]:
    had = tags(AnyAction)
    yield f"## POST /exchange: {_count(ACTIONS, had)} actions\n"
    yield _table(("type", "members", ""), ((f"`{n}`", _members(had.get(n)), _mark(n, had)) for n in ACTIONS))
    yield from _unnamed(ACTIONS, had)


def _channels() -> Iterator[str]:
    had = tags(Topic)
    yield f"## GET /ws: {_count(CHANNELS, had)} subscriptions\n"
    rows = (
        (
            f"`{name}`",
            _members(had.get(name)),
            channel,
            _first(had.get(name)),
            _cadence(had.get(name)),
            _mark(name, had),
        )
        for name, channel in CHANNELS.items()
    )
    yield _table(("subscription", "members", "channel", "first frame", "sent again", ""), rows)
    yield from _unnamed(CHANNELS, had)


def _refusals() -> Iterator[str]:
    named = [text for texts in REFUSALS.values() for text in texts]
    had = said(named)
    yield f"## Refusals: {_count(named, had)} texts\n"
    for where, texts in REFUSALS.items():
        yield f"### Of {where}\n"
        yield _table(("text", ""), ((f"`` {text} ``", _mark(text, had)) for text in texts))


def _unnamed(named: Iterable[str], had: Iterable[str]) -> Iterator[str]:
    beyond = sorted(set(had) - set(named))
    if beyond:
        yield "Had besides: " + ", ".join(f"`{name}`" for name in beyond) + ".\n"


def _members(kind: type | None) -> str:
    """Return a struct's members as they stand on the wire; those that may be left out have a question mark."""
    if kind is None:
        return ""
    fields: Any = kind
    required = len(fields.__struct_encode_fields__) - len(fields.__struct_defaults__)
    names = [name if n < required else f"{name}?" for n, name in enumerate(fields.__struct_encode_fields__)]
    return ", ".join(names)


def _first(kind: type | None) -> str:
    return "" if kind is None else "at once" if frames.has_first(kind) else "none"


def _cadence(kind: type | None) -> str:
    every_ms = None if kind is None else frames.CADENCE_MS.get(kind)
    return "" if kind is None else "on events" if every_ms is None else f"{every_ms / 1000:g} s"


if __name__ == "__main__":
    main()
