"""Fields of several values: axes, sizes, factors."""

from __future__ import annotations

import math
from typing import Any, cast

from shapecalc.errors import written
from shapecalc.layers.fields.base import (
    EXPRESSION,
    REQUIRED,
    Field,
    T,
    is_number,
    is_size,
    one_or_list,
    whole_number,
)
from shapecalc.symbolic import Dim
from shapecalc.tensors import LARGEST, Tensor


class ListOf(Field[T]):
    """Several whole numbers, or one that stands for a list of it."""

    several = True

    def fits(self, item: object) -> bool:
        """Whether it can be one of the values."""
        raise NotImplementedError

    def accept(self, value: object, axes: int) -> T | None:
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        return cast("T", items) if items and all(map(self.fits, items)) else None

    def shortest(self, value: Any) -> str:
        return written(value[0] if value is not None and len(value) == 1 else value)

    def schema(self, axes: int) -> dict[str, Any]:
        return one_or_list(whole_number(self.minimum))


class Axes(ListOf["tuple[int, ...]"]):
    """One axis or several, each counted from the first one or, if negative, from the last."""

    described = "the number of an axis, or a list of them"
    minimum = -64

    def fits(self, item: object) -> bool:
        return type(item) is int and abs(item) <= 64


class Sizes(Field["tuple[Dim, ...]"]):
    """Sizes of several axes, of none where that is the default or for `scalars`; `rest` of them may be −1.

    What −1 stands for, the layer says.
    """

    several = True

    def __init__(self, default: object = REQUIRED, *, rest: float = 0, scalars: bool = False) -> None:
        super().__init__(default)
        self.rest = rest
        self.fewest = 0 if default == () or scalars else 1

    def accept(self, value: object, axes: int) -> tuple[Dim, ...] | None:
        items = value if isinstance(value, (list, tuple)) else (value,)
        if len(items) < self.fewest or not all(
            (item == -1 and self.rest) or is_size(item, self.minimum) for item in items
        ):
            return None
        return tuple(items) if sum(item == -1 for item in items) <= self.rest else None

    def describe(self, axes: int) -> str:
        if not self.rest:
            return f"a list of sizes of at least {self.minimum}"
        return f"a list of sizes, {'at most one' if self.rest == 1 else 'any'} of them -1"

    def schema(self, axes: int) -> dict[str, Any]:
        return one_or_list(whole_number(-1 if self.rest else self.minimum), fewest=self.fewest)


class Trailing(ListOf["tuple[Dim, ...] | None"]):
    """Sizes of the last axes, one number or several: left out, that of the last one; written, checked."""

    described = "the size of the last axis, or a list of the last sizes (or left out: it is the last axis)"

    def __init__(self) -> None:
        super().__init__(None)

    def value(self, inputs: tuple[Tensor, ...], axes: int) -> Dim | None:
        """The size of the last axis, None where there is none."""
        return inputs[0].shape[-1] if inputs and inputs[0].shape else None

    def fits(self, item: object) -> bool:
        return is_size(item, 1)


class Shifts(ListOf["tuple[int, ...]"]):
    """Whole numbers of any sign, by which elements move; one number stands for a list of it."""

    described = "a whole number, or a list of them"
    minimum = -(2**62)  # torch takes what is below for symbols of its own

    def fits(self, item: object) -> bool:
        return is_number(item, self.minimum)


class ForEach(ListOf[T]):
    """One value, or a list of values, which mean different things to the layer."""

    def accept(self, value: object, axes: int) -> T | None:
        items = super().accept(value, axes)
        return items if items is None or isinstance(value, (list, tuple)) else cast("T", value)

    def shortest(self, value: Any) -> str:
        return written(value)


class SizeOrSizes(ForEach["Dim | tuple[Dim, ...]"]):
    """The size of each part, or a list of the sizes of all."""

    described = "a whole number of at least 1, or a list of them"

    def fits(self, item: object) -> bool:
        return is_size(item, 1)


class SizeForEach(SizeOrSizes):
    """A size for each spatial axis of the input, however many it has; one stands for all."""

    described = "a size of at least 1, or a list of them"


class Scale(ForEach["float | tuple[float, ...] | None"]):
    """A factor above 0 for each spatial axis of the input, however many it has; one stands for all."""

    described = "a number above 0, or a list of them"
    real = True

    def fits(self, item: object) -> bool:
        if isinstance(item, bool) or not isinstance(item, (int, float)):
            return False
        return math.isfinite(item) and 0 < item <= LARGEST

    def schema(self, axes: int) -> dict[str, Any]:
        return one_or_list({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, EXPRESSION]})
