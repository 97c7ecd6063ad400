"""Files of minute bars for commands that read them."""

import json

MIDNIGHT_MS = 1_700_006_400_000
"""00:00 UTC."""


def rows(venue, closes, volumes, *, end_ms=MIDNIGHT_MS, pair="BTC/USD", **columns):
    """Return a venue's minutes up to end_ms; columns are further arrays."""
    first_ms = end_ms - 60_000 * len(closes)
    return [
        {
            "time": first_ms + 60_000 * i,
            "venue": venue,
            "pair": pair,
            "close": float(close),
            "volume": float(volume),
            **{name: float(values[i]) for name, values in columns.items()},
        }
        for i, (close, volume) in enumerate(zip(closes, volumes, strict=True))
    ]


def written(place, *parts):
    path = place / "bars.jsonl"
    path.write_text("\n".join(json.dumps(row) for part in parts for row in part))
    return path
