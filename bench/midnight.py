"""Virtual seconds a real second for a whole dry-run night: `python -m bench.midnight [--rounds 3] [--json]`.

Each round is a process of its own, imports and market included. The night is the bundled sample's, 23:40 to 00:10; the
wide one lowers the volume filter until about a hundred names are in the universe. The peer is the same night in real time.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

NIGHT_S = 1800
FILTERS_USD = {"default": 10_000_000.0, "wide": 600_000.0}


def night(min_volume_usd: float, directory: Path) -> dict[str, Any]:
    """Play one night in a fresh process and return what it took and what happened in it."""
    config = directory / "config.toml"
    config.write_text(f"[idio_statarb]\nmin_volume_usd = {min_volume_usd}\n")
    words = ["run", "--dry-run", "--speed", "max", "--json", "--config", str(config)]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "daemon", *words, "--state-dir", str(directory / "state")],
        capture_output=True,
        check=True,
    )
    took_s = time.perf_counter() - began
    report = json.loads(done.stdout)
    return {
        "took_s": took_s,
        "universe": len(report["universe"]),
        "orders": report["orders"]["count"],
        "fills": report["fills"]["count"],
        "held": all(i["held"] for i in report["invariants"]),
    }


def measure(rounds: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name, filter_usd in FILTERS_USD.items():
        nights = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as directory:
                nights.append(night(filter_usd, Path(directory)))
        took_s = statistics.median(n["took_s"] for n in nights)
        speed = {"took_s": round(took_s, 2), "virtual_s_per_s": round(NIGHT_S / took_s)}
        figures[name] = {**nights[0], **speed, "rounds": rounds}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.rounds)
    print(json.dumps(figures) if arguments.json else json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
