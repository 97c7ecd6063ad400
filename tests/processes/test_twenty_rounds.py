"""The night as two processes, struck from outside: kill -9, SIGSTOP, a full disk, stops and reloads, drawn by seed."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from tests.processes.round_checks import Theirs, check
from tests.processes.rounds import Round, drawn
from tests.processes.small_disk import MayNotMount

pytestmark = pytest.mark.xdist_group("rounds")

ROUNDS = int(os.environ.get("NIGHTDESK_ROUNDS", "20"))


@pytest.mark.parametrize("seed", range(1, 1 + ROUNDS))
def test_a_night_struck_from_outside_ends_with_both_ledgers_equal(seed: int, tmp_path: Path) -> None:
    began_s = time.monotonic()
    try:
        night = Round(seed, tmp_path)
    except MayNotMount as error:
        pytest.skip(f"round {seed} fills a disk of its own, and mounting one is not permitted here: {error}")
    try:
        night.play()
        theirs = Theirs.of(night.venue)
        report = check(night.state_dir, theirs, night.nonces)
    except BaseException:
        print(told(night))
        sockets = shutil.ignore_patterns("*.sock")
        shutil.copytree(night.state_dir, tmp_path / "state-of-the-failure", ignore=sockets)
        raise
    finally:
        night.close()
    print(json.dumps(figures(night, report, time.monotonic() - began_s)))


def told(night: Round) -> str:
    """Say which round failed, what had struck it, and how to see it again."""
    strikes = "\n".join(map(str, drawn(night.seed)))
    again = (
        f"NIGHTDESK_ROUNDS={night.seed} .venv/bin/pytest -n 0 -k 'outside_ends and [{night.seed}]' {__file__}"
    )
    return (
        f"round {night.seed} failed\n{strikes}\n{dict(night.struck)}\n{night.daemon.leaves}\nagain: {again}"
    )


def figures(night: Round, report: dict, took_s: float) -> dict[str, object]:
    assets = [a for a in report["assets"] if a["target"] is not None]
    return {
        "round": night.seed,
        "took_s": round(took_s, 1),
        "speed": round(night.speed, 1),
        "struck": dict(night.struck),
        "starts": night.daemon.starts,
        "fills": report["fills"]["count"],
        "coins_traded": sum(a["coin"] not in ("BTC", "ETH") and float(a["target"]) != 0 for a in assets),
        "coins_off_with_a_reason": [a["reason"] for a in assets if abs(a["residual_lots"] or 0) > 1],
        "leaves": night.daemon.leaves,
    }
