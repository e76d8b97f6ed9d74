"""Circular padding: kernels that copy each end of what is padded to the other end."""

from __future__ import annotations

from collections.abc import Sequence

from shapecalc.allocation.gradients import Gradients, in_zeros, rule
from shapecalc.allocation.trace import Trace
from shapecalc.allocation.values import Look, Value
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor


def wrapped(trace: Trace, x: Value, made: Tensor, padding: Sequence[int]) -> Value:
    """The input is copied to its place, and then, axis by axis, each end to the other.

    `padding` has a pair for each of the last axes, the last one first. Source: at::_pad_circular.
    """
    pairs = list(zip(padding[::2], padding[1::2], strict=True))
    inner = x
    for i, pair in enumerate(pairs, start=1):
        inner = part(trace, inner, -i, inner.shape[-i] - sum(max(-p, 0) for p in pair))
    y = trace.kernel(made, inner, back=copied_into(Look(*made), inner.look, first=True))
    for i, pair in enumerate(pairs, start=1):
        for size in pair:
            if size > 0:
                end = part(trace, y, -i, size)
                trace.record((y,), (y, end), back=copied_into(y.look, end.look))
    return y


def part(trace: Trace, x: Value, axis: int, size: Dim) -> Value:
    """A view of `size` places in a row along an axis; the last axis is −1."""
    axis %= x.rank
    shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
    return trace.view(x, shape, x.all_strides, back=in_zeros(x.look))


@rule
def copied_into(trace: Trace, _: Value, base: Look, part: Look, first: bool = False) -> Gradients:
    """Of a tensor into a part of which another is copied: a copy of its gradient with zeros in that part.

    The `first` copy is into what has no gradient. Source: torch::autograd::CopySlices, CopyBackwards.
    """
    whole = trace.new(base.tensor)
    copy = trace.new(part.tensor)
    if first:
        return [copy]
    trace.new(part.tensor)
    return [whole, copy]
