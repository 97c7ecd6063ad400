"""kill -9 of the daemon at random moments of a night, the venue in another process: nothing lost, nothing doubled."""

import os
import random
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.daemon.staged import MANY, small_data
from tests.processes.two_processes import DaemonProcess, VenueProcess, random_moments

pytestmark = pytest.mark.xdist_group("waiting")

START, UNTIL = "2024-12-31T23:48:00+00:00", "2025-01-01T00:09:00+00:00"
SPEED = 50.0


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize("seed", range(1, 1 + int(os.environ.get("NIGHTDESK_CRASH_ROUNDS", "1"))))
def test_a_night_of_kills_ends_on_target_with_both_ledgers_equal(seed: int, tmp_path: Path) -> None:
    check_a_night_of_kills(seed, kills=4, directory=tmp_path)


def check_a_night_of_kills(seed: int, *, kills: int, directory: Path) -> dict[str, object]:
    config = directory / "config.toml"
    config.write_text(MANY)
    venue = VenueProcess.start(data=small_data(), start=START, speed=SPEED, seed=seed)
    try:
        moments = random_moments(random.Random(seed), ms(START) + 100_000, ms(UNTIL) - 130_000, kills)
        daemon = DaemonProcess(venue, directory / "state", config, UNTIL)
        report = daemon.run_through(moments, timeout_s=200)
        theirs, ledger = venue.positions(), venue.fills(ms(START))
    finally:
        venue.stop()
    ours = {a["coin"]: Decimal(a["position"]) for a in report["assets"] if Decimal(a["position"])}
    assert ours == theirs
    assert report["fills"]["count"] == len(ledger)
    off = [a for a in report["assets"] if abs(a["residual_lots"] or 0) > 1 and not a["reason"]]
    assert off == []
    assert report["restarts"] >= 1
    assert [i for i in report["invariants"] if not i["held"]] == []
    assert sum(Decimal(a["target"]) != 0 for a in report["assets"]) >= 5, (
        "a night that trades nothing proves nothing"
    )
    return report
