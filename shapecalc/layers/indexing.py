"""Functions that look elements up by their numbers, which a second input holds."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import Back, in_zeros
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.checks import check_axis
from shapecalc.layers.fields import Axis, Flag, Size
from shapecalc.layers.reads import Pattern, Reads, broadcast_to, except_along, same_place
from shapecalc.layers.rules import Saved
from shapecalc.layers.slicing import subscript
from shapecalc.operations import Unknown
from shapecalc.tensors import Shape, Tensor, broadcast, check_at_least, with_size

BY_VALUES = Unknown("which places are read is for the values of the second input to say")


def check_numbers_of_places(index: Tensor, *dtypes: str) -> None:
    """Refuse a second input that holds no numbers of places, in a dtype that torch takes for them."""
    if index.dtype not in dtypes:
        raise ArchitectureError(
            f"the second input must be numbers of {' or '.join(dtypes)}, not {index.dtype}",
            hint="a dtype follows the shape of an input: 1x128:int64",
        )


class LookUp(Rearranging, abstract=True):
    """Elements of the first input, by the numbers of their places along `dim` in the second."""

    branching = True
    dim = Axis()

    def saved(self, x: Value, *index: Any) -> Saved:
        return index

    def back(self, x: Value, *index: Any) -> Back:
        return in_zeros(x.look)


class LookUpAlong(LookUp, abstract=True):
    """A function of torch's that has `dim` between the two inputs."""

    def feed(self, x: Any, *index: Any) -> tuple[Any, ...]:
        return (x, self.dim, *index)

    def keywords(self) -> dict[str, Any]:
        return {name: value for name, value in super().keywords().items() if name != "dim"}


class index_select(LookUpAlong):
    """The places along `dim` whose numbers a vector holds: (N, C, L) and (K) → (N, C, K) with dim 2.

    Source: torch.index_select.
    """

    example = example((2, 24, 8), Tensor((5,), "int64"), dim=1)

    def output(self, x: Tensor, index: Tensor) -> Tensor:
        axis = check_axis(self.dim, x, "dim", scalars=True)
        check_numbers_of_places(index, "int32", "int64")
        if index.rank > 1:
            message = f"the second input must be a vector, not {index}"
            raise ArchitectureError(message, hint="index takes numbers of any shape")
        if x.rank:
            return Tensor((*x.shape[:axis], index.elements, *x.shape[axis + 1 :]), x.dtype)
        if index.elements != 1:
            raise ArchitectureError(f"the first input is a scalar, and has no {index} places to take")
        return x

    def reads(self, x: Tensor, index: Tensor, **_: Any) -> tuple[Reads, ...]:
        found = except_along(x, self.dim, reads=BY_VALUES)
        return found, (Pattern(self.dim % x.rank if x.rank else None),) * index.rank


class index(LookUpAlong):
    """The places along `dim` whose numbers a tensor of any shape holds, in that shape: Python's `x[:, i]`.

    (N, C, L) and (H, W) → (N, C, H, W) with dim 2; a table of biases and (L, L) numbers → (L, L, heads).
    Several tensors are for `dim` and the axes after it, broadcast to one shape: `x[:, i, j]`.
    Source: torch's own aten::index.
    """

    namespace = "ops.aten."
    dim = Axis(0)
    example = example((169, 4), Tensor((49, 49), "int64"))

    def output(self, x: Tensor, index: Tensor, *more: Tensor) -> Tensor:
        axis = check_axis(self.dim, x, "dim")
        places = self.places(index, *more)
        after = axis + 1 + len(more)
        if after > x.rank:
            raise ArchitectureError(
                f"{len(more) + 1} tensors of places from axis {axis} on are too many for {x}"
            )
        return Tensor((*x.shape[:axis], *places, *x.shape[after:]), x.dtype)

    def places(self, *indices: Tensor) -> Shape:
        """The shape that all tensors of places are broadcast to."""
        for each in indices:
            if each.dtype in ("bool", "uint8"):
                raise ArchitectureError(
                    f"the second input is a mask of {each.dtype}: how many places it takes, its values say",
                    hint="numbers of places are int64",
                )
            check_numbers_of_places(each, "int32", "int64")
        shape: Shape = ()
        for each in indices:
            shape = broadcast(shape, each.shape)
        return shape

    def in_python(self, x: Any, *index: Any) -> str:
        last = self.dim + len(index) - 1  # of a negative axis, what comes after counts from there
        return subscript(x, last if self.dim < 0 else self.dim, ", ".join(index))

    def feed(self, x: Any, *index: Any) -> tuple[Any, ...]:
        """torch has an index for each axis, None for one of which all is taken."""
        return (x, [*[None] * range(x.dim())[self.dim], *index])

    def reads(self, x: Tensor, *indices: Tensor, **_: Any) -> tuple[Reads, ...]:
        axis, taken, places = self.dim % x.rank, len(indices), self.places(*indices)
        more = len(places) - taken
        found = tuple(
            BY_VALUES if axis <= i < axis + taken else Pattern(i + more * (i >= axis)) for i in range(x.rank)
        )
        whole = Tensor((*[1] * axis, *places))
        return found, *(broadcast_to(whole, each) for each in indices)


class gather(LookUpAlong):
    """Along `dim`, for each number the element at that place, in the row and column of the number itself.

    y[i, j] = x[i, index[i, j]] with dim 1. The numbers may have fewer rows or columns, not more.
    Source: torch.gather.
    """

    sparse_grad = Flag(False)
    example = example((4, 10, 8), Tensor((4, 3, 8), "int64"), dim=1)

    def output(self, x: Tensor, index: Tensor) -> Tensor:
        axis = check_axis(self.dim, x, "dim", scalars=True)
        check_numbers_of_places(index, "int32", "int64")
        if max(x.rank, 1) != max(index.rank, 1):
            message = f"inputs of as many axes are needed, not {x} and {index}"
            raise ArchitectureError(message, hint="index takes numbers of any shape")
        for place, (n, m) in enumerate(zip(x.shape, index.shape, strict=False)):
            if place != axis:
                message = f"axis {place} of the numbers, {index}, has {{1}} places, that of {x} only {{0}}"
                check_at_least(n, m, message, why="there is a row for each number")
        return Tensor(index.shape, x.dtype)

    def reads(self, x: Tensor, index: Tensor, **_: Any) -> tuple[Reads, ...]:
        parts = tuple(Pattern(axis, cropped=True) for axis in range(x.rank))
        axis = self.dim % x.rank if x.rank else 0
        return tuple(BY_VALUES if i == axis else own for i, own in enumerate(parts)), same_place(index.rank)

    def run(self, trace: Trace, x: Value, index: Value) -> tuple[Value, ...]:
        if self.sparse_grad and x.tracked:
            raise UnknownError(
                "gather: its gradient is sparse, elements for the numbers that come: it is not followed",
                hint="with sparse_grad: false it is a tensor like the input, and known",
            )
        return super().run(trace, x, index)

    def saved(self, x: Value, index: Value) -> Saved:
        """All of the first input, though its shape would do."""
        return (x, index)


class take_along_dim(LookUp):
    """As gather, with all axes but `dim` broadcast: (N, C, L) and (N, K, 1) → (N, K, L) with dim 1.

    What torch does without `dim`, along all elements in one row, is a reshape before it.
    Source: torch.take_along_dim.
    """

    example = example((4, 10, 8), Tensor((4, 3, 1), "int64"), dim=1)

    def output(self, x: Tensor, index: Tensor) -> Tensor:
        check_numbers_of_places(index, "int64")
        if x.rank != index.rank:
            raise ArchitectureError(f"inputs of as many axes are needed, not {x} and {index}")
        axis = check_axis(self.dim, x, "dim")
        shape = broadcast(with_size(x, axis, 1).shape, with_size(index, axis, 1).shape)
        return with_size(Tensor(shape, x.dtype), axis, index.shape[axis])

    def reads(self, x: Tensor, index: Tensor, y: Tensor, **_: Any) -> tuple[Reads, ...]:
        axis = self.dim % x.rank
        own = broadcast_to(y, with_size(x, axis, y.shape[axis]))
        return tuple(BY_VALUES if i == axis else one for i, one in enumerate(own)), broadcast_to(y, index)

    def run(self, trace: Trace, x: Value, index: Value) -> tuple[Value, ...]:
        """Both are broadcast, and numbers below 0 counted from the end. Source: at::take_along_dim."""
        axis = self.dim % x.rank
        made = self.output(x.tensor, index.tensor)
        numbers = trace.elementwise(trace.expand(index, made.shape))
        x = trace.expand(x, (*made.shape[:axis], x.shape[axis], *made.shape[axis + 1 :]))
        return (trace.kernel(made, x, numbers, keeps=(x, numbers), back=in_zeros(x.look)),)


class one_hot(Rearranging):
    """A vector of 0 with one 1, at the place that each number says: (N, L) → (N, L, num_classes).

    Source: torch.nn.functional.one_hot.
    """

    namespace = "nn.functional."
    num_classes = Size()
    example = example(Tensor((2, 9), "int64"), num_classes=10)

    def output(self, x: Tensor) -> Tensor:
        if x.dtype != "int64":
            raise ArchitectureError(f"an input of int64 is needed, not {x.dtype}")
        return Tensor((*x.shape, self.num_classes), x.dtype)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (same_place(x.rank),)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """Each number is compared with that of each class. Source: at::one_hot, on meta."""
        made = self.output(x.tensor)
        _classes = trace.new(Tensor((self.num_classes,), "int64"))
        _equal = trace.new(Tensor(made.shape, "bool"))
        return (trace.new(made),)
