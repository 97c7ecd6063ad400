"""What a hostile client may say: every action, question and frame that the venue reads, with values at their worst."""

import json
from dataclasses import replace
from random import Random
from typing import get_args

import msgspec
from msgspec import inspect

from sim.venue.account_actions import UserSigned
from sim.venue.actions import AnyAction, canonical
from sim.venue.requests import InfoRequest
from sim.venue.signature import action_hash, agent_digest, user_signed_digest
from sim.venue.subscriptions import Topic
from tests.sim.venue.desk import AGENT, ALICE, BOB, JSON, MASTER, OTHER, STRANGER, Desk
from tests.sim.venue.small_market import HOUR_MS, START_MS, D, SmallMarket, asset
from tests.sim.venue.wallet import with_sub_account

ZERO_ADDRESS = "0x" + 40 * "0"
DELISTED_AT_MS = START_MS + 2 * HOUR_MS
TEXTS = (
    "",
    "0",
    "1",
    "5",
    "10",
    "-1",
    "0.000001",
    "1e3",
    "NaN",
    "Infinity",
    "0.1%",
    "999999999999999",
    "USDC",
)
NUMBERS = (
    *("0", "00", "0.0", "1", "0.01", "10", "1000", "0.000000000001", "999999999999", "999999999999.999999"),
    *("100000", "99990", "100010", "90000", "110000", "4000", "3800", "4200", "0.5", "200", "190", "210"),
)
COUNTS = (0, 1, 2, 3, 4, 5, 9, 10, 200, 10_000, 100_000, 2**31, 2**62, 2**63, 2**64 - 1, 2**64)
COINS = ("BTC", "ETH", "SOL", "ISO", "GONE", "SOON", "btc", "PURR/USDC", "@1", "#1", "xyz:BTC", "", "\0", "é")
WORDS = {"coin": COINS, "dex": ("", "xyz"), "sourceDex": ("", "spot", "xyz"), "destinationDex": ("", "spot")}
TIFS = ("Gtc", "Ioc", "Alo", "FrontendMarket")
KINDS = (
    *("http", "http", "http", "block", "block", "block", "post", "info", "info", "ask"),
    *("subscribe", "subscribe", "unsubscribe", "say", "wait", "wait", "move", "window"),
)

UNSET = inspect.type_info(msgspec.UnsetType)


def hostile_desk():
    """Two masters, an agent, a sub-account; a strictly isolated coin, a delisted one, and one that will be."""
    coins = [asset(0, "BTC", 5, 40, 56), asset(1, "ETH", 4, 25), asset(2, "SOL", 2, 20)]
    odd = [
        replace(asset(n, name, 2, 10), margin_mode=mode, delisted_from_ms=gone) for n, name, mode, gone in ODD
    ]
    mids = {"BTC": D(100_000), "ETH": D(4_000), "SOL": D(200), "ISO": D(10), "GONE": D(1), "SOON": D(10)}
    desk = Desk(SmallMarket((*coins, *odd), mids=mids), usdc=20_000)
    desk.sub = with_sub_account(desk, 5_000)
    desk.venue._account(ALICE).traded_usd = D(2_000_000)
    return desk


ODD = (
    (3, "ISO", "strictIsolated", None),
    (4, "GONE", None, 1),
    (5, "SOON", None, DELISTED_AT_MS),
)


# --- values ------------------------------------------------------------------------------------------------


class Values:
    """Draws JSON documents that a msgspec type takes, and now and then others. known holds oids and TWAP ids."""

    def __init__(self, rng, sub):
        self.rng, self.sub, self.known = rng, sub, []

    def document(self, kind):
        return self._of(inspect.type_info(kind), "")

    def _of(self, kind, name):
        choose = self.rng.choice
        match kind:
            case inspect.StructType():
                return self._struct(kind)
            case inspect.UnionType(types=types):
                return self._of(choose([t for t in types if t != UNSET]), name)
            case inspect.LiteralType(values=values):
                return choose(values)
            case inspect.ListType(item_type=item):
                return [self._of(item, name) for _ in range(choose((0, 1, 1, 2, 3)))]
            case inspect.BoolType():
                return choose((True, False))
            case inspect.NoneType():
                return None
            case inspect.IntType():
                return self._int(kind, name)
            case inspect.StrType():
                return self._text(kind, name)
        raise AssertionError(f"no values for {kind}")

    def _int(self, kind, name):
        if name in ("a", "asset"):
            return self.rng.randint(0, 6)
        if name in ("o", "oid", "t") and self.known and self.rng.random() < 0.8:
            return self.rng.choice(self.known)
        return self.rng.choice((*COUNTS, *(() if kind.ge == 0 else (-1, -(2**62), -(2**63)))))

    def _text(self, kind, name):
        choose, pattern = self.rng.choice, kind.pattern or ""
        if name == "signatureChainId":
            return choose(("0x66eee", "0x66eee", "0x66eee", "0x", "-1", "0x" + 80 * "f"))
        if "{40}" in pattern:
            people = (ALICE, BOB, self.sub, AGENT.address, STRANGER.address.lower())
            return choose((*people, ZERO_ADDRESS, "0x" + 39 * "0" + "1"))
        if "{32}" in pattern:
            return choose(("0x" + 32 * "a", "0x" + 32 * "0", "0X" + 32 * "a", 32 * "b", "zz"))
        return choose(NUMBERS if pattern else (*WORDS.get(name, TEXTS), self.sub))

    def _struct(self, kind):
        fields = [f for f in kind.fields if f.required or self.rng.random() < 0.5]
        tag = {} if kind.tag is None else {kind.tag_field: kind.tag}
        return tag | {f.encode_name: self._of(f.type, f.encode_name) for f in fields}

    # --- what may well be taken

    def plausible(self):
        """Return an action about the market as it is: orders, brackets, TWAPs, leverage."""
        asset_id, mid = self.rng.choice(((0, D(100_000)), (1, D(4_000)), (2, D(200)), (3, D(10)), (5, D(10))))
        n, yes = self.rng.randint(1, 40), self.rng.random() < 0.5
        size = _text_of(max(n * 500 / mid, D("0.01")).quantize(D("0.01")))
        match self.rng.choice(("na", "na", "na", "normalTpsl", "positionTpsl", "twap", "leverage")):
            case "twap":
                twap = {"a": asset_id, "b": yes, "s": size, "r": n % 7 == 0, "m": 5, "t": n % 3 == 0}
                return {"type": "twapOrder", "twap": twap}
            case "leverage":
                return {"type": "updateLeverage", "asset": asset_id, "isCross": yes, "leverage": n}
            case grouping:
                wires = [
                    self._wire(asset_id, mid, size, position=at, grouping=grouping) for at in range(n % 4)
                ]
                return {"type": "order", "orders": wires, "grouping": grouping}

    def _wire(self, asset_id, mid, size, *, position, grouping):
        choose, percent = self.rng.choice, self.rng.randint(-9, 9)
        px, kind = _text_of(mid + mid * percent / 100), {"limit": {"tif": choose(TIFS)}}
        if grouping == "positionTpsl" or position > (0 if grouping == "normalTpsl" else 1):
            tpsl = choose(("tp", "sl"))
            kind = {"trigger": {"isMarket": choose((True, False)), "triggerPx": px, "tpsl": tpsl}}
        wire = {"a": asset_id, "b": choose((True, False)), "p": px, "s": size, "r": position > 0, "t": kind}
        return wire | choose(({}, {}, {"c": "0x" + 32 * "a"}))


def _text_of(value):
    return format(value.normalize(), "f")


# --- what is said --------------------------------------------------------------------------------------------

BABBLE = (
    *("", "{", "null", "[]", "NaN", "\0", '{"method":"ping"}', '{"method":"pong"}', '{"method":"subscribe"}'),
    '{"method":"subscribe","subscription":{"type":"x","a":' + 900 * "[" + 900 * "]" + "}}",
    '{"method":"subscribe","subscription":{"type":"trades","coin":{}}}',
    '{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC","nSigFigs":' + str(2**70) + "}}",
    '{"method":"post","id":' + str(2**70) + ',"request":{"type":"info","payload":{"type":"meta"}}}',
    '{"method":"post","id":1,"request":{"type":"action","payload":{}}}',
    '{"method":"post","id":1,"request":{"type":"info","payload":{"type":"l2Book","coin":"?"}}}',
    '{"method":"post","id":1e400,"request":{"type":"info","payload":{"type":"meta"}}}',
)


class Hostile:
    """Says what it is told to say to a venue, signed as the venue wants it signed wherever that can be."""

    def __init__(self, seed):
        self.rng = Random(seed)
        self.desk = hostile_desk()
        self.values = Values(self.rng, self.desk.sub)
        self.connection = self.desk.connect()
        self.replies = []

    def say_something(self):
        accounts, rng = self.desk.venue._state.accounts.values(), self.rng
        self.values.known = [oid for a in accounts for oid in a.orders] + list(self.desk.venue._state.twaps)
        kind = rng.choice(KINDS)
        match kind:
            case "http" | "block" | "post":
                draw = self.values.document
                action = (
                    self.values.plausible() if rng.random() < 0.5 else draw(rng.choice(get_args(AnyAction)))
                )
                self.take(kind, action, self.options())
            case "info" | "ask":
                self.take(kind, self.values.document(rng.choice(get_args(InfoRequest))))
            case "subscribe" | "unsubscribe":
                self.take(kind, self.values.document(rng.choice(get_args(Topic))))
            case "say":
                self.take(kind, rng.choice(BABBLE))
            case "wait":
                self.take(kind, rng.choice((1, 70, 70, 3_000, 30_000, HOUR_MS)))
            case "move":
                self.take(kind, (rng.randint(0, 5), rng.randint(-15, 15)))
            case "window":
                self.take(kind, rng.choice((0, 70, 5_000)))

    def options(self):
        choose, sub = self.rng.choice, self.desk.sub
        return {
            "signer": choose((AGENT, AGENT, AGENT, MASTER, OTHER, OTHER, STRANGER)),
            "vault": choose((*8 * (None,), sub, sub, sub[2:].upper(), ALICE, ZERO_ADDRESS)),
            "expires": choose((*9 * (None,), 0, -1, 1, 2**62)),
        }

    def take(self, what, document, options=()):
        desk, venue = self.desk, self.desk.venue
        match what:
            case "http":
                self.replies.append(desk.raw("/exchange", self.envelope(document, **dict(options))))
            case "block":
                given = venue.submit(
                    "/exchange", JSON, self.envelope(document, **dict(options)), now_ms=desk.now_ms
                )
                self.replies += [given] if hasattr(given, "status") else []
            case "post":
                payload = json.loads(self.envelope(document, **dict(options)))
                self.say({"method": "post", "id": 7, "request": {"type": "action", "payload": payload}})
            case "info":
                self.replies.append(desk.raw("/info", json.dumps(document).encode()))
            case "ask":
                self.say({"method": "post", "id": 8, "request": {"type": "info", "payload": document}})
            case "subscribe" | "unsubscribe":
                self.say({"method": what, "subscription": document})
            case "say":
                self.say(document)
            case "wait":
                desk.wait(document)
            case "move":
                self.move(*document)
            case "window":
                venue.only_post_only(until_ms=desk.now_ms + document)
        self.replies += [reply for _, reply in venue.take_replies()]

    def move(self, asset_id, percent):
        market = self.desk.market
        coin, step = market.name(asset_id), market.step(asset_id)
        market.mids[coin] += (market.mids[coin] * percent / 100 / step).to_integral_value() * step
        self.desk.wait(3_000)

    def say(self, document):
        self.desk.say(self.connection, document)
        if any(not isinstance(frame, dict) for frame in self.desk.frames()):
            self.connection = self.desk.connect()

    def envelope(self, action, *, signer, vault, expires):
        desk = self.desk
        desk.nonce += 1
        named = {
            k: desk.nonce for k in ("nonce", "time") if k in action and action["type"] != "scheduleCancel"
        }
        action = action | named | ({"hyperliquidChain": "Testnet"} if "hyperliquidChain" in action else {})
        expires = expires if expires is None or expires in (0, 2**62) else desk.now_ms + expires
        signature = self.signature(action, signer, vault, expires)
        parts = {"action": action, "nonce": desk.nonce, "signature": signature}
        return json.dumps(parts | {"vaultAddress": vault, "expiresAfter": expires}).encode()

    def signature(self, action, signer, vault, expires):
        """Sign what the venue makes of the action; what it cannot read is signed by nobody."""
        try:
            meant = canonical(msgspec.convert(action, AnyAction))
            if isinstance(meant, UserSigned):
                digest = user_signed_digest(msgspec.to_builtins(meant), self.desk.venue._state.chain)
            else:
                connection_id = action_hash(meant, vault=vault, nonce=self.desk.nonce, expires_after=expires)
                digest = agent_digest(connection_id, self.desk.venue._state.chain)
        except (msgspec.ValidationError, OverflowError, ValueError):
            return {"r": "0x1", "s": "0x1", "v": 27}
        signed = signer.unsafe_sign_hash(digest)
        return {"r": hex(signed.r), "s": hex(signed.s), "v": signed.v}
