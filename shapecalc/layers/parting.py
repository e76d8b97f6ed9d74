"""Functions that take a tensor apart along one axis: each of its parts is an output."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, NoReturn

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import side_by_side
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.checks import check_axis
from shapecalc.layers.fields import Axis, Size, SizeOrSizes
from shapecalc.layers.reads import Reads
from shapecalc.layers.slicing import from_place, one_place, without
from shapecalc.symbolic import Dim, Expr, least
from shapecalc.tensors import Shape, Tensor, check_equal, with_size

MOST_PARTS = 10_000
"""Outputs of one layer."""


def parts(x: Tensor, axis: int, size: Dim, count: int) -> tuple[Tensor, ...]:
    """`count` parts along an axis, each of `size` but the last, which has what is left."""
    check_count(x, axis, count)
    whole = with_size(x, axis, size)
    return (*[whole] * (count - 1), with_size(x, axis, x.shape[axis] - size * (count - 1)))


def check_count(x: Tensor, axis: int, count: int) -> None:
    """Refuse more outputs than a layer has."""
    if count > MOST_PARTS:
        message = f"axis {axis} of {x} would give {count} outputs; at most {MOST_PARTS} are made"
        raise ArchitectureError(message)


def no_count(x: Tensor, axis: int, argument: str, value: Dim) -> NoReturn:
    raise ArchitectureError(
        f"how many parts {argument} {value} makes of axis {axis} of {x} depends on its size:"
        " a number of outputs has no formula of this kind",
        hint="give a number, or a multiple that shows it: 3*C is three parts of C",
        argument=argument,
    )


class Parting(Rearranging, abstract=True):
    """Parts along `dim`, as many as there are outputs."""

    takes_complex = True
    dim = Axis(0)
    last_fields = ("dim",)

    def returned(self, *outputs: Any) -> Any:
        return outputs

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """Views of parts one after another."""
        shapes = [part.shape for part in self.figures((x.tensor,)).outputs]
        step = x.all_strides[self.dim]
        offsets = accumulate([shape[self.dim] * step for shape in shapes[:-1]], initial=0)
        return trace.parts(x, shapes, offsets=[*offsets])


class split(Parting):
    """Parts along `dim`: of one size, the last one maybe smaller, or of the sizes listed.

    n elements make ⌈n/size⌉ parts. Source: torch.split.
    """

    split_size_or_sections = SizeOrSizes()
    example = example((2, 24, 8), split_size_or_sections=(8, 8, 8), dim=1)

    def output(self, x: Tensor) -> tuple[Tensor, ...]:
        axis = check_axis(self.dim, x, "dim")
        size = self.split_size_or_sections
        if isinstance(size, tuple):
            return self.sections(x, axis, size)
        count = -(-x.shape[axis] // size)
        if isinstance(count, Expr):
            no_count(x, axis, "split_size_or_sections", size)
        return parts(x, axis, size, count)

    def reads(self, x: Tensor, port: int, **_: Any) -> tuple[Reads, ...]:
        sizes = self.split_size_or_sections
        before = sizes[:port] if isinstance(sizes, tuple) else (sizes,) * port
        return (from_place(x, self.dim, before),)

    def sections(self, x: Tensor, axis: int, sizes: Shape) -> tuple[Tensor, ...]:
        total: Dim = 0
        for size in sizes:
            total = total + size
        listed = " + ".join(map(str, sizes))
        message = f"split_size_or_sections has {listed} = {{0}} elements, axis {axis} of {x} has {{1}}"
        check_equal(total, x.shape[axis], message, why="the parts are the whole")
        return tuple(with_size(x, axis, size) for size in sizes)


class chunk(Parting):
    """About equal parts along `dim`: each has ⌈n/chunks⌉ of n elements, the last one what is left.

    There may be fewer than `chunks`: 9 elements in 6 chunks are 5, of 2, 2, 2, 2 and 1. Source: torch.chunk.
    """

    chunks = Size()
    example = example((2, 24, 8), chunks=3, dim=1)

    def output(self, x: Tensor) -> tuple[Tensor, ...]:
        axis = check_axis(self.dim, x, "dim")
        n = x.shape[axis]
        size = -(-n // self.chunks)
        return parts(x, axis, size, self.count(x, axis, -(-n // size)))

    def reads(self, x: Tensor, port: int, **_: Any) -> tuple[Reads, ...]:
        return (from_place(x, self.dim, (-(-x.shape[self.dim] // self.chunks),) * port),)

    def count(self, x: Tensor, axis: int, count: Dim) -> int:
        """How many parts there are, ⌈n/⌈n/chunks⌉⌉."""
        if isinstance(count, int):
            return count
        low = least(x.shape[axis])
        # From n = (chunks − 1)² + 1 on, what the parts have too much is less than one part.
        if isinstance(self.chunks, int) and low is not None and low > (self.chunks - 1) ** 2:
            return self.chunks
        no_count(x, axis, "chunks", self.chunks)


class unbind(Parting):
    """Each place along `dim` as a tensor of its own, the axis goes: (3, N, L) → three of (N, L).

    Source: torch.unbind.
    """

    example = example((3, 2, 8))

    def output(self, x: Tensor) -> tuple[Tensor, ...]:
        axis = check_axis(self.dim, x, "dim")
        count = x.shape[axis]
        if isinstance(count, Expr):
            raise ArchitectureError(
                f"how many outputs axis {axis} of {x} makes depends on its size:"
                " a number of outputs has no formula of this kind",
                hint="give a number",
            )
        check_count(x, axis, count)
        return (Tensor((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype),) * count

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        strides, step = without(x.all_strides, self.dim)
        shapes = [part.shape for part in self.output(x.tensor)]
        offsets = [place * step for place in range(len(shapes))]
        return trace.parts(x, shapes, strides=strides, back=side_by_side(x.look), offsets=offsets)

    def reads(self, x: Tensor, port: int, **_: Any) -> tuple[Reads, ...]:
        return (one_place(x, self.dim % x.rank, port),)
