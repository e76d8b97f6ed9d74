"""What is written to a part of a tensor, put back into the whole."""

from __future__ import annotations

from typing import Any, Protocol

from shapecalc.importing.arguments import UnsayableError, rows_of
from shapecalc.importing.lowering import (
    Lowering,
    Row,
    axis_of,
    is_mask,
    listed,
    rank,
    row,
    shape_of,
    word,
)
from shapecalc.importing.program import Value
from shapecalc.importing.rows.parts import applied, basic_parts
from shapecalc.importing.rows.rearranging import reshaped
from shapecalc.tensors import Tensor


class Seen(Protocol):
    """How a view was made."""

    @property
    def name(self) -> str: ...
    @property
    def args(self) -> Any: ...
    @property
    def kwargs(self) -> Any: ...
    @property
    def port(self) -> int: ...


_BACK: dict[str, Row] = {}

back = rows_of(_BACK)
"""Declares how a part comes back into the whole, for functions of these names."""


def put_back(to: Lowering, view: Seen, whole: Value, part: Value) -> Value:
    """The whole, a view of which has become `part`."""
    found, _ = word(view.name)
    to.shapes = [whole.known]
    try:
        if found not in _BACK:
            raise UnsayableError
        made: Value = _BACK[found](to, whole, part, view.port, *view.args[1:], **view.kwargs)
    except (TypeError, UnsayableError):
        reason = f"what {view.name} shows of a tensor is written to"
        return to.opaque(view.name, [whole, part], {}, reason)[0]
    made.tensor = whole.tensor
    return made


@back("view", "reshape", "flatten", "Flatten", "unflatten", "Unflatten", "squeeze", "unsqueeze", "view_as")
def _reshape(to: Lowering, whole: Value, part: Value, port: int, *_: Any, **__: Any) -> Value:
    return reshaped(to, part, whole.known)


@back(
    "detach", "data", "contiguous", "to", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "alias", "expand"
)
def _same(to: Lowering, whole: Value, part: Value, port: int, *_: Any, **__: Any) -> Value:
    if part.tensor != whole.tensor:
        raise UnsayableError
    return part


@back("transpose")
def _transpose(to: Lowering, whole: Value, part: Value, port: int, dim0: int, dim1: int) -> Value:
    axes = sorted((axis_of(whole, dim0), axis_of(whole, dim1)))
    return to.inner("transpose", part, dim0=axes[0], dim1=axes[1], gives=whole.known)


@back("t", "T", "mT")
def _turned(to: Lowering, whole: Value, part: Value, port: int) -> Any:
    return _transpose(to, whole, part, port, -2, -1) if rank(whole) > 1 else part


@back("permute")
def _permute(to: Lowering, whole: Value, part: Value, port: int, dims: Any, *rest: int) -> Value:
    axes = [axis_of(whole, dim) for dim in listed(dims, rest)]
    order = sorted(range(len(axes)), key=axes.__getitem__)
    return to.inner("permute", part, dims=order, gives=whole.known)


@back("getitem")
def _getitem(to: Lowering, whole: Value, part: Value, port: int, index: Any) -> Value:
    return scattered(to, whole, part, index)


@back("select")
def _select(to: Lowering, whole: Value, part: Value, port: int, dim: int, index: int) -> Value:
    return _scatter(to, "select", whole, part, {"dim": axis_of(whole, dim), "index": index})


@back("narrow")
def _narrow(to: Lowering, whole: Value, part: Value, port: int, dim: int, start: int, length: int) -> Value:
    axis = axis_of(whole, dim)
    return _scatter(to, "slice", whole, part, {"dim": axis, "start": start, "end": start + length, "step": 1})


@back("unbind")
def _unbind(to: Lowering, whole: Value, part: Value, port: int, dim: int = 0) -> Any:
    return _select(to, whole, part, port, dim, port)


@back("chunk", "split", "tensor_split", "split_with_sizes")
def _split(to: Lowering, whole: Value, part: Value, port: int, sizes: Any, dim: int = 0) -> Any:
    """Of equal parts each begins after `port` of its size, but the last one, which ends with the whole."""
    axis = axis_of(whole, dim)
    length, full = shape_of(part)[axis], shape_of(whole)[axis]
    if isinstance(sizes, (list, tuple)):
        start = sum(sizes[:port])
    else:
        start = length * port if length * (port + 1) < full else full - length
    return _narrow(to, whole, part, port, axis, start, length)


def scattered(to: Lowering, whole: Value, part: Value, index: Any) -> Value:
    """The whole with a part at a basic index: what its steps show is put back, the last at first."""
    steps = basic_parts(shape_of(whole), index)
    if not steps:
        return part
    values = [whole]
    for step in steps[:-1]:
        values.append(applied(to, values[-1], step))
    for value, step in zip(reversed(values), reversed(steps), strict=True):
        part = _scatter(to, step.type, value, part, step.arguments)
    return part


def _scatter(to: Lowering, type_: str, whole: Value, part: Value, arguments: dict[str, Any]) -> Value:
    if type_ == "unsqueeze":
        return to.inner("squeeze", part, dim=arguments["dim"], gives=whole.known)
    return to.inner(f"{type_}_scatter", whole, part, **arguments, gives=whole.known)


@row("setitem")
def _setitem(to: Lowering, input: Value, index: Any, value: Any) -> Any:
    """`x[index] = value`: the tensor that x is from there on."""
    if is_mask(index):
        return _where(to, input, index, value)
    steps = basic_parts(shape_of(input), index)
    shape = steps[-1].shape if steps else tuple(shape_of(input))
    part = filled(to, value, Tensor(shape, input.known.dtype))
    return scattered(to, input, part, index)


def _where(to: Lowering, input: Value, mask: Value, value: Any) -> Any:
    if isinstance(value, Value) and value.tensor is not None and value.tensor.rank:
        raise UnsayableError("elements that a mask chooses, each with a value of its own")
    places = mask
    for _ in range(rank(input) - rank(mask)):
        places = to.step("unsqueeze", places, dim=-1)
    if isinstance(value, Value):
        return to.step("where", places, value, input)
    return to.step("masked_fill", input, places, value=value)


def filled(to: Lowering, given: Any, wanted: Tensor) -> Value:
    """A number or a tensor in the shape and the dtype of the place where it is written."""
    if not isinstance(given, Value):
        return to.number(given, wanted)
    value: Value = given
    while value.known.rank > wanted.rank and value.known.shape[0] == 1:
        value = to.inner("squeeze", value, dim=0, gives=Tensor(value.known.shape[1:], value.known.dtype))
    if value.known.dtype != wanted.dtype:
        gives = Tensor(value.known.shape, wanted.dtype)
        value = to.inner("to", value, dtype=wanted.dtype, gives=gives)
    if value.known.shape != wanted.shape:
        value = to.inner("expand", value, sizes=list(wanted.shape), gives=wanted)
    return value


@row("copy")
def _copy(to: Lowering, input: Value, src: Value, non_blocking: bool = False) -> Any:
    return filled(to, src, to.shapes[0])


@row("fill")
def _fill(to: Lowering, input: Value, value: Any) -> Any:
    return filled(to, value, to.shapes[0])


@row("zero")
def _zero(to: Lowering, input: Value) -> Any:
    return to.number(0, to.shapes[0])
