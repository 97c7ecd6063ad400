import sqlite3
from pathlib import Path

import pytest

from state.database import Schema, open_database, open_in_memory, open_read_only, transaction
from state.errors import NewerFile, StateError

FIRST = "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);"
SECOND = "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7;"
THIRD = "CREATE TABLE b AS SELECT x, y FROM a;"


def schema(folder, *scripts):
    folder.mkdir(exist_ok=True)
    for number, script in enumerate(scripts, start=1):
        (folder / f"thing_{number:03}.sql").write_text(script)
    return Schema("thing", application_id=77, migrations=folder)


def version(connection):
    return connection.execute("PRAGMA user_version").fetchone()[0]


@pytest.mark.parametrize("old", [0, 1, 2, 3])
def test_every_old_version_reaches_the_newest_with_its_data(tmp_path, old):
    path, scripts = tmp_path / "thing.sqlite", (FIRST, SECOND, THIRD)
    if old:
        open_database(path, schema(tmp_path / "old", *scripts[:old])).close()
    connection = open_database(path, schema(tmp_path / "new", *scripts))
    assert version(connection) == 3
    assert connection.execute("SELECT x, y FROM b").fetchall() == [(1, 7)]


def test_a_migration_that_fails_leaves_the_file_at_the_version_before(tmp_path):
    path = tmp_path / "thing.sqlite"
    broken = schema(tmp_path / "broken", FIRST, "CREATE TABLE c (x); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(StateError, match="nowhere"):
        open_database(path, broken)
    connection = open_database(path, schema(tmp_path / "good", FIRST))
    assert version(connection) == 1
    assert [row[0] for row in connection.execute("SELECT name FROM sqlite_schema")] == ["a"]


def test_going_back_to_an_older_program_is_refused_by_name(tmp_path):
    path = tmp_path / "thing.sqlite"
    open_database(path, schema(tmp_path / "new", FIRST, SECOND)).close()
    with pytest.raises(NewerFile, match="schema 2, but this nightdesk knows thing schemas up to 1"):
        open_database(path, schema(tmp_path / "old", FIRST))


def test_migrations_with_a_gap_are_refused(tmp_path):
    folder = schema(tmp_path / "gap", FIRST, SECOND).migrations
    Path(folder / "thing_001.sql").unlink()
    with pytest.raises(StateError, match="thing_002"):
        open_in_memory(Schema("thing", 77, folder))


def test_commits_are_on_the_disk_when_they_return(tmp_path):
    connection = open_database(tmp_path / "thing.sqlite", schema(tmp_path / "m", FIRST))
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_transaction_that_raises_leaves_nothing(tmp_path):
    connection = open_in_memory(schema(tmp_path / "m", FIRST))

    def half():
        with transaction(connection):
            connection.execute("INSERT INTO a VALUES (2)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert connection.execute("SELECT count(*) FROM a").fetchone()[0] == 1


def test_a_reader_cannot_write(tmp_path):
    path, kind = tmp_path / "thing.sqlite", schema(tmp_path / "m", FIRST)
    open_database(path, kind).close()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        open_read_only(path, kind).execute("DELETE FROM a")


def test_a_reader_makes_no_file(tmp_path):
    with pytest.raises(StateError, match="cannot be"):
        open_read_only(tmp_path / "thing.sqlite", schema(tmp_path / "m", FIRST))
    assert not (tmp_path / "thing.sqlite").exists()
