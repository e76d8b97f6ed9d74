"""Where architectures are found: by path, by name in a few folders, or on standard input."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from shapecalc.architecture import Architecture, parse
from shapecalc.catalogue import SEARCH_PATH, Entry, claims, entries, exists, folders, is_readable, shipped
from shapecalc.document import LARGEST_FILE
from shapecalc.errors import UsageError, nearest, quoted

__all__ = ["SEARCH_PATH", "find", "known", "load", "look_up", "matching", "names", "shipped"]

_SUFFIXES = (".yaml", ".yml")
_parsed = lru_cache(maxsize=4)(parse)  # the variants of one file are often wanted one after another


def names(folder: Path | None = None) -> list[str]:
    """The names of the architectures in a folder, by default of those shipped, in the order of `known`."""
    return sorted({entry.name for entry in entries(folder or shipped())}, key=_place)


def known() -> dict[str, Entry]:
    """Every name in the folders of architectures, with what it stands for there.

    What is at the top of them comes before what is in folders within, `resnet18` before `resnet101`.
    """
    found: dict[str, Entry] = {}
    for folder in folders():
        for entry in entries(folder):
            found.setdefault(entry.name, entry)
    return {name: found[name] for name in sorted(found, key=_place)}


def _place(name: str) -> tuple[str, list[str | int]]:
    folder, _, own = name.rpartition("/")
    return folder, [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", own)]


def matching(patterns: Sequence[str]) -> dict[str, Entry]:
    """Of what is `known`, what a pattern matches: by its name, with or without its folder's, or by that.

    Raises:
        UsageError: a pattern matches nothing.
    """
    every = known()
    found: set[str] = set()
    for pattern in patterns:
        matched = [name for name in every if any(fnmatchcase(form, pattern) for form in _forms(name))]
        if not matched:
            asked = re.sub(r"[][*?!]", "", pattern)
            hint = _nearest(asked, [form for name in every for form in _forms(name)])
            hint = hint or "`shapecalc list` shows the architectures that there are"
            raise UsageError(f"no architecture matches {quoted(pattern)}", hint=hint)
        found.update(matched)
    return {name: entry for name, entry in every.items() if name in found or not patterns}


def _forms(name: str) -> tuple[str, ...]:
    folder, _, own = name.rpartition("/")
    return (name, own, folder) if folder else (name,)


def _nearest(asked: str, forms: Sequence[str]) -> str | None:
    return nearest(asked, forms) or nearest(asked.rpartition("/")[2], forms)


def find(name: str) -> Entry:
    """What a path or a name stands for.

    Raises:
        UsageError: there is none.
        ArchitectureError: two files claim it.
    """
    entry = next(_candidates(name), None)
    if entry is None:
        raise _no_such(name)
    entry.check()
    return entry


def look_up(name: str) -> tuple[Entry, list[str]]:
    """What `find` gives and, of a bare name, the further networks that bear it, by names that find them.

    Raises:
        UsageError: there is none.
        ArchitectureError: two files claim it.
    """
    if _is_path(name) or "/" in name or name.endswith(_SUFFIXES):
        return find(name), []
    bearers = list(_named(name))
    if not bearers:
        return find(name), []
    bearers[0].check()
    others = dict.fromkeys(entry.name for entry in bearers[1:])
    return bearers[0], [other for other in others if other not in (name, bearers[0].name)]


def _no_such(name: str) -> UsageError:
    if name and exists(Path(name)):
        return UsageError(f"{name} is a folder; an architecture is a file")
    asked = Path(name[:200]).with_suffix("") if name.strip("./") else Path()
    forms = [form for name in known() for form in _forms(name)[:2]]  # a folder is no architecture
    hint = _nearest(asked.as_posix(), forms) or "`shapecalc list` shows the architectures that there are"
    looked = ""
    if not _is_path(name):
        own = ", ".join(str(folder) for folder in folders()[:-1])
        looked = f", and no such name in the working folder, {own} or the zoo"
    return UsageError(f"no architecture {quoted(name)}: no such file{looked}", hint=hint)


def _is_path(name: str) -> bool:
    return name.startswith((".", "~")) or Path(name).is_absolute()


def _candidates(name: str) -> Iterator[Entry]:
    """What a name can mean: an architecture of that name anywhere comes before any other file here."""
    file = name if name.endswith(_SUFFIXES) else f"{name}.yaml"
    if not _is_path(name):
        yield from _named(name)
    if is_readable(Path(name)):
        yield Entry(name, Path(name))
    if _is_path(name) and not name.endswith(_SUFFIXES):
        yield from claims(Path(name).parent, Path(name).name)
    if is_readable(Path(file)):
        yield Entry(name, Path(file))


def _named(name: str) -> Iterator[Entry]:
    """The architectures of a name: in the working folder, then in each folder and those within it."""
    if name.endswith(_SUFFIXES):
        paths = (folder / name for folder in (Path(), *folders()))
        yield from (Entry(name, path) for path in paths if is_readable(path))
        return
    within, _, own = name.rpartition("/")
    for folder in (Path(), *folders()):
        if within:
            yield from (entry._replace(name=name) for entry in claims(folder / within, own))
        else:
            yield from claims(folder, own) if folder == Path() else entries(folder, own)


def load(name: str | Path | Entry) -> Architecture:
    """The architecture of a file, of a name of the zoo, or of standard input (`-`).

    Raises:
        UsageError: there is no such file, or it can't be read as an architecture.
        ArchitectureError: what it describes is wrong, or two files claim the name.
    """
    if str(name) == "-":
        if sys.stdin is None:
            raise UsageError("standard input is closed")
        return parse(_decode(sys.stdin.buffer.read(LARGEST_FILE + 1), "<stdin>"), "<stdin>")
    entry = name if isinstance(name, Entry) else find(str(name))
    entry.check()
    architecture = _parsed(_decode(_read(entry.path), str(entry.path)), str(entry.path))
    return architecture.variant(entry.variant) if entry.variant else architecture


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None


def _decode(content: bytes, name: str) -> str:
    if len(content) > LARGEST_FILE:
        hint = "repeated layers are shorter with times and blocks"
        raise UsageError(f"{name} is larger than {LARGEST_FILE:,} bytes", hint=hint)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is no UTF-8 text: byte {error.start} is {content[error.start]:#04x}"
        ) from None
