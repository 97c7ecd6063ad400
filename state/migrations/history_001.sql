-- Prices and volumes as the venue wrote them (decimal text): equality is exact.
CREATE TABLE candle (
    coin     TEXT    NOT NULL,
    open_ms  INTEGER NOT NULL,
    close_ms INTEGER NOT NULL,
    open     TEXT    NOT NULL,
    high     TEXT    NOT NULL,
    low      TEXT    NOT NULL,
    close    TEXT    NOT NULL,
    volume   TEXT    NOT NULL,
    trades   INTEGER NOT NULL,
    PRIMARY KEY (coin, open_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE funding (
    coin    TEXT    NOT NULL,
    hour_ms INTEGER NOT NULL,
    rate    TEXT    NOT NULL,
    PRIMARY KEY (coin, hour_ms)
) STRICT, WITHOUT ROWID;

-- What a final value was before the venue gave another one.
CREATE TABLE revision (
    id       INTEGER PRIMARY KEY,
    series   TEXT    NOT NULL CHECK (series IN ('candle', 'funding')),
    coin     TEXT    NOT NULL,
    at_ms    INTEGER NOT NULL,
    noted_ms INTEGER NOT NULL,
    before   TEXT    NOT NULL,
    after    TEXT    NOT NULL
) STRICT;
