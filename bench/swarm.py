"""Faulted nights a second on one core, with 20 and 100 coins: `python -m bench.swarm [--nights 40] [--json]`.

The nights are those of `nightdesk swarm --seeds 0:N`, in this process; what is done once a process (imports, the history
that a daemon has before its night) is not counted. Events are the engine's steps without quotes, and journal records.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy comes in: one core is what is measured

import argparse
import json
import statistics
import time
from typing import Any

from daemon.played import play_night
from sim.night import Outcome, drawn_night

COINS = (20, 100)


def measure(nights: int, coins: int) -> dict[str, Any]:
    """Play nights one after the other and return how fast they went."""
    play_night(drawn_night(0, coins=coins))
    took_s, outcomes = [], []
    for seed in range(nights):
        began = time.perf_counter()
        outcomes.append(play_night(drawn_night(seed, coins=coins)))
        took_s.append(time.perf_counter() - began)
    all_s = sum(took_s)
    return {
        "nights": nights,
        "nights_per_s": round(nights / all_s, 2),
        "night_s": {"median": round(statistics.median(took_s), 3), "worst": round(max(took_s), 3)},
        **_rates(outcomes, all_s),
        "failed": sum(bool(outcome.failures) for outcome in outcomes),
    }


def _rates(outcomes: list[Outcome], all_s: float) -> dict[str, int]:
    engine_steps = sum(outcome.figures["engine_steps"] for outcome in outcomes)
    return {
        "engine_steps_per_s": round(engine_steps / all_s),
        "records_per_s": round(sum(outcome.records for outcome in outcomes) / all_s),
        "loop_steps_per_s": round(sum(outcome.steps for outcome in outcomes) / all_s),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = {f"{coins} coins": measure(arguments.nights, coins) for coins in COINS}
    print(json.dumps(figures) if arguments.json else json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
