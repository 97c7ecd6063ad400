"""What an account must be: every kind that is not traded is refused by name, and says what to do."""

from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.ports import AccountFacts
from daemon import account_modes

ADDRESS, OTHER = "0x" + "ab" * 20, "0x" + "cd" * 20
TRADED = account_modes.Traded(ADDRESS)
GOOD = AccountFacts(
    role="user",
    abstraction="default",
    agent_of=ADDRESS,
    requests_used=5,
    requests_cap=10_000,
    traded_usd=Decimal(0),
)
UNSUPPORTED = {
    "agent": (replace(GOOD, role="agent", role_of=OTHER), f"is an API wallet of {OTHER}"),
    "sub-account": (
        replace(GOOD, role="subAccount", role_of=OTHER),
        f"set account.master = {OTHER}",
    ),
    "vault": (replace(GOOD, role="vault"), "is a vault at the venue: set account.master"),
    "unified": (replace(GOOD, abstraction="unifiedAccount"), "account mode unifiedAccount is not supported"),
    "portfolio": (replace(GOOD, abstraction="portfolioMargin"), "account mode portfolioMargin is not"),
    "builder": (
        replace(GOOD, builder_positions=("xyz:TSLA",)),
        "builder markets are not supported, xyz:TSLA",
    ),
}


@pytest.mark.parametrize("facts", [GOOD, replace(GOOD, abstraction="disabled")])
def test_an_ordinary_account_is_traded(facts):
    assert account_modes.refusals(facts, TRADED) == []


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_every_other_kind_is_refused_by_name_with_a_mend(kind):
    facts, words = UNSUPPORTED[kind]
    [problem] = account_modes.unsupported(facts, TRADED)
    assert words in str(problem)
    assert problem.mend
    assert problem in account_modes.refusals(facts, TRADED)


def test_the_api_wallets_address_names_the_one_to_configure():
    [problem] = account_modes.unsupported(UNSUPPORTED["agent"][0], TRADED)
    assert problem.mend == f"set account.address to {OTHER}"


@pytest.mark.parametrize(
    ("role", "words"),
    [("missing", "does not exist at the venue: deposit first"), ("oracle", "has the role oracle")],
)
def test_an_address_without_an_account_keeps_the_night_but_the_daemon_may_wait(role, words):
    facts = replace(GOOD, role=role)
    assert account_modes.unsupported(facts, TRADED) == []
    assert words in str(account_modes.refusals(facts, TRADED)[0])


def test_a_strange_signer_or_an_empty_budget_keeps_a_night_and_not_the_daemon():
    for facts in (replace(GOOD, agent_of=None), replace(GOOD, requests_used=9_000)):
        assert account_modes.unsupported(facts, TRADED) == []
        assert len(account_modes.refusals(facts, TRADED)) == 1


@pytest.mark.parametrize(("skew_ms", "wrong"), [(0, False), (2_000, False), (-2_001, True), (60_000, True)])
def test_the_clock_may_differ_by_two_seconds(skew_ms, wrong):
    assert bool(account_modes.clock(skew_ms)) is wrong
