"""POST /exchange: sign, send once, and say what is proved about the outcome (hyperliquid.md 2)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.hyperliquid.budget import TOO_MANY, Budget, action_weight
from adapters.hyperliquid.nonces import Nonces
from adapters.hyperliquid.signers import Signers
from adapters.hyperliquid.signing import Network, Signer, action_hash
from adapters.hyperliquid.wire.actions import Action, NoopAction, envelope
from adapters.hyperliquid.wire.gate import BAD, shown
from adapters.hyperliquid.wire.replies import (
    Names,
    all_with,
    is_edge_refusal,
    proves_nothing,
    read_noop_reply,
    refusal,
)
from adapters.ports import HttpReply, HttpTransport, Rejected, Unknown
from core.types import Answer, Outcome

TIMEOUT_S = 5.0
"""Half of an order's usual life: when it is over, the question what became of the order can soon be answered."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose book it is: its address (lower case), who signs for it at first, and on which network.

    master is set when address is a sub-account or vault: the account whose key, or whose agent's, signs for it.
    """

    address: str
    signer: Signer
    network: Network
    master: str | None = None

    def __post_init__(self) -> None:
        digits = self.address.removeprefix("0x")
        if (
            len(digits) != 40
            or self.address != "0x" + digits.lower()
            or not set(digits) <= set("0123456789abcdef")
        ):
            raise ValueError(
                f"account address is {self.address!r}; it must be 0x and 40 hex digits in lower case, the master's "
                "address and not the API wallet's"
            )
        if self.master == self.address:
            raise ValueError(
                f"account master is {self.master}, the account itself: name it only for a sub-account or vault"
            )

    @property
    def vault(self) -> str | None:
        """What an action must name besides its signature: the sub-account or vault, never a master's own address."""
        return None if self.master is None else self.address


@dataclass(slots=True)
class Exchange:
    """The one writer of an account: one signer at a time, one rising nonce, no retries."""

    http: HttpTransport
    account: Account
    nonces: Nonces
    budget: Budget
    timeout_s: float = TIMEOUT_S
    signers: Signers = field(init=False)

    def __post_init__(self) -> None:
        self.signers = Signers(self.account.signer)

    def replace_signer(self, signer: Signer) -> None:
        """Sign with another key from the next action on. Raises VenueError when no nonce can be had: nothing changed."""
        self.signers.replace(signer, from_nonce=self.nonces.next())

    def sign(self, action: Action, *, nonce: int | None = None, expires_ms: int | None = None) -> bytes:
        """Return the body of an action, signed with a new nonce unless one is given. Nothing is waited for."""
        nonce = self.nonces.next() if nonce is None else nonce
        vault = self.account.vault
        digest = action_hash(action, nonce, vault=vault, expires_ms=expires_ms)
        signature = self.signers.of(nonce).sign_hash(digest, self.account.network)
        return envelope(action, nonce, signature=signature, vault=vault, expires_ms=expires_ms)

    async def post(self, body: bytes, members: int) -> HttpReply:
        """Send a signed body once. Raises Unknown when the venue may or may not have taken it."""
        self.budget.spend(action_weight(members))
        try:
            reply = await self.http.post("/exchange", body, timeout_s=self.timeout_s)
        finally:
            self.nonces.reserve_ahead()
        if reply.status == TOO_MANY:
            self.budget.empty()
        return reply

    async def ask(
        self,
        body: bytes,
        names: Names,
        *,
        read: Callable[[bytes, Names], tuple[Answer, ...]],
        refused: Outcome,
    ) -> tuple[Answer, ...]:
        """Send a batch and return one answer for each member; refused is what a refusal at the edge proves."""
        try:
            reply = await self.post(body, len(names))
        except Unknown as error:
            return all_with(names, Outcome.UNKNOWN, str(error))
        if reply.status == 200:
            return read(reply.body, names)
        outcome = refused if is_edge_refusal(reply.status, reply.body) else Outcome.UNKNOWN
        return all_with(names, outcome, f"status {reply.status}: {shown(reply.body)}")

    async def burn(self, nonce: int, names: Names) -> tuple[Answer, ...]:
        """Sign a noop with the nonce of a batch, without an expiry, and return what its reply proves of each order."""
        try:
            reply = await self.post(self.sign(NoopAction(), nonce=nonce), 1)
        except Unknown as error:
            return all_with(names, Outcome.UNKNOWN, str(error))
        if reply.status == 200:
            return read_noop_reply(reply.body, names)
        return all_with(names, Outcome.UNKNOWN, f"status {reply.status}: {shown(reply.body)}")

    async def do(self, action: Action) -> None:
        """Send an action that has no members. Raises Rejected with the venue's text, or Unknown."""
        reply = await self.post(self.sign(action), 1)
        try:
            text = refusal(reply.body) if reply.status == 200 else None
        except BAD as error:
            raise Unknown(f"/exchange: unreadable reply ({error}): {shown(reply.body)}") from None
        if reply.status != 200:
            kind = Rejected if is_edge_refusal(reply.status, reply.body) else Unknown
            raise kind(f"/exchange: status {reply.status}: {shown(reply.body)}")
        if text is not None:
            raise Unknown(text) if proves_nothing(text) else Rejected(text)
