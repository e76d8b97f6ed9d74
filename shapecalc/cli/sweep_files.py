"""The file that rows of a sweep go to as they come, and that one which was broken off goes on in.

While it is written, a file beside it says which sweep it is of; at the end that is gone.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

import typer

import shapecalc
from shapecalc.analysis.sweep.points import Sweep
from shapecalc.cli.options import write_whole
from shapecalc.errors import UsageError, short_path
from shapecalc.language.architecture import Architecture
from shapecalc.render.sweep_begun import Begun, begun

_CONTENTS = "contents of"
_OF_ROWS = (
    *("archs", "set", "input", "vary", "variants", "zipped", "columns"),
    *("where", "dtype", "optimizer", "on", "format"),
)
"""The parameters of the command that decide what the rows are."""


class Target(NamedTuple):
    """Where rows go: a file, or the screen, and what is there already."""

    file: Path | None
    record: Mapping[str, str]
    """What the rows depend on, by the names of options."""
    begun: Begun = Begun()

    @property
    def beside(self) -> Path | None:
        """The file that says which sweep this is of; none beside a device."""
        if self.file is None or (self.file.exists() and not self.file.is_file()):
            return None
        return self.file.with_name(self.file.name + ".sweep")


def record_of(ctx: typer.Context, swept: Sweep) -> Mapping[str, str]:
    """What the rows of a sweep depend on: options as they were given, and what is in files."""
    options = {each.name: each.opts[0] for each in ctx.command.params if each.name in _OF_ROWS}
    named = {**options, "archs": "ARCH"}
    found = {named[name]: _as_given(ctx.params[name]) for name in named}
    contents = {name: _content(network) for name, network in swept.networks.items()}
    if swept.joined:
        contents["--join"] = repr(swept.joined)
    digests = {f"{_CONTENTS} {name}": _digest(text) for name, text in contents.items()}
    return {"shapecalc": shapecalc.__version__, **found, **digests}


def _as_given(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value or "")


def _content(network: Architecture) -> str:
    """The text of a network's file, and of the libraries that it uses."""
    return "\n".join(
        source.text for source in (network.document, *(lib.document for lib in network.libraries))
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def going_on(file: Path, form: str, swept: Sweep, record: Mapping[str, str]) -> Target:
    """A file that was broken off, or a new one where there is none.

    Raises:
        UsageError: it is of another sweep, of none, or can't be read.
    """
    what, target = f"--resume {short_path(file)}", Target(file, record)
    try:
        if not file.exists():
            return target
        _compare(record, _before(target.beside))
        with file.open("rb") as lines:
            return target._replace(begun=begun(lines, form, swept))
    except OSError as error:
        raise UsageError(f"{what}: it can't be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{what}: {error}", hint="-o FILE writes the whole sweep anew") from None


def _before(beside: Path | None) -> Mapping[str, str]:
    """What rows depended on when they were written."""
    if beside is None:
        raise ValueError("it is no file that rows stay in")
    try:
        found = json.loads(beside.read_bytes())
    except (FileNotFoundError, ValueError):
        raise ValueError(
            f"no sweep was broken off in it: there is no {short_path(beside.name)} beside it"
        ) from None
    return found if isinstance(found, dict) else {}


def _compare(record: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Refuse rows that depended on something else, by the first of what differs."""
    for name, now in record.items():
        was = before.get(name, "")
        if was == now:
            continue
        if name.startswith(_CONTENTS):
            raise ValueError(f"the {name} are others than they were")
        raise ValueError(f"{name} was {was or 'not given'}, and is {now or 'not given'}")


@contextmanager
def rows_file(target: Target, lasting: bool) -> Iterator[TextIO]:
    """The file that rows go to, behind those that are there; `lasting` if a broken sweep can go on in it."""
    if target.file is None:
        yield sys.stdout
        return
    with _opened(target.file, target.begun.size) as file:
        if beside := target.beside if lasting else None:
            write_whole(beside, json.dumps(target.record))
        yield file
    if beside:
        beside.unlink(missing_ok=True)


def _opened(path: Path, size: int) -> TextIO:
    """A file with what it has up to a size, to write behind that, line by line: so what is there is whole."""
    try:
        file = path.open("r+" if size else "w", encoding="utf-8", newline="", buffering=1)
        if size:
            file.seek(size)
            file.truncate()
    except OSError as error:
        raise UsageError(f"{short_path(path)} can't be written: {error.strerror}") from None
    return file
