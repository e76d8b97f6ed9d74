"""What joins tensors, and what takes parts of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.leaves import plain
from shapecalc.importing.lowering import Lowering, as_number, axis_of, rank, row, shape_of
from shapecalc.importing.program import Value
from shapecalc.importing.rows.rearranging import reshaped
from shapecalc.tensors import Tensor


@row("cat")
def _cat(to: Lowering, tensors: Any, dim: int = 0) -> Any:
    xs = [x for x in tensors if 0 not in shape_of(x)]
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


@row("tensor_split")
def _tensor_split(
    to: Lowering, input: Value, indices_or_sections: Any = None, dim: int = 0, **given: Any
) -> Any:
    """Parts by their sizes, as the places where they begin, or how many they are, say."""
    axis = axis_of(input, given.get("dim", dim))
    sizes = [after.shape[axis] for after in to.shapes]
    return to.step("split", input, many=len(sizes), split_size_or_sections=sizes, dim=axis)


@row("chunk")
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


class Part(NamedTuple):
    """One step of an index: a layer, its arguments, and the shape that it gives."""

    type: str
    arguments: dict[str, Any]
    shape: tuple[Any, ...]


def applied(to: Lowering, x: Value, part: Part) -> Value:
    """What a step of an index shows of a tensor."""
    return to.inner(part.type, x, gives=Tensor(part.shape, x.known.dtype), **part.arguments)


def basic_parts(shape: Sequence[Any], index: Any) -> list[Part]:
    """The steps of an index of numbers, slices, None and an ellipsis, each on what the one before gives.

    Raises:
        UnsayableError: there are tensors in it.
    """
    parts, tensors = _split_index(None, shape, index, _slice)
    if tensors:
        raise UnsayableError("a part that tensors say is written to")
    return parts


def _split_index(
    to: Lowering | None,
    shape: Sequence[Any],
    index: Any,
    of_slice: Callable[[int, slice, list[Any]], Part | None],
) -> tuple[list[Part], dict[int, Value]]:
    """The basic steps of an index and, by their axes after these, the tensors in it."""
    wanted = list(index) if isinstance(index, tuple) else [index]
    spare = len(shape) - sum(_axes(p) for p in wanted)
    at = next((n for n, p in enumerate(wanted) if p is Ellipsis), None)
    if at is not None:
        wanted[at : at + 1] = [slice(None)] * spare
    axis, current, found, tensors = 0, list(shape), [], {}
    for part in wanted:
        made = None
        if part is None:
            current.insert(axis, 1)
            made = Part("unsqueeze", {"dim": axis}, tuple(current))
        elif isinstance(part, int) and not isinstance(part, bool):
            del current[axis]
            made, axis = Part("select", {"dim": axis, "index": part}, tuple(current)), axis - 1
        elif isinstance(part, slice):
            made = of_slice(axis, part, current)
        elif isinstance(part, list) and part and part == [*range(part[0], part[0] + len(part))]:
            first = part[0] % current[axis]
            made = of_slice(axis, slice(first, first + len(part)), current)
        elif isinstance(part, Value):
            tensors[axis] = part
        elif to and isinstance(part, list) and part and all(type(place) is int for place in part):
            tensors[axis] = to.places(part)
        else:
            raise UnsayableError(f"an index of {part!r}")
        found += [made] if made else []
        axis += 1
    return found, tensors


def _axes(part: Any) -> int:
    if isinstance(part, Value) and part.tensor is not None and part.tensor.dtype in ("bool", "uint8"):
        raise UnsayableError("an index that is a mask")
    return int(part is not None and part is not Ellipsis)


def _slice(axis: int, part: slice, shape: list[Any]) -> Part | None:
    """A part of an axis, in steps or not; nothing if it is the whole."""
    start, stop, step = part.indices(shape[axis])
    if (start, stop, step) == (0, shape[axis], 1):
        return None
    if not range(start, stop, step):
        raise UnsayableError("a part of no elements")
    shape[axis] = len(range(start, stop, step))
    return Part("slice", {"dim": axis, "start": start, "end": stop, "step": step}, tuple(shape))


@row("getitem")
def _getitem(to: Lowering, input: Value, index: Any) -> Any:
    """Each part of an index by itself: a number selects, a slice narrows, None is a new axis."""
    parts, tensors = _split_index(to, shape_of(input), index, _as_written)
    x = input
    for part in parts:
        x = applied(to, x, part)
    return _looked_up(to, x, tensors) if tensors else x


def _as_written(axis: int, part: slice, shape: list[Any]) -> Part | None:
    """A part of an axis by places as the module writes them, which may hold at other sizes."""
    if part == slice(None):
        return None
    start, stop, step = part.indices(shape[axis])
    if not range(start, stop, step):
        raise UnsayableError("a part of no elements")
    shape[axis] = len(range(start, stop, step))
    backwards = (part.start or 0) < 0 or (part.stop or 0) < 0
    if step == 1 and not backwards and part.stop is not None:
        return Part("narrow", {"dim": axis, "start": start, "length": stop - start}, tuple(shape))
    given = {"dim": axis, "start": part.start or None, "end": part.stop, "step": step}
    return Part("slice", given, tuple(shape))


def _looked_up(to: Lowering, x: Value, tensors: dict[int, Value]) -> Any:
    """Elements at places that tensors hold: those of axes apart come first."""
    axes = [*tensors]
    if axes != [*range(axes[0], axes[0] + len(axes))]:
        order = [*axes, *[axis for axis in range(rank(x)) if axis not in axes]]
        moved = Tensor(tuple([x.known.shape[axis] for axis in order]), x.known.dtype)
        x = to.inner("permute", x, dims=order, gives=moved)
        axes = [*range(len(axes))]
    wanted = [*tensors.values()]
    if seen := _all_places(to, x, axes[0], wanted):
        return seen
    return to.step("index", x, *wanted, dim=axes[0])


def _all_places(to: Lowering, x: Value, axis: int, tensors: list[Value]) -> Value | None:
    """Where each tensor counts all places of its axis, along an axis of its own: the same with axes of 1."""
    places = [to.constant(value) for value in tensors]
    if any(place is None for place in places):
        return None
    width = max(place.dim() for place in places)
    shape: list[Any] = []
    for n, place in zip(shape_of(x)[axis:], places, strict=False):
        own = [1] * (width - place.dim()) + list(place.shape)
        long = [i for i, size in enumerate(own) if size > 1]
        at = long[0] if long else max(len(shape), 0)
        if len(long) > 1 or at < len(shape) or place.flatten().tolist() != [*range(n)]:
            return None
        shape += [1] * (at - len(shape)) + [n]
    shape += [1] * (width - len(shape))
    whole = shape_of(x)
    after = (*whole[:axis], *shape, *whole[axis + len(tensors) :])
    if len(shape) > width or after != to.shapes[0].shape:
        return None
    return reshaped(to, x, Tensor(after, to.shapes[0].dtype))


@row("where")
def _where(to: Lowering, condition: Value, input: Any, other: Any) -> Any:
    sides = {"input": as_number(to, input), "other": as_number(to, other)}
    tensors = [x for x in (condition, *sides.values()) if isinstance(x, Value)]
    numbers = {name: plain(x) for name, x in sides.items() if not isinstance(x, Value)}
    return to.step("where", *tensors, **numbers)
