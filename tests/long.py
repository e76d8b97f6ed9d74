"""The random tests at length, some hours: `python -m tests.long`, with arguments of pytest's, as `-k graphs`.

Each draws as many cases as its second number says, from a fresh seed or from `SEED` (`tests/dice.py`).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

_DRAWS = re.compile(r"^from (hypothesis|tests\.(dice|graphs|networks|strategies)) import", re.MULTILINE)


def files() -> list[str]:
    """The test files that draw, or take large networks as they are."""
    found = sorted(Path(__file__).parent.rglob("test_*.py"))
    return [str(path) for path in found if _DRAWS.search(path.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    command = [sys.executable, "-m", "pytest", "-n", "auto", *files(), *sys.argv[1:]]
    sys.exit(subprocess.run(command, env={**os.environ, "DRAWS": "long"}, check=False).returncode)
