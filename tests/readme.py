"""The README and the pages of `docs/`: what they tell a reader to type, and what that prints.

python -m tests.readme               bring the output in all of them up to date
python tests/readme.py command N     print the N-th command of the README to type

A page is followed from its top in an empty folder or, if it writes to `shapecalc/`, in a copy of the
checkout. A block with a title is written to the file of that name; a `console` block holds commands, each
after a `$`, with what they print.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
WIDTH = 80
_BLOCK = re.compile(r"^```(\w+)(?: title=\"(.*?)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARIES = re.compile(r"\d+\.\d+ s\b|torch \d[.\w+]*")  # seconds, and the version of torch
_PLAIN = re.compile(r"shapecalc ((?:'[^']*'|[^|&;<>$'])*)(2>&1 ?)?(?:\| (.*))?")
_PROGRAM = re.compile(r"python (\w+\.py)(?: 2>/dev/null)?")
_TEXT = re.compile(r'python -c "(.*)"(?: \| (.*))?')
_LOOP = re.compile(r"for (\w+) in (.*); do (.*); echo; done")
_WITH_TORCH = re.compile(r"verify|.*(\.pt2|onnx)")
_HERE = 'import sys; sys.path.insert(0, "");'
_RUN_PROGRAM = f'{_HERE} import runpy; runpy.run_path(sys.argv[0], run_name="__main__")'
_SCRIPT = "import sys; from shapecalc.__main__ import main; sys.argv[0] = 'shapecalc'; main()"


@dataclass(frozen=True)
class Block:
    """What stands between two fences: its language, the file that it is to be, if any, and its text."""

    language: str
    title: str | None
    text: str


def pages() -> list[Path]:
    """The README, and the pages of the site in the order of their names."""
    return [README, *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    return [Block(*match) for match in _BLOCK.findall(page.read_text(encoding="utf-8"))]


def commands() -> list[str]:
    """The commands that a reader of the README is told to type, in their order."""
    return [block.text.strip() for block in blocks(README) if block.language == "sh"]


def as_run(page: Path) -> Iterator[tuple[str, str]]:
    """Each block of commands of a page, and the same block with what its commands really print."""
    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory() as scripts:
        _install(Path(scripts))
        if any((block.title or "").startswith("shapecalc/") for block in blocks(page)):
            _copy_checkout(Path(work))
        for block in blocks(page):
            if block.title:
                file = Path(work, block.title)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text, encoding="utf-8")
            elif block.language == "console":
                yield block.text, _typed(block.text, Path(work), scripts)


def same(shown: str, real: str) -> bool:
    """Whether two outputs are equal but for what differs from machine to machine."""
    return _VARIES.sub("…", shown) == _VARIES.sub("…", real)


def _install(folder: Path) -> None:
    """The command as it is installed, but of this checkout."""
    script = folder / "shapecalc"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "{_SCRIPT}" "$@"\n')
    script.chmod(0o755)


def _copy_checkout(folder: Path) -> None:
    for name in ("shapecalc", "architectures", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)


def _typed(example: str, work: Path, scripts: str) -> str:
    commands = [line[2:] for line in example.splitlines() if line.startswith("$ ")]
    return "\n".join(f"$ {command}\n{_output(command, work, scripts)}" for command in commands)


def _output(command: str, work: Path, scripts: str) -> str:
    printed = ""
    for part in command.split(" && "):
        run = _run(part, work, scripts)
        printed += run.stdout + (run.stderr if run.returncode else "")  # without notes
        if run.returncode:
            break
    if not printed.strip() or "error: a fault of shapecalc" in printed:
        raise ValueError(f"no example of anything: {command}: {printed or run.stderr}")
    return printed


def _run(command: str, work: Path, scripts: str) -> subprocess.CompletedProcess[str]:
    if (work / "shapecalc").exists():  # a copy of the checkout, from which it is to run
        return _in_bash(command, work, scripts)
    if loop := _LOOP.fullmatch(command):
        turns = [_run(loop[3].replace(f"${loop[1]}", word), work, scripts) for word in loop[2].split()]
        printed = "".join(f"{turn.stdout}\n" for turn in turns)
        return subprocess.CompletedProcess(command, 0, printed, "")
    if plain := _PLAIN.fullmatch(command):
        return _piped(_forked(plain[1], bool(plain[2]), work), plain[3], work)
    if program := _PROGRAM.fullmatch(command):
        return _program(_RUN_PROGRAM, program[1], work)
    if text := _TEXT.fullmatch(command):
        return _piped(_program(f"{_HERE} {text[1]}", "-c", work), text[2], work)
    return _in_bash(command, work, scripts)


def _forked(words: str, joined: bool, work: Path) -> subprocess.CompletedProcess[str]:
    """A single command of shapecalc; it starts at once."""
    from tests.forked import COMPILER, TORCH, command  # not where this file is a script

    done = command(
        *shlex.split(words),
        cwd=work,
        imports=(*TORCH, *COMPILER) if ".py:" in words else TORCH if _WITH_TORCH.match(words) else (),
        joined=joined,
        COLUMNS=str(WIDTH),
        SHAPECALC_PATH="",
    )
    return subprocess.CompletedProcess(words, done.code, done.out, done.err)


def _program(text: str, name: str, work: Path) -> subprocess.CompletedProcess[str]:
    """Python of a reader's own, which runs torch."""
    from tests.forked import TORCH, forked

    done = forked(text, name, cwd=work, imports=TORCH)
    return subprocess.CompletedProcess(name, done.code, done.out, done.err)


def _piped(
    run: subprocess.CompletedProcess[str], after: str | None, work: Path
) -> subprocess.CompletedProcess[str]:
    """What commands of the shell make of an output."""
    if after is None:
        return run
    return subprocess.run(
        ["bash", "-c", after],
        input=run.stdout,
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=work,
    )


def _in_bash(command: str, work: Path, scripts: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([scripts, str(Path(sys.executable).parent), os.environ["PATH"]])
    # A command that runs tests is no part of those that run it.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    env |= {"PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": str(WIDTH)}
    env |= {"PYTHONIOENCODING": "utf-8", "SHAPECALC_PATH": ""}
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, encoding="utf-8", check=False, cwd=work, env=env
    )


def _renew(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for shown, real in as_run(page):
        if same(shown, real):
            continue
        text = text.replace(f"```console\n{shown}```", f"```console\n{real}```", 1)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["command"]:
        print(commands()[int(sys.argv[2]) - 1])
    else:
        for page in pages():
            _renew(page)
