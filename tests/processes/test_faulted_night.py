"""The shipped fault plan over real sockets: the night ends like the one in memory, where nothing goes wrong."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.daemon.staged import MANY, play, small_data
from tests.processes.test_kill_nine import START, UNTIL
from tests.processes.two_processes import DaemonProcess, VenueProcess

pytestmark = pytest.mark.xdist_group("waiting")

SPEED = 40.0
HEDGES = ("BTC", "ETH")


def test_a_night_of_the_default_fault_plan_ends_like_one_in_memory(tmp_path: Path) -> None:
    quiet = play(tmp_path / "quiet").report
    config = tmp_path / "config.toml"
    config.write_text(MANY)
    venue = VenueProcess.start(data=small_data(), start=START, speed=SPEED, faults="default")
    try:
        report = DaemonProcess(venue, tmp_path / "state", config, UNTIL).run_through([], timeout_s=200)
        theirs, struck = venue.positions(), venue.struck()
    finally:
        venue.stop()
    assert (
        struck["drop_before_effect"] + struck["drop_after_effect"] + struck["status"] + struck["close"] >= 5
    )
    assert [i for i in report["invariants"] if not i["held"]] == []
    assert {a["coin"]: Decimal(a["position"]) for a in report["assets"] if Decimal(a["position"])} == theirs
    targets = {a["coin"]: Decimal(a["target"]) for a in report["assets"] if a["coin"] not in HEDGES}
    assert targets == {a["coin"]: Decimal(a["target"]) for a in quiet["assets"] if a["coin"] not in HEDGES}
    assert [a for a in report["assets"] if abs(a["residual_lots"] or 0) > 1 and not a["reason"]] == []
    assert sum(qty != 0 for qty in targets.values()) >= 5, "a night that trades nothing proves nothing"
