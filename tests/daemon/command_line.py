"""The console command in this process: what it printed where, and its exit code."""

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from daemon.__main__ import main


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout; anything beside it fails here."""
        return json.loads(self.out)


def nightdesk(*words: str) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with (
        patch("sys.argv", ["nightdesk", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as left:
            code = left.code or 0
    return Said(int(code), out.getvalue(), err.getvalue())
