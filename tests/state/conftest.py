import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.sim.nights.lives import MEMORY


@pytest.fixture
def place(tmp_path_factory, request):
    """An empty directory in memory, where this machine has one."""
    if not (MEMORY.is_dir() and os.access(MEMORY, os.W_OK)):
        yield tmp_path_factory.mktemp("index")
        return
    with TemporaryDirectory(dir=MEMORY, prefix="nightdesk-") as directory:
        yield Path(directory)
