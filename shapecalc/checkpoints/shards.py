"""A checkpoint in several files, and the index that says which tensor is in which of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from shapecalc.checkpoints.files import LARGEST_TEXT, Opened, opened
from shapecalc.checkpoints.json_text import json_object
from shapecalc.checkpoints.tensors import Stored
from shapecalc.errors import listed, quoted

_MOST_TENSORS = 500_000
_MAP = "weight_map"


def shard_names(source: Opened) -> Mapping[str, list[str]]:
    """File name → the names of its tensors, as an index has them.

    Raises:
        UsageError: it is no index, or names files outside of its folder.
    """
    if source.size > LARGEST_TEXT:
        raise source.error(f"it has {source.size:,} bytes; at most {LARGEST_TEXT:,} are read")
    found = json_object(source.at(0, source.size), source, "the index").get(_MAP)
    if not isinstance(found, dict) or not all(isinstance(file, str) for file in found.values()):
        raise source.error(f"{_MAP} must be a mapping of tensors to files")
    files: dict[str, list[str]] = {}
    for name, file in found.items():
        files.setdefault(file, []).append(name)
    for file in files:
        _check_inside(file, source)
    return files


def _check_inside(file: str, source: Opened) -> None:
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or not path.name or set(file) & set("\\:\0"):
        message = f"it names {quoted(file)}, and a shard is a file beside its index"
        raise source.error(message, "an index from elsewhere must not lead out of its folder")


def tensors_of(path: Path, read: Callable[[Path, str], Sequence[Stored]]) -> tuple[list[Stored], int]:
    """The tensors of all shards of an index, and how many files these are; `read` takes one.

    Raises:
        UsageError: the index or a shard can't be read, or they don't agree.
    """
    with opened(path) as source:
        files = shard_names(source)
        found: list[Stored] = []
        for file, wanted in files.items():
            _check_there(path.parent / file, wanted, source)
            found += _wanted(read(path.parent / file, file), wanted, file, source)
            if len(found) > _MOST_TENSORS:
                raise source.error(f"it has more than {_MOST_TENSORS:,} tensors")
    return found, len(files)


def _check_there(path: Path, wanted: Sequence[str], source: Opened) -> None:
    if not path.exists():
        has = f"which has {len(wanted):,} of the tensors"
        raise source.error(f"the shard {quoted(path.name)} is missing, {has}", "have all files been fetched?")


def _wanted(shard: Sequence[Stored], wanted: Sequence[str], file: str, source: Opened) -> Iterator[Stored]:
    """The tensors of a shard that the index has in it."""
    names = {tensor.name for tensor in shard}
    if missing := [name for name in wanted if name not in names]:
        raise source.error(
            f"{quoted(file)} has no {listed(map(quoted, missing), 3)}, which the index has there"
        )
    inside = set(wanted)
    return (tensor for tensor in shard if tensor.name in inside)
