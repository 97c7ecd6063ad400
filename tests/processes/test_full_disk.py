"""A start on a disk that is really full: refused in words that say so, and nobody is kept out afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from state.errors import StateError
from state.journal import Journal
from state.lock import InstanceLock
from tests.processes.small_disk import MayNotMount, SmallDisk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        small = SmallDisk.mount(tmp_path / "state")
    except MayNotMount as error:
        pytest.skip(f"mounting a small disk is not permitted here: {error}")
    yield small
    small.unmount()


@pytest.mark.parametrize("left_bytes", [0, 4096, 16_384])
def test_a_journal_on_a_full_disk_says_that_it_is_full(disk: SmallDisk, left_bytes: int) -> None:
    path = disk.directory / "journal.sqlite"
    Journal.open(path).close()
    disk.fill(left_bytes=left_bytes)
    with pytest.raises(StateError, match=r"the disk is full.*Free space"):
        Journal.open(path)
    disk.free()
    Journal.open(path).close()


def test_a_start_on_a_full_disk_is_refused_and_the_next_one_is_not(disk: SmallDisk) -> None:
    disk.fill(left_bytes=0)
    with pytest.raises(StateError, match=r"No space left on device.*free space"):
        InstanceLock.acquire(disk.directory)
    disk.free()
    InstanceLock.acquire(disk.directory).release()
