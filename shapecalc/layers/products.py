"""Products of matrices that come from branches, as in attention."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value, kernels
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_numbers
from shapecalc.layers.reads import ALL, Pattern, Reads, broadcast_to, except_along
from shapecalc.operations import NOTHING, Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import Shape, Tensor, broadcast, check_equal

OF_VECTORS = Unknown("a product of a vector")


def check_factors(x: Tensor, other: Tensor) -> None:
    """Refuse branches whose elements torch doesn't multiply and sum: nothing is promoted here."""
    if x.dtype != other.dtype:
        raise ArchitectureError(f"branches of one dtype are needed, not {x.dtype} and {other.dtype}")
    check_numbers(x)


class matmul(Layer):
    """The matrix product of the last two axes, the axes before them broadcast.

    (*, n, k) and (*, k, m) → (*, n, m). A branch of one axis is a row on the left and a column on the
    right, and the output lacks that axis. Source: torch.matmul.
    """

    operator = "@"
    takes_complex = True
    each = NOTHING
    branching = True
    example = example((2, 4, 16, 8), (2, 4, 8, 16))

    def output(self, x: Tensor, other: Tensor) -> Tensor:
        check_factors(x, other)
        if not (x.rank and other.rank):
            raise ArchitectureError(f"matrices or vectors are needed, not a scalar ({x} and {other})")
        check_equal(
            x.shape[-1],
            other.shape[-2:][0],
            f"the columns of {x} and the rows of {other} must be as many: {{0}} and {{1}}",
            "(*, n, k) times (*, k, m): a transpose of the last two axes puts k in its place",
            why="columns meet rows",
        )
        columns = other.shape[-1:] if other.rank > 1 else ()
        return Tensor((*self.batch(x, other), *x.shape[-2:-1], *columns), x.dtype)

    def reads(self, x: Tensor, other: Tensor, y: Tensor, **_: Any) -> tuple[Reads, ...]:
        """A row of the one and a column of the other."""
        if x.rank == 1 or other.rank == 1:
            return except_along(x, *range(x.rank), reads=OF_VECTORS), except_along(
                other, *range(other.rank), reads=OF_VECTORS
            )
        batches = (broadcast_to(Tensor(y.shape[:-2]), Tensor(each.shape[:-2])) for each in (x, other))
        rows, columns = batches
        return (*rows, Pattern(y.rank - 2), ALL), (*columns, ALL, Pattern(y.rank - 1))

    def batch(self, x: Tensor, other: Tensor) -> Shape:
        try:
            return broadcast(x.shape[:-2], other.shape[:-2])
        except ArchitectureError as error:
            hint = "all axes but the last two are matched from the last one; each pair is equal, or one is 1"
            message = f"the axes before the matrices of {x} and {other}: {error.message}"
            raise ArchitectureError(message, hint=hint) from None

    def macs(self, x: Tensor, other: Tensor, y: Tensor) -> Dim:
        """One dot product for each output element, also where torch uses no matrix for a vector."""
        return y.elements * x.shape[-1]

    def run(self, trace: Trace, x: Value, other: Value) -> tuple[Value, ...]:
        return (kernels.matmul(trace, x, other),)


class bmm(Layer):
    """The matrix product for each index of the first axis: (B, n, k) and (B, k, m) → (B, n, m).

    Nothing is broadcast. Source: torch.bmm.
    """

    takes_complex = True
    each = NOTHING
    branching = True
    example = example((8, 16, 4), (8, 4, 16))

    def output(self, x: Tensor, other: Tensor) -> Tensor:
        check_factors(x, other)
        if not x.rank == other.rank == 3:
            raise ArchitectureError(
                f"branches of 3 axes are needed, not {x.rank} and {other.rank} ({x} and {other})",
                hint="matmul takes any number of axes",
            )
        found = f"({x} and {other})"
        check_equal(
            x.shape[0],
            other.shape[0],
            f"the branches differ on axis 0: {{0}} and {{1}} {found}",
            "matmul broadcasts an axis of 1",
            why="the batches agree",
        )
        check_equal(
            x.shape[2],
            other.shape[1],
            f"the columns of the one and the rows of the other must be as many: {{0}} and {{1}} {found}",
            "(B, n, k) times (B, k, m): a transpose of the last two axes puts k in its place",
            why="columns meet rows",
        )
        return Tensor((x.shape[0], x.shape[1], other.shape[2]), x.dtype)

    def reads(self, x: Tensor, other: Tensor, **_: Any) -> tuple[Reads, ...]:
        return except_along(x, 2), except_along(other, 1)

    def macs(self, x: Tensor, other: Tensor, y: Tensor) -> Dim:
        """One dot product for each output element."""
        return y.elements * x.shape[2]

    def run(self, trace: Trace, x: Value, other: Value) -> tuple[Value, ...]:
        return (kernels.bmm(trace, x, other),)
