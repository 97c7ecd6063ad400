"""docs/configuration.md and config.toml, written from the types: `python -m daemon.config_docs`."""

import textwrap
from pathlib import Path

import msgspec

from daemon.settings import Key, keys, sections

ROOT = Path(__file__).resolve().parents[1]

_OPENING = """\
# Configuration

`nightdesk run --config config.toml` reads one TOML file. Every key has a default; the file need only name what
differs. `nightdesk check --config config.toml` says what is wrong with a file, all faults at once, and starts nothing.
A key that is unknown, out of its limits or of the wrong type is a fault: the daemon exits with code 4.

No secret stands in this file. The signing key: name a systemd credential, a file, an environment variable or a field in
Vault that holds it. Other secrets are named with their source: `credential:NAME`, `file:PATH`, `env:NAME`,
`vault:MOUNT/PATH#FIELD`. All are read again every `secrets.reread_s`, and at a reload.

After `nightdesk reload` (SIGHUP) the file is read again. A file with a fault changes nothing. Otherwise each changed key
takes effect as the last column says: **now**, **at the session's end** (after the night's deadline, if one is under
way), or only **after a restart** (it is named, and the old value stays). Both values are journaled.

This page and `config.toml` are written from the program's types by `python -m daemon.config_docs`.
"""


def configuration_md() -> str:
    """Return docs/configuration.md: every key with type, limits, default, text and reload class."""
    parts = [_OPENING]
    for section, text in sections().items():
        rows = [_row(key) for key in keys().values() if key.section == section]
        if rows:
            head = "| key | value | default | meaning | a change applies |\n|---|---|---|---|---|"
            parts.append(f"## [{section}]\n\n{text}\n\n{head}\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def config_toml() -> str:
    """Return config.toml: every key with its default. Keys without one stand in comments."""
    parts = ["# nightdesk: every key, with its default. What a reload may change: docs/configuration.md"]
    for section, text in sections().items():
        lines = [_line(key) for key in keys().values() if key.section == section]
        if lines:
            parts.append("\n".join(["", f"# {text}", f"[{section}]", *lines]))
    return "\n".join(parts) + "\n"


def main() -> None:
    (ROOT / "docs" / "configuration.md").write_text(configuration_md(), "utf-8")
    (ROOT / "config.toml").write_text(config_toml(), "utf-8")


def _row(key: Key) -> str:
    default = "" if key.default is None else f"`{_toml(key.default)}`"
    cells = (f"`{key.name.rpartition('.')[2]}`", key.allowed, default, key.text, str(key.reload))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _line(key: Key) -> str:
    name = key.name.rpartition(".")[2]
    comment = textwrap.fill(f"{key.text}: {key.allowed}", 108, initial_indent="# ", subsequent_indent="#   ")
    setting = f"# {name} =" if key.default is None else f"{name} = {_toml(key.default)}"
    return f"{comment}\n{setting}"


def _toml(value: object) -> str:
    """Write a default as TOML, which for these types is JSON (with _ between thousands left out)."""
    return msgspec.json.encode(value).decode()


if __name__ == "__main__":
    main()
