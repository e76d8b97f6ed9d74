"""Fields with a number for each spatial axis, or for each of its sides."""

from __future__ import annotations

from typing import Any

from shapecalc.errors import written
from shapecalc.layers.fields.base import EXPRESSION, REQUIRED, Field, T, is_number, one_or_list, whole_number
from shapecalc.symbolic import Expr
from shapecalc.tensors import LARGEST


class ForEachAxis(Field[tuple[T, ...]]):
    """Numbers for each spatial axis, `each` of them; one number stands for all."""

    several = True
    each = 1

    def fits(self, item: object, axes: int) -> bool:
        """Whether an item of the list is one of these numbers."""
        raise NotImplementedError

    def accept(self, value: object, axes: int) -> tuple[T, ...] | None:
        items: Any = value if isinstance(value, (list, tuple)) else (value,) * (self.each * axes)
        whole = len(items) == self.each * axes and all(self.fits(item, axes) for item in items)
        return tuple(items) if whole else None

    def shortest(self, value: tuple[T, ...]) -> str:
        return written(value[0] if value and len(set(value)) == 1 else value)


class PerAxis(ForEachAxis[int]):
    """A whole number for each spatial axis; one number stands for all of them."""

    def __init__(
        self,
        default: object = REQUIRED,
        *,
        minimum: int = 1,
        optional_items: bool = False,
    ) -> None:
        super().__init__(default)
        self.minimum = minimum
        self.optional_items = optional_items

    def fits(self, item: object, axes: int) -> bool:
        """Whether an item is a number, or null where it may be: among several."""
        return is_number(item, self.minimum) or (item is None and self.optional_items and axes > 1)

    def describe(self, axes: int) -> str:
        one = f"a whole number of at least {self.minimum}"
        return one if axes == 1 else f"{one}, or a list of {axes} of them"

    def schema(self, axes: int) -> dict[str, Any]:
        one = whole_number(self.minimum)
        nulls = [{"type": "null"}] if self.optional_items and axes > 1 else []
        return one_or_list({"anyOf": [*one["anyOf"], *nulls]}, axes)


class Padding(Field["tuple[int, ...] | str"]):
    """Padding at both ends of each axis, or one of the words `same` and `valid`."""

    several = True
    words = frozenset({"same", "valid"})

    def __init__(self, default: object = 0) -> None:
        super().__init__(default)
        self.numbers = PerAxis(minimum=0)

    def accept(self, value: object, axes: int) -> tuple[int, ...] | str | None:
        if isinstance(value, str):
            return value if value in self.words else None
        return self.numbers.accept(value, axes)

    def shortest(self, value: tuple[int, ...] | str) -> str:
        return value if isinstance(value, str) else self.numbers.text(value)

    def describe(self, axes: int) -> str:
        return f"{self.numbers.describe(axes)}, same or valid"

    def schema(self, axes: int) -> dict[str, Any]:
        return {"anyOf": [{"enum": sorted(self.words)}, *self.numbers.schema(axes)["anyOf"]]}


class PerSide(ForEachAxis[int]):
    """Elements added at both ends of each axis, in torch's order: the last axis first, start before end.

    One number stands for all of them; negative ones cut off.
    """

    each = 2
    minimum = -LARGEST

    def fits(self, item: object, axes: int) -> bool:
        return is_number(item, self.minimum)

    def describe(self, axes: int) -> str:
        return f"a whole number, or a list of {2 * axes} of them, the last axis first"

    def schema(self, axes: int) -> dict[str, Any]:
        return one_or_list(whole_number(self.minimum), 2 * axes)


class PerSideOfSome(PerSide):
    """Elements added at both ends of some of the last axes, as many as the list has pairs.

    A formula stands for a number that follows from sizes: what one lacks to another, or to a multiple.
    """

    def fits(self, item: object, axes: int) -> bool:
        return isinstance(item, Expr) or super().fits(item, axes)

    def accept(self, value: object, axes: int) -> tuple[int, ...] | None:
        pairs = len(value) // 2 if isinstance(value, (list, tuple)) else 0
        return super().accept(value, pairs) if pairs else None

    def shortest(self, value: tuple[int, ...]) -> str:
        return written(value)

    def describe(self, axes: int) -> str:
        return "a list of whole numbers, two for each axis that is padded, the last axis first"

    def schema(self, axes: int) -> dict[str, Any]:
        return {"anyOf": [{"type": "array", "items": whole_number(self.minimum), "minItems": 2}]}


class Ratios(ForEachAxis[float]):
    """A number between 0 and 1, both excluded, for each spatial axis; one number stands for all of them."""

    real = True

    def fits(self, item: object, axes: int) -> bool:
        return isinstance(item, float) and 0 < item < 1

    def describe(self, axes: int) -> str:
        one = "a number between 0 and 1"
        return one if axes == 1 else f"{one}, or a list of {axes} of them"

    def schema(self, axes: int) -> dict[str, Any]:
        one = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
        return one_or_list({"anyOf": [one, EXPRESSION]}, axes)
