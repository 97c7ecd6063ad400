"""A disk that refuses the nonces' mark costs signatures, and no reply."""

import pytest

from adapters.hyperliquid.budget import Budget
from adapters.hyperliquid.exchange import Account, Exchange
from adapters.hyperliquid.gateway import HyperliquidGateway
from adapters.hyperliquid.info import Info
from adapters.hyperliquid.nonces import Nonces
from adapters.hyperliquid.signing import Network, Signer
from adapters.hyperliquid.universe import Universe
from adapters.ports import Unknown, VenueError
from core.types import Outcome
from daemon.nonce_file import NonceFile
from sim.nights.disk import WorldDisk
from sim.nights.disk_faults import DiskFault, DiskFaultKind
from state.errors import StateError
from state.nonces import FileNonces
from tests.adapters.hyperliquid.desk import KEY, MASTER, UNIVERSE, order
from tests.adapters.scripted import ScriptedClock, ScriptedHttp, reply, run

MINUTE_MS = 60_000


@pytest.fixture
def disk(tmp_path):
    return WorldDisk(tmp_path, on_write=lambda name: None, stall=lambda seconds: None)


@pytest.mark.parametrize("kind", [DiskFaultKind.FULL, DiskFaultKind.READ_ONLY])
def test_on_a_disk_that_refuses_nothing_is_signed_beyond_the_mark_and_a_free_disk_mends_it(
    tmp_path, disk, kind
):
    clock, file = ScriptedClock(), NonceFile(FileNonces(tmp_path / "nonces.json", disk))
    nonces, fault = Nonces(clock, file), DiskFault(kind)
    first = nonces.next()
    disk.begin(fault)
    assert nonces.next() == first + 1
    clock.ms += 2 * MINUTE_MS
    nonces.reserve_ahead()
    with pytest.raises(VenueError, match=r"no nonce can be used: .*nonces\.json: cannot be written"):
        nonces.next()
    disk.end(fault)
    assert nonces.next() > first + 1
    assert FileNonces(tmp_path / "nonces.json").load() >= nonces.next()


def test_a_mark_that_cannot_be_read_still_refuses_the_start(tmp_path, disk):
    (tmp_path / "nonces.json").write_bytes(b"{")
    with pytest.raises(StateError):
        Nonces(ScriptedClock(), NonceFile(FileNonces(tmp_path / "nonces.json", disk)))


FILLED = {"filled": {"totalSz": "0.5", "avgPx": "2345.6", "oid": 77}}
TOOK_IT = reply({"status": "ok", "response": {"type": "order", "data": {"statuses": [FILLED]}}})


@pytest.mark.parametrize(
    ("answer", "outcome"), [(TOOK_IT, Outcome.FILLED), (Unknown("the line broke"), Outcome.UNKNOWN)]
)
def test_what_became_of_an_order_is_told_though_the_disk_refuses_the_next_mark(
    tmp_path, disk, answer, outcome
):
    clock = ScriptedClock()
    nonces = Nonces(clock, NonceFile(FileNonces(tmp_path / "nonces.json", disk)))

    def at_the_venue(path, question):
        disk.begin(DiskFault(DiskFaultKind.FULL))
        clock.ms += MINUTE_MS
        return answer

    http = ScriptedHttp(at_the_venue)
    account = Account(MASTER, Signer.from_key(KEY), Network.TESTNET)
    info = Info(http, clock, Budget(clock))
    gateway = HyperliquidGateway(Exchange(http, account, nonces, info.budget), info, Universe(UNIVERSE))

    async def scenario():
        signed = gateway.sign([order(1, expires_ms=int(clock.ms) + 10 * MINUTE_MS)])
        return await gateway.send(signed)

    [told] = run(scenario())
    assert told.outcome is outcome
