"""Good messages to be mutated: small ones of our own for every reader, and the venue's recorded ones where they lie."""

import json
from functools import cache
from typing import Any

from tests.adapters.hyperliquid import recorded

USER = "0x" + "ab" * 20
CLOID = "0x" + "07" * 16
T = 1_786_536_000_000

FILL = {
    "coin": "ETH",
    "px": "2345.6",
    "sz": "0.5",
    "side": "B",
    "time": T,
    "startPosition": "-1.5",
    "dir": "Open Long",
    "closedPnl": "0.0",
    "hash": "0x" + "0" * 64,
    "oid": 5_000_000_001,
    "crossed": True,
    "fee": "0.52",
    "tid": 900_000_000_000_001,
    "cloid": CLOID,
    "feeToken": "USDC",
    "twapId": None,
}
FUNDING = {
    "time": T,
    "coin": "ETH",
    "usdc": "-1.25",
    "szi": "10.0",
    "fundingRate": "0.0000125",
    "nSamples": None,
}
ORDER = {
    "coin": "ETH",
    "side": "A",
    "limitPx": "2400.0",
    "sz": "0.5",
    "oid": 7,
    "origSz": "1.0",
    "cloid": CLOID,
}
UPDATE = {"order": ORDER | {"timestamp": T}, "status": "open", "statusTimestamp": T}
POSITION = {
    "type": "oneWay",
    "position": {
        "coin": "ETH",
        "szi": "-2.0",
        "entryPx": "2300.0",
        "positionValue": "4700.0",
        "cumFunding": {"allTime": "1.0", "sinceOpen": "0.5", "sinceChange": "0.0"},
    },
}
CANDLE = {
    "t": T, "T": T + 59_999, "s": "ETH", "i": "1m", "o": "10.0", "c": "11.0", "h": "12.0", "l": "9.0", "v": "5.0", "n": 3,
}  # fmt: skip
ASSET = {"name": "ETH", "szDecimals": 4, "maxLeverage": 25, "marginTableId": 55}
RATE = {"coin": "ETH", "fundingRate": "0.0000125", "premium": "0.0", "time": T}
AGENT = {"name": "night", "address": USER, "validUntil": T}
LEVELS = [{"px": "2345.5", "sz": "1.5", "n": 3}, {"px": "2345.7", "sz": "2.0", "n": 1}]
STATE = {"marginSummary": {"accountValue": "1000.0"}, "assetPositions": [POSITION], "time": T}
STATUSES = [
    {"resting": {"oid": 7}},
    {"filled": {"totalSz": "0.5", "avgPx": "2345.6", "oid": 8}},
    {"error": "Order has zero size. asset=1"},
]


DEEP = "[" * 3000 + "]" * 3000
HOSTILE = (
    "null", "true", "0", "-1", "1e400", "-1e400", "1e-400", "0.1", str(10**25), str(2**63), str(2**64), "9" * 5000,
    '""', '"NaN"', '"sNaN"', '"Infinity"', '"-Infinity"', '"1e999999"', '"-1e999999"', '"0e999999"', '"1e-999999"',
    '"9e999998"', f'"{"9" * 5000}"', '"١٢"', '"1_000"', '" 1"', '"0x10"', '"\\ud800"', '"\\u0000"', '"Z"',
    '"' + "a" * 5000 + '"',
    "[]", "{}", "[null]", '{"coin": 1}', "[" * 40 + "]" * 40, DEEP,
)  # fmt: skip
"""Words of JSON to stand in the place of any other."""


def ok(kind: str, statuses: list[Any]) -> dict[str, Any]:
    return {"status": "ok", "response": {"type": kind, "data": {"statuses": statuses}}}


FRAMES: tuple[Any, ...] = (
    {"channel": "userFills", "data": {"user": USER, "fills": [FILL, FILL | {"tid": 2}], "isSnapshot": True}},
    {"channel": "userFundings", "data": {"user": USER, "fundings": [FUNDING]}},
    {"channel": "orderUpdates", "data": [UPDATE, UPDATE | {"status": "filled"}]},
    {"channel": "bbo", "data": {"coin": "ETH", "time": T, "bbo": LEVELS}},
    {"channel": "l2Book", "data": {"coin": "ETH", "time": T, "levels": [[LEVELS[0]], [LEVELS[1]]]}},
    {"channel": "allMids", "data": {"mids": {"BTC": "64000.5", "ETH": "2345.6", "@1": "0.5"}}},
    {"channel": "error", "data": "Already subscribed"},
    {"channel": "pong"},
)

OWN: dict[str, tuple[Any, ...]] = {
    "frame": FRAMES,
    "fills": ([FILL, FILL | {"tid": 2}],),
    "order updates": ([UPDATE, UPDATE | {"status": "canceled"}],),
    "user fundings": ([FUNDING],),
    "funding ledger": ([{"time": T, "hash": "0x0", "delta": {"type": "funding"} | FUNDING}],),
    "order reply": (ok("order", STATUSES), {"status": "err", "response": "Action already expired"}),
    "cancel reply": (ok("cancel", ["success", {"error": "never placed"}, "success"]),),
    "order status": (
        {"status": "order", "order": UPDATE},
        {"status": "unknownOid"},
    ),
    "account": (STATE,),
    "open orders": ([ORDER],),
    "role": ({"role": "user"}, {"role": "agent", "data": {"user": USER}}),
    "rate limit": ({"cumVlm": "5.0", "nRequestsUsed": 7, "nRequestsCap": 10_005, "nRequestsSurplus": 0},),
    "abstraction": ("default", "unifiedAccount"),
    "agents": ([AGENT],),
    "dexes": ([None, {"name": "xyz", "fullName": "XYZ"}],),
    "instruments": ({"universe": [ASSET, ASSET | {"name": "BTC", "isDelisted": True}], "marginTables": []},),
    "day volumes": ([{"universe": [ASSET]}, [{"dayNtlVlm": "5000.0", "funding": "0.0"}]],),
    "candles": ([CANDLE],),
    "funding history": ([RATE],),
    "status": ({"time": T, "specialStatuses": None}, {"time": T, "specialStatuses": "upgrade"}),
}

TAPES = {
    "fills": ("sdk_cassettes/test_get_user_fills_by_time.yaml",),
    "account": ("sdk_cassettes/test_get_user_state.yaml",),
    "open orders": ("sdk_cassettes/test_get_frontend_open_orders.yaml",),
    "candles": ("sdk_cassettes/test_get_candles_snapshot.yaml",),
    "funding history": ("sdk_cassettes/test_get_funding_history[1684811870000].yaml",),
    "funding ledger": ("sdk_cassettes/test_user_funding_history_with_end_time.yaml",),
    "role": ("sdk_cassettes/test_user_role.yaml",),
    "rate limit": ("sdk_cassettes/test_user_rate_limit.yaml",),
    "agents": ("sdk_cassettes/test_extra_agents.yaml",),
    "dexes": ("go_hyperliquid_cassettes/PerpDexs.yaml",),
    "order reply": tuple(
        f"go_hyperliquid_cassettes/Orders_{name}.yaml"
        for name in ("Above10", "Below10", "Cloid", "InvalidAuth")
    ),
    "cancel reply": tuple(
        f"go_hyperliquid_cassettes/Cancel_{name}.yaml" for name in ("Success", "DoubleCancel", "NonExistent")
    ),
}
KINDS = {
    "fills": "userFillsByTime",
    "account": "clearinghouseState",
    "open orders": "frontendOpenOrders",
    "candles": "candleSnapshot",
    "funding history": "fundingHistory",
    "funding ledger": "userFunding",
    "role": "userRole",
    "rate limit": "userRateLimit",
    "agents": "extraAgents",
    "dexes": "perpDexs",
    "instruments": "meta",
    "day volumes": "metaAndAssetCtxs",
    "order reply": "order",
    "cancel reply": "cancel",
}
"""What a reply answers: a tape holds other questions too."""
ROWS_KEPT = 3
"""Rows of a recorded list that are kept: a mutation in a long list of like rows teaches nothing more."""


@cache
def of(reader: str) -> tuple[str, ...]:
    """Return good messages for a reader, as JSON: the recorded ones, where they are beside the repository, and ours."""
    documents = [*OWN[reader]]
    if recorded.MESSAGES.is_dir():
        documents += _recorded(reader)
    return tuple(json.dumps(document) for document in documents)


def _recorded(reader: str) -> list[Any]:
    if reader == "frame":
        frames = recorded.read_lines("ccxt_static/ws_messages.jsonl")
        return [f for f in frames if len(json.dumps(f)) < 4_000]
    found = []
    for tape in TAPES.get(reader, ()):
        for question, body in recorded.round_trips(tape):
            if question.get("action", question)["type"] != KINDS[reader]:
                continue
            document = json.loads(body)
            found.append(document[:ROWS_KEPT] if isinstance(document, list) else document)
    return found
