"""What an account must be to be traded, and what is said, with the mend, when it is something else.

Preflight, start and doctor ask the same questions here. Each answer begins with what is wrong.
"""

from dataclasses import dataclass

from adapters.ports import AccountFacts

CLOCK_SKEW_MAX_MS = 2_000
REQUESTS_LEFT_MIN = 2_000
REQUESTS_LEFT_GOOD = 5_000
AGENT_LEFT_GOOD_MS = 7 * 86_400_000
UNSUPPORTED_ROLES = ("agent", "subAccount", "vault")
ABSTRACTIONS = ("default", "disabled")


class AccountRefused(Exception):
    """The venue says that the configured account is of a kind that is not traded; the text names it and the mend."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and how to mend it."""

    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.what}: {self.mend}"


def unsupported(facts: AccountFacts, address: str) -> list[Problem]:
    """Return why this kind of account is never traded: its role, its mode, what it holds elsewhere.

    An address that the venue does not know yet is not of a kind: a deposit mends it while the daemon waits.
    """
    kind = role(facts, address) if facts.role in UNSUPPORTED_ROLES else None
    return [p for p in (kind, mode(facts), elsewhere(facts)) if p is not None]


def refusals(facts: AccountFacts, address: str) -> list[Problem]:
    """Return everything about the account that keeps a night from trading."""
    wrong = (role(facts, address), mode(facts), elsewhere(facts), signer(facts, address), requests(facts))
    return [p for p in wrong if p is not None]


def role(facts: AccountFacts, address: str) -> Problem | None:
    """Return what is wrong with the address: only a master's own account is traded."""
    whose = facts.role_of or "another account"
    match facts.role:
        case "user":
            return None
        case "agent":
            what = f"account.address {address} is an API wallet of {whose}, its own account is always empty"
            return Problem(what, f"set account.address to {whose}")
        case "subAccount":
            what = f"account {address} is a sub-account of {whose}, where orders signed for it would land"
            return Problem(what, f"sub-accounts are not supported, set account.address to {whose}")
        case "vault":
            what = f"account {address} is a vault, and vaults are not supported"
            return Problem(what, "set account.address to an ordinary account")
        case "missing":
            what = f"account {address} does not exist at the venue"
            return Problem(what, "deposit first, or mend account.address")
        case word:
            what = f"account {address} has the role {word}, which is not known here"
            return Problem(what, "set account.address to an ordinary account")


def mode(facts: AccountFacts) -> Problem | None:
    """Return what is wrong with the account mode: in the others the perpetuals' equity is not all the collateral."""
    if facts.abstraction in ABSTRACTIONS:
        return None
    return Problem(
        f"account mode {facts.abstraction} is not supported",
        "switch it to default at the venue, then start again",
    )


def elsewhere(facts: AccountFacts) -> Problem | None:
    """Return what is held on builders' markets, whose margin and fills are not those of the main dex."""
    if not facts.builder_positions:
        return None
    held = ", ".join(facts.builder_positions)
    return Problem(
        f"positions on builder markets are not supported, {held}",
        "close them, or move them to an account of their own",
    )


def signer(facts: AccountFacts, address: str) -> Problem | None:
    if facts.agent_of == address:
        return None
    whose = facts.agent_of or "nobody the venue knows"
    return Problem(
        f"the signing key acts for {whose}, not for {address}", "approve the agent, or mend [account]"
    )


def requests(facts: AccountFacts) -> Problem | None:
    left = facts.requests_cap - facts.requests_used
    if left >= REQUESTS_LEFT_MIN:
        return None
    return Problem(
        f"only {left} requests are left of {facts.requests_cap}", "trade or buy more before the night"
    )


def clock(skew_ms: float) -> Problem | None:
    if abs(skew_ms) <= CLOCK_SKEW_MAX_MS:
        return None
    return Problem(
        f"the clock differs from the venue's by {skew_ms / 1000:+.1f} s, allowed are 2 s", "mend NTP"
    )
