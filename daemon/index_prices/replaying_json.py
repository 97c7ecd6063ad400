"""A published series as one JSON array that is not kept in memory: what is long waits in a temporary file.

Nothing is printed before all is made: what fails on the way is an error, and not half a document.
"""

import json
import shutil
import tempfile
from types import TracebackType
from typing import Self, TextIO

from core.prices.settling import Settled
from core.prices.types import Published
from daemon.index_prices import settlements
from daemon.index_prices.documents import document
from daemon.options import BadUse

IN_MEMORY = 1 << 24
"""Bytes that are kept without a file."""


class JsonArray:
    """A sink of values; one that closed a window has what it settles at under settlements.

    Raises BadUse where there is no room for what is to be printed.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY, "w+", encoding="utf-8")  # noqa: SIM115
        self._before = "["

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __call__(self, value: Published, settled: Settled | None) -> None:
        closed = {} if settled is None else {"settlements": [settlements.document(settled)]}
        text = json.dumps(document(value) | closed, default=str, allow_nan=False)
        try:
            self._file.write(self._before + text)
        except OSError as error:
            where = tempfile.gettempdir()
            raise BadUse(f"{where}: no room for what is to be printed: {error.strerror}") from error
        self._before = ", "

    def write(self, out: TextIO) -> None:
        self._file.seek(0)
        shutil.copyfileobj(self._file, out)
        out.write("]\n")
