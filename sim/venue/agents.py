"""Agents: signers that a master has approved, how many, how long, and never the same one twice (hyperliquid.md 2.3)."""

import re
from dataclasses import dataclass

from sim.venue.account import Account
from sim.venue.account_actions import ApproveAgentAction
from sim.venue.reply import Document, Handlers, Refusal, done
from sim.venue.state import Agent, VenueState

NAMED_MAX = 3
NAMED_PER_SUB_ACCOUNT = 2
NOBODY = "0x" + 40 * "0"
REMOVAL_MS = 5_000
LONGEST_LIFE_MS = 180 * 86_400_000
MILLIS = re.compile("[0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an approval asks for; until_ms is None when its name carries no valid_until."""

    address: str
    name: str
    until_ms: int | None


def _approve_agent(state: VenueState, account: Account, action: ApproveAgentAction) -> Document:
    wanted = _wanted(state, action)
    if state.now_ms < account.agent_removed_ms + REMOVAL_MS:
        raise Refusal("User has pending agent removal")
    if wanted.address == NOBODY:
        _remove(state, account, wanted.name)
        return done()
    if wanted.address in state.agents_ever or wanted.address in state.accounts:
        raise Refusal("Extra agent already used.")
    _check_number(state, account, wanted)
    state.approve(wanted.address, account.address, wanted.name, wanted.until_ms)
    return done()


def _wanted(state: VenueState, action: ApproveAgentAction) -> Wanted:
    """Take the name apart. The text for a life beyond 180 days is not known; it is ours."""
    name, carries, until = (action.agent_name or "").partition(" valid_until ")
    if not carries:
        return Wanted(action.agent_address.lower(), name, None)
    if MILLIS.fullmatch(until) is None or int(until) <= state.now_ms:
        raise Refusal("Agent valid_until already expired.")
    if int(until) > state.now_ms + LONGEST_LIFE_MS:
        raise Refusal("Agent valid_until is too far in the future.")
    return Wanted(action.agent_address.lower(), name, int(until))


def _remove(state: VenueState, account: Account, name: str) -> None:
    removed = [a for a in of_master(state, account) if a.name == name]
    for agent in removed:
        state.forget_agent(agent)
    if removed:
        account.agent_removed_ms = state.now_ms


def _check_number(state: VenueState, account: Account, wanted: Wanted) -> None:
    others = [a for a in of_master(state, account) if a.name and a.name != wanted.name]
    subs = sum(1 for a in state.accounts.values() if a.master == account.address)
    most = NAMED_MAX + NAMED_PER_SUB_ACCOUNT * subs
    if wanted.name and len(others) >= most:
        raise Refusal(f"Too many extra agents for cumulative volume traded. Current limit is {most}")


def of_master(state: VenueState, account: Account) -> list[Agent]:
    return [agent for agent in state.agents.values() if agent.master == account.address]


def forget_expired(state: VenueState) -> None:
    """Take away whose life is over. It is done every hour: an agent still signs for some minutes past its end."""
    for agent in [a for a in state.agents.values() if a.valid_until_ms <= state.now_ms]:
        state.forget_agent(agent)


HANDLERS: Handlers = {ApproveAgentAction: _approve_agent}
