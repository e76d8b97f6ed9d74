"""Operations whose operands are tensors, or tensors and numbers: what these are to torch."""

from __future__ import annotations

from functools import partial, reduce
from itertools import accumulate
from math import inf
from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.strides import elementwise_strides
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.joins import combine
from shapecalc.operations import Operations
from shapecalc.symbolic import Expr, difference, summed
from shapecalc.tensors import Tensor, as_scalar


def combined(operator: str, x: Any, other: Any) -> Any:
    """The sum, difference or product of two elements, of which either may be unknown; None if it is."""
    if operator == "+" and -inf in (x, other):
        return -inf  # whatever is added
    if x is None or other is None or operator not in ("+", "-", "*"):
        return None
    if isinstance(x, Expr | int) and isinstance(other, Expr | int):
        return {"+": x + other, "-": x - other, "*": x * other}[operator]
    return None


def compared(operator: str, x: Any, other: Any) -> bool | None:
    """Whether a comparison of two elements holds; None where that is not known for all sizes."""
    if not (isinstance(x, Expr | int) and isinstance(other, Expr | int)):
        return None
    apart = difference(x, other)
    if not isinstance(apart, int):
        return None
    holds = {">": apart > 0, ">=": apart >= 0, "<": apart < 0, "<=": apart <= 0}
    return {**holds, "==": apart == 0, "!=": apart != 0}[operator]


class WithNumbers(Layer, abstract=True):
    """Operands with torch's broadcasting, among which there may be numbers."""

    elementwise = True

    def operands(self, *xs: Any) -> tuple[Any, ...]:
        """The inputs, with the numbers in their places: before, after and between them."""
        *firsts, last = [self.__dict__[name] if name else None for name in self.numbers]
        tensors = iter(xs)
        begin = [next(tensors) if number is None else number for number in firsts]
        return (*begin, *tensors, *([] if last is None else [last]))

    def feed(self, *inputs: Any) -> tuple[Any, ...]:
        return self.operands(*inputs)

    def keywords(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in self.fields if name not in self.numbers}


class Operation(WithNumbers, abstract=True):
    """Two operands, one of which may be a number.

    Of more than two, the first two and then the result and the next one. A number takes no memory; rules of
    two operands see it as the scalar that it counts as.
    """

    example = example((2, 8, 4), (2, 1, 4))

    def check(self) -> None:
        if self.count_numbers() == 2:
            first, last = self.numbers
            message = f"{first} and {last} are both numbers: one must be a tensor"
            raise ArchitectureError(message, argument=last)

    def output(self, *xs: Tensor) -> Tensor:
        y: Tensor = reduce(self.result, self.operands(*xs))
        return y

    def result(self, x: Any, other: Any) -> Tensor:
        """What two operands become."""
        if not isinstance(x, Tensor):
            return self.of_two(as_scalar(x, other.dtype), other)
        return self.of_two(x, other if isinstance(other, Tensor) else as_scalar(other, x.dtype))

    def of_two(self, x: Tensor, other: Tensor) -> Tensor:
        return combine(x, other)

    def ops(self, *xs: Tensor, y: Tensor) -> Operations:
        _, *results = accumulate(self.operands(*xs), self.result)
        each = self.each or Operations()
        return each * summed([result.elements for result in results])

    def run(self, trace: Trace, *xs: Value) -> tuple[Value, ...]:
        return (reduce(partial(self.kernel, trace), self.operands(*xs)),)

    def kernel(self, trace: Trace, x: Any, other: Any) -> Value:
        """One operation on two operands."""
        operands = trace.cast(self.operation_on(), *[y for y in (x, other) if isinstance(y, Value)])
        if not isinstance(x, Value):
            operands.insert(0, trace.scalar(x, operands[0]))
        elif not isinstance(other, Value):
            operands.append(trace.scalar(other, operands[0]))
        made = self.of_two(*[y.tensor for y in operands])
        strides = elementwise_strides(made.shape, *[(y.shape, y.strides) for y in operands])
        keeps, back = self.saved(*operands), self.back(*operands)
        return trace.kernel(made, *operands, keeps=keeps or (), back=back, strides=strides)
