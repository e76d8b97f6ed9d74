"""The folders of architectures, and which names their files claim, found without reading whole files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shapecalc import document, nodes
from shapecalc.document import LARGEST_FILE
from shapecalc.errors import ArchitectureError, ShapecalcError, quoted
from shapecalc.nodes import Source

SEARCH_PATH = "SHAPECALC_PATH"
"""The environment variable that names further folders."""

_KEY = re.compile(r"^variants[ \t]*:", re.MULTILINE)
_NEXT_KEY = re.compile(r"^[^\s#]", re.MULTILINE)


class Entry(NamedTuple):
    """A name of an architecture, the file that it stands for, and the variant in that file."""

    name: str
    path: Path
    variant: str | None = None
    rival: Path | None = None
    """Another file of the same folder that claims the name."""

    def check(self) -> None:
        """Refuse a name that two files claim.

        Raises:
            ArchitectureError: with the place in the one of them that has it as a variant.
        """
        if self.rival is None:
            return
        path, other = (self.path, self.rival) if self.variant else (self.rival, self.path)
        own = self.variant or Path(self.name).name
        source = Source(str(path), read(path))
        message = f"{quoted(own)} is also claimed by {other}"
        error = ArchitectureError(message, hint="give one of the two another name")
        key = _keys(source).get(own)
        raise error.at(source.place_of(key) if key else None)


def shipped() -> Path:
    """The folder of the architectures that come with shapecalc: in the wheel, or in a checkout."""
    here = Path(__file__).parent
    inside = here / "architectures"
    return inside if inside.is_dir() else here.parent / "architectures"


def folders() -> list[Path]:
    """The folders of architectures, in the order in which a name is looked up in them."""
    own = [folder for folder in os.environ.get(SEARCH_PATH, "").split(os.pathsep) if folder]
    return [Path("architectures"), *map(Path, own), shipped()]


def entries(folder: Path, name: str | None = None) -> Iterator[Entry]:
    """What is in a folder of architectures and, after it, in the folders within; of one name, or all.

    One in a folder within, such as a family of networks, bears that one's name before its own:
    `imagenet/resnet18`.
    """
    yield from claims(folder, name)
    for within in sorted(path for path in _listing(folder) if path.is_dir() and not _hidden(path.name)):
        for entry in claims(within, name):
            yield entry._replace(name=f"{within.name}/{entry.name}")


def claims(folder: Path, name: str | None = None) -> list[Entry]:
    """The names that the files of one folder claim, each once; with `name`, that one alone.

    A file claims its own name, or those of its variants; asked for by its name, it has that one too.
    """
    found: dict[str, Entry] = {}
    for path in sorted(path for path in _listing(folder) if path.suffix == ".yaml"):
        if _hidden(path.name) or not is_readable(path):
            continue
        for claimed, variant in _claimed_by(path, name):
            first = found.setdefault(claimed, Entry(claimed, path, variant))
            if first.path != path and first.rival is None:
                found[claimed] = first._replace(rival=path)
    return list(found.values())


def _claimed_by(path: Path, name: str | None) -> list[tuple[str, str | None]]:
    """The names that a file claims, each with the variant that it is."""
    text = read(path) if path.is_file() else ""  # a pipe can be read once, and not here
    if name is not None and name not in text:
        return [(name, None)] if name == path.stem else []
    variants = variants_in(text)
    if name is None:
        return [(variant, variant) for variant in variants] or [(path.stem, None)]
    if name in variants:
        return [(name, name)]
    return [(name, None)] if name == path.stem else []


def variants_in(text: str) -> list[str]:
    """The names of a file's variants, read off the one key of its text that has them.

    A text that is wrong has none, as far as can be seen here.
    """
    if "variants" not in text:
        return []
    found = _KEY.search(text)
    if found:
        end = _NEXT_KEY.search(text, found.end())
        part = text[found.start() : end.start() if end else len(text)]
        names = _keys(Source("", part))
        if names:
            return list(names)
    return list(_keys(Source("", text)))  # in braces, or with anchors from elsewhere


def _keys(source: Source) -> dict[str, nodes.Scalar]:
    try:
        root = document.read(source)
    except ShapecalcError:
        return {}
    _, variants = (
        root.entries.get("variants", (None, None)) if isinstance(root, nodes.Mapping) else (None, None)
    )
    if not isinstance(variants, nodes.Mapping):
        return {}
    return {name: key for name, (key, _) in variants.entries.items()}


def read(path: Path) -> str:
    """The text of a file, as far as it is one: what is wrong with it is found where it is loaded."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1).decode("utf-8-sig", errors="replace")
    except OSError:
        return ""


def _listing(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (OSError, ValueError):  # no folder, or not for us
        return []


def _hidden(name: str) -> bool:
    """Whether a command would not take the name for one."""
    return name.startswith((".", "~"))


def exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or has a NUL inside
        return False


def is_readable(path: Path) -> bool:
    """Whether this is something other than a folder: a file, a pipe."""
    return exists(path) and not path.is_dir()
