"""What joins tensors, and what takes parts of them."""

from __future__ import annotations

from typing import Any

from shapecalc.importing.lowering import Lowering, UnsayableError, axis_of, rank, row, shape_of
from shapecalc.importing.program import Value
from shapecalc.tensors import Tensor


@row("cat")
def _cat(to: Lowering, tensors: Any, dim: int = 0) -> Any:
    xs = [x for x in tensors if shape_of(x) != [0]]
    return xs[0] if len(xs) == 1 else to.step("concat", *xs, dim=axis_of(xs[0], dim))


@row("stack")
def _stack(to: Lowering, tensors: Any, dim: int = 0) -> Any:
    return to.step("stack", *tensors, dim=dim % (rank(tensors[0]) + 1))


@row("split")
def _split(to: Lowering, tensor: Value, split_size_or_sections: Any, dim: int = 0) -> Any:
    many = len(to.shapes)
    sizes = split_size_or_sections
    return to.step(
        "split",
        tensor,
        many=many,
        split_size_or_sections=list(sizes) if isinstance(sizes, tuple) else sizes,
        dim=axis_of(tensor, dim),
    )


@row("split_with_sizes")
def _split_with_sizes(to: Lowering, tensor: Value, split_sizes: Any, dim: int = 0) -> Any:
    return _split(to, tensor, list(split_sizes), dim)


@row("chunk", "tensor_split")
def _chunk(to: Lowering, input: Value, chunks: int, dim: int = 0) -> Any:
    return to.step("chunk", input, many=len(to.shapes), chunks=chunks, dim=axis_of(input, dim))


@row("unbind")
def _unbind(to: Lowering, input: Value, dim: int = 0) -> Any:
    return [to.step("select", input, dim=axis_of(input, dim), index=i) for i in range(len(to.shapes))]


@row("select")
def _select(to: Lowering, input: Value, dim: int, index: int) -> Any:
    return to.step("select", input, dim=axis_of(input, dim), index=index)


@row("narrow")
def _narrow(to: Lowering, input: Value, dim: int, start: int, length: int) -> Any:
    return to.step("narrow", input, dim=axis_of(input, dim), start=start, length=length)


@row("getitem")
def _getitem(to: Lowering, input: Value, index: Any) -> Any:
    """Each part of an index by itself: a number selects, a slice narrows, None is a new axis."""
    parts = list(index) if isinstance(index, tuple) else [index]
    spare = rank(input) - sum(p is not None and p is not Ellipsis for p in parts)
    at = next((n for n, p in enumerate(parts) if p is Ellipsis), None)
    if at is not None:
        parts[at : at + 1] = [slice(None)] * spare
    x, axis = input, 0
    shape = shape_of(input)
    for part in parts:
        if part is None:
            x = to.step("unsqueeze", x, dim=axis)
            shape.insert(axis, 1)
            axis += 1
        elif isinstance(part, int) and not isinstance(part, bool):
            x = to.step("select", x, dim=axis, index=part)
            del shape[axis]
        elif isinstance(part, slice):
            x = _part(to, x, axis, part, shape)
            axis += 1
        elif isinstance(part, Value) and sum(isinstance(p, Value) for p in parts) == 1 and _is_whole(part):
            x = to.step("index", x, part, dim=axis)
            shape[axis : axis + 1] = shape_of(part)
            axis += rank(part)
        else:
            raise UnsayableError("an index of several tensors, or a mask")
        x.tensor = x.tensor if x is input else Tensor(tuple(shape), to.shapes[0].dtype)
    return x


def _is_whole(x: Value) -> bool:
    return x.tensor is not None and x.tensor.dtype.startswith("int")


def _part(to: Lowering, x: Value, axis: int, part: slice, shape: list[Any]) -> Any:
    size = shape[axis]
    start, stop, step = part.indices(size)
    if step != 1:
        y = to.step("slice", x, dim=axis, start=start, end=stop, step=step)
        shape[axis] = len(range(start, stop, step))
        return y
    if (start, stop) == (0, size):
        return x
    shape[axis] = stop - start
    return to.step("narrow", x, dim=axis, start=start, length=stop - start)


@row("where")
def _where(to: Lowering, condition: Value, input: Any, other: Any) -> Any:
    tensors = [x for x in (condition, input, other) if isinstance(x, Value)]
    numbers = {name: x for name, x in (("input", input), ("other", other)) if not isinstance(x, Value)}
    return to.step("where", *tensors, **numbers)
