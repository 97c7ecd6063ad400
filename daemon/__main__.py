"""The console command. Every known failure becomes one message on stderr and an exit code of the contract."""

import sys

from adapters.ports import VenueError
from daemon.cli import app
from daemon.config_file import ConfigError
from daemon.control import NotRunning
from daemon.credentials import CredentialError
from daemon.options import BadUse
from state.errors import StateError

BAD_USE, NOT_RUNNING, BAD_CONFIG, TIMED_OUT, HALTED = 2, 3, 4, 5, 6

CODES: tuple[tuple[type[Exception], int], ...] = (
    (ConfigError, BAD_CONFIG),
    (CredentialError, BAD_CONFIG),
    (BadUse, BAD_USE),
    (NotRunning, NOT_RUNNING),
    (TimeoutError, TIMED_OUT),
    (StateError, BAD_USE),
    (VenueError, BAD_USE),
)


def main() -> None:
    """Run the command line; exit 0 done, 2 bad use, 3 not running, 4 bad configuration, 5 timed out, 6 halted."""
    try:
        app()
    except tuple(kind for kind, _ in CODES) as error:
        print(f"nightdesk: {error}", file=sys.stderr)
        sys.exit(next(code for kind, code in CODES if isinstance(error, kind)))


if __name__ == "__main__":
    main()
