import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from state.disk import OsDisk
from state.errors import AlreadyRunning, StateError
from state.lock import PID_FILE, InstanceLock, running_pid

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from state.lock import InstanceLock
lock = InstanceLock.acquire(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"held\n"
        yield child
        child.kill()


def test_a_second_instance_is_refused_and_told_who_has_it(tmp_path, holder):
    with pytest.raises(AlreadyRunning, match=f"in use by process {holder.pid}") as refusal:
        InstanceLock.acquire(tmp_path)
    assert refusal.value.pid == holder.pid
    assert running_pid(tmp_path) == holder.pid


def test_kill_9_frees_the_directory(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert running_pid(tmp_path) is None
    with InstanceLock.acquire(tmp_path):
        assert running_pid(tmp_path) == os.getpid()


def test_the_pid_file_has_one_length_whatever_the_number(tmp_path, monkeypatch):
    sizes = set()
    for pid in (7, 4_194_304):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        with InstanceLock.acquire(tmp_path):
            assert running_pid(tmp_path) == pid
            sizes.add((tmp_path / PID_FILE).stat().st_size)
    assert len(sizes) == 1


def test_after_release_nobody_runs(tmp_path):
    InstanceLock.acquire(tmp_path).release()
    assert running_pid(tmp_path) is None
    assert (tmp_path / PID_FILE).read_text() == ""


def test_nobody_runs_in_an_empty_directory(tmp_path):
    assert running_pid(tmp_path) is None


def test_a_pid_file_without_a_lock_means_nothing(tmp_path):
    (tmp_path / PID_FILE).write_text(f"{os.getpid()}\n")
    assert running_pid(tmp_path) is None
    InstanceLock.acquire(tmp_path).release()


def test_a_program_started_by_the_holder_does_not_keep_the_lock(tmp_path):
    lock = InstanceLock.acquire(tmp_path)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        lock.release()
        assert running_pid(tmp_path) is None
        child.kill()


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StateError, match="nowhere"):
        InstanceLock.acquire(tmp_path / "nowhere")


class Full(OsDisk):
    def write(self, handle, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_without_room_for_the_pid_refuses_the_start_and_keeps_nobody_out(tmp_path):
    with pytest.raises(StateError, match=r"No space left on device.*free space"):
        InstanceLock.acquire(tmp_path, Full())
    InstanceLock.acquire(tmp_path).release()
