"""Everything recorded from the real venue, as (request, status, response), and how two JSON documents are compared."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

SHARED = Path(os.environ.get("NIGHTDESK_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")
MESSAGES = SHARED / "data" / "hyperliquid_messages"
needs_messages = pytest.mark.skipif(
    not MESSAGES.is_dir(), reason="the recorded messages are not beside the repository"
)
CASSETTES = ("sdk_cassettes", "go_hyperliquid_cassettes")
INTEGERS = ("oid", "tid", "time", "timestamp", "statusTimestamp", "value", "maxLeverage", "token", "nonce")


@dataclass(frozen=True)
class RoundTrip:
    cassette: str
    number: int
    path: str
    request: dict[str, Any]
    status: int
    response: Any

    def __str__(self):
        return f"{self.cassette} {self.number} {self.request.get('type', self.path)}"


def round_trips(path):
    """Return every recorded round trip of a path (/info or /exchange), in the order of the files."""
    if not MESSAGES.is_dir():
        return []
    files = [file for folder in CASSETTES for file in sorted((MESSAGES / folder).glob("*.yaml"))]
    return [trip for file in files for trip in _read(file) if trip.path == path]


def cassette(name):
    [file] = (MESSAGES / folder / f"{name}.yaml" for folder in CASSETTES if _has(folder, name))
    return _read(file)


def _has(folder, name):
    return (MESSAGES / folder / f"{name}.yaml").is_file()


def _read(file):
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    tape = yaml.load(file.read_text(), Loader=loader)
    return [_trip(file.stem, n, one) for n, one in enumerate(tape["interactions"])]


def _trip(name, number, one):
    request, response = one["request"], one["response"]
    address = request.get("uri") or request["url"]
    code = response["code"] if "code" in response else response["status"]["code"]
    body = response["body"]["string"] if isinstance(response["body"], dict) else response["body"]
    path = "/" + address.rsplit("/", 1)[1]
    return RoundTrip(name, number, path, json.loads(request["body"]), code, json.loads(body))


def lines(name):
    """Return the rows of a recorded .jsonl file."""
    text = (MESSAGES / name).read_text()
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def document(name):
    return json.loads((MESSAGES / name).read_text())


def ccxt_body(part):
    """Return the body of the ccxt recording whose description holds part, its integers put back."""
    rows = lines("ccxt_static/http_responses.jsonl")
    return integers_again(next(row["body"] for row in rows if part in row["case"]))


def integers_again(body):
    """ccxt's recorder wrote many integers as strings; the wire has integers there (MANIFEST.md)."""
    if isinstance(body, dict):
        return {k: _integer(k, integers_again(v)) for k, v in body.items()}
    return [integers_again(v) for v in body] if isinstance(body, list) else body


def _integer(key, value):
    return int(value) if key in INTEGERS and isinstance(value, str) and value.isdigit() else value


# --- skeletons -----------------------------------------------------------------------------------------------


def skeleton(body, where=""):
    """Return the (place, JSON type) pairs of a document; the members of a list share one place."""
    pairs = {(where, type(body).__name__)}
    if isinstance(body, dict):
        for key, value in body.items():
            pairs |= skeleton(value, f"{where}.{key}")
    elif isinstance(body, list):
        for value in body:
            pairs |= skeleton(value, f"{where}[]")
    return pairs


def differences(ours, recorded):
    """Return the (side, place, type) that only one of two documents has, 'theirs' or 'ours'.

    A recorded list that is empty says nothing about its members, nor does a recorded null about what it may hold.
    """
    mine, theirs = skeleton(ours), skeleton(recorded)
    silent = {
        place
        for place, kind in theirs
        if kind == "list" and not any(p.startswith(f"{place}[]") for p, _ in theirs)
    }
    said = {pair for pair in mine - theirs if not any(pair[0].startswith(f"{place}[]") for place in silent)}
    return {("theirs", *pair) for pair in theirs - mine} | {("ours", *pair) for pair in said}


def by_name_alone(body):
    """Return a document keyed by coin with one key for all: which coins there are is not the shape."""
    return [{"{coin}": value} for value in body.values()]
