"""Where the index of a configuration is: its rule book, its directory, and the files that it is decided from."""

from dataclasses import dataclass
from pathlib import Path

from daemon.crypto_index import methodology_file
from daemon.options import BadUse
from daemon.settings import CryptoIndexSettings
from strategies.crypto_index.methodology import Methodology

DIRECTORY = "crypto-index"


@dataclass(frozen=True, slots=True)
class Files:
    """A data directory of market caps, and what is read in place of its own blacklist and custody map."""

    data: Path
    blacklist: Path | None = None
    custody: Path | None = None


@dataclass(frozen=True, slots=True)
class Place:
    rules: Methodology
    directory: Path
    files: Files


def directory_of(settings: CryptoIndexSettings, state_dir: Path) -> Path:
    return state_dir / DIRECTORY if settings.dir is None else Path(settings.dir).expanduser()


def place(settings: CryptoIndexSettings, state_dir: Path) -> Place:
    """Return the place that a configuration names. Raises BadUse where the rule book or the data are not there."""
    if settings.data is None:
        raise BadUse(
            "crypto_index.data is not set: name a data directory of market caps, with --data or in config.toml"
        )
    return Place(
        rules=methodology_file.chosen(settings.methodology),
        directory=directory_of(settings, state_dir),
        files=Files(_path(settings.data), _optional(settings.blacklist), _optional(settings.custody_map)),
    )


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _optional(text: str | None) -> Path | None:
    return None if text is None else _path(text)
