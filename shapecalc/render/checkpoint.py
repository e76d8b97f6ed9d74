"""`params` of a checkpoint: its tensors as a tree of their names, with shapes, dtypes, counts and bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shapecalc.checkpoints.naming import in_numeric_order
from shapecalc.checkpoints.tensors import Checkpoint, Stored
from shapecalc.engine.limits import MOST_LISTED
from shapecalc.errors import UsageError
from shapecalc.render.cells import count, how_many, shape, size
from shapecalc.render.grid import Column, Grid, Line, print_grid, print_json
from shapecalc.render.tree import guided

_DEEPEST = 50  # levels of a tree; what is deeper is one name

_COLUMNS = (
    Column("tensor", "Tensor"),
    Column("shape", "Shape", shape),
    Column("dtype", "Dtype"),
    Column("elements", "Elements", count),
    Column("bytes", "Bytes", size),
)
_MORE = (Column("tied_to", "Tied to"), Column("file", "File"))
"""In CSV, where each tensor has a line."""


def print_checkpoint(checkpoint: Checkpoint, form: str, depth: int | None) -> None:
    """Print the tensors of a checkpoint; `depth` is how many levels of names a table has.

    Raises:
        UsageError: a depth is given for a form that has every tensor, or a table would be too long.
    """
    if form in ("json", "csv") and depth is not None:
        raise UsageError(f"--depth is for tables; {form.upper()} always has every tensor")
    if form == "json":
        print_json(to_json(checkpoint))
    elif form == "csv":
        lines = [Line((t.name, t.shape, t.dtype, *_counts(t), t.tied_to, t.file)) for t in checkpoint.tensors]
        print_grid(Grid(checkpoint.name, _COLUMNS + _MORE, lines), form)
    else:
        print_grid(Grid(checkpoint.name, _COLUMNS, _lines(checkpoint, depth), [*_notes(checkpoint)]), form)


@dataclass
class _Group:
    """What is below a name: a tensor, groups, or both."""

    tensors: list[Stored] = field(default_factory=list)
    """All of them, at any depth."""
    own: Stored | None = None
    parts: dict[str, _Group] = field(default_factory=dict)


def _grouped(tensors: Sequence[Stored]) -> _Group:
    root = _Group()
    for tensor in tensors:
        group = root
        group.tensors.append(tensor)
        for part in tensor.name.split(".", _DEEPEST):
            group = group.parts.setdefault(part, _Group())
            group.tensors.append(tensor)
        group.own = tensor
    return root


def _lines(checkpoint: Checkpoint, depth: int | None) -> list[Line]:
    tensors = checkpoint.tensors
    if not checkpoint.in_order_of_module:
        tensors = sorted(tensors, key=lambda tensor: in_numeric_order(tensor.name))
    lines = []
    for line in _tree(_grouped(tensors), depth, None):
        lines.append(line)
        if len(lines) > MOST_LISTED:
            raise UsageError(f"the table has more than {MOST_LISTED:,} lines", hint="--depth 2 shows fewer")
    return lines


def _tree(group: _Group, depth: int | None, prefix: str | None) -> Iterator[Line]:
    """The lines of what is below a group, each with the guides before it."""
    for own, below, (name, part) in guided([*group.parts.items()], prefix):
        yield Line((own + _label(name, part), *_values(part)), strong=bool(part.parts))
        if depth is None or depth > 1:
            yield from _tree(part, depth and depth - 1, below)


def _label(name: str, part: _Group) -> str:
    return f"{name} = {part.own.tied_to}" if part.own and part.own.tied_to else name


def _values(part: _Group) -> tuple[Any, ...]:
    """Shape, dtype, elements and bytes; of a group, those of all its tensors."""
    if part.own and not part.parts:
        return (part.own.shape, part.own.dtype, *_counts(part.own))
    dtypes = {tensor.dtype: None for tensor in part.tensors}
    sums = _sums([tensor for tensor in part.tensors if not tensor.tied_to])
    return (None, ", ".join(dtypes), sums["elements"], sums["bytes"])


def _counts(tensor: Stored) -> tuple[int | None, int | None]:
    """Elements and bytes, where they are not another tensor's."""
    return (None, None) if tensor.tied_to else (tensor.elements, tensor.bytes)


def _notes(checkpoint: Checkpoint) -> Iterator[str]:
    tied = len(checkpoint.tensors) - len(checkpoint.own)
    same = f", {tied} of them another's" if tied else ""
    files = f" in {checkpoint.files:,} files" if checkpoint.files > 1 else ""
    part = f", the part {checkpoint.part} of the file" if checkpoint.part else ""
    totals = _totals(checkpoint)
    yield f"Tensors   {len(checkpoint.tensors):,}{same}{files}{part}"
    yield f"Elements  {count(totals['elements'])}"
    yield f"Bytes     {size(totals['bytes'])}"
    for dtype, own in totals["dtypes"].items():
        what = f"{how_many(own['elements'], 'element')} in {how_many(own['tensors'], 'tensor')}"
        yield f"  {size(own['bytes'])} in {dtype}: {what}"


def _totals(checkpoint: Checkpoint) -> dict[str, Any]:
    """Sums over the tensors, each once, and by dtype, the one with the most bytes first."""
    by_dtype: dict[str, list[Stored]] = {}
    for tensor in checkpoint.own:
        by_dtype.setdefault(tensor.dtype, []).append(tensor)
    dtypes = {dtype: _sums(own) for dtype, own in by_dtype.items()}
    ordered = sorted(dtypes.items(), key=lambda item: -item[1]["bytes"])
    return {**_sums(checkpoint.own), "dtypes": dict(ordered)}


def _sums(tensors: Sequence[Stored]) -> Mapping[str, int]:
    elements, held = sum(t.elements for t in tensors), sum(t.bytes for t in tensors)
    return {"tensors": len(tensors), "elements": elements, "bytes": held}


def to_json(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "name": checkpoint.name,
        "form": checkpoint.form,
        "files": checkpoint.files,
        **({"part": checkpoint.part} if checkpoint.part else {}),
        "tensors": [_tensor(tensor) for tensor in checkpoint.tensors],
        "totals": _totals(checkpoint),
    }


def _tensor(tensor: Stored) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "elements": tensor.elements,
        "bytes": tensor.bytes,
        **({"tied_to": tensor.tied_to} if tensor.tied_to else {}),
        **({"file": tensor.file} if tensor.file else {}),
    }
