"""The nonces' file as the adapter knows it: a disk that refuses is a refusal to sign, not the end of the daemon."""

from adapters.ports import VenueError
from state.errors import StateError
from state.nonces import FileNonces


class NonceFile:
    """A NonceStore. load raises StateError: a start without the mark would guess."""

    def __init__(self, file: FileNonces) -> None:
        self._file = file

    def load(self) -> int:
        return self._file.load()

    def save(self, highest_ms: int) -> None:
        try:
            self._file.save(highest_ms)
        except StateError as error:
            raise VenueError(f"no nonce can be used: {error}") from error
