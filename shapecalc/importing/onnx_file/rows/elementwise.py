"""Activations, arithmetic and other operators of elements."""

from __future__ import annotations

from math import isfinite
from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.onnx_file.graph import DTYPES, Node
from shapecalc.importing.onnx_file.lowering import ROWS, Lowering, Row, row
from shapecalc.importing.onnx_file.written import of_dtype
from shapecalc.importing.program import Value
from shapecalc.layers import LAYERS
from shapecalc.tensors import Tensor, is_floating

_ALONE = {
    **{
        name.capitalize(): name for name in ("abs", "ceil", "erf", "exp", "floor", "log", "neg", "reciprocal")
    },
    **{name.capitalize(): name for name in ("cos", "cosh", "round", "sign", "sin", "sinh", "sqrt", "tan")},
    **{name.capitalize(): name for name in ("acos", "acosh", "asin", "asinh", "atan", "atanh")},
    **{name: name for name in ("Mish", "Sigmoid", "Softplus", "Softsign", "Tanh")},
    "HardSwish": "Hardswish",
    "Not": "logical_not",
    "Relu": "ReLU",
}
"""Functions without attributes, by the name of the layer type that is the same."""


def _alone(type_: str) -> Row:
    return lambda to, node: to.step(type_, to.input(node, 0))


ROWS.update({name: _alone(type_) for name, type_ in _ALONE.items()})

_WITH = {
    "Celu": ("CELU", {"alpha": ("alpha", 1.0)}),
    "Elu": ("ELU", {"alpha": ("alpha", 1.0)}),
    "LeakyRelu": ("LeakyReLU", {"negative_slope": ("alpha", 0.01)}),
    "ThresholdedRelu": ("Threshold", {"threshold": ("alpha", 1.0)}),
}
"""By operator the layer type, and by its argument the attribute with its default in ONNX."""


def real(node: Node, name: str, default: float) -> Any:
    """An attribute of float32, as the shortest number that is it."""
    import numpy

    return of_dtype(float(str(numpy.float32(node.attributes.get(name, default)))), "float32")


def _with(type_: str, arguments: dict[str, tuple[str, float]]) -> Row:
    def make(to: Lowering, node: Node) -> Any:
        given = {own: real(node, theirs, default) for own, (theirs, default) in arguments.items()}
        more = {"value": 0} if "value" in LAYERS[type_].fields else {}
        return to.step(type_, to.input(node, 0), **given, **more)

    return make


ROWS.update({name: _with(*rest) for name, rest in _WITH.items()})


@row("Gelu")
def _gelu(to: Lowering, node: Node) -> Any:
    return to.step("GELU", to.input(node, 0), approximate=node.attributes.get("approximate", "none"))


@row("Selu")
def _selu(to: Lowering, node: Node) -> Any:
    if abs(node.attributes.get("alpha", 1.6732632) - 1.6732632) > 1e-6:
        raise UnsayableError("SELU with an alpha of its own")
    if abs(node.attributes.get("gamma", 1.0507010) - 1.0507010) > 1e-6:
        raise UnsayableError("SELU with a gamma of its own")
    return to.step("SELU", to.input(node, 0))


@row("Swish")
def _swish(to: Lowering, node: Node) -> Any:
    if node.attributes.get("alpha", 1.0) != 1:
        raise UnsayableError("Swish with an alpha other than 1")
    return to.step("SiLU", to.input(node, 0))


@row("HardSigmoid")
def _hard_sigmoid(to: Lowering, node: Node) -> Any:
    slope, shift = real(node, "alpha", 0.2), real(node, "beta", 0.5)
    x = to.input(node, 0)
    if abs(slope - 1 / 6) < 1e-6 and shift == 0.5:
        return to.step("Hardsigmoid", x)
    return to.step("clamp", to.step("add", to.step("mul", x, other=slope), other=shift), min=0, max=1)


@row("PRelu")
def _prelu(to: Lowering, node: Node) -> Any:
    slope = to.weights.get(node.input(1))
    x = to.input(node, 0)
    count = 1
    for size in slope.shape if slope else ():
        count *= size
    channels = to.shape(x)[1] if to.rank(x) > 1 else 1
    if slope is None or (count != 1 and (channels != count or max(slope.shape[:1], default=1) != count)):
        raise UnsayableError("slopes that are no learned number for each channel")
    flat = slope if slope.shape == (count,) else slope.part(":", count)
    return to.step("PReLU", x, num_parameters=count, weights={"weight": flat})


@row("Clip")
def _clip(to: Lowering, node: Node) -> Any:
    low, high = (_bound(to, node, word, number) for number, word in ((1, "min"), (2, "max")))
    x = to.input(node, 0)
    if low is None and high is None:
        return x
    if (low, high) == (0, 6):
        return to.step("ReLU6", x)
    return to.step("clamp", x, min=low, max=high)


def _bound(to: Lowering, node: Node, word: str, number: int) -> Any:
    """A bound of Clip, None where there is none: float32 ends at the least and the greatest number."""
    found = real(node, word, 0) if word in node.attributes else None
    if node.input(number):
        found = to.constants.number(node.input(number))
        if found is None:
            raise UnsayableError("a bound that hangs on values")
    if found is None or abs(found) > 3.4e38 or not isfinite(found):
        return None
    return of_dtype(found, to.out(node).dtype)


_BINARY = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Pow": "pow"}
_COMPARING = {"Equal": "eq", "Greater": "gt", "GreaterOrEqual": "ge", "Less": "lt", "LessOrEqual": "le"}
_MIRRORED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge", "eq": "eq"}


def of_two(to: Lowering, type_: str, first: str, second: str) -> Any:
    """Two tensors, or a tensor and a number on either side."""
    left, right = map(to.constants.number, (first, second))
    if left is not None and right is not None:
        left = None
    names = LAYERS[type_].numbers
    if right is not None:
        x = to.tensor(first)
        return to.step(type_, x, **{names[1]: _beside(to, right, x)})
    if left is not None and type_ in _MIRRORED:
        x = to.tensor(second)
        return to.step(_MIRRORED[type_], x, **{names[1]: _beside(to, left, x)})
    if left is not None:
        x = to.tensor(second)
        return to.step(type_, x, **{names[0]: _beside(to, left, x)})
    return to.step(type_, to.tensor(first), to.tensor(second))


def _beside(to: Lowering, number: Any, x: Value) -> Any:
    return of_dtype(number, to.shapes[x].dtype)


def _binary(type_: str) -> Row:
    def make(to: Lowering, node: Node) -> Any:
        if type_ == "div" and not is_floating(to.out(node).dtype):
            raise UnsayableError("a quotient of whole numbers")
        if type_ == "pow" and (number := to.constants.number(node.input(1))) is not None:
            return power(to, to.input(node, 0), number)
        return of_two(to, type_, *node.inputs)

    return make


def power(to: Lowering, x: Value, exponent: Any) -> Any:
    """x to the power of a number, by torch's function for it if it has one."""
    named = {2: "square", 0.5: "sqrt", -0.5: "rsqrt", -1: "reciprocal"}.get(exponent)
    if named:
        return to.step(named, x)
    return to.step("pow", x, exponent=_beside(to, exponent, x))


ROWS.update({name: _binary(type_) for name, type_ in {**_BINARY, **_COMPARING}.items()})


@row("And", "Or")
def _of_masks(to: Lowering, node: Node) -> Any:
    """Of masks, the product and the sum are what is so of both, and of one at least."""
    return to.step("mul" if node.type == "And" else "add", to.input(node, 0), to.input(node, 1))


@row("Sum")
def _sum(to: Lowering, node: Node) -> Any:
    xs = [to.tensor(x) for x in node.inputs]
    return xs[0] if len(xs) == 1 else to.step("add", *xs)


@row("Max", "Min")
def _extreme(to: Lowering, node: Node) -> Any:
    if len(node.inputs) == 1:
        return to.input(node, 0)
    numbers = [to.constants.number(x) for x in node.inputs]
    if len(node.inputs) == 2 and sum(n is not None for n in numbers) == 1:
        at = 0 if numbers[0] is None else 1
        x = to.input(node, at)
        bound = "min" if node.type == "Max" else "max"
        return to.step("clamp", x, **{bound: _beside(to, numbers[1 - at], x)})
    made = to.input(node, 0)
    for name in node.inputs[1:]:
        made = to.step("maximum" if node.type == "Max" else "minimum", made, to.tensor(name))
    return made


@row("IsNaN")
def _is_nan(to: Lowering, node: Node) -> Any:
    """What is no number is another than itself."""
    x = to.input(node, 0)
    return to.step("ne", x, x)


@row("Where")
def _where(to: Lowering, node: Node) -> Any:
    mask = to.input(node, 0)
    given: dict[str, Any] = {}
    tensors = [mask]
    dtype = to.out(node).dtype
    for name, word in zip(node.inputs[1:], ("input", "other"), strict=True):
        number = to.constants.number(name)
        if number is None:
            tensors.append(to.tensor(name))
        else:
            given[word] = number
    if len(tensors) == 2:
        given = {word: of_dtype(number, dtype) for word, number in given.items()}
    return to.step("where", *tensors, **given)


@row("Cast", "CastLike")
def _cast(to: Lowering, node: Node) -> Any:
    """A change of dtype that arithmetic makes too; one among whole numbers is none for what reads them."""
    if node.input(0) in to.weights and to.out(node).dtype == to.weights[node.input(0)].dtype:
        to.weights[node.outputs[0]] = to.weights[node.input(0)]
        return []
    x = to.input(node, 0)
    before, after = to.shapes[x].dtype, to.out(node).dtype
    if before == after:
        return x
    if before == "bool" and after in ("float32", "int64"):
        one, zero = (1.0, 0.0) if after == "float32" else (1, 0)
        return to.step("where", x, input=one, other=zero)
    if "int" in before and after == "float32":
        return to.step("mul", x, other=1.0)
    if after == "bool":
        return to.step("ne", x, other=0)
    if "int" in before and "int" in after:
        return x  # whatever reads it takes whole numbers of either dtype
    raise UnsayableError(f"a change of dtype from {before} to {after}")


@row("Dropout")
def _dropout(to: Lowering, node: Node) -> Any:
    return to.input(node, 0)


@row("Identity")
def _identity(to: Lowering, node: Node) -> Any:
    name = node.input(0)
    if name not in to.weights:
        return to.input(node, 0)
    weight = to.weights[name]
    to.weights[node.outputs[0]] = weight.copy(node.outputs[0]) if to.weights.is_uniform(weight) else weight
    return []


__all__ = ["DTYPES", "Tensor", "of_two", "power", "real"]
