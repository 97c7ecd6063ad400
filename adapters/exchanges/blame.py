"""Whatever goes wrong at a venue, in its words or on the way to it, is one error: a connector has one thing to survive."""

from collections.abc import Iterator
from contextlib import contextmanager

from adapters.ports import VenueError

TEXT_MAX = 300
"""Characters of an error or a strange frame that are passed on; a venue may put a page into one."""


@contextmanager
def blamed(what: str) -> Iterator[None]:
    """Raise anything that is raised inside as VenueError, with what was tried. Cancellation passes."""
    try:
        yield
    except VenueError:
        raise
    except Exception as error:
        raise VenueError(shortened(f"{what}: {type(error).__name__}: {error}")) from error


def shortened(text: str) -> str:
    """Return the text, or its beginning when it is longer than a log line should be."""
    return text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "…"
