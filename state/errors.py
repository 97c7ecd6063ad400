"""What can be wrong with files that must survive a crash. Each text says what, where and how to mend it."""


class StateError(Exception):
    """A state file cannot be used as it is."""


class CorruptFile(StateError):
    """The file is damaged; it stays where it is until somebody asks for it to be moved aside."""


class NewerFile(StateError):
    """The file was written by a newer version of the program."""


class DiskRefuses(StateError):
    """The disk is full, read-only or fails, or somebody else has the file's lock. The same again may succeed."""


class JournalLost(StateError):
    """A commit failed. What came after it is not durable, so nothing may be acted on any more."""


class BadRecord(JournalLost):
    """It failed for what was to be written, which is the program's own fault."""


class WrongAccount(StateError):
    """The state directory belongs to another account."""


class AlreadyRunning(StateError):
    """Another process holds the state directory."""

    def __init__(self, text: str, *, pid: int | None) -> None:
        super().__init__(text)
        self.pid = pid


def may_pass(error: BaseException) -> bool:
    """Say whether a start may mend it: nothing that is kept is damaged, and the program did nothing wrong."""
    return isinstance(error, DiskRefuses | JournalLost) and not isinstance(error, BadRecord)
