"""Why a layer's figures are what they are: its own rules, run on the names of its arguments and axes.

A rule is arithmetic on sizes, so it runs on the symbols `out_channels`, `kernel_size`, `H` as it does on
numbers; what comes out is the formula, into which the numbers are then put. No layer type says anything
here that it has not declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from shapecalc.engine.limits import refuse_long
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis, Row, Wire
from shapecalc.engine.run import whole
from shapecalc.errors import ArchitectureError
from shapecalc.layers import Layer, Weight
from shapecalc.layers.base import Example
from shapecalc.layers.fields import Inferred, PerAxis, Size
from shapecalc.symbolic import Dim, Expr, at, symbol, symbols_in
from shapecalc.symbolic.conditions import AT_LEAST, Condition, collecting
from shapecalc.symbolic.notation import Notation, substituted, text
from shapecalc.tensors import Shape, Tensor
from shapecalc.window import Window

_LETTERS = {
    1: ("F",),
    2: ("N", "F"),
    3: ("N", "L", "F"),
    4: ("N", "C", "H", "W"),
    5: ("N", "C", "D", "H", "W"),
}
_SPATIAL = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
MOST_EXPLAINED = 3_000
"""Rows that are explained at once."""
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Formula(NamedTuple):
    """A formula in names, what they stand for, and in which order a product has them."""

    size: Dim
    values: Mapping[str, Dim]
    order: tuple[str, ...] = ()

    def chain(self, notation: Notation) -> tuple[str, ...]:
        """The formula, and the same with the numbers put in."""
        ranks = {name: rank for rank, name in enumerate(dict.fromkeys(self.order))}
        notation = notation._replace(order=ranks)
        lone = [name for name in self.values if self.size == symbol(name)]
        values = text(self.values[lone[0]], notation) if lone else None
        return text(self.size, notation), values or substituted(self.size, self.values, notation)


class Sliding(NamedTuple):
    """The number of windows on an axis, in the textbooks' letters: n, k, p and s."""

    window: Window
    n: Dim

    def chain(self, notation: Notation) -> tuple[str, ...]:
        w = self.window
        sizes = (self.n, w.extent, w.before + w.after, w.stride, w.before)
        numbers = [text(size, notation) for size in sizes]
        return self._written(notation, "n", "k", "p", "s", "p/2"), self._written(notation, *numbers)

    def _written(self, notation: Notation, n: str, k: str, p: str, s: str, half: str) -> str:
        if not self.window.ceil_mode:
            over = f"{n} {notation.minus} {k} + {p} + {s}"
            return notation.floor.format(f"({over})", s, over, s)
        if self.window.may_drop and isinstance(self.n, Expr):  # for which sizes, the formula knows
            return notation.ceil.format(f"({n} + {half})", s, f"{n} + {half}", s)
        over = f"{n} {notation.minus} {k} + {p}"
        size = f"{notation.ceil.format(f'({over})', s, over, s)} + 1"
        return f"{size} {notation.minus} 1" if self.drops else size

    @property
    def drops(self) -> bool:
        """Whether torch leaves out a last window, which would start beyond the input."""
        w = self.window
        if not w.may_drop or isinstance(self.n, Expr):
            return False
        rounded_up = -(-(self.n - w.extent + w.before + w.after) // w.stride) + 1
        return rounded_up != w.windows_on(self.n)


class Derivation(NamedTuple):
    """`names` = formula = formula with numbers = result."""

    names: tuple[str, ...]
    formula: Formula | Sliding
    result: Dim

    def chain(self, notation: Notation) -> list[str]:
        """The names and what they are equal to, step by step; a step that changes nothing is left out."""
        names = map(notation.symbol, self.names)
        steps = [*names, *self.formula.chain(notation), text(self.result, notation)]
        return [step for i, step in enumerate(steps) if i == 0 or step != steps[i - 1]]


_Values: TypeAlias = dict[str, Dim]
_Fits: TypeAlias = tuple[tuple[Condition, Mapping[str, Dim]], ...]


@dataclass(frozen=True)
class Explanation:
    """All that can be said of the figures of one row."""

    row: Row
    inputs: tuple[Shape, ...]
    """The inputs by the names of their sizes."""
    shape: Shape
    """The first output in the same way."""
    output: tuple[Derivation, ...]
    fits: _Fits
    """Conditions on names, with what these stand for, that hold because the inputs fit."""
    weights: Mapping[str, Derivation]
    macs: Derivation | None
    general: Row | None
    """The same row of the network with symbols in its inputs."""
    conditions: tuple[Condition, ...]
    """What the layer needs there."""

    @property
    def unread(self) -> list[tuple[str, int, Window, int]]:
        """The axes at whose ends elements are read by no window: how many, the window, the axis's size."""
        found = []
        for letter, window, size in _windows(self.row):
            if isinstance(size, int) and window.unread(size):
                found.append((letter, window.unread(size), window, size))
        return found

    @property
    def positions(self) -> tuple[Dim, ...]:
        """The sizes of the axes along which the weights are used again."""
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
    """The rows that are explained, each with its path: that of a copy is its own, whose row stands for it."""
    if node is None:
        refuse_long(analysis.layers, "explain", MOST_EXPLAINED, "name a layer or a block of it")
        return [(row.path, row) for row in whole(analysis, "explain").rows]
    rows = analysis.rows[node.start : node.stop]
    if not node.children or node.children[-1].stop < node.stop:
        rows = rows[-1:]  # of a layer or a join
    refuse_long(len(rows), "explain", MOST_EXPLAINED, "name a layer of it")
    depth = node.path.count(".") + 1
    paths = (".".join([node.path, *row.path.split(".")[depth:]]) for row in rows)
    return zip(paths, rows, strict=True)


def _explain(row: Row, general: Row | None, conditions: Sequence[Condition]) -> Explanation:
    own = tuple(conditions)
    inputs, values = _named_inputs(row)
    shape, output, fits = _derive_output(row, inputs, values)
    values.update({name: derivation.result for derivation in output for name in derivation.names})
    layer = _named(row.layer, values, windows=True)
    weights = _derive_weights(row, layer, inputs, values)
    macs = _derive_macs(row, layer, inputs, Tensor(shape, row.output.dtype), values)
    named = tuple(x.shape for x in inputs)
    return Explanation(row, named, shape, _merged(output), fits, weights, macs, general, own)


def of_type(layer_type: type[Layer]) -> Explanation:
    """The explanation of a layer type by its own example."""
    usual = Tensor((2, 4, 8, 8, 8)[: layer_type.axes + 2 if layer_type.axes else 4])
    fewest = max(1, layer_type.inputs_range[0])
    inputs, arguments = layer_type.example or Example((usual,) * fewest, {})
    layer = layer_type(**arguments)
    wires = tuple(Wire(x, -1, port) for port, x in enumerate(inputs))
    return _explain(Row(layer.type, layer, wires, layer.figures(inputs)), None, ())


def _letters(row: Row, x: Tensor, made: bool = False) -> tuple[str, ...]:
    """A letter for each axis of an input, or of what is made of it, as the textbooks call it."""
    own = row.layer.letters(x, made)
    if own:
        return tuple(own)
    axes = row.layer.axes
    if axes and axes + 1 <= x.rank <= axes + 2:
        return ("N", "C", *_SPATIAL[axes])[-x.rank :]
    return _LETTERS.get(x.rank) or tuple(f"n{axis}".translate(_SUBSCRIPTS) for axis in range(x.rank))


def _windows(row: Row) -> Iterator[tuple[str, Window, Dim]]:
    windows = row.layer.window
    if windows:
        x = row.inputs[0]
        last = slice(-len(windows), None)
        yield from zip(_letters(row, x)[last], windows, x.shape[last], strict=True)


def _named_inputs(row: Row) -> tuple[tuple[Tensor, ...], _Values]:
    """The inputs with names for sizes, and what the names stand for.

    Of several inputs, a size of 1 stays a number: that it is repeated is decided by its being 1.
    """
    values: _Values = {}
    inputs = []
    several = len(row.inputs) > 1
    for index, x in enumerate(row.inputs):
        shape: list[Dim] = []
        for letter, size in zip(_letters(row, x), x.shape, strict=True):
            name = f"{letter}{index}".translate(_SUBSCRIPTS) if several else letter
            shape.append(size if several and size == 1 else _name(name, size, values))
        inputs.append(Tensor(tuple(shape), x.dtype))
    for name, field in row.layer.fields.items():
        if isinstance(field, Inferred):
            found = field.value(tuple(inputs), row.layer.axes)
            for letter in [name for name in values.keys() - row.layer.fields if found == symbol(name)]:
                values[name] = values.pop(letter)
                inputs = [_renamed(x, letter, name) for x in inputs]
    return tuple(inputs), values


def _renamed(x: Tensor, old: str, new: str) -> Tensor:
    return Tensor(tuple(at(size, {old: symbol(new)}) for size in x.shape), x.dtype)


def _named(layer: Layer, values: _Values, windows: bool) -> Layer:
    """The layer with names for the sizes that were written; `windows` has those of windows named too."""
    names: dict[str, object] = {}
    for name, field in layer.fields.items():
        value = layer.__dict__[name]
        if name not in layer.given or value is None:
            continue
        if type(field) is Size:
            names[name] = _name(name, value, values)
        elif type(field) is PerAxis and (windows or not layer.window):
            one = len(set(value)) == 1
            items = ((name if one else f"{name}[{i}]", item) for i, item in enumerate(value))
            names[name] = tuple(item and _name(own, item, values) for own, item in items)
    return layer.replaced(names)


def _name(name: str, value: Dim, values: _Values) -> Dim:
    """The symbol of that name, which from now on stands for the value."""
    values[name] = value
    return symbol(name)


def _derive_output(
    row: Row, inputs: tuple[Tensor, ...], values: _Values
) -> tuple[tuple[Dim, ...], list[Derivation], _Fits]:
    """The first output by names, how its sizes come about, and what must hold for the inputs to fit."""
    sliding = {f"{letter}'": Sliding(window, size) for letter, window, size in _windows(row)}
    known = set(values)
    y, conditions = _run_on_names(row, inputs, values)
    shape: list[Dim] = []
    derivations = []
    letters = _letters(row, row.output, made=True)
    made = (y if isinstance(y, Tensor) else y[0]).shape
    for letter, size, result in zip(letters, made, row.output.shape, strict=True):
        name = f"{letter}'"
        lone = _names(size) if size == symbol(next(iter(_names(size)), "")) else []
        formula: Formula | Sliding = sliding.get(name) or Formula(size, values)
        if name not in sliding and (isinstance(size, int) or (lone and lone[0] in known)):
            shape.append(size)  # as it came in, or a number that is not made of anything
            continue
        derivations.append(Derivation((name,), formula, result))
        shape.append(size if lone and name not in sliding else symbol(name))
    fits = tuple((c, values) for c in conditions if c.relation != AT_LEAST)
    return tuple(shape), derivations, fits


def _run_on_names(
    row: Row, inputs: tuple[Tensor, ...], values: _Values
) -> tuple[Tensor | tuple[Tensor, ...], list[Condition]]:
    """The output by names: those of arguments and inputs, of inputs alone, or as it is if neither will do."""
    for layer in (_named(row.layer, values, windows=False), row.layer):
        try:
            with collecting() as conditions:
                return layer.output(*inputs), conditions
        except (ArchitectureError, TypeError):  # a rule that looks at what a size is can't run on its name
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
    row: Row, layer: Layer, inputs: tuple[Tensor, ...], values: _Values
) -> dict[str, Derivation]:
    try:
        with collecting():
            named: Mapping[str, Weight] = layer.weights(*inputs)
    except (ArchitectureError, TypeError):
        named = {}
    derivations = {}
    for name, weight in row.weights.items():
        own = named.get(name, weight)
        formula = Formula(own.elements, values, tuple(_names(*own.shape)))
        derivations[name] = Derivation((), formula, weight.elements)
    return derivations


def _derive_macs(
    row: Row, layer: Layer, inputs: tuple[Tensor, ...], y: Tensor, values: _Values
) -> Derivation | None:
    if row.macs == 0:
        return None
    try:
        with collecting():
            formula = layer.macs(*inputs, y=y)
    except (ArchitectureError, TypeError):
        formula = row.macs
    order = (*_names(*y.shape), *row.layer.fields)
    return Derivation((), Formula(formula, values, order), row.macs)


def _names(*sizes: Dim) -> list[str]:
    """The symbols of sizes, in their order."""
    return [name for size in sizes for name in sorted(symbols_in(size))]
