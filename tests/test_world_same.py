"""The same night is the same journal, byte for byte, in another process with other hashes."""

import json
import os
import subprocess
import sys

NIGHTS = """
import json, sys
from daemon.played import play_night
from sim.night import Night
from sim.nights.fault import Fault

def fault(name, at_s, for_s=3.0, intensity=0.3):
    return Fault(name=name, at_s=at_s, for_s=for_s, intensity=intensity)

nights = {
    "killed": (fault("kill-at-step", -57), fault("kill-at-write", -45), fault("kill", -38)),
    "stalled": (
        fault("price-dispute", -58, 15.0),
        fault("stall", -48, 6.0),
        fault("clock-step", -40, 5.0),
        fault("sighup-good", -38),
    ),
    "disk": (
        fault("slow-fsync", -58, 5.0),
        fault("latch-garbled", -52),
        fault("power-cut", -45, 1.0),
        fault("disk-full", -40, 1.0),
    ),
}
for name, faults in nights.items():
    night = Night(seed=11, coins=8, faults=faults, quiet_s=-30.0, end_s=-10.0, keeps_index=True)
    outcome = play_night(night)
    said = [name, outcome.records, outcome.chain, outcome.steps, outcome.lives, outcome.fills, outcome.figures]
    print(json.dumps(said))
"""


def playing(hash_seed):
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.Popen(
        [sys.executable, "-c", NIGHTS], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_nights_with_kills_stalls_and_a_bad_disk_are_the_same_whatever_the_hash_seed():
    said = [process.communicate(timeout=400)[0].splitlines() for process in (playing("1"), playing("2"))]
    assert said[0] == said[1]
    lives = {name: lives for name, _, _, _, lives, *_ in map(json.loads, said[0])}
    assert all(figures["index_entries"] for *_, figures in map(json.loads, said[0]))
    assert lives["killed"] >= 3
    assert lives["stalled"] == 1
    assert lives["disk"] >= 2
