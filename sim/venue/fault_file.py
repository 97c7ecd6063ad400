"""A fault plan as a TOML file: read into values, or refused with every fault of the file at once."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, date, datetime, time
from functools import cache
from importlib import resources
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from sim.venue import actions, requests, subscriptions
from sim.venue.faults import AnyFault, HttpStatus, Planned, Scope, Strikes, UnknownOrder

DEFAULT = "default"
"""The word that selects the plan that comes with the program."""

KINDS: Mapping[str, type[AnyFault]] = {kind.KIND: kind for kind in get_args(AnyFault)}
SCOPE_KEYS = {"begins": "from", "ends": "until"}
"""Field of Scope -> its key in the file, where they differ."""

TRIGGERS = ("probability", "every_nth", "every_s")
OTHER_TYPES = ("user", "pong", "error", "post", "subscriptionResponse", "subscribe", "unsubscribe", "ping")


class BadFaultFile(ValueError):
    """The plan cannot be used. The text names every fault of the file."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a [[fault]] table: its name in the file, the field and type it fills, its meaning."""

    name: str
    field: str
    hint: Any
    default: object
    text: str

    @property
    def allowed(self) -> str:
        return allowed(self.hint)


def load_plan(name: str) -> tuple[Planned, ...]:
    """Return the plan of a file, or the shipped one for "default". Raises BadFaultFile."""
    if name == DEFAULT:
        return parse_plan(default_text(), place="the default plan")
    try:
        return parse_plan(Path(name).read_text("utf-8"), place=name)
    except OSError as error:
        raise BadFaultFile(
            f'{name}: cannot be read ({error.strerror}); "default" is the shipped plan'
        ) from None
    except UnicodeDecodeError as error:
        raise BadFaultFile(f"{name}: not UTF-8 at byte {error.start}") from None


def default_text() -> str:
    return resources.files("sim").joinpath("venue/plans/default.toml").read_text("utf-8")


def parse_plan(text: str, *, place: str) -> tuple[Planned, ...]:
    """Return the plan that a TOML text means. Raises BadFaultFile with every fault found."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadFaultFile(f"{place}: not TOML: {error}") from None
    wrong = [f"{key}: unknown, a plan is a list of [[fault]] tables" for key in document if key != "fault"]
    tables = document.get("fault", [])
    if not isinstance(tables, list):
        wrong, tables = [*wrong, "fault: write [[fault]], with two brackets, above each fault's keys"], []
    plan: list[Planned] = []
    for number, table in enumerate(tables, 1):
        found = _planned(table)
        if isinstance(found, Planned):
            plan.append(found)
        else:
            kind = table.get("kind", "?") if isinstance(table, dict) else "?"
            wrong += [f"[[fault]] {number} ({kind}): {text}" for text in found]
    if wrong:
        count = f"{len(wrong)} faults" if len(wrong) > 1 else "1 fault"
        raise BadFaultFile("\n  ".join([f"{place}: {count}", *wrong]))
    return tuple(plan)


# --- keys, for the reader and for the documents -----------------------------------------------------------


def scope_keys() -> Mapping[str, Key]:
    """Return the keys that every kind has, by their names in the file."""
    return {key.name: key for key in _keys(Scope)}


def kind_keys(kind: type[AnyFault]) -> Mapping[str, Key]:
    """Return the keys of one kind."""
    return {key.name: key for key in _keys(kind)}


def _keys(owner: type) -> Iterator[Key]:
    hints = get_type_hints(owner, include_extras=True)
    for item in fields(owner):
        yield Key(
            SCOPE_KEYS.get(item.name, item.name),
            item.name,
            hints[item.name],
            item.default,
            next(meta.description for meta in _metas(hints[item.name]) if meta.description),
        )


def allowed(hint: Any) -> str:
    """Return in words what a value of this annotated type may be."""
    parts = list(_parts(hint))
    limits = [words for part in parts if isinstance(part, Meta) for words in _limits(part)]
    types = [part for part in parts if not isinstance(part, Meta) and part is not NoneType]
    return ", ".join(filter(None, [_noun(types), " and ".join(limits)]))


def _parts(hint: Any) -> Iterator[Any]:
    """Yield what an annotated type is made of, inside out: plain types, Literals, Metas."""
    inner = get_args(hint)
    if get_origin(hint) is Annotated:
        yield from _parts(inner[0])
        yield from inner[1:]
    elif not inner or get_origin(hint) is Literal:
        yield hint
    else:
        for part in inner:
            yield from _parts(part)


def _noun(types: list[Any]) -> str:
    if datetime in types:
        return "an ISO time such as 2025-07-24T23:45:00Z, or a number of seconds after the start"
    [kind] = types
    if get_origin(kind) is Literal:
        return " or ".join(f'"{word}"' if isinstance(word, str) else str(word) for word in get_args(kind))
    nouns: dict[Any, str] = {int: "a whole number", float: "a number", str: "text"}
    return nouns[kind]


def _metas(hint: Any) -> list[Meta]:
    return [part for part in _parts(hint) if isinstance(part, Meta)]


def _limits(meta: Meta) -> Iterator[str]:
    for limit, words in ((meta.ge, "at least"), (meta.gt, "above"), (meta.le, "at most"), (meta.lt, "below")):
        if limit is not None:
            yield f"{words} {limit}"


# --- one table ---------------------------------------------------------------------------------------------


def _planned(table: Any) -> Planned | list[str]:
    """Return what a [[fault]] table means, or everything that is wrong with it."""
    if not isinstance(table, dict):
        return ["must be a table: write [[fault]] above its keys"]
    kind = KINDS.get(table.get("kind", ""))
    if kind is None:
        return [_unknown("kind", str(table.get("kind", "left out")), KINDS)]
    known = {**scope_keys(), **kind_keys(kind)}
    wrong: list[str] = []
    values: dict[str, Any] = {}
    for name, given in table.items():
        if name in known:
            _take(values, known[name], given, wrong)
        elif name != "kind":
            wrong.append(_unknown_key(name, known))
    missing = [key for key in kind_keys(kind).values() if key.default is MISSING and key.name not in table]
    wrong += [f"{key.name} must be given: {key.allowed}" for key in missing]
    if wrong:
        return wrong
    own = {key.field for key in kind_keys(kind).values()}
    scope = Scope(**{name: value for name, value in values.items() if name not in own})
    planned = Planned(scope, kind(**{name: value for name, value in values.items() if name in own}))
    return list(_contradictions(planned)) or planned


def _take(values: dict[str, Any], key: Key, given: Any, wrong: list[str]) -> None:
    try:
        values[key.field] = msgspec.convert(_as_moment(given), key.hint)
    except msgspec.ValidationError:
        shown = given if isinstance(given, int | float | str) else type(given).__name__
        wrong.append(f"{key.name} = {shown!r}: allowed is {key.allowed}")


def _as_moment(given: Any) -> Any:
    """TOML has times of its own; without a zone they are UTC, as everywhere in this program."""
    if isinstance(given, str) and given[:1].isdigit():
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            return given
    if isinstance(given, date) and not isinstance(given, datetime):
        given = datetime.combine(given, time())
    return given.replace(tzinfo=UTC) if isinstance(given, datetime) and given.tzinfo is None else given


def _unknown(key: str, given: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(given, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"allowed is {', '.join(known)}"
    return f"{key} = {given!r}: {hint}"


def _unknown_key(name: str, known: Mapping[str, Key]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name}: unknown key, " + (
        f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    )


def _contradictions(planned: Planned) -> Iterator[str]:
    scope, fault = planned.scope, planned.fault
    if scope.path is not None and scope.path not in fault.PATHS:
        yield f"path = {scope.path!r}: this kind strikes only {' and '.join(fault.PATHS)}"
    if isinstance(fault, UnknownOrder) and scope.type not in (None, "orderStatus"):
        yield f"type = {scope.type!r}: this kind strikes only orderStatus"
    elif scope.type is not None and scope.type not in known_types():
        yield _unknown("type", scope.type, dict.fromkeys(sorted(known_types())))
    named = [name for name in TRIGGERS if getattr(scope, name) is not None]
    if len(named) > 1:
        yield f"{' and '.join(named)}: only one of them decides when it strikes"
    if named and fault.STRIKES is Strikes.WINDOW:
        yield f"{named[0]}: this kind holds from `from` until `until`, it has nothing to draw"
    if isinstance(scope.begins, float) and isinstance(scope.ends, float) and scope.ends <= scope.begins:
        yield f"until = {scope.ends}: must be after from = {scope.begins}"
    if isinstance(scope.begins, datetime) and isinstance(scope.ends, datetime) and scope.ends <= scope.begins:
        yield f"until = {scope.ends.isoformat()}: must be after from = {scope.begins.isoformat()}"
    if isinstance(fault, HttpStatus) and fault.status == 429 and fault.when == "after":
        yield 'when = "after": 429 means that nothing was done, so it is always "before"'


@cache
def known_types() -> frozenset[str]:
    """Return every name that `type` may have: request types, actions, channels and methods."""
    unions = (requests.InfoRequest, actions.AnyAction, subscriptions.Topic)
    tags = {str(kind.__struct_config__.tag) for union in unions for kind in get_args(union)}
    return frozenset(tags | set(OTHER_TYPES))
