"""The folders of architectures, and the names that their files claim, without reading whole files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from shapecalc.errors import ArchitectureError, ShapecalcError, quoted
from shapecalc.language import document
from shapecalc.language.document import LARGEST_FILE
from shapecalc.language.library import OF_NETWORKS, is_library
from shapecalc.language.yaml_nodes import Scalar, Source, YamlMapping, YamlNode

SEARCH_PATH = "SHAPECALC_PATH"
"""The environment variable that names further folders."""

_SUFFIX = ".yaml"
_KEY = r"(?m)^variants[ \t]*:"
_OF_NETWORKS = re.compile(rf"(?m)^(?:{'|'.join(OF_NETWORKS)})[ \t]*:".encode())
_NEXT_KEY = r"(?m)^[^\s#]"


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
        source = Source(str(path), _text(_content(str(path))))
        message = f"{quoted(own)} is also claimed by {other}"
        error = ArchitectureError(message, hint="give one of the two another name")
        key = _keys(source).get(own)
        raise error.at(source.place_of(key) if key else None)


def shipped() -> Path:
    """The folder of the architectures that come with shapecalc: in the wheel, or in a checkout."""
    here = Path(__file__).parent.parent
    inside = here / "architectures"
    return inside if inside.is_dir() else here.parent / "architectures"


def folders() -> list[Path]:
    """The folders of architectures, in the order in which a name is looked up in them."""
    own = [folder for folder in os.environ.get(SEARCH_PATH, "").split(os.pathsep) if folder]
    return [Path("architectures"), *map(Path, own), shipped()]


def entries(folder: Path, name: str | None = None) -> Iterator[Entry]:
    """The architectures of a folder and then of the folders in it: all, or those of one name.

    An architecture of a folder in it has that folder's name before its own: `imagenet/resnet18`.
    """
    yield from claims(folder, name)
    for within in folders_in(folder):
        own = claims(folder / within, name)
        yield from (entry._replace(name=f"{within}/{entry.name}") for entry in own)


def folders_in(folder: Path) -> Iterator[str]:
    """The names of the folders in a folder."""
    for within in _listed(folder):
        itself = within.is_symlink() and _is(partial(os.path.samefile, within.path, folder))
        if _is(within.is_dir) and not itself:  # a link back to the folder that it is in
            yield within.name


def claims(folder: Path, name: str | None = None) -> list[Entry]:
    """The names of the networks in the files of a folder, each once; with `name`, only that name.

    A file claims its own name, or those of its variants; asked for by its name, it has that one too.
    A library is no architecture, and claims none.
    """
    found: dict[str, Entry] = {}
    for file in _files(folder):
        for claimed, variant in _claimed_by(file, name):
            first = found.setdefault(claimed, Entry(claimed, folder / file.name, variant))
            if first.path.name != file.name and first.rival is None:
                found[claimed] = first._replace(rival=folder / file.name)
    return list(found.values())


def libraries_in(folder: Path) -> list[str]:
    """The names of the libraries of one folder."""
    files = [file for file in _files(folder) if _is_library(_content(file.path))]
    return [file.name.removesuffix(_SUFFIX) for file in files]


def _files(folder: Path) -> list[os.DirEntry[str]]:
    """The YAML files of a folder: a pipe would be waited for."""
    return [file for file in _listed(folder) if file.name.endswith(_SUFFIX) and _is(file.is_file)]


def _is_library(content: bytes) -> bool:
    """Whether a file has blocks alone; of one that is wrong, as far as can be seen here."""
    if b"blocks" not in content or _OF_NETWORKS.search(content):
        return False
    return is_library(_entries(Source("", _text(content))))


def in_file(path: Path) -> list[Entry]:
    """The architectures of one file: its variants, or the file itself if it has none."""
    variants = variants_in(_text(_content(str(path)))) if path.is_file() else []
    return [Entry(variant, path, variant) for variant in variants] or [Entry(path.stem, path)]


def _claimed_by(file: os.DirEntry[str], name: str | None) -> list[tuple[str, str | None]]:
    """The names that a file claims, each with the variant that it is."""
    own = file.name.removesuffix(_SUFFIX)
    content = _content(file.path)
    if (name is None or name == own) and _is_library(content):
        return []
    if name is None:
        return [(variant, variant) for variant in variants_in(_text(content))] or [(own, None)]
    if _is_word(name, content) and name in variants_in(_text(content)):
        return [(name, name)]
    return [(name, None)] if name == own else []


def _is_word(name: str, content: bytes) -> bool:
    """Whether a name stands anywhere in a file, and not within a longer word, as nin in training."""
    word = name.encode(errors="replace")
    return word in content and re.search(rb"(?<!\w)" + re.escape(word) + rb"(?!\w)", content) is not None


def variants_in(text: str) -> list[str]:
    """The names of a file's variants, read off the one key of its text that has them.

    A text that is wrong has none, as far as can be seen here.
    """
    if "variants" not in text:
        return []
    found = re.search(_KEY, text)
    if found:
        after = text[found.end() :]
        end = re.search(_NEXT_KEY, after)
        names = _keys(Source("", found[0] + after[: end.start() if end else None]))
        if names:
            return list(names)
    return list(_keys(Source("", text)))  # in braces, or with anchors from elsewhere


def _keys(source: Source) -> dict[str, Scalar]:
    _, variants = _entries(source).get("variants", (None, None))
    if not isinstance(variants, YamlMapping):
        return {}
    return {name: key for name, (key, _) in variants.entries.items()}


def _entries(source: Source) -> Mapping[str, tuple[Scalar, YamlNode]]:
    """The keys of a file with their values; of a text that is wrong, none."""
    try:
        root = document.read(source)
    except ShapecalcError:
        return {}
    return root.entries if isinstance(root, YamlMapping) else {}


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder in the order of their names, without hidden files and the like."""
    try:
        with os.scandir(folder) as found:
            return sorted((f for f in found if not f.name.startswith((".", "~"))), key=lambda f: f.name)
    except (OSError, ValueError):  # no folder, or not for us
        return []


def _is(asked: Callable[[], bool]) -> bool:
    """The answer of an entry of a folder; False of a link that leads nowhere, or in a loop."""
    try:
        return asked()
    except OSError:
        return False


def _content(path: str) -> bytes:
    """The bytes of a file that can be read: what is wrong with it is found where it is loaded."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(min(os.fstat(file.fileno()).st_size, LARGEST_FILE))
    except OSError:
        return b""


def _text(content: bytes) -> str:
    return content.decode("utf-8-sig", errors="replace")


def exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or has a NUL inside
        return False


def is_readable(path: Path) -> bool:
    """Whether this is something other than a folder: a file, a pipe."""
    return exists(path) and not path.is_dir()
