-- Who publishes which index. renewals counts those of the token; holder is nothing while nobody has it.
-- Several instances may create the file at the same moment.
CREATE TABLE IF NOT EXISTS lease (
    name     TEXT    PRIMARY KEY,
    holder   TEXT,
    token    INTEGER NOT NULL CHECK (token > 0),
    renewals INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER IF NOT EXISTS token_never_falls BEFORE UPDATE ON lease WHEN NEW.token < OLD.token
BEGIN
    SELECT RAISE(ABORT, 'a fencing token never falls');
END;

CREATE TRIGGER IF NOT EXISTS token_never_goes BEFORE DELETE ON lease
BEGIN
    SELECT RAISE(ABORT, 'a fencing token is never forgotten');
END;
