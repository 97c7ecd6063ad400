"""docs/hyperliquid.md says what the code has, and the code says what it has."""

import json
import re

import pytest

from sim.venue import conformance_docs
from sim.venue.conformance_docs import ROOT, hyperliquid_md, said, tags, texts_in_code
from sim.venue.conformance_spec import ACTIONS, CHANNELS, REFUSALS, REQUESTS
from sim.venue.requests import InfoRequest
from sim.venue.subscriptions import Topic
from tests.sim.venue.desk import ALICE, BOB, MASTER, Desk


def test_the_page_is_the_one_that_the_code_writes(page):
    written = (ROOT / "docs" / "hyperliquid.md").read_text("utf-8")
    assert written == page, "run: python -m sim.venue.conformance_docs"


@pytest.fixture(scope="module")
def page():
    """The page as the code writes it, which takes a while."""
    return hyperliquid_md()


def rows(page, heading):
    """Return name -> had or not had of the tables under a heading."""
    section = page.split(f"\n## {heading}")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `+ ?(.*?) ?`+ \| (?:.*\| )?(had|not had) \|$", section, re.M))


def test_every_name_of_the_reference_stands_once_in_the_page(page):
    assert rows(page, "POST /info").keys() == {name for names in REQUESTS.values() for name in names}
    assert rows(page, "POST /exchange").keys() == {*ACTIONS}
    assert rows(page, "GET /ws").keys() == {*CHANNELS}
    assert len(rows(page, "Refusals")) == sum(len(texts) for texts in REFUSALS.values())


@pytest.mark.parametrize("name", [name for names in REQUESTS.values() for name in names])
def test_a_request_that_is_not_had_cannot_be_read_and_one_that_is_had_is_known(name, page):
    body = {"type": name, "user": ALICE, "coin": "ETH", "dex": "", "oid": 1, "startTime": 0, "id": 3}
    body |= {"builder": BOB, "source": BOB, "vaultAddress": BOB, "tokenId": "0x" + 32 * "0"}
    body["req"] = {"coin": "ETH", "interval": "1h", "startTime": 0, "endTime": 0}
    status = Desk().raw("/info", json.dumps(body).encode()).status
    assert (status == 200) == (rows(page, "POST /info")[name] == "had")


@pytest.mark.parametrize("name", CHANNELS)
def test_a_subscription_that_is_had_is_acknowledged(name):
    desk = Desk()
    connection = desk.connect()
    wanted = {"user": ALICE, "coin": "ETH", "interval": "1m"}
    kind = tags(Topic).get(name)
    fields = {k: v for k, v in wanted.items() if kind is not None and k in kind.__struct_encode_fields__}
    desk.subscribe(connection, type=name, **fields)
    channels = [frame["channel"] for frame in desk.frames(connection)]
    assert channels[0] == ("error" if kind is None else "subscriptionResponse")
    assert set(channels[1:]) <= set(CHANNELS[name].split(", "))
    assert len(channels) == 1 + (kind in conformance_docs.frames._CURRENT)


def test_a_text_that_nobody_says_is_not_had():
    texts = ("Order has zero size.", "Order has zero zest.", "Order must have minimum value of 10 USDC.")
    assert said(texts) == {"Order has zero size."}
    assert not any("hyperliquid.md" in text and "section" in text for text in texts_in_code())


def test_what_the_page_calls_had_is_what_clients_read(page):
    had = {name for name, mark in rows(page, "Refusals").items() if mark == "had"}
    desk = Desk()
    unmatched = desk.order("ETH", 1, 3900)["error"]
    assert any(unmatched.startswith(text.rstrip(".")) for text in had)
    nonce = desk.nonce + 1
    desk.post({"type": "noop"}, signer=MASTER, nonce=nonce)
    again = desk.post({"type": "noop"}, signer=MASTER, nonce=nonce)["response"]
    assert again == f"Invalid nonce: duplicate nonce {nonce}"
    assert "Invalid nonce: duplicate nonce {nonce}" in had


def test_the_page_names_all_that_is_had():
    assert set(tags(InfoRequest)) <= {name for names in REQUESTS.values() for name in names}
    assert set(tags(Topic)) <= set(CHANNELS)
