"""How many bytes weights take where the matrices among them are stored as int8 or int4, with scales."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from shapecalc.engine.nodes import all_nodes
from shapecalc.engine.results import Analysis, Row
from shapecalc.engine.run import whole
from shapecalc.errors import ArchitectureError, UsageError, quoted
from shapecalc.layers.weights import Weight
from shapecalc.symbolic import Dim, summed
from shapecalc.symbolic.conditions import collecting
from shapecalc.tensors import BYTES, check_multiple, for_json

BITS = {"int8": 8, "int4": 4}
SCALE = "float16"
"""The dtype of scales, as in the files of GPTQ, AWQ and llama.cpp (Q4_0, Q8_0)."""
_SCHEME = re.compile(r"(int8|int4)(?::([1-9][0-9]{0,8}))?(\+zeros)?", re.ASCII)


class Scheme(NamedTuple):
    """A dtype of weights, and what shares a scale: so many inputs of an output feature, or all of them."""

    dtype: str
    group: int | None = None
    zeros: bool = False
    """Whether each scale has a zero point beside it, of the dtype of the weights."""

    def __str__(self) -> str:
        group = "" if self.group is None else f":{self.group}"
        return f"{self.dtype}{group}{'+zeros' if self.zeros else ''}"

    def packed(self, elements: Dim) -> Dim:
        """Bytes of so many elements of one tensor; where two share a byte, the last one may have its own."""
        return elements if BITS[self.dtype] == 8 else (elements + 1) // 2

    def scales(self, weight: Weight, path: str) -> Dim:
        """How many scales a matrix (*, out_features, in_features) has.

        Raises:
            ArchitectureError: groups do not divide the input features, or may not where they are a formula.
        """
        inputs = weight.shape[-1]
        if self.group is None:
            return weight.elements // inputs
        message = f"groups of {self.group} do not divide the {{0}} input features of the weight"
        hint = f"another group, or --keep '{path}' for what stays as it is"
        try:
            with collecting() as conditions:
                check_multiple(inputs, self.group, message, hint)
        except ArchitectureError as error:
            raise error.at(None, path) from None
        if conditions:
            message = f"whether groups of {self.group} divide {inputs} input features depends on letters"
            raise ArchitectureError(message, hint="give numbers for them", path=path)
        return weight.elements // self.group


@dataclass(frozen=True, slots=True)
class Quantized:
    """Counts and bytes of the weights under a scheme; parameters stay as many as they are."""

    scheme: Scheme
    params: Dim
    """Elements that are stored in the scheme's dtype."""
    scales: Dim
    weight_bytes: Dim
    scale_bytes: Dim
    zero_bytes: Dim
    other_bytes: Dim
    """Of all parameters and buffers that stay as they are."""

    @property
    def bytes(self) -> Dim:
        return self.weight_bytes + self.scale_bytes + self.zero_bytes + self.other_bytes

    def to_dict(self) -> dict[str, Any]:
        sizes = ("params", "scales", "weight_bytes", "scale_bytes", "zero_bytes", "other_bytes")
        return {"scheme": str(self.scheme), **{name: for_json(getattr(self, name)) for name in sizes}}


def scheme_of(text: str) -> Scheme:
    """The scheme that `int4`, `int4:128` or `int4:128+zeros` names.

    Raises:
        UsageError: it names none.
    """
    match = _SCHEME.fullmatch(text)
    if not match:
        hint = "int8 or int4, by groups as in int4:128, with zero points as in int4:128+zeros"
        raise UsageError(f"--weights {quoted(text)} is no dtype of weights", hint=hint)
    dtype, group, zeros = match.groups()
    return Scheme(dtype, None if group is None else int(group), zeros is not None)


def quantized(
    analysis: Analysis, scheme: Scheme, keep: Iterable[str] = (), dtype: str = "float32"
) -> Quantized:
    """The weights of a network under a scheme; all others are float32 in `dtype`.

    `keep`: paths, or ends of paths, of what stays as it is. A weight that several steps share is converted
    where each of them converts it: an embedding's table stays, though a Linear reads it too.

    Raises:
        UsageError: nothing has a path of `keep`.
        ArchitectureError: groups do not divide the input features of a matrix.
    """
    keep = tuple(keep)
    if keep:  # may name one of several copies
        analysis = whole(analysis, "--keep")
    staying = _staying(analysis, keep)
    found: list[tuple[Dim, ...]] = []
    for number, (row, times) in enumerate(zip(analysis.rows, analysis.times, strict=True)):
        for name, weight in row.own_weights.items():
            stays = (number, name) in staying
            sizes = _kept(weight, dtype) if stays else _converted(weight, scheme, row.path)
            found.append(tuple([times * size for size in sizes]))
    return Quantized(scheme, *[summed(sizes) for sizes in zip(*found, strict=True)] or [0] * 6)


def _converted(weight: Weight, scheme: Scheme, path: str) -> tuple[Dim, ...]:
    """Of a matrix: its elements, its scales, the bytes of both and of zero points, and no others."""
    scales = scheme.scales(weight, path)
    zeros = scheme.packed(scales) if scheme.zeros else 0
    return weight.elements, scales, scheme.packed(weight.elements), scales * BYTES[SCALE], zeros, 0


def _kept(weight: Weight, dtype: str) -> tuple[Dim, ...]:
    return 0, 0, 0, 0, 0, weight.elements * BYTES[dtype if weight.dtype == "float32" else weight.dtype]


def _staying(analysis: Analysis, keep: tuple[str, ...]) -> set[tuple[int, str]]:
    """The weights, each as the row that owns it and its name, that some step does not convert."""
    kept = {number for name in keep for number in _named(analysis, name)}
    return {
        (row.shares if row.shares is not None and name in row.shared else number, name)
        for number, row in enumerate(analysis.rows)
        for name in _unconverted(row, number in kept)
    }


def _unconverted(row: Row, kept: bool) -> Iterator[str]:
    ends = tuple([f".{end}" for end in row.layer.quantized])
    return (name for name in row.weights if kept or not f".{name}".endswith(ends))


def _named(analysis: Analysis, name: str) -> Iterator[int]:
    """The rows under the node of that path, or else under each whose path has that end."""
    nodes = {node.path: node for node in all_nodes(analysis.tree)}
    ends = [node for path, node in nodes.items() if path.endswith(f".{name}")]
    for node in ends if ends and name not in nodes else [analysis.find(name)]:  # which says what there is
        yield from range(node.start, node.stop)
