"""Configuration files that a SIGHUP may find: changed for the better, and broken."""

import re
from random import Random

CHANGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("trading.twap.catch_up_max", ("2.0", "4.0")),
    ("trading.twap.slippage_bps", ("80.0", "120.0")),
    ("trading.hedge.min_interval_s", ("0.5", "1.0")),
    ("trading.hedge.band_equity", ("0.002", "0.004")),
    ("trading.risk.quote_age_max_s", ("10.0", "20.0")),
    ("log.level", ('"debug"', '"error"')),
    ("alerts.quiet_s", ("600.0",)),
    ("trading.twap.slice_s", ("5.0", "8.0")),
    ("trading.twap.size_jitter", ("0.1", "0.5")),
    ("trading.seed", ("7", "8")),
    ("idio_statarb.gamma", ("4.0", "6.0")),
    ("venue.request_timeout_s", ("3.0", "6.0")),
    ("log.keep", ("3", "7")),
)
"""Keys and values for them: some may change at once, some at the session's end, some need a restart."""

BROKEN: tuple[tuple[str, str], ...] = (
    ("not TOML", "\n[trading\n"),
    ("out of range", "\n[trading.hedge]\nmin_interval_s = -1.0\n"),
    ("unknown key", "\n[trading.risk]\ngros_max = 3.0\n"),
)
"""What is wrong, and what is added to a good file for that."""


def with_key(text: str, key: str, value: str) -> str:
    """Return a configuration file with one key set to a value, as TOML writes it."""
    section, _, name = key.rpartition(".")
    head = re.compile(rf"^\[{re.escape(section)}\]\n((?:(?!\[).*\n)*)", re.MULTILINE)
    found = head.search(text)
    if found is None:
        return f"{text.rstrip()}\n[{section}]\n{name} = {value}\n"
    kept = [line for line in found[1].splitlines(keepends=True) if not re.match(rf"{name}\s*=", line)]
    return text[: found.start(1)] + f"{name} = {value}\n" + "".join(kept) + text[found.end(1) :]


def changed(text: str, random: Random) -> str:
    """Return the file with one to four keys changed."""
    for key, values in random.sample(CHANGES, random.randint(1, 4)):
        text = with_key(text, key, random.choice(values))
    return text


def broken(text: str, random: Random) -> str:
    """Return the file with something in it that must be refused."""
    return text + random.choice(BROKEN)[1]
