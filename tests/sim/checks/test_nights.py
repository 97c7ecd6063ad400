"""Nights that are as they should be have no failed checker; two with a bug planted in them do."""

from unittest.mock import patch

import pytest
from msgspec.structs import replace

import core.book
from core.hedge import net_delta_usd
from daemon.played import play_night
from sim.night import Night
from sim.nights.fault import Fault


def kill(at_s, for_s=1.0):
    return Fault(name="kill", at_s=at_s, for_s=for_s)


NIGHTS = {
    "clean": (),
    "killed twice": (kill(-40.0), kill(8.5, 0.3)),
    "both down": (Fault(name="both-down", at_s=-30.0, for_s=12.0),),
    "half open": (Fault(name="half-open", at_s=-20.0),),
    "stalled": (Fault(name="stall", at_s=-25.0, for_s=20.0),),
    "reset": (Fault(name="reset-after-effect", at_s=-60.0, for_s=75.0, intensity=0.6),),
}


@pytest.mark.parametrize("name", NIGHTS)
def test_nothing_fails_in(name):
    outcome = play_night(Night(seed=5, coins=8, faults=NIGHTS[name]))
    assert outcome.failures == ()
    assert outcome.fills > 100
    assert outcome.figures["outside_s"] > 0


def test_a_daemon_that_books_what_it_has_seen_before_fails():
    def all_of_them(book, fills):
        return tuple(fills)

    with patch.object(core.book, "_unseen", all_of_them):
        outcome = play_night(Night(seed=5, coins=8))
    assert "fills" in {failure.checker for failure in outcome.failures}


def test_a_daemon_that_hedges_its_targets_fails():
    def of_targets(state):
        book = state.book
        session = state.session
        targets = session.projected.targets if session is not None else {}
        return net_delta_usd(replace(state, book=replace(book, positions={**targets, **hedges_of(book)})))

    with patch("core.hedge.net_delta_usd", of_targets):
        outcome = play_night(Night(seed=5, coins=8))
    assert "hedges" in {failure.checker for failure in outcome.failures}


def hedges_of(book):
    return {coin: qty for coin, qty in book.positions.items() if coin in ("BTC", "ETH")}
