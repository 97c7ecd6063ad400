"""From exec to protected and to ready, and the memory of the main process: `python -m bench.startup [--rounds 5] [--json]`.

Protected: latch read, positions known, fills streaming, both hedge assets priced. Ready: worker warm, history complete. The
daemon talks over loopback to a venue in another process, once on an empty state directory and once on the one it left. The
peer in the same run is the import of what a plain daemon would load: pandas, statsmodels, scikit-learn, cvxpy, ccxt, SDK.
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

START = "2024-12-31T20:00:00+00:00"
PLAIN = "import pandas, statsmodels.api, sklearn.linear_model, cvxpy, ccxt.pro, hyperliquid.exchange"
MEMORY = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def start_daemon(url: str, state: Path) -> dict[str, float]:
    """Start a daemon, wait until it is ready, and return its marks in ms and its memory in MB."""
    words = ["run", "--dry-run", "--venue", url, "--state-dir", str(state)]
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        marks = _marks(state / "nightdesk.log", process)
        status = Path(f"/proc/{process.pid}/status").read_text()
        marks["rss_mb"] = int(status.partition("VmRSS:")[2].split()[0]) / 1024
    finally:
        process.terminate()
        process.wait(20)
        (state / "nightdesk.log").unlink()
    return marks


def _marks(log: Path, process: "subprocess.Popen[bytes]") -> dict[str, float]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        found = {
            f"{m['event']}_ms": float(m["elapsed_ms"]) for m in lines if m["event"] in ("protected", "ready")
        }
        if len(found) == 2:
            return found
        time.sleep(0.02)
    raise RuntimeError("the daemon was not ready within a minute")


def plain_imports() -> dict[str, float]:
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", f"{PLAIN}\n{MEMORY}"], capture_output=True, check=True)
    return {"import_ms": 1000 * (time.perf_counter() - began), "rss_mb": int(done.stdout) / 1024}


def measure(rounds: int) -> dict[str, Any]:
    words = [sys.executable, "-m", "daemon", "venue", "--start", START, "--ip-weight", "0"]
    venue = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert venue.stdout is not None
    url = json.loads(venue.stdout.readline())["url"]
    first, again, plain = [], [], []
    try:
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as directory:
                first.append(start_daemon(url, Path(directory)))
                again.append(start_daemon(url, Path(directory)))
            plain.append(plain_imports())
    finally:
        venue.terminate()
        venue.wait(10)
    return {"first start": _medians(first), "restart": _medians(again), "plain imports": _medians(plain)}


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(r[name] for r in rows), 1) for name in rows[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.rounds)
    print(json.dumps(figures) if arguments.json else json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
