"""From a path to the checkpoint that it is: a file, an index of shards, or a folder that holds one."""

from __future__ import annotations

from pathlib import Path

from shapecalc.checkpoints import safetensors, shards, torch_file
from shapecalc.checkpoints.files import opened
from shapecalc.checkpoints.tensors import Checkpoint, Stored
from shapecalc.errors import UsageError, listed, short_path

_SAFETENSORS = ".safetensors"
_TORCH = (".pt", ".pth", ".bin", ".ckpt")
_INDEX = ".index.json"
_FORMS = f"{_SAFETENSORS}, {', '.join(_TORCH)} or {_INDEX}"


def is_checkpoint(text: str) -> bool:
    """Whether a text is the path of a checkpoint, by its end, or of a folder with one."""
    path = Path(text)
    try:
        return _is_named_so(path) or (path.is_dir() and bool(_inside(path)))
    except (OSError, ValueError):  # of a text that is no path
        return False


def read(text: str) -> Checkpoint:
    """The tensors of a checkpoint.

    Raises:
        UsageError: there is none, it can't be read, or what it says is not true of it.
    """
    path = Path(text)
    if _is_folder(path):
        path = _only(path)
    if not _is_named_so(path):
        raise UsageError(f"{path} is no checkpoint by its name", hint=f"one ends in {_FORMS}")
    if path.name.endswith(_INDEX):
        tensors, files = shards.tensors_of(path, lambda shard, name: _tensors(shard, name)[0])
        form = "safetensors" if path.name.endswith(_SAFETENSORS + _INDEX) else "torch"
        return Checkpoint(str(path), form, tensors, files)
    tensors, part = _tensors(path)
    form = "safetensors" if path.suffix == _SAFETENSORS else "torch"
    return Checkpoint(str(path), form, tensors, part=part)


def _tensors(path: Path, shard: str = "") -> tuple[list[Stored], str]:
    """The tensors of a file, by what its name ends in, and which part of it they are."""
    with opened(path) as source:
        if path.suffix == _SAFETENSORS:
            return safetensors.tensors_of(source, shard), ""
        return torch_file.tensors_of(source, shard)


def _is_named_so(path: Path) -> bool:
    return path.suffix in (_SAFETENSORS, *_TORCH) or path.name.endswith(_INDEX)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # of a name that is too long, which opening it says
        return False


def _inside(folder: Path) -> list[Path]:
    """The checkpoints in a folder: its indices, or without one its files, safetensors before others."""
    for ends in ((_SAFETENSORS + _INDEX,), (_INDEX,), (_SAFETENSORS,), _TORCH):
        if found := sorted(path for path in folder.iterdir() if path.name.endswith(ends)):
            return found
    return []


def _only(folder: Path) -> Path:
    try:
        found = _inside(folder)
    except OSError as error:
        raise UsageError(f"{short_path(folder)} can't be read: {error.strerror}") from None
    if not found:
        raise UsageError(f"the folder {folder} holds no checkpoint", hint=f"one ends in {_FORMS}")
    if len(found) > 1:
        several = listed((path.name for path in found), 4)
        raise UsageError(f"the folder {folder} holds {len(found)} checkpoints", hint=f"name one: {several}")
    return found[0]
