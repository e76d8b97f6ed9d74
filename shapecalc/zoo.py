"""Where architectures are found: by path, by name in a few folders, or on standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from shapecalc.architecture import Architecture, parse
from shapecalc.catalogue import SEARCH_PATH, Entry, claims, entries, exists, folders, is_readable, shipped
from shapecalc.document import LARGEST_FILE
from shapecalc.errors import UsageError, nearest, quoted

__all__ = ["SEARCH_PATH", "find", "known", "load", "names", "others", "shipped"]

_SUFFIXES = (".yaml", ".yml")
_parsed = lru_cache(maxsize=4)(parse)  # the variants of one file are often wanted one after another


def names(folder: Path | None = None) -> list[str]:
    """The names of the architectures in a folder, by default of those shipped, sorted."""
    return sorted({entry.name for entry in entries(folder or shipped())})


def known() -> dict[str, Entry]:
    """Every name in the folders of architectures, sorted, with what it stands for there."""
    found: dict[str, Entry] = {}
    for folder in folders():
        for entry in entries(folder):
            found.setdefault(entry.name, entry)
    return dict(sorted(found.items()))


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


def others(name: str) -> list[str]:
    """The names of architectures that a bare name could mean too, had it not another one before them."""
    if _is_path(name) or "/" in name or name.endswith(_SUFFIXES) or name == "-":
        return []
    return list(dict.fromkeys(entry.name for entry in _named(name) if entry.name != name))


def _no_such(name: str) -> UsageError:
    if name and exists(Path(name)):
        return UsageError(f"{name} is a folder; an architecture is a file")
    asked = Path(name[:200]).with_suffix("") if name.strip("./") else Path()
    names = [*known(), *(Path(name).name for name in known())]
    near = nearest(asked.as_posix(), names) or nearest(asked.name, names)
    hint = near or "`shapecalc list` shows the architectures that there are"
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
