"""How many bytes weights take where the matrices among them are stored as int8 or int4, with scales."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from shapecalc.allocation.mode import bytes_of
from shapecalc.engine.nodes import all_nodes
from shapecalc.engine.results import Analysis, Row
from shapecalc.engine.run import whole
from shapecalc.engine.weights import stored_alike
from shapecalc.errors import ArchitectureError, UsageError
from shapecalc.language.architecture import Architecture
from shapecalc.language.tree import Argument
from shapecalc.language.yaml_nodes import Scalar, Spot
from shapecalc.layers.schemes import Scheme, matrices, read_scheme, size_in_bytes
from shapecalc.symbolic import Dim, summed
from shapecalc.symbolic.conditions import collecting
from shapecalc.tensors import for_json

_LARGEST_GROUP = 4096
"""The largest group that a hint is for."""


@dataclass(frozen=True, slots=True)
class SchemeBytes:
    """Counts and bytes of the weights under one scheme."""

    scheme: Scheme
    params: Dim
    """Elements that are stored in the scheme's dtype."""
    scales: Dim
    weight_bytes: Dim
    scale_bytes: Dim
    zero_bytes: Dim


_SUMMED = ("params", "scales", "weight_bytes", "scale_bytes", "zero_bytes")


@dataclass(frozen=True, slots=True)
class Quantized:
    """Counts and bytes of the weights of a network; parameters stay as many as they are."""

    parts: tuple[SchemeBytes, ...]
    """One for each scheme, in the order in which they come."""
    other_bytes: Dim
    """Of all parameters and buffers that stay as they are."""

    def __getattr__(self, what: str) -> Dim:
        """The sum of a figure of the parts, by its name there."""
        if what not in _SUMMED:
            raise AttributeError(what)
        return summed([getattr(part, what) for part in self.parts])

    @property
    def bytes(self) -> Dim:
        return self.weight_bytes + self.scale_bytes + self.zero_bytes + self.other_bytes

    def to_dict(self) -> dict[str, Any]:
        figures = {name: for_json(getattr(self, name)) for name in (*_SUMMED, "other_bytes")}
        return {"scheme": ", ".join(str(part.scheme) for part in self.parts), **figures}


def scheme_of(text: str) -> Scheme | None:
    """The scheme that `int4`, `int4:128` or `int4:128+zeros` names; None for `float32`.

    Raises:
        UsageError: it names none.
    """
    try:
        return read_scheme(text)
    except ArchitectureError as error:
        raise UsageError(f"--weights {error.message}", hint=error.hint) from None


def stored_throughout(analysis: Analysis, text: str) -> Architecture:
    """A network with what `--weights` says in place of what its file says of all matrices.

    Raises:
        UsageError: it names no scheme, or there are no matrices.
        ArchitectureError: groups do not divide the input features of a matrix.
    """
    architecture, scheme = analysis.architecture, scheme_of(text)
    if scheme and not quantized(stored_as(analysis, scheme)).parts:
        raise UsageError(f"--weights {text}: {analysis.name} has no Linear layer to store so")
    return replace(architecture, weights=Argument(text, Scalar(text, True, Spot(0, 0))))


def stored_as(analysis: Analysis, scheme: Scheme | None, keep: Iterable[str] | None = None) -> Analysis:
    """The network with all its matrices under a scheme, whatever its file says; under None as they are.

    `keep`: paths, or ends of paths, of what stays as it is; None where nobody could name any. A weight that
    several steps share is converted where each of them converts it: an embedding's table stays, though a
    Linear reads it too.

    Raises:
        UsageError: nothing has a path of `keep`.
        ArchitectureError: groups do not divide the input features of a matrix.
    """
    names = tuple(keep or ())
    if names:  # may name one of several copies
        analysis = whole(analysis, "--keep")
    kept = {number for name in names for number in _named(analysis, name)}
    rows = [_stored(row, None if n in kept else scheme) for n, row in enumerate(analysis.rows)]
    found = replace(analysis, rows=tuple(stored_alike(rows)))
    for row in found.rows:
        _check(row, "" if keep is None else f", or --keep '{row.path}' for what stays as it is")
    return found


def _stored(row: Row, scheme: Scheme | None) -> Row:
    if scheme is None:
        return row._replace(stored={})
    return row._replace(stored=dict.fromkeys(matrices(row.layer.quantized, row.weights), scheme))


def _check(row: Row, otherwise: str) -> None:
    """Refuse groups that do not divide input features, or may not where these are a formula."""
    for name in row.stored.keys() - row.shared:
        scheme, weight = row.stored[name], row.weights[name]
        try:
            with collecting() as conditions:
                scheme.check(weight, f"another group{_as_fits(weight.shape[-1], scheme)}{otherwise}")
        except ArchitectureError as error:
            raise error.at(None, row.path) from None
        if conditions:
            inputs = weight.shape[-1]
            message = f"whether groups of {scheme.group} divide {inputs} input features depends on letters"
            raise ArchitectureError(message, hint="give numbers for them", path=row.path)


def _as_fits(inputs: Dim, scheme: Scheme) -> str:
    """The greatest smaller group that divides so many inputs; none is named where 1 alone does."""
    if not isinstance(inputs, int):
        return ""
    most = min(scheme.group or 0, inputs, _LARGEST_GROUP)
    fit = next((group for group in range(most, 1, -1) if inputs % group == 0), None)
    return f", as {fit}" if fit else ""


def _named(analysis: Analysis, name: str) -> Iterator[int]:
    """The rows under the node of that path, or else under each whose path has that end."""
    nodes = {node.path: node for node in all_nodes(analysis.tree)}
    ends = [node for path, node in nodes.items() if path.endswith(f".{name}")]
    for node in ends if ends and name not in nodes else [analysis.find(name)]:  # which says what there is
        yield from range(node.start, node.stop)


def quantized(analysis: Analysis, dtype: str = "float32") -> Quantized:
    """What is stored under which scheme, and the bytes; all other weights of float32 are in `dtype`."""
    sizes = bytes_of(dtype)
    found: dict[Scheme, list[tuple[Dim, ...]]] = {}
    others: list[Dim] = []
    for row, times in zip(analysis.rows, analysis.times, strict=True):
        for name, weight in row.own_weights.items():
            scheme = row.stored.get(name)
            if scheme is None:
                others.append(times * size_in_bytes(weight, None, sizes))
                continue
            figures = weight.elements, scheme.scales(weight), *scheme.sizes(weight)
            found.setdefault(scheme, []).append(tuple([times * figure for figure in figures]))
    sums = {scheme: [summed(part) for part in zip(*parts, strict=True)] for scheme, parts in found.items()}
    return Quantized(tuple([SchemeBytes(scheme, *own) for scheme, own in sums.items()]), summed(others))
