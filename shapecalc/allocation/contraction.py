"""Sums of products on a trace: what torch.einsum runs for operands with labelled axes, from left to right.

Written after at::einsum and its sumproduct_pair. Sizes of 1 are no sums: formulas are taken for others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TypeAlias

from shapecalc.allocation.gradients import in_zeros, of_sum
from shapecalc.allocation.kernels import bmm, product_of_two
from shapecalc.allocation.trace import Trace
from shapecalc.allocation.values import Value
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import not_one
from shapecalc.tensors import Tensor, product

Labels: TypeAlias = Sequence[Hashable]


def contract(
    trace: Trace, xs: Sequence[Value], labels: Sequence[Labels], output: Labels, summed: Labels
) -> Value:
    """The products of the operands, summed over the labels that the output lacks."""
    order = [*output, *summed]
    operands = [laid_out(trace, x, own, order) for x, own in zip(xs, labels, strict=True)]
    gone = range(len(output), len(order))
    if len(operands) == 1:
        return summed_over(trace, operands[0], gone, keepdim=False) if gone else operands[0]
    left = Counter([axis for x in operands for axis in gone if counts(x.shape[axis])])
    y = operands.pop(0)
    while operands:
        y = pair(trace, y, operands.pop(0), gone, left)
    return trace.seen_as(y, y.shape[: len(output)]) if gone else y


def laid_out(trace: Trace, x: Value, labels: Labels, order: Labels) -> Value:
    """An axis for each label, of 1 for what the operand lacks, the diagonal of a label that comes twice."""
    own = list(labels)
    while repeats := [i for i, label in enumerate(own) if label in own[:i]]:
        x = diagonal(trace, x, own.index(own[repeats[0]]), repeats[0])
        own.pop(repeats[0])
    for label in order:
        if label not in own:
            x = trace.view(x, (*x.shape, 1), (*x.all_strides, 1))
            own.append(label)
    return trace.permute(x, [own.index(label) for label in order])


def diagonal(trace: Trace, x: Value, first: int, second: int) -> Value:
    strides = list(x.all_strides)
    strides[first] = strides[first] + strides.pop(second)
    shape = (*x.shape[:second], *x.shape[second + 1 :])
    return trace.view(x, shape, tuple(strides), back=in_zeros(x.look))


def summed_over(trace: Trace, x: Value, gone: Sequence[int], keepdim: bool) -> Value:
    sizes = [1 if axis in gone else n for axis, n in enumerate(x.shape) if keepdim or axis not in gone]
    return trace.kernel(Tensor(tuple(sizes), x.dtype), x, back=of_sum(x.look, gone))


def counts(n: Dim) -> bool:
    """Whether an axis is more than a 1 that the other operand's is repeated for."""
    return not_one(n, "an axis of 1 is repeated")


def pair(trace: Trace, first: Value, second: Value, gone: Sequence[int], left: Counter[int]) -> Value:
    """What one operand alone has is summed first, then come the sums of products.

    `left` says in how many operands each axis still counts: it is summed with the last of them.
    """
    common = [axis for axis in gone if counts(first.shape[axis]) and counts(second.shape[axis])]
    left.subtract(common)
    both = [axis for axis in common if left[axis] == 1]
    alone = [
        [a for a in gone if a not in common and left[a] == 1 and counts(x.shape[a])] for x in (first, second)
    ]
    left.subtract([*both, *alone[0], *alone[1]])
    if alone[0]:
        first = summed_over(trace, first, alone[0], keepdim=True)
    if alone[1]:
        second = summed_over(trace, second, alone[1], keepdim=True)
    return sum_of_products(trace, first, second, both) if both else product_of_two(trace, first, second)


def sum_of_products(trace: Trace, left: Value, right: Value, both: Sequence[int]) -> Value:
    """A product of matrices for each index of the axes that both have, and that stay."""
    stay = [axis for axis in range(left.rank) if axis not in both]
    batch = [axis for axis in stay if counts(left.shape[axis]) and counts(right.shape[axis])]
    rows = [axis for axis in stay if axis not in batch and counts(left.shape[axis])]
    columns = [axis for axis in stay if axis not in batch and axis not in rows]
    if rows and columns and columns[-1] < rows[0]:  # so the product lies in a row
        left, right, rows, columns = right, left, columns, rows
    order = [*batch, *rows, *both, *columns]
    sizes = tuple([1 if axis in both else (right if axis in columns else left).shape[axis] for axis in order])
    left = trace.permute(left, order)
    right = trace.permute(right, [*batch, *both, *columns, *rows])
    left, right = (
        as_matrices(trace, left, len(batch), len(rows)),
        as_matrices(trace, right, len(batch), len(both)),
    )
    y = trace.seen_as(bmm(trace, left, right), sizes)
    return trace.permute(y, sorted(range(len(order)), key=order.__getitem__))


def as_matrices(trace: Trace, x: Value, batch: int, rows: int) -> Value:
    """The first axes as one, the next ones as the rows, the others as the columns."""
    parts = x.shape[:batch], x.shape[batch : batch + rows], x.shape[batch + rows :]
    return trace.reshape(x, tuple([product(part) for part in parts]))
