"""The console command. Every known failure becomes one message on stderr and an exit code of the contract."""

import json
import sys

from adapters.ports import VenueError
from daemon.account_modes import AccountRefused
from daemon.cli import UsageFault, call
from daemon.config_file import ConfigError
from daemon.control import NotRunning
from daemon.credentials import CredentialError, CredentialUnavailable
from daemon.options import BadUse
from state.errors import BadRecord, DiskRefuses, JournalLost, StateError

FAULT, BAD_USE, NOT_RUNNING, BAD_CONFIG, TIMED_OUT, HALTED, DISK = 1, 2, 3, 4, 5, 6, 8

CODES: tuple[tuple[type[Exception], int], ...] = (
    (ConfigError, BAD_CONFIG),
    (CredentialUnavailable, TIMED_OUT),
    (CredentialError, BAD_CONFIG),
    (AccountRefused, BAD_CONFIG),
    (BadUse, BAD_USE),
    (UsageFault, BAD_USE),
    (NotRunning, NOT_RUNNING),
    (TimeoutError, TIMED_OUT),
    (BadRecord, FAULT),
    (JournalLost, DISK),
    (DiskRefuses, DISK),
    (StateError, BAD_USE),
    (VenueError, BAD_USE),
)
"""What research and the simulated venue refuse arrives here as BadUse: their own exceptions live beside pandas."""


def main() -> None:
    """Run the command line; exit 0 done, else as docs/commands.md says."""
    arguments = sys.argv[1:]
    try:
        code = call(arguments)
    except tuple(kind for kind, _ in CODES) as error:
        code = next(code for kind, code in CODES if isinstance(error, kind))
        _say(str(error), code, as_json="--json" in arguments)
    sys.exit(code)


def _say(text: str, code: int, *, as_json: bool) -> None:
    print(f"nightdesk: {text}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": text, "exit": code}))


if __name__ == "__main__":
    main()
