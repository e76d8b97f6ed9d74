"""Strides: how far it is in memory from one index of an axis to the next, in elements."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from shapecalc.errors import ArchitectureError
from shapecalc.symbolic import Dim, least, number
from shapecalc.symbolic.conditions import at_large, at_least, collecting, differ, not_one
from shapecalc.tensors import Shape

Strides: TypeAlias = tuple[Dim, ...]

_WHY = "views and copies are those of sizes above 1"


@lru_cache(maxsize=10_000)
def in_a_row(shape: Shape) -> Strides:
    """The strides of a tensor whose elements lie in a row, axis by axis."""
    strides: list[Dim] = []
    step: Dim = 1
    for size in reversed(shape):
        strides.append(step)
        step = step * size
    return tuple(reversed(strides))


def is_in_a_row(shape: Shape, strides: Strides) -> bool:
    """Whether that is what the strides say, for any sizes; those of an axis of 1 say nothing."""
    if 0 in shape:
        return True
    return all(size == 1 or a == b for size, a, b in zip(shape, strides, in_a_row(shape), strict=True))


def channels_last(shape: Shape) -> Strides:
    """The strides of images that lie position by position, with all channels of each in a row."""
    batch, *space, channels = in_a_row((shape[0], *shape[2:], shape[1]))
    return (batch, channels, *space)


def unless_in_a_row(shape: Shape, strides: Strides | None) -> Strides | None:
    """None for strides that are those of a row. By those of axes of 1 an image may yet seem channels last."""
    return None if strides == in_a_row(shape) else strides


def is_scattered(shape: Shape, strides: Strides | None) -> bool:
    """Whether the elements do not lie in a row, where that decides what torch makes.

    Formulas are taken for sizes at which they do not: an axis is more than 1 and its step another. Of several
    such axes that one counts which asks least.
    """
    if strides is None or is_in_a_row(shape, strides):
        return False
    axes = zip(shape, strides, in_a_row(shape), strict=True)
    odd = [(size, own, step) for size, own, step in axes if size != 1 and own != step]
    return _is_odd(*min(reversed(odd), key=_asked))


def _is_odd(size: Dim, own: Dim, step: Dim) -> bool:
    return not_one(size, _WHY) and differ(own, step, _WHY)


def _asked(axis: tuple[Dim, Dim, Dim]) -> tuple[int, bool]:
    """How many conditions it takes that an axis lies in no row, and whether they are on its own size."""
    with collecting() as conditions:
        _is_odd(*axis)
    return len(conditions), not isinstance(axis[0], int)


def dense(shape: Shape, strides: Strides) -> Strides | None:
    """Strides without gaps and repetitions, the axes in the order that given strides have them in.

    None where that is axis by axis; those of axes of 1, too, are those of channels last where others are.
    Source: at::infer_dense_strides, at::TensorIteratorBase::fast_set_up.
    """
    found = elementwise_strides(shape, (shape, strides))
    if found is None or len(shape) not in (4, 5):
        return found
    last = channels_last(shape)
    return last if all(n == 1 or a == b for n, a, b in zip(shape, found, last, strict=True)) else found


def elementwise_strides(shape: Shape, *operands: tuple[Shape, Strides | None]) -> Strides | None:
    """The strides of what is made, element by element, of tensors that are broadcast to a shape.

    Its axes are in the order that the first tensor has them in which says so; None where all lie in a row.
    Source: at::TensorIteratorBase::reorder_dimensions.
    """
    if all(strides is None for _, strides in operands):
        return None
    steps = [_steps(shape, *operand) for operand in operands]
    sizes = _numbers(shape)
    inner_first = list(reversed(range(len(shape))))
    for i in range(1, len(shape)):
        place = i
        for j in reversed(range(i)):
            swaps = _swaps(inner_first[j], inner_first[place], steps, sizes)
            if swaps:
                inner_first[j], inner_first[place] = inner_first[place], inner_first[j]
                place = j
            elif swaps is False:
                break
    return _laid(shape, inner_first)


def seem_channels_last(shape: Shape, strides: Strides | None) -> bool:
    """Whether torch takes an image to lie position by position, the strides of axes of 1 and all.

    Source: c10::is_channels_last_strides_2d_s4, and its kin of three axes.
    """
    if strides is None or len(shape) not in (4, 5):
        return False
    is_scattered(shape, strides)  # recorded: elsewhere the steps are others
    if strides[1] == 0:
        return False
    least: Dim = 0
    for axis in (1, *reversed(range(2, len(shape))), 0):
        if _falls_short(strides[axis], least) or (axis == 0 and not differ(least, strides[1], _WHY)):
            return False
        least = strides[axis] * shape[axis]
    return True


def _falls_short(step: Dim, least: Dim) -> bool:
    """Whether a step is below a number of elements, as it is for large sizes."""
    first, second = _numbers((step, least))
    return differ(step, least, _WHY) if first < second else not at_least(step, least, _WHY)


def _swaps(inner: int, outer: int, steps: Sequence[Sequence[int]], sizes: Sequence[int]) -> bool | None:
    """Whether two axes change places; None where nothing says so."""
    for own in steps:
        if 0 in (own[inner], own[outer]):
            continue  # one is repeated
        if own[inner] != own[outer]:
            return own[inner] > own[outer]
        if sizes[inner] > sizes[outer]:
            return True
    return None


def _steps(shape: Shape, own: Shape, strides: Strides | None) -> Sequence[int]:
    """The strides of a tensor that is broadcast, 0 along what is repeated."""
    strides = in_a_row(own) if strides is None else strides
    new = len(shape) - len(own)
    repeated = [n == 1 != size for n, size in zip(own, shape[new:], strict=True)]
    return [*[0] * new, *[0 if r else n for r, n in zip(repeated, _numbers(strides), strict=True)]]


def _numbers(sizes: Sequence[Dim]) -> Sequence[int]:
    """Numbers in the order of sizes or steps.

    Steps are products of sizes, each a multiple of the next: any sizes above 1 tell their order.
    """
    return [n if isinstance(n, int) else at_large(n) for n in sizes]


def _laid(shape: Shape, inner_first: Sequence[int]) -> Strides | None:
    """The strides of a tensor whose axes lie in this order, without gaps."""
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
            _record_copy(chunk, covered, (seen[i - 1], steps[i - 1], chunk * base) if i else None)
            return None
        if i:
            base, chunk = steps[i - 1], 1
    return tuple(strides) if axis == -1 else None


def _record_copy(chunk: Dim, covered: Dim, before: tuple[Dim, Dim, Dim] | None) -> None:
    """A chunk that no new axes cover is taken for one: more than 1, apart from the axis before it.

    Args:
        chunk: its elements.
        covered: those of the new axes up to the first that reaches beyond it.
        before: the size of the axis before it, its step, and the step at which it would go on in a row.
    """
    not_one(chunk, _WHY)
    differ(covered, chunk, _WHY)
    if before:
        _is_odd(*before)


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
        return not_one(times, _WHY)
    raise ArchitectureError(
        f"whether this is a copy or a view depends on {first} and {second}", hint="give numbers"
    )


def overlapping(shape: Shape, strides: Strides) -> bool:
    """Whether several elements of a tensor stand at one place, as in windows that overlap; no for letters."""
    axes = [(step, n) for step, n in zip(strides, shape, strict=True) if n != 1]
    if not all(isinstance(size, int) for axis in axes for size in axis):
        return False
    extent = 1
    for step, n in sorted(axes, key=lambda axis: number(axis[0])):
        if number(step) < extent:
            return True
        extent += number(step) * (number(n) - 1)
    return False
