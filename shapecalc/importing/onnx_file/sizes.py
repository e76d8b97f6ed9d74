"""Arithmetic of sizes as ONNX graphs write it, on formulas: arrays whose elements are numbers or formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from shapecalc.importing.onnx_file.graph import Node
from shapecalc.symbolic import Expr

Array = Any
"""A numpy array; of objects where some are formulas."""


def computed(node: Node, inputs: Sequence[Array | None]) -> Array | None:
    """What a node makes of arrays with formulas; None if that has no formula."""
    make = _MAKERS.get(node.type)
    if make is None or not inputs or inputs[0] is None:
        return None
    try:
        found = make(node, *inputs)
        return found if isinstance(found, numpy.ndarray) else objects([found]).reshape(())
    except (TypeError, ValueError, IndexError, ZeroDivisionError, _NoFormulaError):
        return None


def has_formulas(array: Array) -> bool:
    return array.dtype == object and any(isinstance(x, Expr) for x in array.flat)


class _NoFormulaError(Exception):
    """A result that no formula gives."""


def objects(values: Sequence[Any]) -> Array:
    """A vector of sizes."""
    made: Array = numpy.empty(len(values), object)
    made[:] = list(values)
    return made


def _ints(array: Array | None) -> list[int]:
    return [] if array is None else [int(x) for x in numpy.asarray(array).flat]


def _axes(node: Node, given: Array | None) -> list[int]:
    return _ints(given) if given is not None else list(node.attributes.get("axes", []))


def _gather(node: Node, x: Array, at: Array) -> Array:
    return numpy.take(x, numpy.asarray(at, "int64"), axis=node.attributes.get("axis", 0))


def _slice(node: Node, x: Array, *more: Array | None) -> Array:
    attributes = node.attributes
    starts, ends, axes, steps = (
        _ints(more[n]) if n < len(more) and more[n] is not None else attributes.get(word, [])
        for n, word in enumerate(("starts", "ends", "axes", "steps"))
    )
    index = [slice(None)] * x.ndim
    for n, (start, end) in enumerate(zip(starts, ends, strict=True)):
        index[axes[n] if axes else n] = slice(start, end, steps[n] if steps else 1)
    return x[tuple(index)]


def _concat(node: Node, *xs: Array) -> Array:
    return numpy.concatenate([x.astype(object) for x in xs], axis=node.attributes.get("axis", 0))


def _unsqueeze(node: Node, x: Array, given: Array | None = None) -> Array:
    return numpy.expand_dims(x, tuple(_axes(node, given)))


def _squeeze(node: Node, x: Array, given: Array | None = None) -> Array:
    return numpy.squeeze(x, tuple(_axes(node, given)) or None)


def _reshape(node: Node, x: Array, shape: Array) -> Array:
    return x.reshape(_ints(shape))


def _two(function: Callable[[Any, Any], Any]) -> Callable[..., Array]:
    def make(node: Node, x: Array, y: Array) -> Array:
        return numpy.vectorize(function, otypes=[object])(_whole(x), _whole(y))

    return make


def _whole(array: Array) -> Array:
    """The same with Python's numbers, whole floats as whole numbers, which formulas are made with."""
    plain = [x if isinstance(x, Expr) else _number(x) for x in array.flat]
    return objects(plain).reshape(array.shape)


def _number(x: Any) -> Any:
    value = x.item() if hasattr(x, "item") else x
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _quotient(x: Any, y: Any) -> Any:
    """x / y of whole numbers, which ONNX rounds toward 0, as sizes are at least 0: down."""
    if not isinstance(x, (int, Expr)) or not isinstance(y, int):
        raise _NoFormulaError
    return x // y


def _same(node: Node, x: Array, *_: Any) -> Array:
    return x


def _choose(node: Node, mask: Array, x: Array, y: Array) -> Array:
    if mask.dtype == object:
        raise _NoFormulaError
    return numpy.where(mask, x.astype(object), y.astype(object))


def _equal(node: Node, x: Array, y: Array) -> Array:
    return numpy.vectorize(_is_equal, otypes=[bool])(_whole(x), _whole(y))


def _is_equal(x: Any, y: Any) -> bool:
    """Whether two sizes are equal, where letters don't leave it open: none is below 1."""
    if x == y or not (isinstance(x, Expr) or isinstance(y, Expr)):
        return bool(x == y)
    number = y if isinstance(x, Expr) else x
    if isinstance(number, int) and number < 1:
        return False
    raise _NoFormulaError


def _product(node: Node, x: Array, given: Array | None = None) -> Array:
    if x.ndim != 1:
        raise _NoFormulaError
    found: Any = 1
    for size in x:
        found = found * size
    return objects([found]) if node.attributes.get("keepdims", 1) else objects([found]).reshape(())


_MAKERS: dict[str, Callable[..., Array]] = {
    "Gather": _gather,
    "Slice": _slice,
    "Concat": _concat,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Add": _two(lambda x, y: x + y),
    "Sub": _two(lambda x, y: x - y),
    "Mul": _two(lambda x, y: x * y),
    "Div": _two(_quotient),
    "Cast": _same,
    "Identity": _same,
    "Floor": _same,
    "Equal": _equal,
    "Where": _choose,
    "ReduceProd": _product,
}
"""`Div` of sizes in floats is only right below a `Floor`, and there it is."""
