"""A methodology by name, or from a TOML file that says what differs from a named one."""

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.prices.methodology import Methodology
from core.prices.presets import PRESETS
from daemon.options import BadUse

DEFAULT = "nightdesk"
PRESET = "preset"
"""Key of a file that names what it starts from; without it, the default."""


def chosen(preset: str | None, file: Path | None) -> Methodology:
    """Return the methodology that the options name. Raises BadUse with what is allowed."""
    if file is None:
        return named(preset or DEFAULT)
    table = _table(file)
    base = named(str(table.pop(PRESET, preset or DEFAULT)), place=f"{file}: ")
    if preset is not None and preset != base.name:
        raise BadUse(f"--preset {preset} and {file} start from different rules: leave one of them out")
    return _with(base, {"name": file.stem, **table}, file)


def named(preset: str, *, place: str = "--preset ") -> Methodology:
    if preset not in PRESETS:
        raise BadUse(f"{place}{preset}: no such preset. Presets are {', '.join(PRESETS)}")
    return PRESETS[preset]


def as_data(methodology: Methodology) -> dict[str, Any]:
    """Return a methodology as JSON has it."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(methodology)))
    return data


def _table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadUse(f"--methodology {file}: cannot be read as TOML: {error}") from error


def _with(base: Methodology, table: Mapping[str, Any], file: Path) -> Methodology:
    data = as_data(base)
    unknown = _merge(data, table)
    if unknown:
        raise BadUse(f"--methodology {file}: {'; '.join(unknown)}")
    try:
        made = TypeAdapter(Methodology).validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise BadUse(f"--methodology {file}: {'; '.join(faults)}") from error
    return made


def _merge(data: dict[str, Any], table: Mapping[str, Any], where: str = "") -> list[str]:
    """Write a table over data; return the keys that nobody knows, each with what may have been meant."""
    unknown = []
    for key, value in table.items():
        if key not in data:
            near = difflib.get_close_matches(key, data, n=1)
            meant = f", did you mean {where}{near[0]}" if near else f"; known are {', '.join(data)}"
            unknown.append(f"{where}{key} is no key of a methodology{meant}")
        elif isinstance(data[key], dict) and isinstance(value, dict):
            unknown += _merge(data[key], value, f"{where}{key}.")
        else:
            data[key] = value
    return unknown
