import os
from contextlib import nullcontext
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from state.errors import CorruptFile, NewerFile, StateError
from state.json_files import JsonFile, append_line, write_atomically


class Divisor(msgspec.Struct):
    level: float
    note: str = ""


def divisor(tmp_path, **options):
    return JsonFile(tmp_path / "divisor.json", Divisor, "divisor", **options)


def test_what_was_written_is_read(tmp_path):
    file = divisor(tmp_path)
    assert file.read() is None
    file.write(Divisor(1000.25, 'é "quoted"\n'))
    assert file.read() == Divisor(1000.25, 'é "quoted"\n')


def test_previous_versions_are_kept_newest_first(tmp_path):
    file = divisor(tmp_path, keep=2)
    for level in (1, 2, 3, 4):
        file.write(Divisor(level))
    assert [value.level for _, value in file.previous()] == [3, 2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["divisor.json", "divisor.json.1", "divisor.json.2"]


def test_none_are_kept_where_none_are_wanted(tmp_path):
    file = divisor(tmp_path, keep=0)
    file.write(Divisor(1))
    file.write(Divisor(2))
    assert [p.name for p in tmp_path.iterdir()] == ["divisor.json"]


def test_a_damaged_document_names_the_last_good_one(tmp_path):
    file = divisor(tmp_path)
    for level in (1, 2, 3):
        file.write(Divisor(level))
    file.path.write_bytes(b"{")
    (tmp_path / "divisor.json.1").write_bytes(b"")
    with pytest.raises(
        CorruptFile, match=r"divisor\.json: not a document.*last good version is .*divisor\.json\.2"
    ):
        file.read()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_flipped_bit_or_a_cut_is_found_or_harmless(tmp_path, where, bit, cut):
    file = divisor(tmp_path, keep=0)
    file.write(Divisor(1234.5, "noted"))
    data = bytearray(file.path.read_bytes())
    place = int(where * len(data))
    if cut:
        del data[place:]
    else:
        data[place] ^= 1 << bit
    file.path.write_bytes(data)
    try:
        found = file.read()
    except StateError:
        return
    assert found == Divisor(1234.5, "noted")


def test_an_edit_by_hand_is_found(tmp_path):
    file = divisor(tmp_path)
    file.write(Divisor(1000.0))
    file.path.write_text(file.path.read_text().replace("1000", "2000"))
    with pytest.raises(CorruptFile, match="checksum"):
        file.read()


def test_a_newer_version_and_another_format_are_refused(tmp_path):
    divisor(tmp_path, version=2).write(Divisor(1))
    with pytest.raises(NewerFile, match="version 2 of divisor, but this nightdesk knows 1"):
        divisor(tmp_path).read()
    with pytest.raises(CorruptFile, match="expected a 'level'"):
        JsonFile(tmp_path / "divisor.json", Divisor, "level", version=2).read()


@dataclass
class Faults:
    """Makes the n-th call to the disk fail, as a crash there would: what comes after it never happens."""

    fail_at: int
    calls: list[str] = field(default_factory=list)

    def wrap(self, name):
        real = getattr(os, name)

        def call(*args, **kwargs):
            self.calls.append(name)
            if len(self.calls) > self.fail_at:
                raise OSError(5, "Input/output error")
            return real(*args, **kwargs)

        return call


STEPS = 8
"""open, write, fsync, replace .1 to .2, link, replace, open and fsync of the directory."""


@pytest.mark.parametrize("fail_at", range(STEPS + 1))
def test_a_crash_between_any_two_steps_leaves_the_old_or_the_new(tmp_path, monkeypatch, fail_at):
    file = divisor(tmp_path, keep=2)
    for level in (1, 2, 3):
        file.write(Divisor(level))
    faults = Faults(fail_at)
    with monkeypatch.context() as patch:
        for name in ("open", "write", "fsync", "replace", "link"):
            patch.setattr(os, name, faults.wrap(name))
        written = fail_at >= STEPS
        with nullcontext() if written else pytest.raises(StateError, match="cannot be written"):
            file.write(Divisor(4))
    found = divisor(tmp_path, keep=2).read()
    assert found in ((Divisor(4),) if written else (Divisor(3), Divisor(4)))
    file.write(Divisor(5))
    assert file.read() == Divisor(5)


def test_the_last_step_is_making_the_rename_durable(tmp_path, monkeypatch):
    file, faults = divisor(tmp_path, keep=1), Faults(99)
    file.write(Divisor(1))
    with monkeypatch.context() as patch:
        for name in ("open", "write", "fsync", "replace", "link"):
            patch.setattr(os, name, faults.wrap(name))
        file.write(Divisor(2))
    assert faults.calls == ["open", "write", "fsync", "link", "replace", "open", "fsync"]


def test_a_short_write_is_continued(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, bytes(data)[:3]))
    write_atomically(tmp_path / "page.html", b"0123456789")
    assert (tmp_path / "page.html").read_bytes() == b"0123456789"


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StateError, match=r"nowhere/a\.json: cannot be written"):
        write_atomically(tmp_path / "nowhere" / "a.json", b"")


def test_only_the_owner_may_read(tmp_path):
    write_atomically(tmp_path / "a.json", b"")
    append_line(tmp_path / "a.log", b"line")
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a.json", "a.log")] == [0o600, 0o600]


def test_lines_are_added_at_the_end(tmp_path):
    for line in (b"one", b"two\n"):
        append_line(tmp_path / "a.log", line)
    assert (tmp_path / "a.log").read_bytes() == b"one\ntwo\n"
