"""The README's commands and examples, for the gate and for the test that runs them.

python -m tests.readme               bring the output of the examples up to date
python tests/readme.py command N     print the N-th command to type
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
_COMMAND = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """The commands that a reader is told to type, in their order."""
    return [match.strip() for match in _COMMAND.findall(README.read_text())]


def examples() -> list[str]:
    """The blocks of commands, each after a `$`, with the output that follows it."""
    return _EXAMPLE.findall(README.read_text())


def as_run(example: str) -> str:
    """The block with the output that its commands really give."""
    typed = [line for line in example.splitlines() if line.startswith("$ ")]
    return "\n".join(f"{line}\n{_output(line[2:])}" for line in typed)


def _output(command: str) -> str:
    words = [sys.executable, "-m", *shlex.split(command)]
    env = {**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    run = subprocess.run(
        words, capture_output=True, encoding="utf-8", check=False, cwd=README.parent, env=env
    )
    return run.stdout + (run.stderr if run.returncode else "")  # without notes


if __name__ == "__main__":
    if sys.argv[1:2] == ["command"]:
        print(commands()[int(sys.argv[2]) - 1])
    else:
        text = _EXAMPLE.sub(lambda match: f"```console\n{as_run(match[1])}```", README.read_text())
        README.write_text(text)
