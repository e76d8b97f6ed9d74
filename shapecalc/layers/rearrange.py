"""Layers and functions that rearrange elements and compute nothing."""

from __future__ import annotations

from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Elementwise, Layer, check_axis
from shapecalc.layers.fields import Axis, Sizes
from shapecalc.symbolic import Dim
from shapecalc.tensors import Shape, Tensor, check_equal, check_multiple, product


class Identity(Elementwise):
    """The input itself. Source: torch.nn.Identity."""


class Flatten(Layer):
    """The axes from start_dim to end_dim become one. Source: torch.nn.Flatten."""

    start_dim = Axis(1)
    end_dim = Axis(-1)

    def output(self, x: Tensor) -> Tensor:
        start = check_axis(self.start_dim, x, "start_dim")
        end = check_axis(self.end_dim, x, "end_dim")
        if start > end:
            raise ArchitectureError(
                f"start_dim {self.start_dim} comes after end_dim {self.end_dim} in the input {x}"
            )
        shape = (*x.shape[:start], product(x.shape[start : end + 1]), *x.shape[end + 1 :])
        return Tensor(shape, x.dtype)


def fill(sizes: Shape, elements: Dim, what: str) -> Shape:
    """`sizes` with its −1, if any, replaced so that they hold `elements`; `what` names them in errors."""
    known = product(tuple(size for size in sizes if size != -1))
    listed = "×".join(map(str, sizes))
    if -1 not in sizes:
        message = f"{what} of {{0}} elements can't become {listed}: that has {{1}}"
        check_equal(elements, known, message, why=f"they become {listed}")
        return sizes
    message = f"{what} of {{0}} elements can't become {listed}: {{1}} must divide it"
    check_multiple(elements, known, message, why=f"they become {listed}")
    return tuple(elements // known if size == -1 else size for size in sizes)


class Unflatten(Layer):
    """One axis becomes several, of which one size may be −1. Source: torch.nn.Unflatten."""

    dim = Axis()
    unflattened_size = Sizes(rest=1)

    def output(self, x: Tensor) -> Tensor:
        axis = check_axis(self.dim, x, "dim")
        sizes = fill(self.unflattened_size, x.shape[axis], f"axis {self.dim}")
        return Tensor((*x.shape[:axis], *sizes, *x.shape[axis + 1 :]), x.dtype)


class reshape(Layer):
    """All elements in another shape, of which one size may be −1. Source: torch.reshape."""

    function = "reshape"
    shape = Sizes(rest=1)

    def output(self, x: Tensor) -> Tensor:
        return Tensor(fill(self.shape, x.elements, f"the input {x}"), x.dtype)
