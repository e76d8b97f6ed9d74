"""Strides: how far it is in memory from one index of an axis to the next, in elements."""

from __future__ import annotations

from typing import TypeAlias

from shapecalc.conditions import not_one
from shapecalc.errors import ArchitectureError
from shapecalc.symbolic import Dim, at, least, number, symbols_in
from shapecalc.tensors import Shape

Strides: TypeAlias = tuple[Dim, ...]


def in_a_row(shape: Shape) -> Strides:
    """The strides of a tensor whose elements lie in a row, axis by axis."""
    strides: list[Dim] = []
    step: Dim = 1
    for size in reversed(shape):
        strides.append(step)
        step = step * size
    return tuple(reversed(strides))


def is_in_a_row(shape: Shape, strides: Strides) -> bool:
    """Whether that is what the strides say; those of an axis of 1 say nothing."""
    if 0 in shape:
        return True
    return all(size == 1 or a == b for size, a, b in zip(shape, strides, in_a_row(shape), strict=True))


def dense(shape: Shape, strides: Strides) -> Strides | None:
    """Strides without gaps and repetitions, the axes in the order that given strides have them in.

    None where that is axis by axis. Source: at::infer_dense_strides.
    """
    # Steps are products of sizes, each a multiple of the next: any sizes above 1 tell their order.
    steps = [number(at(step, dict.fromkeys(symbols_in(step), 2))) for step in strides]
    inner_first = list(reversed(range(len(shape))))
    for i in range(1, len(shape)):
        place = i
        for j in reversed(range(i)):
            a, b = inner_first[j], inner_first[place]
            if 0 in (steps[a], steps[b]):
                continue
            if steps[a] <= steps[b]:
                break
            inner_first[j], inner_first[place] = b, a
            place = j
    sizes = in_a_row(tuple([shape[axis] for axis in reversed(inner_first)]))
    found = dict(zip(reversed(inner_first), sizes, strict=True))
    result = tuple([found[axis] for axis in range(len(shape))])
    return None if is_in_a_row(shape, result) else result


def strides_as(seen: Shape, steps: Strides, shape: Shape) -> Strides | None:
    """The strides that show elements of one shape and strides in another shape; None if only a copy does.

    Source: at::detail::computeStride. Axes that lie in a row among themselves form a chunk; the new axes must
    divide these.
    """
    if not seen or 0 in seen or is_in_a_row(seen, steps):
        return in_a_row(shape)
    strides: list[Dim] = [1] * len(shape)
    axis = len(shape) - 1
    base: Dim = steps[-1]
    chunk: Dim = 1
    for i in reversed(range(len(seen))):
        chunk = chunk * seen[i]
        if i and (seen[i - 1] == 1 or steps[i - 1] == chunk * base):
            continue
        covered: Dim = 1
        while axis >= 0 and (_less(covered, chunk) or shape[axis] == 1):
            strides[axis] = covered * base
            covered = covered * shape[axis]
            axis -= 1
        if covered != chunk:
            return None
        if i:
            base, chunk = steps[i - 1], 1
    return tuple(strides) if axis == -1 else None


def _less(first: Dim, second: Dim) -> bool:
    if isinstance(first, int) and isinstance(second, int):
        return first < second
    if first == second:
        return False
    if (low := least(second - first)) is not None and low > 0:
        return True
    if (low := least(first - second)) is not None and low >= 0:
        return False
    times = second // first
    if times * first == second:
        return not_one(times, "views and copies are those of sizes above 1")
    raise ArchitectureError(
        f"whether this is a copy or a view depends on {first} and {second}", hint="give numbers"
    )
