"""docs/commands.md, written from the command line itself: `python -m daemon.command_docs`."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from daemon.cli import ArgumentInfo, app

ROOT = Path(__file__).resolve().parents[1]

EXIT_CODES: dict[int, str] = {
    0: "done",
    1: "a fault of the program itself, with a traceback: please report it",
    2: "bad use, or a file, data directory or venue that cannot be used as it is",
    3: "no daemon runs on that state directory",
    4: "bad configuration or signing key, or an account of a kind that is not traded; nothing was traded",
    5: "the daemon, or Vault with a secret of it, did not answer in time",
    6: "the run ended with trading halted",
    7: "a checker failed in a night of a swarm, or a journal played again differs",
    8: "the disk refuses for now (full, read-only, failing, locked by another process), or took a running daemon's journal",
    9: "a ledger was not closed: all that is in it was verified, and what followed is not known",
    130: "broken off by Ctrl-C",
}

_OPENING = """\
# Commands

`nightdesk COMMAND --help` says the same. With `--json` a command prints one JSON document on stdout and nothing else;
log lines and errors go to stderr. Times are ISO; without a zone they are UTC.

Without `--state-dir` a command looks at `state.dir` of the configuration, then at `$STATE_DIRECTORY` (systemd), then at
`~/.local/state/nightdesk`; a dry run without `--state-dir` uses the folder `dry-run` in it. Give `status`, `kill`, `reset`,
`reload`, `reconcile` and `tail` the same `--state-dir` as the run they are about.

This page is written from the command line itself by `python -m daemon.command_docs`.
"""


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its spellings, the words for its value, whether it must be given, its default, its meaning."""

    names: tuple[str, ...]
    value: str
    required: bool
    default: str
    text: str


def commands() -> dict[str, Callable[..., None]]:
    """Return every command by what is typed after `nightdesk`."""
    found = {info.name or _function(info).__name__: _function(info) for info in app.registered_commands}
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for info in group.typer_instance.registered_commands:
            found[f"{group.name} {info.name or _function(info).__name__}"] = _function(info)
    return found


def options(command: Callable[..., None]) -> Iterator[Option]:
    """Yield a command's options in their order."""
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        kind, info = get_args(hints[name])
        names = _spellings(info) or (_typed(name, info),)
        required = parameter.default is parameter.empty
        silent = required or parameter.default is None or parameter.default is False
        default = "" if silent else str(parameter.default)
        yield Option(names, _value(kind), required, default, (info.help or "") + _limits(info))


def commands_md() -> str:
    """Return docs/commands.md: every command with its options, then the exit codes."""
    parts = [_OPENING]
    for name, command in commands().items():
        parts.append(f"## nightdesk {name}\n\n{inspect.getdoc(command)}\n")
        rows = "\n".join(_row(option) for option in options(command))
        parts.append(f"| option | value | default | meaning |\n|---|---|---|---|\n{rows}\n")
    codes = "\n".join(f"| {code} | {text} |" for code, text in EXIT_CODES.items())
    return "\n".join([*parts, f"## Exit codes\n\n| code | meaning |\n|---|---|\n{codes}\n"])


def main() -> None:
    (ROOT / "docs" / "commands.md").write_text(commands_md(), "utf-8")


def _function(info: Any) -> Callable[..., None]:
    found: Callable[..., None] = info.callback
    return found


def _spellings(info: Any) -> tuple[str, ...]:
    """Return what was written as the option's names; inside Annotated the first of them stands where a default would."""
    first = (info.default,) if isinstance(info.default, str) else ()
    return (*first, *(info.param_decls or ()))


def _typed(name: str, info: Any) -> str:
    """Return an option as it is typed, an argument as what stands for it."""
    return str(info.metavar) if isinstance(info, ArgumentInfo) else f"--{name.replace('_', '-')}"


def _value(hint: Any) -> str:
    """Return what follows the option, in a word; nothing for a switch."""
    kinds = [k for k in (get_args(hint) or (hint,)) if k is not type(None)]
    words = {bool: "", str: "text", int: "whole number", float: "number", Path: "path"}
    return ", ".join(words.get(kind, "text, may be repeated") for kind in kinds)


def _limits(info: Any) -> str:
    low, high = info.min, info.max
    if low is None and high is None:
        return ""
    said = f"at least {low}" if high is None else f"{low} to {high}"
    return f" ({said})" if info.help else said


def _row(option: Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.names)
    default = "must be given" if option.required else option.default and f"`{option.default}`"
    return (
        "| "
        + " | ".join(cell.replace("|", "\\|") for cell in (names, option.value, default, option.text))
        + " |"
    )


if __name__ == "__main__":
    main()
