"""Plays nights, one seed after the other, until a checker fires; prints which one as JSON. Runs in a mutated copy."""

import json
import sys
from typing import Any

from daemon.played import play_night
from sim.night import drawn_night


def hunt(first: int, nights: int) -> dict[str, Any]:
    """Return after how many nights which checker fired first; nothing when none did."""
    for seed in range(first, first + nights):
        found = {failure.checker: failure.text for failure in play_night(drawn_night(seed)).failures}
        if found:
            return {"nights": seed - first + 1, "seed": seed, "found": found}
    return {"nights": nights, "found": {}}


if __name__ == "__main__":
    print(json.dumps(hunt(int(sys.argv[1]), int(sys.argv[2]))))
