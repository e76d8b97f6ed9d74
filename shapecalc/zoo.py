"""Where architectures are found: by path, by name in a few folders, or on standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from shapecalc.architecture import Architecture, parse
from shapecalc.document import LARGEST_FILE
from shapecalc.errors import UsageError, nearest, quoted

SEARCH_PATH = "SHAPECALC_PATH"
"""The environment variable that names further folders."""


def shipped() -> Path:
    """The folder of the architectures that come with shapecalc: in the wheel, or in a checkout."""
    here = Path(__file__).parent
    inside = here / "architectures"
    return inside if inside.is_dir() else here.parent / "architectures"


def folders() -> list[Path]:
    """The folders of architectures, in the order in which a name is looked up in them."""
    own = [folder for folder in os.environ.get(SEARCH_PATH, "").split(os.pathsep) if folder]
    return [Path("architectures"), *map(Path, own), shipped()]


def names(folder: Path | None = None) -> list[str]:
    """The names of the architectures in a folder, by default of those shipped, sorted.

    One in a folder within, such as a family of networks, bears that one's name before its own:
    `imagenet/resnet18`.
    """
    folder = folder or shipped()
    files = [path for form in ("*.yaml", "*/*.yaml") for path in folder.glob(form) if _is_readable(path)]
    found = (path.relative_to(folder).with_suffix("").as_posix() for path in files)
    return sorted(name for name in found if not _is_path(name))


def known() -> dict[str, Path]:
    """Every name in the folders of architectures, sorted, with the file that it stands for there."""
    found: dict[str, Path] = {}
    for folder in reversed(folders()):
        found.update({name: folder / f"{name}.yaml" for name in names(folder)})
    return dict(sorted(found.items()))


def find(name: str) -> Path:
    """The file that a path or a name stands for.

    Raises:
        UsageError: there is none.
    """
    for candidate in _candidates(name):
        if _is_readable(candidate):
            return candidate
    if name and _exists(Path(name)):
        raise UsageError(f"{name} is a folder; an architecture is a file")
    asked = Path(name[:200]).with_suffix("") if name.strip("./") else Path()
    near = nearest(asked.as_posix(), known()) or nearest(asked.name, known())
    hint = near or "`shapecalc list` shows the architectures that there are"
    looked = ""
    if not _is_path(name):
        own = ", ".join(str(folder) for folder in folders()[:-1])
        looked = f", and no such name in the working folder, {own} or the zoo"
    raise UsageError(f"no architecture {quoted(name)}: no such file{looked}", hint=hint)


def _is_path(name: str) -> bool:
    return name.startswith((".", "~")) or Path(name).is_absolute()


def _candidates(name: str) -> Iterator[Path]:
    """Files that a name can mean: a YAML file of that name anywhere comes before any other file here."""
    file = name if name.endswith((".yaml", ".yml")) else f"{name}.yaml"
    if not _is_path(name):
        yield from (folder / file for folder in (Path(), *folders()))
    yield from (Path(name), Path(file))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or has a NUL inside
        return False


def _is_readable(path: Path) -> bool:
    """Whether this is something other than a folder: a file, a pipe."""
    return _exists(path) and not path.is_dir()


def load(name: str | Path) -> Architecture:
    """The architecture of a file, of a name of the zoo, or of standard input (`-`).

    Raises:
        UsageError: there is no such file, or it can't be read as an architecture.
        ArchitectureError: what it describes is wrong.
    """
    if str(name) == "-":
        if sys.stdin is None:
            raise UsageError("standard input is closed")
        return parse(_decode(sys.stdin.buffer.read(LARGEST_FILE + 1), "<stdin>"), "<stdin>")
    path = find(str(name))
    return parse(_decode(_read(path), str(path)), str(path))


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
