"""Property tests draw the same examples on every machine: a red run is a change of ours, and can be repeated.

Every clearinghouseState that a venue emits in any test is held against the accounting identities, and no test passes in
which a venue survived a mistake of its own: one that plants a mistake clears venue.mistakes when it has seen it there.
"""

import gc
import json
from weakref import WeakKeyDictionary

import pytest
from hypothesis import settings

from sim.venue.identities import broken_identities, margin_tiers
from sim.venue.info_market import meta
from sim.venue.mistakes import Mistakes
from sim.venue.venue import Venue
from tests.schedule import ByFile, first_those_that_wait

settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Modules and collected tests stay until the end: no collection of garbage need look at them, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items[:] = first_those_that_wait(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log) if config.getvalue("dist") == "loadgroup" else None


MARK = '"crossMarginSummary"'
TIERS: WeakKeyDictionary = WeakKeyDictionary()
CHECKED = {"states": 0}


def states_in(document):
    """Yield every clearinghouseState in a document, however deep."""
    if isinstance(document, dict):
        if "crossMarginSummary" in document:
            yield document
        for value in document.values():
            yield from states_in(value)
    elif isinstance(document, list):
        for value in document:
            yield from states_in(value)


def hold_to_account(venue, text):
    if venue not in TIERS:
        TIERS[venue] = margin_tiers(meta(venue._state))
    for state in states_in(json.loads(text)):
        CHECKED["states"] += 1
        broken = broken_identities(state, TIERS[venue])
        assert not broken, "\n".join([*broken, json.dumps(state)])


@pytest.fixture(autouse=True, scope="session")
def every_state_balances():
    http, take_frames = Venue.http, Venue.take_frames

    def checked_http(self, *args, **options):
        reply = http(self, *args, **options)
        if reply.status == 200 and MARK.encode() in reply.body:
            hold_to_account(self, reply.body)
        return reply

    def checked_frames(self):
        frames = take_frames(self)
        for _, frame in frames:
            if isinstance(frame, str) and MARK in frame:
                hold_to_account(self, frame)
        return frames

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Venue, "http", checked_http)
        patched.setattr(Venue, "take_frames", checked_frames)
        yield


@pytest.fixture(autouse=True, scope="session")
def noted():
    """(where it is kept, mistake) of every mistake since the last test ended."""
    made, note = [], Mistakes.note

    def remembered(self, mistake):
        note(self, mistake)
        made.append((self.made, mistake))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Mistakes, "note", remembered)
        yield made


@pytest.fixture(autouse=True)
def no_venue_survived_a_mistake(noted):
    yield
    left = [repr(mistake) for kept, mistake in noted if mistake in kept]
    noted.clear()
    assert left == []
