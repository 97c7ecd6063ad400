"""A crypto index's rule book from a TOML file, or by the name of one that comes with nightdesk."""

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from daemon.options import BadUse
from strategies.crypto_index.methodology import (
    Base,
    Buffer,
    Count,
    Eligibility,
    Fixed,
    Methodology,
    Schedule,
    Weights,
)

BUNDLED = ("brief", "nci-like", "bgci-like", "cmc20-like", "crix-like")
TEMPLATE = "top"
"""Rule book of a fixed number, which backtests compare with."""

RULE = "rule"
SECTIONS: Mapping[str, tuple[type[Any], ...]] = {
    "base": (Base,),
    "schedule": (Schedule,),
    "eligibility": (Eligibility,),
    "count": get_args(Count),
    "weights": get_args(Weights),
    "buffer": (Buffer,),
}
"""Tables of a file, and what may stand in each: of several, its key rule says which."""

HINTS = get_type_hints(Methodology, include_extras=True)


def chosen(name: str) -> Methodology:
    """Return the rule book of a file, or the bundled one of that name. Raises BadUse with what is wrong and allowed."""
    path = Path(name)
    if path.suffix == ".toml" or path.is_file():
        return read(_text(path), place=str(path), stem=_name_of(path))
    known = (*BUNDLED, TEMPLATE)
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=1)
        meant = f", did you mean {near[0]}" if near else ""
        raise BadUse(
            f"{name or 'FILE is empty'}: no such file, and no methodology of that name{meant}; known are {', '.join(known)}"
        )
    text = (files("strategies.crypto_index") / "methodologies" / f"{name}.toml").read_text("utf-8")
    return read(text, place=name, stem=name)


def top(k: int) -> Methodology:
    """Return the rule book of the largest k."""
    return replace(
        chosen(TEMPLATE), name=f"top-{k}", title=f"The largest {k}, by market cap", count=Fixed(k=k)
    )


def as_data(methodology: Methodology) -> dict[str, Any]:
    """Return a methodology as JSON has it."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(methodology), default=str))
    return data


def read(text: str, *, place: str, stem: str) -> Methodology:
    """Return the rule book that a TOML text holds; place says where it is from. Raises BadUse: all faults in one."""
    try:
        table = {"name": stem, **tomllib.loads(text)}
    except (ValueError, RecursionError) as error:
        raise BadUse(f"{place}: cannot be read as TOML: {error}") from error
    faults = _faults(table)
    if faults:
        raise BadUse(f"{place}: {'; '.join(faults)}")
    made = {key: _made(key, value, faults) for key, value in table.items()}
    if faults:
        raise BadUse(f"{place}: {'; '.join(faults)}")
    try:
        return Methodology(**made)
    except ValueError as error:
        raise BadUse(f"{place}: {error}") from error


def _made(key: str, value: Any, faults: list[str]) -> Any:
    """Return the value of a key as its type; what is wrong with it goes to faults."""
    kind: Any = HINTS[key]
    if key in SECTIONS:
        kind, _ = _kind(value, SECTIONS[key], key)
    try:
        document = json.dumps(value, default=str, allow_nan=False)
        return TypeAdapter(kind).validate_json(document, strict=True)
    except ValidationError as error:
        faults += [_said(key, fault) for fault in error.errors()]
    except ValueError:
        faults.append(f"{key}: numbers must be finite, nan and inf are none")
    return None


def _name_of(path: Path) -> str:
    """Return the name that a file without one gives its index: its own, with dashes for what no name may hold."""
    return re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:40] or "index"


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise BadUse(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadUse(f"{path}: cannot be read: {error}") from error


def _faults(table: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the keys: the unknown, the missing, and tables that are none."""
    faults = _keys_of(table, Methodology, "")
    for name, kinds in SECTIONS.items():
        section = table.get(name)
        if section is None:
            continue
        if not isinstance(section, dict):
            faults.append(f"{name} must be a table: write [{name}] and its keys below it")
            continue
        kind, said = _kind(section, kinds, name)
        faults += [said] if kind is None else _keys_of(section, kind, f"{name}.")
    return faults


def _kind(section: Mapping[str, Any], kinds: tuple[type[Any], ...], name: str) -> tuple[Any, str]:
    if len(kinds) == 1:
        return kinds[0], ""
    rules = {str(_field(kind, RULE).default): kind for kind in kinds}
    rule = section.get(RULE)
    if isinstance(rule, str) and rule in rules:
        return rules[rule], ""
    near = difflib.get_close_matches(str(rule), rules, n=1)
    meant = f", did you mean {near[0]}" if near else ""
    told = f"{name}.rule is missing" if rule is None else f"{name}.rule {rule!r} is no rule"
    return None, f"{told}{meant}; known are {', '.join(rules)}"


def _keys_of(table: Mapping[str, Any], kind: type[Any], where: str) -> list[str]:
    known = {f.name: f for f in fields(kind)}
    faults = []
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            meant = f", did you mean {where}{near[0]}" if near else f"; known are {', '.join(known)}"
            faults.append(f"{where}{key} is no key of a methodology{meant}")
    missing = [name for name, f in known.items() if _is_needed(f) and name not in table]
    return faults + [f"{where}{name} is missing" for name in missing]


def _field(kind: type[Any], name: str) -> Field[Any]:
    return next(f for f in fields(kind) if f.name == name)


def _is_needed(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _said(key: str, fault: Any) -> str:
    place = ".".join(map(str, (key, *fault["loc"])))
    return f"{place}: {fault['msg'].removeprefix('Value error, ')}"
