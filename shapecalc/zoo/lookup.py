"""From a path, a name or `-` to an architecture: which file a name stands for, and how it is read."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from shapecalc.errors import UsageError, nearest, quoted
from shapecalc.language import architecture as language
from shapecalc.language.architecture import Architecture
from shapecalc.language.document import LARGEST_FILE
from shapecalc.language.yaml_nodes import Source
from shapecalc.zoo.files import SHORTER, decoded, text_of
from shapecalc.zoo.index import Entry, claims, entries, exists, folders, in_file, is_readable, shipped
from shapecalc.zoo.libraries import find_library, forms_of, known_libraries

_SUFFIXES = (".yaml", ".yml")


def names(folder: Path | None = None) -> list[str]:
    """The names of the architectures in a folder, by default of those shipped, in the order of `known`."""
    return sorted({entry.name for entry in entries(folder or shipped())}, key=_place)


def known() -> dict[str, Entry]:
    """Every name in the folders of architectures, with its entry.

    Names without a folder's come first; numbers in names are in their order, `resnet18` before `resnet101`.
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
    """Of the `known` names, those that a pattern matches: whole, without their folder, or their folder alone.

    Raises:
        UsageError: a pattern matches nothing.
    """
    every = known()
    found: set[str] = set()
    for pattern in patterns:
        matched = [name for name, entry in every.items() if _matches(name, entry, pattern)]
        if not matched and is_readable(Path(pattern)):
            own = in_file(Path(pattern))
            matched = [member(pattern, entry.variant) for entry in own]
            every.update(zip(matched, own, strict=True))
        if not matched:
            raise _nothing_matches(pattern, every)
        found.update(matched)
    return {name: entry for name, entry in every.items() if name in found or not patterns}


def _nothing_matches(pattern: str, every: Iterable[str]) -> UsageError:
    asked = re.sub(r"[][*?!]", "", pattern)
    hint = _nearest(asked, [form for name in every for form in forms_of(name)])
    return UsageError(f"no architecture matches {quoted(pattern)}", hint=hint)


def _matches(name: str, entry: Entry, pattern: str) -> bool:
    """Whether a pattern is for a name, or names the file that it is in."""
    folder = name.rpartition("/")[0]
    files = (entry.path.stem, entry.path.name)
    return any(fnmatchcase(form, pattern) for form in forms_of(name)) or any(
        pattern in (file, f"{folder}/{file}") for file in files
    )


def member(file: str, variant: str | None) -> str:
    """The name of a variant in the output of a command that was given its file."""
    return f"{file}: {variant}" if variant else file


def _nearest(asked: str, forms: Sequence[str]) -> str:
    near = nearest(asked, forms) or nearest(asked.rpartition("/")[2], forms)
    return near or "`shapecalc list` shows the architectures that there are"


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
    """What `find` gives; for a name without folder also the full names of the other networks called so.

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
    if library := _library(name):
        hint = f"a network has its blocks by `use: {library}`"
        return UsageError(f"{name} is a library of blocks, no architecture", hint=hint)
    asked = Path(name[:200]).with_suffix("") if name.strip("./") else Path()
    forms = [form for name in known() for form in (name, name.rpartition("/")[2])]
    hint = _nearest(asked.as_posix(), forms)
    looked = ""
    if not _is_path(name):
        own = ", ".join(str(folder) for folder in folders()[:-1])
        looked = f", and no such name in the working folder, {own} or the zoo"
    return UsageError(f"no architecture {quoted(name)}: no such file{looked}", hint=hint)


def _library(name: str) -> str | None:
    """The library that a name of an architecture is, or is the end of."""
    own = name.removesuffix(_SUFFIXES[0])
    return next((known for known in known_libraries() if own in forms_of(known)[:2]), None)


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
        return parse(decoded(sys.stdin.buffer.read(LARGEST_FILE + 1), "<stdin>", SHORTER), "<stdin>")
    entry = name if isinstance(name, Entry) else find(str(name))
    entry.check()
    architecture = _parsed(text_of(entry.path, SHORTER), str(entry.path))
    return architecture.variant(entry.variant) if entry.variant else architecture


def parse(text: str, name: str = "<text>") -> Architecture:
    """The architecture that a YAML text describes; `name` is what errors call the text.

    Of a text with variants, it is the first; its `variant` gives the others.

    Raises:
        UsageError: the text is not YAML, or no mapping.
        ArchitectureError: what it describes is wrong.
    """
    return language.parse(text, name, find_library)


def _parsed(text: str, name: str) -> Architecture:
    """The same, kept for the next time: the variants of one file are often wanted one after another."""
    architecture, found = _read(text, name)
    if all(_is_still(library, *asked) for asked, library in found.items()):
        return architecture
    _read.cache_clear()  # a library is another by now
    return _read(text, name)[0]


def _is_still(library: Source, name: str, user: str) -> bool:
    """Whether a library is what it was when it was read."""
    try:
        found = find_library(name, user)
    except UsageError:
        return False
    return (found.name, found.text) == (library.name, library.text)


@lru_cache(maxsize=4)
def _read(text: str, name: str) -> tuple[Architecture, Mapping[tuple[str, str], Source]]:
    """The architecture, and the libraries that were looked up for it, by their names and users."""
    found: dict[tuple[str, str], Source] = {}

    def find(library: str, user: str) -> Source:
        found[library, user] = find_library(library, user)
        return found[library, user]

    return language.parse(text, name, find), found


def members(name: str, entry: Entry | None) -> dict[str, Architecture]:
    """All architectures that a name stands for: of a file, each of its variants as `file: variant`.

    A name that is both its file's and a variant's is the file's. Without an entry it is standard input.

    Raises:
        UsageError: it can't be read.
        ArchitectureError: what it describes is wrong.
    """
    architecture = load(entry or "-")
    if entry and entry.variant and entry.variant != entry.path.stem:
        return {name: architecture}
    variants = {member(name, own): architecture.variant(own) for own in architecture.variants}
    return variants or {name: architecture}
