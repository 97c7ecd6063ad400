"""What the preflight makes of the account's facts: who owns it, who signs for it, how many requests are left."""

from decimal import Decimal

import pytest

from adapters.ports import AccountFacts
from core.events import AllowanceRead
from daemon.clock import LoopClock
from daemon.night import NightDesk, Parts
from sim.loop import run

ADDRESS, OWNER, OTHER = ("0x" + word * 20 for word in ("ab", "cd", "ef"))


def facts(**changes):
    values = {
        "role": "user",
        "abstraction": "default",
        "agent_of": ADDRESS,
        "requests_used": 7,
        "requests_cap": 10_123,
        "traded_usd": Decimal(123),
    }
    return AccountFacts(**(values | changes))


class Venue:
    """Gateway and reference at once, as far as the account is looked at."""

    def __init__(self, clock, found):
        self.clock, self.found = clock, found

    async def facts(self):
        return self.found

    async def venue_time_ms(self):
        return self.clock.now_ms()


def looked_at(found, master=None):
    """Return the problems and the events of a look at the account."""
    clock, events = LoopClock(1_000), []
    venue = Venue(clock, found)
    parts = Parts(
        clock=clock,
        gateway=venue,
        reference=venue,
        keeper=None,
        history=None,
        compute=None,
        alerts=None,
        latch=None,
        store=None,
        address=ADDRESS,
        master=master,
    )
    desk = NightDesk(parts, settings=lambda: None, state=lambda: None, put=events.append)
    return run(desk._account_problems(found)), events


def test_the_venues_count_of_requests_is_handed_to_the_engine():
    problems, events = looked_at(facts())
    assert problems == []
    assert events == [AllowanceRead(at_ms=1_000, used=7, cap=10_123)]


SUB = {"role": "subAccount", "role_of": OWNER, "agent_of": OWNER}


def test_a_sub_account_that_is_traded_through_its_master_is_in_order():
    assert looked_at(facts(**SUB), OWNER)[0] == []
    assert looked_at(facts(role="vault", agent_of=OWNER), OWNER)[0] == []


@pytest.mark.parametrize(
    ("found", "master", "words"),
    [
        (SUB, None, f"set account.master = {OWNER}"),
        ({"role": "vault", "agent_of": OWNER}, None, "set account.master"),
        (SUB, OTHER, f"is a sub-account of {OWNER}, not of {OTHER}"),
        ({"agent_of": OWNER}, OWNER, "leave account.master out"),
        (SUB | {"agent_of": OTHER}, OWNER, f"acts for {OTHER}, not for {OWNER}"),
        ({"agent_of": OTHER}, None, f"acts for {OTHER}, not for {ADDRESS}"),
        ({"requests_used": 9_000}, None, "only 1123 requests are left of 10123"),
    ],
)
def test_what_would_trade_the_wrong_account_or_none_holds_the_night(found, master, words):
    problems, _ = looked_at(facts(**found), master)
    assert words in "; ".join(problems)
