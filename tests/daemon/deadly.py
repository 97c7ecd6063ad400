"""Nights that end badly, for the processes that play them: each importable by name."""

import os
import time
from decimal import Decimal

from sim.checkers import Failure
from sim.night import Night, Outcome


def outcome(night: Night, *, failures: tuple[Failure, ...] = (), **fields) -> Outcome:
    given = {
        "records": 10,
        "chain": "ab",
        "steps": 100,
        "lives": 2,
        "fills": 3,
        "stage": "done",
        "first_steps": 4,
        "first_writes": 2,
        "figures": {"engine_steps": 20, "outside_s": 1.5, "exposure_usd_s": 1000.0},
        "positions": {"SOL": Decimal(5)},
        "slack": {"SOL": Decimal("0.1")},
        "explained": {},
    }
    return Outcome(night=night, failures=failures, **given | fields)


def play(night: Night) -> Outcome:
    """Seed 2 takes its process along, seed 3 never ends, seed 4 raises, seed 5 fails with a kill among its faults.

    Seed 28 fails in other words when it is cut short.
    """
    if night.seed == 2:
        os.kill(os.getpid(), 9)
    if night.seed == 3:
        while True:
            time.sleep(0.01)
    if night.seed == 4:
        raise ZeroDivisionError("a world went wrong")
    if night.seed == 5 and any(fault.name == "kill" for fault in night.faults):
        return outcome(night, failures=(Failure(checker="never twice", at_s=1.0, text="it was sent twice"),))
    if night.seed == 28:
        text = "a delta of 9.5 USD: {}" if night.end_s > 60.0 else "the session ended in stage projected"
        return outcome(night, failures=(Failure(checker="ending", at_s=night.end_s, text=text),))
    if night.seed == 6 and night.kill_at_step == 3:
        return outcome(night, positions={"SOL": Decimal("5.2"), "BTC": Decimal(0)}, slack={})
    if night.seed == 7 and night.kill_at_step == 3:
        off = {"SOL": Decimal(4)}
        return outcome(night, positions=off, explained={"SOL": "too late for a slice"}, killed_s=74.0)
    return outcome(night)
