"""Names for the sizes of a layer: letters for the axes of its inputs, its arguments' own names for these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from shapecalc.engine.results import Row
from shapecalc.layers import Layer
from shapecalc.layers.fields import Inferred, PerAxis, Size
from shapecalc.symbolic import Dim, at, symbol
from shapecalc.tensors import Tensor
from shapecalc.window import Window

_LETTERS = {
    1: ("F",),
    2: ("N", "F"),
    3: ("N", "L", "F"),
    4: ("N", "C", "H", "W"),
    5: ("N", "C", "D", "H", "W"),
}
_SPATIAL = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

Values: TypeAlias = dict[str, Dim]
"""What each name stands for."""


def letters_of(row: Row, x: Tensor, made: bool = False) -> tuple[str, ...]:
    """The textbooks' letter for each axis of an input, or of an output, which is `made` of it."""
    own = row.layer.letters(x, made)
    if own:
        return tuple(own)
    axes = row.layer.axes
    if axes and axes + 1 <= x.rank <= axes + 2:
        return ("N", "C", *_SPATIAL[axes])[-x.rank :]
    return _LETTERS.get(x.rank) or tuple(f"n{axis}".translate(_SUBSCRIPTS) for axis in range(x.rank))


def windows_of(row: Row) -> Iterator[tuple[str, Window, Dim]]:
    """The windows of a layer, each with the letter and the size of the axis that it slides along."""
    windows = row.layer.window
    if windows:
        x = row.inputs[0]
        last = slice(-len(windows), None)
        yield from zip(letters_of(row, x)[last], windows, x.shape[last], strict=True)


def named_inputs(row: Row) -> tuple[tuple[Tensor, ...], Values]:
    """The inputs with symbols for their sizes, and the values of these.

    Of several inputs, a size of 1 stays a number: whether an axis is repeated is decided by its size being 1.
    """
    values: Values = {}
    inputs = []
    several = len(row.inputs) > 1
    for index, x in enumerate(row.inputs):
        shape: list[Dim] = []
        for letter, size in zip(letters_of(row, x), x.shape, strict=True):
            name = f"{letter}{index}".translate(_SUBSCRIPTS) if several else letter
            shape.append(size if several and size == 1 else _name(name, size, values))
        inputs.append(Tensor(tuple(shape), x.dtype))
    for name, field in row.layer.fields.items():
        if isinstance(field, Inferred):
            found = field.value(tuple(inputs), row.layer.axes)
            for letter in [name for name in values.keys() - row.layer.fields if found == symbol(name)]:
                values[name] = values.pop(letter)
                renamed = {letter: symbol(name)}
                inputs = [Tensor(tuple(at(size, renamed) for size in x.shape), x.dtype) for x in inputs]
    return tuple(inputs), values


def named_layer(layer: Layer, values: Values, windows: bool) -> Layer:
    """The layer with symbols for the sizes that the file gives; of a layer with windows only if `windows`."""
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


def _name(name: str, value: Dim, values: Values) -> Dim:
    """The symbol of that name; its value is added to `values`."""
    values[name] = value
    return symbol(name)
