"""Why a layer's figures are what they are: its own rules, run on the names of its arguments and axes.

A rule is arithmetic on sizes, so it runs on the symbols `out_channels`, `kernel_size`, `H` as it does on
numbers; what comes out is the formula, into which the numbers are then put. No layer type says anything
here that it has not declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from shapecalc.analysis.explain.derivation import Derivation, Formula, WindowCount
from shapecalc.analysis.explain.names import Values, letters_of, named_inputs, named_layer, windows_of
from shapecalc.engine.limits import refuse_long
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis, Row
from shapecalc.engine.run import whole
from shapecalc.errors import ArchitectureError
from shapecalc.layers import Layer, Weight
from shapecalc.layers.base import Example
from shapecalc.symbolic import Dim, symbol, symbols_in
from shapecalc.symbolic.conditions import AT_LEAST, Condition, collecting
from shapecalc.tensors import Shape, Tensor
from shapecalc.window import Window

_MOST_EXPLAINED = 3_000
"""Rows that are explained at once."""
_NO_NAMES = (ArchitectureError, TypeError)
"""What a rule raises on named sizes if it compares them, and so runs on numbers alone."""
T = TypeVar("T")
_Fits: TypeAlias = tuple[tuple[Condition, Mapping[str, Dim]], ...]


@dataclass(frozen=True)
class Explanation:
    """All that can be said of the figures of one row."""

    row: Row
    inputs: tuple[Shape, ...]
    """The shapes of the inputs, with names for sizes."""
    shape: Shape
    """The shape of the first output, with names for sizes."""
    output: tuple[Derivation, ...]
    fits: _Fits
    """Conditions on names, with the values of these, that hold because the inputs fit."""
    weights: Mapping[str, Derivation]
    macs: Derivation | None
    general: Row | None
    """The same row where the network's inputs have symbols."""
    conditions: tuple[Condition, ...]
    """What the layer needs of these symbols."""

    @property
    def unread(self) -> list[tuple[str, int, Window, int]]:
        """The axes whose last elements no window reads: letter, how many elements, window, size."""
        return [
            (letter, unread, window, size)
            for letter, window, size in windows_of(self.row)
            if isinstance(size, int) and (unread := window.unread(size))
        ]

    @property
    def positions(self) -> tuple[Dim, ...]:
        """The sizes of the output's axes along which the weights are used again at each position."""
        windows = self.row.layer.window
        return self.row.output.shape[-len(windows) :] if windows and self.row.params != 0 else ()


def explain(analysis: Analysis, node: Node | None, general: Analysis | None) -> list[Explanation]:
    """An explanation of the row that a layer or a join is, or of every row of a block; None is the network.

    `general` is the same network with symbols in its inputs, if it can be analysed so.

    Raises:
        UsageError: there are too many rows.
    """
    rows = _explained(analysis, node)
    known = {row.path: row for row in general.rows} if general else {}
    conditions: dict[str, list[Condition]] = {}
    for condition in general.conditions if general else ():
        conditions.setdefault(condition.path, []).append(condition)
    return [
        _explain(row._replace(path=path), known.get(row.path), conditions.get(row.path, ()))
        for path, row in rows
    ]


def _explained(analysis: Analysis, node: Node | None) -> Iterable[tuple[str, Row]]:
    """The rows to explain, each with its path: a copy that was not executed has the row of another."""
    if node is None:
        refuse_long(analysis.layers, "explain", _MOST_EXPLAINED, "name a layer or a block of it")
        return [(row.path, row) for row in whole(analysis, "explain").rows]
    rows = analysis.rows[node.start : node.stop]
    if not node.children or node.children[-1].stop < node.stop:
        rows = rows[-1:]  # of a layer or a join
    refuse_long(len(rows), "explain", _MOST_EXPLAINED, "name a layer of it")
    depth = node.path.count(".") + 1
    paths = (".".join([node.path, *row.path.split(".")[depth:]]) for row in rows)
    return zip(paths, rows, strict=True)


def _explain(row: Row, general: Row | None, conditions: Sequence[Condition]) -> Explanation:
    own = tuple(conditions)
    inputs, values = named_inputs(row)
    shape, output, fits = _derive_output(row, inputs, values)
    values.update({name: derivation.result for derivation in output for name in derivation.names})
    layer = named_layer(row.layer, values, windows=True)
    weights = _derive_weights(row, layer, inputs, values)
    macs = _derive_macs(row, layer, inputs, Tensor(shape, row.output.dtype), values)
    shapes = tuple(x.shape for x in inputs)
    return Explanation(row, shapes, shape, _merged(output), fits, weights, macs, general, own)


def of_type(layer_type: type[Layer]) -> Explanation:
    """The explanation of a layer type by its own example."""
    usual = Tensor((2, 4, 8, 8, 8)[: layer_type.axes + 2 if layer_type.axes else 4])
    fewest = max(1, layer_type.inputs_range[0])
    inputs, arguments = layer_type.example or Example((usual,) * fewest, {})
    layer = layer_type(**arguments)
    return _explain(Row.alone(layer.type, layer, inputs), None, ())


def _derive_output(
    row: Row, inputs: tuple[Tensor, ...], values: Values
) -> tuple[tuple[Dim, ...], list[Derivation], _Fits]:
    """The first output's shape in names, how its sizes come about, and why the inputs fit."""
    sliding = {f"{letter}'": WindowCount(window, size) for letter, window, size in windows_of(row)}
    known = set(values)
    y, conditions = _run_on_names(row, inputs, values)
    shape: list[Dim] = []
    derivations = []
    letters = letters_of(row, row.output, made=True)
    made = (y if isinstance(y, Tensor) else y[0]).shape
    for letter, size, result in zip(letters, made, row.output.shape, strict=True):
        name = f"{letter}'"
        lone = _names(size) if size == symbol(next(iter(_names(size)), "")) else []
        formula: Formula | WindowCount = sliding.get(name) or Formula(size, values)
        if name not in sliding and (isinstance(size, int) or (lone and lone[0] in known)):
            shape.append(size)  # as it came in, or a number that is not made of anything
            continue
        derivations.append(Derivation((name,), formula, result))
        shape.append(size if lone and name not in sliding else symbol(name))
    fits = tuple((c, values) for c in conditions if c.relation != AT_LEAST)
    return tuple(shape), derivations, fits


def _run_on_names(
    row: Row, inputs: tuple[Tensor, ...], values: Values
) -> tuple[Tensor | tuple[Tensor, ...], list[Condition]]:
    """The output for names of arguments and inputs, else for names of inputs, else for the numbers."""
    for layer in (named_layer(row.layer, values, windows=False), row.layer):
        try:
            with collecting() as conditions:
                return layer.output(*inputs), conditions
        except _NO_NAMES:
            continue
    return row.outputs, []


def _merged(derivations: list[Derivation]) -> tuple[Derivation, ...]:
    """Derivations that read the same, as those of height and width, as one."""
    merged: list[Derivation] = []
    for derivation in derivations:
        last = merged[-1] if merged else None
        if last and last[1:] == derivation[1:]:
            merged[-1] = last._replace(names=(*last.names, *derivation.names))
        else:
            merged.append(derivation)
    return tuple(merged)


def _derive_weights(
    row: Row, layer: Layer, inputs: tuple[Tensor, ...], values: Values
) -> dict[str, Derivation]:
    named: Mapping[str, Weight] = _by_rule(lambda: layer.weights(*inputs), {})
    derivations = {}
    for name, weight in row.weights.items():
        own = named.get(name, weight)
        formula = Formula(own.elements, values, tuple(_names(*own.shape)))
        derivations[name] = Derivation((), formula, weight.elements)
    return derivations


def _derive_macs(
    row: Row, layer: Layer, inputs: tuple[Tensor, ...], y: Tensor, values: Values
) -> Derivation | None:
    if row.macs == 0:
        return None
    formula = _by_rule(lambda: layer.macs(*inputs, y=y), row.macs)
    order = (*_names(*y.shape), *row.layer.fields)
    return Derivation((), Formula(formula, values, order), row.macs)


def _by_rule(rule: Callable[[], T], otherwise: T) -> T:
    """What a rule gives for named sizes; `otherwise` where it compares sizes, which names don't decide."""
    try:
        with collecting():
            return rule()
    except _NO_NAMES:
        return otherwise


def _names(*sizes: Dim) -> list[str]:
    """The symbols of sizes, in their order."""
    return [name for size in sizes for name in sorted(symbols_in(size))]
