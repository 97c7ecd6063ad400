"""Appends to a journal until it is killed; says which record is durable once it is. Run by the crash test."""

import sys
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from random import Random

from state.journal import Journal, ThreadedJournal
from tests.state.records import records


def main(path: Path, seed: int) -> None:
    journal = Journal.open(path)
    seq, writer, rng = journal.last_seq(), ThreadedJournal(journal), Random(seed)
    waiting: deque[tuple[int, Future[None]]] = deque()
    while True:
        group = rng.randint(1, 6)
        waiting.append((seq + group, writer.append(records(seq + 1, seq + group))))
        seq += group
        if rng.random() < 0.1:
            writer.save_snapshot(seq, b"state %d" % seq)
        while waiting and (waiting[0][1].done() or len(waiting) > 8):
            last, done = waiting.popleft()
            done.result()
            print(last, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
