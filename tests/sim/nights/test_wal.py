"""What the files of a database say, also before anything is in them."""

import sqlite3
from contextlib import closing
from random import Random

from sim.nights.wal import PAGE, Image, torn_checkpoint


def test_a_log_whose_index_is_still_empty_has_pages_of_the_usual_size_and_can_be_torn(tmp_path):
    """Seed 9054: the disk was full when the index was to be written, and the life was killed while it closed."""
    path = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA journal_mode = WAL; CREATE TABLE events (seq INTEGER);")
        after = Image.of(path)
    (tmp_path / "journal.sqlite-wal").write_bytes(b"")
    (tmp_path / "journal.sqlite-shm").write_bytes(bytes(32_768))
    before = Image.of(path)
    assert before.page == PAGE
    assert len(torn_checkpoint(before, after, Random(1)).database or b"") == len(after.database or b"")
