"""A client at the venue's door: signs with the SDK's own signing, asks, and remembers what it was told."""

import json
import os
from pathlib import Path

import eth_account
import pytest
from hyperliquid.utils.signing import (
    order_request_to_order_wire,
    order_wires_to_order_action,
    sign_agent,
    sign_approve_builder_fee,
    sign_l1_action,
)
from hyperliquid.utils.types import Cloid

from sim.venue.venue import Venue
from tests.sim.venue.small_market import START_MS, D, SmallMarket

MASTER = eth_account.Account.from_key("0x" + "11" * 32)
AGENT = eth_account.Account.from_key("0x" + "22" * 32)
OTHER = eth_account.Account.from_key("0x" + "33" * 32)
STRANGER = eth_account.Account.from_key("0x" + "44" * 32)
ALICE, BOB = MASTER.address.lower(), OTHER.address.lower()
JSON = "application/json"
SHARED = Path(os.environ.get("NIGHTDESK_SHARED") or Path(__file__).resolve().parents[3].parent / "shared")
MESSAGES = SHARED / "data" / "hyperliquid_messages"
needs_messages = pytest.mark.skipif(
    not MESSAGES.is_dir(), reason="the recorded messages are not beside the repository"
)


class Desk:
    def __init__(self, market=None, *, usdc=1_000_000, at_ms=START_MS + 1_000, seed=1, **options):
        self.market = market or SmallMarket()
        self.now_ms = at_ms
        self.venue = Venue(
            self.market,
            accounts={MASTER.address: D(usdc), OTHER.address: D(usdc)},
            agents={AGENT.address: MASTER.address},
            start_ms=at_ms,
            seed=seed,
            **options,
        )
        self.nonce = at_ms

    # --- requests

    def raw(self, path, body, content_type=JSON):
        return self.venue.http(path, content_type, body, now_ms=self.now_ms)

    def info(self, kind, **fields):
        reply = self.raw("/info", json.dumps({"type": kind, **fields}).encode())
        assert reply.status == 200, reply
        return json.loads(reply.body)

    def state(self, user=ALICE):
        return self.info("clearinghouseState", user=user)

    def post(self, action, *, signer=AGENT, nonce=None, expires=None, vault=None, mainnet=False):
        self.nonce += 1
        nonce = self.nonce if nonce is None else nonce
        signature = sign_l1_action(signer, action, vault, nonce, expires, mainnet)
        return self.send(action, signature, nonce, expires=expires, vault=vault)

    def send(self, action, signature, nonce, *, expires=None, vault=None):
        envelope = {
            "action": action,
            "nonce": nonce,
            "signature": signature,
            "vaultAddress": vault,
            "expiresAfter": expires,
        }
        reply = self.raw("/exchange", json.dumps(envelope).encode())
        assert reply.status == 200, reply
        return json.loads(reply.body)

    def order(self, coin, qty, px, tif="Ioc", *, reduce=False, cloid=None, signer=AGENT):
        """Place one order (qty signed) and return its member of statuses."""
        return self.orders((coin, qty, px, tif, reduce, cloid), signer=signer)[0]

    def orders(self, *asked, signer=AGENT):
        reply = self.post(order_action(self.market, *asked), signer=signer)
        assert reply["status"] == "ok", reply
        return reply["response"]["data"]["statuses"]

    def cancel(self, asset_id, oid, signer=AGENT):
        action = {"type": "cancel", "cancels": [{"a": asset_id, "o": oid}]}
        return self.post(action, signer=signer)["response"]["data"]["statuses"][0]

    def approve(self, address, name=None, *, signer=MASTER):
        self.nonce += 1
        action = {
            "type": "approveAgent",
            "agentAddress": address,
            "agentName": name or "",
            "nonce": self.nonce,
        }
        signature = sign_agent(signer, action, False)
        if name is None:
            del action["agentName"]
        return self.send(action, signature, self.nonce)

    def approve_builder(self, rate, builder=BOB, *, signer=MASTER):
        self.nonce += 1
        action = {"type": "approveBuilderFee", "maxFeeRate": rate, "builder": builder, "nonce": self.nonce}
        return self.send(action, sign_approve_builder_fee(signer, action, False), self.nonce)

    # --- time

    def wait(self, ms):
        self.now_ms += ms
        self.venue.advance(self.now_ms)

    # --- the stream

    def connect(self):
        return self.venue.connect(now_ms=self.now_ms)

    def say(self, connection, document):
        text = document if isinstance(document, str) else json.dumps(document)
        self.venue.receive(connection, text, now_ms=self.now_ms)

    def subscribe(self, connection, **subscription):
        self.say(connection, {"method": "subscribe", "subscription": subscription})

    def frames(self, connection=None):
        """Return the frames since the last call, parsed; a Close stays what it is."""
        got = self.venue.take_frames()
        mine = [f for c, f in got if connection is None or c == connection]
        return [json.loads(f) if isinstance(f, str) else f for f in mine]


def order_action(market, *asked):
    ids = {a.name: a.asset_id for a in market.assets}
    wires = []
    for coin, qty, px, tif, reduce, cloid in asked:
        request = {
            "coin": coin,
            "is_buy": qty > 0,
            "sz": abs(float(qty)),
            "limit_px": float(px),
            "order_type": {"limit": {"tif": tif}},
            "reduce_only": reduce,
            "cloid": None if cloid is None else Cloid(cloid),
        }
        wires.append(order_request_to_order_wire(request, ids[coin]))
    return order_wires_to_order_action(wires)
