"""Coverage-guided fuzzing of the edge by atheris: `python -m fuzz TARGET [--seconds 60] [--corpus DIR]`, or `list`.

A target is a reader of adapters/hyperliquid/wire, "feed", or a call of the adapter ("call fills"). It starts from good
messages, recorded ones where they are beside the repository, and a dictionary of hostile words. A failure ends it, with
the input in build/fuzz/crash-*: make an example of tests/adapters/hyperliquid/test_fuzz.py of it.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import atheris
import structlog

with atheris.instrument_imports(include=["adapters", "core"]):
    from fuzz import desk, readers

from fuzz import samples

CRASHES = Path("build/fuzz")
STATUSES = (200, 200, 200, 400, 422, 429, 500, 502)
READ_BY_CALL = {
    "send": "order reply",
    "cancel": "cancel reply",
    "order_status": "order status",
    "cancel_open": "open orders",
    "snapshot": "account",
    "fundings": "funding ledger",
    "facts": "role",
    "venue_time_ms": "status",
    "day_volume_usd": "day volumes",
    "daily_candles": "candles",
    "hourly_funding": "funding history",
    "set_leverage": "order reply",
    "schedule_cancel": "order reply",
}


def targets() -> dict[str, tuple[Callable[[bytes], object], tuple[str, ...]]]:
    """Return every target with the messages it starts from."""
    found: dict[str, tuple[Callable[[bytes], object], tuple[str, ...]]] = {}
    for name in readers.READERS:
        found[name] = (partial(readers.examine, name), samples.of(name))
    found["feed"] = (_feed, samples.of("frame"))
    for name in desk.CALLS:
        found[f"call {name}"] = (partial(_call, name), samples.of(READ_BY_CALL.get(name, name)))
    return found


def _feed(data: bytes) -> None:
    """Take the lines of an input as frames, one after the other, on one connection."""
    take = desk.feed(lambda event: None)
    for frame in data.split(b"\n"):
        take(frame)


def _call(name: str, data: bytes) -> None:
    """Let the last byte choose the status, so that a good message is a good input as it stands."""
    status = STATUSES[data[-1] % len(STATUSES)] if data[-1:] > b"~" else 200
    desk.call(name, status, data)


def _unsaid(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent


def _quoted(word: str) -> str:
    """Return a word in the form of libFuzzer's dictionaries."""
    shown = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02x}" for b in word.encode())
    return f'"{shown}"'


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", nargs="+")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=-1)
    parser.add_argument("--corpus", type=Path, help="where inputs are kept; default: nowhere")
    arguments = parser.parse_args()
    name, known = " ".join(arguments.target), targets()
    if name == "list":
        print("\n".join(known))
        return
    if name not in known:
        parser.error(f"no target {name!r}; python -m fuzz list names them")
    run, seeds = known[name]
    structlog.configure(processors=[_unsaid])
    with tempfile.TemporaryDirectory() as scratch:
        corpus = arguments.corpus or Path(scratch) / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (corpus / f"seed-{number}").write_text(seed)
        dictionary = Path(scratch) / "words"
        dictionary.write_text("".join(f"{_quoted(word)}\n" for word in samples.HOSTILE if len(word) < 60))
        CRASHES.mkdir(parents=True, exist_ok=True)
        words = [
            f"-max_total_time={arguments.seconds}",
            f"-runs={arguments.runs}",
            f"-dict={dictionary}",
            f"-artifact_prefix={CRASHES}/",
            "-max_len=8192",
            "-verbosity=0",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *words, str(corpus)], run)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
