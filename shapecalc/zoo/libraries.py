"""The libraries of blocks: which names stand for which files, and where a used one is looked up."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from shapecalc.errors import UsageError, nearest, quoted
from shapecalc.language.library import Library, read_library
from shapecalc.language.yaml_nodes import Source
from shapecalc.zoo.files import SHORTER, text_of
from shapecalc.zoo.index import exists, folders, folders_in, libraries_in

_SUFFIX = ".yaml"


def find_library(name: str, user: str) -> Source:
    """The text of a library; `user` is the file that uses it.

    It is looked up beside that file, then in the folder of architectures that the file is in, so that a
    network of a folder means the same wherever it is used, then where networks are.

    Raises:
        UsageError: there is none of that name, or it can't be read.
    """
    path = next(_candidates(name, user), None)
    if path is None:
        places = ", ".join(str(folder) for folder in folders()[:-1])
        looked = f"beside the file, in the working folder, {places} or the zoo"
        hint = _hint(name, user) or "`shapecalc list --blocks` shows what there is"
        raise UsageError(f"there is no library {quoted(name)} {looked}", hint=hint)
    if not path.is_file():  # which may have no end
        raise UsageError(f"{path} is no file that a library can be in")
    return Source(str(path), text_of(path, SHORTER))


def _candidates(name: str, user: str) -> Iterator[Path]:
    """The files that a name can mean, in their order."""
    file = f"{name}{_SUFFIX}"
    for folder in (*_folders_of(user), Path(), *folders()):
        if exists(folder / file) and not (folder / file).is_dir():
            yield folder / file
    if "/" not in name:
        inside = (folder / within / file for folder in folders() for within in folders_in(folder))
        yield from (path for path in inside if path.is_file())


def _folders_of(user: str) -> Iterator[Path]:
    """The folder that a file is in, and the folder of architectures above it, if there is one."""
    beside = Path(user).parent
    yield beside
    whole = os.path.abspath(beside)
    yield from (folder for folder in folders() if Path(whole).is_relative_to(os.path.abspath(folder)))


def _names_near(name: str, user: str) -> list[str]:
    """The names that could be meant: of all known libraries, and of those beside the file."""
    within = Path(name).parent
    beside = [(within / own).as_posix() for own in libraries_in(Path(user).parent / within)]
    every = list(known_libraries())
    return [*beside, *every, *(known.rpartition("/")[2] for known in every)]


def _hint(name: str, user: str) -> str | None:
    """The names that are near: without their folders too, which many names have in common."""
    own = name.rpartition("/")[2]
    near = [known for known in _names_near(name, user) if nearest(own, [known.rpartition("/")[2]])]
    return nearest(name, near) or nearest(own, near)


def known_libraries() -> dict[str, Path]:
    """Every library in the folders of architectures, by its name."""
    found: dict[str, Path] = {}
    for folder in folders():
        for within in ("", *folders_in(folder)):
            for own in libraries_in(folder / within):
                found.setdefault(f"{within}/{own}" if within else own, folder / within / f"{own}{_SUFFIX}")
    return dict(sorted(found.items()))


def matching_libraries(patterns: Sequence[str]) -> dict[str, Path]:
    """Of the known libraries, those that a pattern matches: whole, without their folder, or that alone.

    Raises:
        UsageError: a pattern matches nothing.
    """
    every = known_libraries()
    found: set[str] = set()
    for pattern in patterns:
        matched = {name for name in every if any(fnmatchcase(form, pattern) for form in forms_of(name))}
        if not matched:
            hint = nearest(pattern, every) or "`shapecalc list --blocks` shows what there is"
            raise UsageError(f"no library matches {quoted(pattern)}", hint=hint)
        found |= matched
    return {name: path for name, path in every.items() if name in found or not patterns}


def forms_of(name: str) -> tuple[str, ...]:
    """What a pattern may match of a name: all of it, what it is in its folder, or the folder."""
    folder, _, own = name.rpartition("/")
    return (name, own, folder) if folder else (name,)


def load_library(name: str, path: Path) -> Library:
    """The library of a file.

    Raises:
        UsageError: it can't be read as a library.
        ArchitectureError: what it describes is wrong.
    """
    return read_library(name, Source(str(path), text_of(path, SHORTER)), find_library)
