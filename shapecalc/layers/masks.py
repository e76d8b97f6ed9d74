"""Masks of true and false, made by comparisons, and the functions that choose elements by one."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.choices import of_either, of_filled
from shapecalc.allocation.gradients import Back
from shapecalc.allocation.kernels import converted
from shapecalc.allocation.strides import elementwise_strides
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.fields import Number
from shapecalc.layers.joins import combine
from shapecalc.layers.operands import Operation, WithNumbers, compared
from shapecalc.layers.ranges import check_fits
from shapecalc.layers.rules import Keeps
from shapecalc.operations import NOTHING, Operations
from shapecalc.tensors import Tensor, as_scalar, broadcast


class Comparison(Operation, abstract=True):
    """Whether it is so of the two branches, element by element: bool. The second may be a number."""

    most_branches = 2
    numbers = ("", "other")
    other = Number(infinite=True)
    keeps = Keeps.NOTHING
    each = Operations(compare=1)

    def of_two(self, x: Tensor, other: Tensor) -> Tensor:
        return Tensor(broadcast(x.shape, other.shape), "bool")

    def element(self, places: tuple[Any, ...], *operands: Any) -> Any:
        return compared(self.operator, *self.operands(*operands))


class gt(Comparison):
    """Whether the first branch is greater than the second, or than a number: `gt: 0`. Source: torch.gt."""

    operator = ">"


class ge(Comparison):
    """Whether the first branch is greater than the second or equal, or so to a number. Source: torch.ge."""

    operator = ">="


class lt(Comparison):
    """Whether the first branch is less than the second, or than a number: `lt: 0`. Source: torch.lt."""

    operator = "<"


class le(Comparison):
    """Whether the first branch is less than the second or equal, or so to a number. Source: torch.le."""

    operator = "<="


class eq(Comparison):
    """Whether the first branch equals the second, or a number: `eq: 0`. Source: torch.eq."""

    takes_complex = True
    operator = "=="


class ne(Comparison):
    """Whether the first branch differs from the second, or from a number: `ne: 0`. Source: torch.ne."""

    takes_complex = True
    operator = "!="


class logical_not(Layer):
    """Whether an element is false, or 0. Source: torch.logical_not."""

    elementwise = True
    aligned = True
    takes_complex = True
    keeps = Keeps.NOTHING
    each = NOTHING

    def output(self, x: Tensor) -> Tensor:
        return Tensor(x.shape, "bool")

    def element(self, places: tuple[Any, ...], *operands: Any) -> Any:
        return None if operands[0] is None else not operands[0]


class Combination(Layer, abstract=True):
    """Whether it is so of two branches, element by element: bool. Numbers are true unless they are 0."""

    elementwise = True
    branching = True
    takes_complex = True
    each = NOTHING
    example = example(Tensor((2, 8, 4), "bool"), Tensor((2, 1, 4), "bool"))

    def output(self, x: Tensor, other: Tensor) -> Tensor:
        return Tensor(broadcast(x.shape, other.shape), "bool")

    def run(self, trace: Trace, x: Value, other: Value) -> tuple[Value, ...]:
        made = self.output(x.tensor, other.tensor)
        strides = elementwise_strides(made.shape, (x.shape, x.strides), (other.shape, other.strides))
        return (trace.kernel(made, strides=strides),)


class logical_and(Combination):
    """Whether both are true. Source: torch.logical_and."""

    def element(self, places: tuple[Any, ...], *operands: Any) -> Any:
        return False if False in operands else None if None in operands else True


class logical_or(Combination):
    """Whether one is true, or both. Source: torch.logical_or."""

    def element(self, places: tuple[Any, ...], *operands: Any) -> Any:
        return True if True in operands else None if None in operands else False


class logical_xor(Combination):
    """Whether one is true, and the other is not. Source: torch.logical_xor."""


def check_mask(mask: Tensor, name: str) -> None:
    """Refuse a mask of numbers."""
    if mask.dtype != "bool":
        hint = "a comparison makes one: gt, ge, lt, le, eq, ne"
        raise ArchitectureError(f"{name} must be bool, not {mask.dtype}", hint=hint)


class where(WithNumbers):
    """The second branch where the first, a mask, is true, else the third; each of these may be a number.

    `where: [mask, [], 0]`. Source: torch.where.
    """

    takes_complex = True
    most_branches = 3
    fewest_branches = 3
    numbers = ("", "input", "other")
    input = Number(infinite=True)
    other = Number(infinite=True)
    each = NOTHING
    example = example(Tensor((2, 1, 4), "bool"), (2, 8, 4), (2, 8, 4))

    def output(self, *xs: Tensor) -> Tensor:
        y = self.chosen(*xs)
        check_mask(xs[0], "the first branch")
        for name in () if y.dtype in ("float16", "bfloat16") else ("input", "other"):
            check_fits(self.__dict__[name] or 0, y.dtype, name)  # what is too great for these is infinite
        return y

    def element(self, places: tuple[Any, ...], *operands: Any) -> Any:
        mask, x, other = self.operands(*operands)
        return None if mask is None else x if mask else other

    def chosen(self, *xs: Tensor) -> Tensor:
        mask, x, other = self.operands(*xs)
        either = combine(*_scalars(x, other))
        return Tensor(broadcast(mask.shape, either.shape), either.dtype)

    def run(self, trace: Trace, *xs: Value) -> tuple[Value, ...]:
        """A number becomes a tensor of its own, and what is beside it is converted to the common dtype."""
        dtype = self.chosen(*[x.tensor for x in xs]).dtype
        mask, *sides = self.operands(*xs)
        x, other = [x if isinstance(x, Value) else trace.new(Tensor((), dtype)) for x in sides]
        if self.count_numbers():
            x, other = [y if y.dtype == dtype else converted(trace, y, dtype) for y in (x, other)]
        shape = broadcast(mask.shape, broadcast(x.shape, other.shape))
        strides = elementwise_strides(shape, *[(y.shape, y.strides) for y in (mask, x, other)])
        back = of_either(mask.look, x.look, other.look)
        return (trace.kernel(Tensor(shape, dtype), x, other, keeps=(mask,), back=back, strides=strides),)


def _scalars(x: Any, other: Any) -> tuple[Tensor, Tensor]:
    """Two operands as tensors, of which both may be numbers."""
    if not isinstance(x, Tensor):
        x = as_scalar(x, other.dtype if isinstance(other, Tensor) else "bool")
    return x, other if isinstance(other, Tensor) else as_scalar(other, x.dtype)


class masked_fill(Layer):
    """The first branch, with `value` where the second, a mask, is true. Source: torch.masked_fill."""

    elementwise = True
    branching = True
    takes_complex = True
    value = Number("a number", infinite=True)
    each = NOTHING
    example = example((2, 8, 4), Tensor((2, 1, 4), "bool"), value=0)

    def check(self) -> None:
        if self.value is None:
            raise ArchitectureError("value is missing: a number", hint=self.synopsis(), argument="value")

    def element(self, places: tuple[Any, ...], *operands: Any) -> Any:
        x, mask = operands
        return self.value if mask else x if mask is False else None

    def output(self, x: Tensor, mask: Tensor) -> Tensor:
        check_mask(mask, "the second branch")
        check_fits(self.value or 0, x.dtype, "value")
        return Tensor(broadcast(x.shape, mask.shape), x.dtype)

    def run(self, trace: Trace, x: Value, mask: Value) -> tuple[Value, ...]:
        """What is filled is a copy in a row, however the first branch lies. Source: at::masked_fill."""
        made = Tensor(broadcast(x.shape, mask.shape), x.dtype)
        back: Back = of_filled(mask.look)
        return (trace.kernel(made, x, keeps=(mask,), back=back),)
