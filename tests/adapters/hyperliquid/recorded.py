"""Messages recorded from the venue by others, read where they lie beside the repository."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

SHARED = Path(os.environ.get("NIGHTDESK_SHARED") or Path(__file__).resolve().parents[3] / "../shared")
MESSAGES = SHARED / "data/hyperliquid_messages"

needs_recordings = pytest.mark.skipif(
    not MESSAGES.is_dir(),
    reason="no recorded messages beside the repository (shared/data/hyperliquid_messages)",
)


def read_json(name: str) -> Any:
    return json.loads((MESSAGES / name).read_text())


def read_lines(name: str) -> list[Any]:
    return [json.loads(line) for line in (MESSAGES / name).read_text().splitlines() if line.strip()]


def round_trips(name: str) -> list[tuple[dict[str, Any], bytes]]:
    """Return (question, body of the reply) for each exchange on a cassette."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    tape = yaml.load((MESSAGES / name).read_text(), Loader=loader)
    return [(json.loads(i["request"]["body"]), _body(i["response"])) for i in tape["interactions"]]


def _body(response: dict[str, Any]) -> bytes:
    body = response["body"]
    text: str = body["string"] if isinstance(body, dict) else body
    return text.encode()


def case(text: str) -> Any:
    """Return the body of the recorded HTTP reply whose description begins so."""
    return next(
        r["body"] for r in read_lines("ccxt_static/http_responses.jsonl") if r["case"].startswith(text)
    )
