"""Arithmetic of tensors, or of a tensor and a number, element by element."""

from __future__ import annotations

from functools import partial, reduce
from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.elementwise_gradients import (
    of_added_product,
    of_exponential,
    of_factors,
    of_power,
    of_powers,
    of_quotient,
    of_remainder,
)
from shapecalc.allocation.gradients import Back, anew, of_difference, of_rounded, passed
from shapecalc.allocation.strides import elementwise_strides
from shapecalc.allocation.values import OUTPUT, Look
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_numbers
from shapecalc.layers.fields import Choice, Number, Real
from shapecalc.layers.joins import combine
from shapecalc.layers.operands import Operation, combined
from shapecalc.layers.ranges import check_fits, computed_in
from shapecalc.layers.rules import Keeps, Saved
from shapecalc.operations import Operations
from shapecalc.tensors import BYTES, Tensor, broadcast, is_floating, result_dtype


class Arithmetic(Operation, abstract=True):
    """An operation on two numbers, either of which may be a number of the file's."""

    numbers = ("input", "other")
    input = Number()

    def element(self, places: tuple[Any, ...], *operands: Any) -> Any:
        return reduce(partial(combined, self.operator), self.operands(*operands))


class add(Arithmetic):
    """The sum of the branches, element by element, with torch's broadcasting; of a branch and a number.

    Source: torch.add.
    """

    folds = True
    operator = "+"
    takes_complex = True
    other = Number()
    keeps = Keeps.NOTHING
    each = Operations(add=1)
    example = example((2, 8, 4, 4), (2, 8, 4, 4))

    def back(self, x: Value, other: Value) -> Back:
        return passed(x.look, other.look)


class mul(Arithmetic):
    """The product of the branches, element by element, with torch's broadcasting; of a branch and a number.

    Source: torch.mul.
    """

    folds = True
    operator = "*"
    takes_complex = True
    other = Number()
    each = Operations(mul=1)
    example = example((2, 8, 4, 4), (2, 8, 4, 4))

    def saved(self, x: Value, other: Value) -> Saved:
        """Each factor, for the gradient of the other."""
        return [*([other] if x.tracked else []), *([x] if other.tracked else [])]

    def back(self, x: Value, other: Value) -> Back:
        return of_factors(x.look, other.look)


class sub(Arithmetic):
    """The first branch minus the second, element by element, with torch's broadcasting.

    One may be a number: `sub: [1, []]` is 1 − x. Source: torch.sub.
    """

    most_branches = 2
    operator = "-"
    takes_complex = True
    other = Number()
    keeps = Keeps.NOTHING
    each = Operations(add=1)

    def of_two(self, x: Tensor, other: Tensor) -> Tensor:
        check_numbers(x, other)
        return combine(x, other)

    def back(self, x: Value, other: Value) -> Back:
        return of_difference(x.look, other.look)


class div(Arithmetic):
    """The first branch divided by the second, element by element, with torch's broadcasting.

    One may be a number. Whole numbers give float32, unless the quotient is rounded. Source: torch.div.
    """

    most_branches = 2
    operator = "/"
    other = Number()
    each = Operations(divide=1)
    rounding_mode = Choice("trunc", "floor", optional=True)

    def of_two(self, x: Tensor, other: Tensor) -> Tensor:
        y = combine(x, other)
        if is_floating(y.dtype):
            return y
        if not self.rounding_mode:
            return Tensor(y.shape, "float32")
        check_divisor(x, other, self.other, y.dtype, "rounding_mode")
        return y

    def saved(self, x: Value, other: Value) -> Saved:
        """The divisor, for the dividend's gradient; and the dividend where the divisor needs a gradient."""
        return (x, other) if other.tracked else (other,)

    def back(self, x: Value, other: Value) -> Back:
        """A rounded quotient is constant between its steps, so its gradients are zeros."""
        sides = x.look, other.look
        return of_rounded(*sides) if self.rounding_mode else of_quotient(*sides)


def check_divisor(x: Tensor, other: Tensor, number: float | None, dtype: str, name: str) -> None:
    """Refuse to divide whole numbers by what may be 0; `name` is what needs to divide them."""
    if number is None:
        raise ArchitectureError(
            f"{name} needs floating-point numbers, not {x.dtype} and {other.dtype}: whole ones can"
            " be divided where no divisor is 0, which no shape tells",
            argument=name,
        )
    if int(number) % 2 ** (8 * BYTES[dtype]) == 0:
        raise ArchitectureError(f"other {number} is 0 as {dtype}, and divides nothing", argument="other")


class Remainder(Operation, abstract=True):
    """What is left of the first branch when it is divided by the second as often as it goes."""

    most_branches = 2
    each = Operations(add=1, mul=1, divide=1)

    def of_two(self, x: Tensor, other: Tensor) -> Tensor:
        y = combine(x, other)
        check_numbers(y)
        if not is_floating(y.dtype):
            check_divisor(x, other, self.__dict__["other"], y.dtype, type(self).__name__)
        return y

    def saved(self, x: Value, other: Value) -> Saved:
        """Both, for the divisor's gradient."""
        return (x, other) if other.tracked else ()

    def back(self, x: Value, other: Value) -> Back:
        return of_remainder(x.look, other.look)


class remainder(Remainder):
    """x − ⌊x/y⌋ · y of two branches, element by element, as Python's x % y: of the sign of the second.

    One may be a number. Source: torch.remainder.
    """

    operator = "%"
    numbers = ("input", "other")
    input = Number()
    other = Number()

    def run(self, trace: Trace, *xs: Value) -> tuple[Value, ...]:
        """Source: remainder.Scalar_Tensor, which has no gradient."""
        made = super().run(trace, *xs)
        if self.input is not None and xs[0].tracked:
            hint = "`full` makes a tensor of the number, with which torch has one"
            trace.refuse_back("no gradient flows back where a number is divided by a tensor", hint)
        return made

    def saved(self, x: Value, other: Value) -> Saved:
        return super().saved(x, other) if self.input is None else ()


class fmod(Remainder):
    """What is left of the first branch divided by the second, of the sign of the first.

    The second may be a number. Source: torch.fmod.
    """

    numbers = ("", "other")
    other = Number()


class pow(Arithmetic):  # noqa: A001  # torch's name; no rule here takes powers by Python's
    """The first branch to the power of the second, element by element, with torch's broadcasting.

    One may be a number: `pow: 2` is x². Source: torch.pow.
    """

    most_branches = 2
    operator = "**"
    numbers = ("input", "exponent")
    exponent = Number()
    each = Operations(exp=1)

    def of_two(self, x: Tensor, other: Tensor) -> Tensor:
        y = combine(x, other)
        if y.dtype == "bool":
            check_numbers(x, other)
        if self.exponent is None:
            return y
        if not is_floating(y.dtype) and self.exponent < 0:
            message = f"exponent {self.exponent} is below 0: {x.dtype} holds no such power of whole numbers"
            raise ArchitectureError(message, argument="exponent")
        if y.dtype not in ("float32", "float64"):
            check_fits(self.exponent, y.dtype, "exponent")
        return y

    def saved(self, x: Value, other: Value) -> Saved:
        """Base and exponent, and the power itself for the gradient of the exponent."""
        return (x, other) if self.exponent is not None else (x, other, OUTPUT)

    def back(self, x: Value, other: Value) -> Back:
        if self.exponent is not None:
            return anew(x.look) if self.exponent == 0 else of_power(x.look)
        made = self.of_two(x.tensor, other.tensor)
        if self.input is not None:
            return of_exponential(Look(*made), self.input)
        return of_powers(x.look, other.look, Look(*made))


class addcmul(Layer):
    """The first branch plus `value` times the product of the other two, with torch's broadcasting.

    Source: torch.addcmul.
    """

    elementwise = True
    branching = True
    value = Real(1)
    example = example((2, 8, 4), (2, 8, 4), (2, 1, 4))

    def output(self, x: Tensor, first: Tensor, second: Tensor) -> Tensor:
        shape = broadcast(broadcast(x.shape, first.shape), second.shape)
        y = Tensor(shape, result_dtype(x, first, second))
        check_numbers(y)
        check_fits(self.value, computed_in(y.dtype), "value")
        return y

    def ops(self, x: Tensor, first: Tensor, second: Tensor, y: Tensor) -> Operations:
        return Operations(add=1, mul=1 if self.value == 1 else 2) * y.elements

    def run(self, trace: Trace, *xs: Value) -> tuple[Value, ...]:
        x, first, second = trace.cast("addcmul", *xs)
        shape = broadcast(broadcast(x.shape, first.shape), second.shape)
        made = Tensor(shape, result_dtype(x.tensor, first.tensor, second.tensor))
        keeps = [*([second] if first.tracked else []), *([first] if second.tracked else [])]
        strides = elementwise_strides(made.shape, *[(y.shape, y.strides) for y in (x, first, second)])
        back = of_added_product(x.look, first.look, second.look, self.value)
        return (trace.kernel(made, x, first, second, keeps=keeps, back=back, strides=strides),)
