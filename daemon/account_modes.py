"""What an account must be to be traded, and what is said, with the mend, when it is something else.

Preflight, start and doctor ask the same questions here. Each answer begins with what is wrong.
"""

from dataclasses import dataclass

from adapters.ports import AccountFacts

CLOCK_SKEW_MAX_MS = 2_000
REQUESTS_LEFT_MIN = 2_000
REQUESTS_LEFT_GOOD = 5_000
AGENT_LEFT_GOOD_MS = 7 * 86_400_000
HAS_A_MASTER = ("subAccount", "vault")
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


@dataclass(frozen=True, slots=True)
class Traded:
    """The account of the configuration: a sub-account or vault is signed for by its master."""

    address: str
    master: str | None = None

    @property
    def owner(self) -> str:
        return self.master or self.address


def unsupported(facts: AccountFacts, traded: Traded) -> list[Problem]:
    """Return why this kind of account is never traded: its role, its mode, what it holds elsewhere.

    An address that the venue does not know yet is not of a kind: a deposit mends it while the daemon waits.
    """
    kind = role(facts, traded) if facts.role in ("agent", *HAS_A_MASTER) else None
    return [p for p in (kind, mode(facts), elsewhere(facts)) if p is not None]


def refusals(facts: AccountFacts, traded: Traded) -> list[Problem]:
    """Return everything about the account that keeps a night from trading."""
    wrong = (role(facts, traded), mode(facts), elsewhere(facts), signer(facts, traded), requests(facts))
    return [p for p in wrong if p is not None]


def role(facts: AccountFacts, traded: Traded) -> Problem | None:
    """Return what is wrong with the address: an account is traded by itself or its agent, a sub-account by its master."""
    address, whose = traded.address, facts.role_of or "another account"
    match facts.role:
        case "user" if traded.master is None:
            return None
        case "user":
            return Problem(
                f"account {address} is nobody's sub-account at the venue", "leave account.master out"
            )
        case "agent":
            what = f"account.address {address} is an API wallet of {whose}, its own account is always empty"
            return Problem(what, f"set account.address to {whose}")
        case "subAccount" | "vault":
            return _owned(facts, traded)
        case "missing":
            what = f"account {address} does not exist at the venue"
            return Problem(what, "deposit first, or mend account.address")
        case word:
            what = f"account {address} has the role {word}, which is not known here"
            return Problem(what, "set account.address to an ordinary account")


def _owned(facts: AccountFacts, traded: Traded) -> Problem | None:
    """A sub-account or vault is traded through its master, which must be named (hyperliquid.md 2.1)."""
    if traded.master is None:
        owner = facts.role_of or "the address of its owner"
        return Problem(
            f"account {traded.address} is a {facts.role} at the venue", f"set account.master = {owner}"
        )
    if facts.role_of not in (None, traded.master):
        what = f"account {traded.address} is a sub-account of {facts.role_of}, not of {traded.master}"
        return Problem(what, "mend account.master or account.address")
    return None


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


def signer(facts: AccountFacts, traded: Traded) -> Problem | None:
    if facts.agent_of == traded.owner:
        return None
    whose = facts.agent_of or "nobody the venue knows"
    return Problem(
        f"the signing key acts for {whose}, not for {traded.owner}", "approve the agent, or mend [account]"
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
