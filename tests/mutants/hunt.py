"""Plays the nights that come on its standard input, a line of JSON each. Runs in a copy, mutated or not.

Answers with a line for each: what which checker found, as JSON. What stands for a checker where the world itself breaks
is named as in daemon.swarm_pool.
"""

import sys

import msgspec

from daemon.played import play_night
from daemon.swarm_pool import WORLD
from sim.night import Night


def found(night: Night) -> dict[str, str]:
    try:
        return {failure.checker: failure.text for failure in play_night(night).failures}
    except Exception as error:  # noqa: BLE001 - a bug may break whatever it likes, and is found by that
        return {WORLD: f"{type(error).__name__}: {error}"}


def main() -> None:
    for line in sys.stdin.buffer:
        answer = msgspec.json.encode(found(msgspec.json.decode(line, type=Night)))
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
