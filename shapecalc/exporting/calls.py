"""A layer as a call of torch: of its module's constructor, or of its function on names of tensors.

All that is said here is what the layer's type declares, and `torch_check` calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shapecalc.exporting.helpers import helper
from shapecalc.exporting.layout import Doc, call, named
from shapecalc.exporting.literals import Text, literal, same
from shapecalc.layers import LAYERS, Layer
from shapecalc.layers.fields import Dtype, Inferred, Trailing
from shapecalc.layers.parametrized import Parametrized

_SHORT = {"nn.functional.": "F.", "nn.": "nn."}


def constructor(layer: Layer, arguments: Mapping[str, Any]) -> Doc:
    """The call that makes a module, of its arguments, which are values or texts."""
    if isinstance(layer, Parametrized):
        inside = constructor(layer.inner, arguments)
        by = layer.by
        given = {name: vars(by)[name] for name in by.fields if name != "use"}
        more = {n: v for n, v in given.items() if not same(v, by.fields[n].default)}
        return call(f"nn.utils.parametrizations.{by.type}", [inside, *_named(more)])
    if layer.wraps:
        _, inner = layer.wraps
        fields = LAYERS[inner].fields
        wrapped = call(f"nn.{inner}", _arguments(fields, {k: v for k, v in arguments.items() if k in fields}))
        own = {key: value for key, value in arguments.items() if key not in fields}
        return call(f"nn.{layer.type}", [wrapped, *_named(own)])
    return call(f"nn.{layer.type}", _arguments(layer.fields, arguments))


def _arguments(fields: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[Doc]:
    """Those that have to be given, or follow from the input, in torch's order; the others by their names."""
    begin: list[Doc] = []
    for name, field in fields.items():
        begins = field.required or isinstance(field, (Inferred, Trailing))
        if name not in arguments or name == "dim" or not begins:
            break
        begin.append(literal(arguments[name]))
    return [*begin, *_named(dict([*arguments.items()][len(begin) :]))]


def _named(arguments: Mapping[str, Any]) -> list[Doc]:
    return [named(name, literal(value)) for name, value in arguments.items()]


class Input(str):
    """The name of a tensor, which knows how many axes that has."""

    __slots__ = ("rank",)
    rank: int

    def __repr__(self) -> str:
        return str(self)

    def dim(self) -> int:
        return self.rank


def names_of(inputs: Sequence[str], ranks: Sequence[int]) -> list[Input]:
    found = [Input(name) for name in inputs]
    for name, rank in zip(found, ranks, strict=True):
        name.rank = rank
    return found


def function_call(
    layer: Layer, inputs: Sequence[Input], texts: Mapping[str, Text], device: str | None
) -> Doc:
    """The call of a layer's function; `device` is where a tensor that is made of none is to lie."""
    layer = layer.replaced(texts) if texts else layer
    if text := layer.in_python(*inputs) if inputs else None:
        return text
    function = layer.function or ""
    fed = [*layer.feed(*inputs)]
    keywords = {name: value for name, value in layer.keywords().items() if _is_told(layer, name, value)}
    keywords = {name: _dtype(layer, name, value) for name, value in keywords.items()}
    begin = []
    for name, field in layer.fields.items():
        alone = bool(inputs) or len(keywords) == 1
        if name not in keywords or not field.required or name == "dim" or not alone:
            break
        begin.append(literal(keywords.pop(name)))
    more = [*begin, *_named(keywords), *([f"device={device}.device"] if device else [])]
    if function.startswith("Tensor."):
        method, (x, *rest) = function.removeprefix("Tensor."), fed
        if len(rest) == 1 and isinstance(rest[0], tuple):
            rest = [*rest[0]]
        return call(f"{x}.{method}", [*map(_operand, rest), *more])
    return call(_path(function), [*map(_operand, fed), *more])


def _operand(value: Any) -> str:
    """An operand in the call: names as they stand, in brackets if several are one."""
    if isinstance(value, Input):
        return str(value)
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_operand, value))}]"
    return literal(value)


def _is_told(layer: Layer, name: str, value: Any) -> bool:
    """Whether torch is told an argument: what it takes by default it is not."""
    if name in layer.own_defaults or name not in layer.fields:
        return value is not None or name in layer.own_defaults
    field = layer.fields[name]
    if field.required:
        return True
    return not same(value, field.parse(field.default, layer.axes))


def _dtype(layer: Layer, name: str, value: Any) -> Any:
    kind = layer.fields.get(name)
    return Text(f"torch.{value}") if isinstance(kind, Dtype) else value


def _path(function: str) -> str:
    for before, after in _SHORT.items():
        if function.startswith(before):
            return after + function.removeprefix(before)
    return function if helper(function) else f"torch.{function}"


def weight(layer: Any, shape: Any) -> Doc:
    """A parameter or a buffer of that shape, of zeros until weights are loaded."""
    dtype = [] if layer.dtype == "float32" else [f"dtype=torch.{layer.dtype}"]
    sizes = literal(shape)
    inside = sizes.removeprefix("(").removesuffix(")").removesuffix(",")
    listed = inside.split(", ") if inside else [sizes]  # a scalar's is ()
    return call(f"{layer.function}", [call("torch.zeros", [*listed, *dtype])])
