-- One row a step of the engine. quotes: zlib of JSON arrays, or nothing; event, intents: JSON.
-- hash covers the row and the hash of the row before it.
CREATE TABLE record (
    seq     INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    quotes  BLOB    NOT NULL,
    event   TEXT    NOT NULL,
    intents TEXT    NOT NULL,
    hash    BLOB    NOT NULL
) STRICT;

-- Both ends of the chain: the last row that was pruned away, and the newest. A missing tail is found by it.
CREATE TABLE chain (
    place TEXT PRIMARY KEY CHECK (place IN ('start', 'end')),
    seq   INTEGER NOT NULL,
    hash  BLOB    NOT NULL
) STRICT;
INSERT INTO chain VALUES ('start', 0, zeroblob(16)), ('end', 0, zeroblob(16));

CREATE TRIGGER chain_end AFTER INSERT ON record BEGIN
    UPDATE chain SET seq = NEW.seq, hash = NEW.hash WHERE place = 'end';
END;

CREATE TABLE snapshot (
    seq      INTEGER PRIMARY KEY,
    state    BLOB NOT NULL,
    checksum BLOB NOT NULL
) STRICT;
