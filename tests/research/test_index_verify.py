"""What verifies the engine knows nothing of it."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECOND = [ROOT / "research" / "index_verify.py", *sorted((ROOT / "research" / "index_again").glob("*.py"))]


def test_the_second_implementation_imports_nothing_of_the_first():
    ours = set()
    for path in SECOND:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                ours |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                ours.add(node.module)
    allowed = {
        "json",
        "collections",
        "dataclasses",
        "hashlib",
        "math",
        "pathlib",
        "typing",
        "itertools",
        "numpy",
    }
    assert {name for name in ours if name.partition(".")[0] not in allowed} <= {
        f"research.index_again.{path.stem}" for path in SECOND
    }
    assert len(SECOND) > 4
