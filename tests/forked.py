"""Commands in a process of their own, each forked from one that has imported shapecalc already.

So none takes the time of a start, and what it uses is its own: its seconds and its memory, which on Linux
begin with what its parent has in use, here nothing but shapecalc. Commands that run torch, and are not
measured, may be forked from a process that has imported it too, and as much of it as they say.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from io import BufferedReader, BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
COMMAND = "from shapecalc.__main__ import main; main()"
_CPU = 30  # seconds, after which a process is ended
_CLOCK = 300  # seconds after which one that waits for something is ended
_HEAVY = ("shapecalc.torch_check", "shapecalc.importing", "shapecalc.__main__")

TORCH = ("shapecalc.torch_check.verify", "sympy")
COMPILER = ("torch._dynamo", "torch.export", "shapecalc.importing.targets", "shapecalc.importing.network")
"""What takes seconds to import: torch, and its compiler, which comes with the first fake tensor."""


class Forked(NamedTuple):
    """What came of a process: a code below 0 is that of the signal that ended it."""

    code: int
    out: str
    err: str
    seconds: float
    megabytes: float


def command(
    *words: str, cwd: Path | None = None, imports: Sequence[str] = (), joined: bool = False, **env: str
) -> Forked:
    """`command("show", "nin")` is `shapecalc show nin`."""
    return forked(COMMAND, "shapecalc", *words, cwd=cwd, env=env, imports=imports, joined=joined)


def forked(
    code: str,
    *argv: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    imports: Sequence[str] = (),
    joined: bool = False,
) -> Forked:
    """Python of that text, with these words as `sys.argv`, and nothing to read; `joined` is `2>&1`.

    What it `imports`, as `TORCH` and `COMPILER`, is there when it starts.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        err.touch()
        job = {
            "code": code,
            "argv": argv,
            "cwd": str(cwd or Path.cwd()),
            "env": {**os.environ, **(env or {})},
            "imports": imports,
            "out": str(out),
            "err": str(out if joined else err),
        }
        used = _asked(job)
        texts = out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
        return Forked(used["code"], *texts, used["seconds"], used["megabytes"])


def _asked(job: Mapping[str, object]) -> Any:
    server = _server("all" if job["imports"] else "shapecalc")
    assert server.stdin
    assert server.stdout
    print(json.dumps(job), file=server.stdin, flush=True)
    return json.loads(server.stdout.readline())


@cache
def _server(has: str) -> subprocess.Popen[str]:
    """The one process that a process of tests forks from, and that which imports more; they end with it."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", has],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    atexit.register(server.communicate)
    return server


# The other side.


def _jobs() -> Any:
    """Fork for each job that is asked for; gives the job in the process that is to do it, None at the end."""
    for line in sys.stdin:
        job = json.loads(line)
        for name in job["imports"]:
            import_module(name)
        pid = os.fork()
        if pid == 0:
            return job
        _, status, used = os.wait4(pid, 0)
        megabytes = used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
        seconds = used.ru_utime + used.ru_stime
        found = {"code": os.waitstatus_to_exitcode(status), "seconds": seconds, "megabytes": megabytes}
        print(json.dumps(found), flush=True)
    return None


def _prepare(job: Any) -> None:
    """The process as it is when Python has started."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU, _CPU))
    signal.alarm(_CLOCK)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which what runs in the background is without
    for number, file in enumerate((os.devnull, job["out"], job["err"])):
        opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = TextIOWrapper(BufferedReader(FileIO(0, closefd=False)), encoding="utf-8")
    sys.stdout = TextIOWrapper(BufferedWriter(FileIO(1, "w", closefd=False)), encoding="utf-8")
    err = BufferedWriter(FileIO(2, "w", closefd=False))
    sys.stderr = TextIOWrapper(err, encoding="utf-8", line_buffering=True)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    sys.argv = job["argv"]
    sys.modules["__main__"].__package__ = None  # by which a command is named in its help


def _run(code: str) -> None:
    """As Python runs it, but all that was imported is not taken apart at the end: with torch, a second."""
    try:
        exec(compile(code, "<forked>", "exec"), {"__name__": "__main__"})
        ended = 0
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        ended = end.code or 0
    sys.stdout.flush()
    os._exit(ended)


def _import_all() -> None:
    for file in (ROOT / "shapecalc").rglob("*.py"):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        if not name.startswith(_HEAVY):
            import_module(name.removesuffix(".__init__"))
    assert "torch" not in sys.modules


if __name__ == "__main__":
    _import_all()
    if (job := _jobs()) is not None:
        _prepare(job)
        _run(job["code"])
