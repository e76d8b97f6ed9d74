"""Fields of one value: a size, a number, a flag, a word."""

from __future__ import annotations

import math
from typing import Any, cast

from shapecalc.errors import ArchitectureError
from shapecalc.layers.fields.base import EXPRESSION, REQUIRED, Field, is_number, is_size
from shapecalc.symbolic import Dim, Expr
from shapecalc.tensors import BYTES, LARGEST, Tensor, is_complex


class Inferred(Field["Dim | None"]):
    """A size that follows from an input: left out in a file or, where written, checked.

    `axis` is the input's axis that it is the size of; `of` the number of the input, which is the last one
    where there are fewer: one tensor that attends to itself is query, key and value.
    """

    described = "a whole number of at least 1 (or left out: it follows from the input)"

    def __init__(self, axis: int, of: int = 0) -> None:
        super().__init__(None)
        self.axis = axis
        self.of = of

    def source(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """The input whose size it is."""
        return inputs[min(self.of, len(inputs) - 1)]

    def value(self, inputs: tuple[Tensor, ...], axes: int) -> Dim | None:
        """The size that the inputs give, None where there is no input, or no such axis."""
        shape = self.source(inputs).shape if inputs else ()
        return shape[self.axis] if -len(shape) <= self.axis < len(shape) else None

    def accept(self, value: object, axes: int) -> Dim | None:
        return cast("Dim", value) if is_size(value, 1) else None


class Channels(Inferred):
    """The size of the axis before the spatial ones, with a batch axis or without."""

    def __init__(self) -> None:
        super().__init__(axis=1)

    def value(self, inputs: tuple[Tensor, ...], axes: int) -> Dim | None:
        shape = inputs[self.of].shape
        return shape[-axes - 1] if len(shape) > axes else None


class Size(Field[Dim]):
    """A whole number with a least value."""

    def __init__(self, default: object = REQUIRED, *, minimum: int = 1) -> None:
        super().__init__(default)
        self.minimum = minimum

    def accept(self, value: object, axes: int) -> Dim | None:
        return cast("Dim", value) if is_size(value, self.minimum) else None

    def describe(self, axes: int) -> str:
        return f"a whole number of at least {self.minimum}"

    def refusal(self, value: object, axes: int) -> ArchitectureError:
        error = super().refusal(value, axes)
        if isinstance(value, (list, tuple)):
            error.hint = f"several arguments go by their names: {{{self.name}: …, …}}"
        return error


class Whole(Field[int]):
    """A whole number that decides values but no size: a class that is ignored."""

    described = "a whole number"
    minimum = -LARGEST - 1
    most = LARGEST

    def accept(self, value: object, axes: int) -> int | None:
        return value if type(value) is int and self.minimum <= value <= self.most else None


class FixedSize(Whole):
    """A size that can't be a formula, as one that decides which weights there are."""

    def __init__(self, default: object = REQUIRED, *, minimum: int = 1, most: int = LARGEST) -> None:
        super().__init__(default)
        self.minimum = minimum
        self.most = most

    def describe(self, axes: int) -> str:
        if self.most == LARGEST:
            return f"a whole number of at least {self.minimum}"
        return f"a whole number from {self.minimum} to {self.most}"

    def schema(self, axes: int) -> dict[str, Any]:
        bounds = {"minimum": self.minimum} | ({"maximum": self.most} if self.most < LARGEST else {})
        return {"anyOf": [{"type": "integer", **bounds}, EXPRESSION]}


class Index(Whole):
    """The number of a row, counted from the first one or, if negative, from the last."""

    described = "the number of a row"


class Position(Field[Dim]):
    """A place on an axis, counted from 0 at its start or, if negative, back from its end."""

    described = "a whole number, counted from 0 or, if negative, from the end"
    minimum = -LARGEST

    def accept(self, value: object, axes: int) -> Dim | None:
        if isinstance(value, Expr):
            return value if is_size(value, 0) else None
        return cast("int", value) if is_number(value, -LARGEST) else None


class Axis(Whole):
    """The number of an axis, counted from the first one or, if negative, from the last."""

    described = "the number of an axis"
    minimum = -64
    most = 64


class Real(Field[float]):
    """A number that decides values but no size: a probability, an epsilon."""

    real = True

    def __init__(
        self,
        default: object = REQUIRED,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        optional: bool = False,
        infinite: bool = False,
    ) -> None:
        super().__init__(default, optional=optional)
        self.infinite = infinite
        self.low = low
        self.high = high

    def accept(self, value: object, axes: int) -> float | None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        passes = math.isfinite(value) or (self.infinite and math.isinf(value))
        return value if passes and self.low <= value <= self.high else None

    def describe(self, axes: int) -> str:
        if self.high < math.inf:
            return f"a number from {self.low:g} to {self.high:g}"
        return f"a number of at least {self.low:g}" if self.low > -math.inf else "a number"

    def schema(self, axes: int) -> dict[str, Any]:
        bounds = {"minimum": self.low, "maximum": self.high}
        own = {key: bound for key, bound in bounds.items() if math.isfinite(bound)}
        return {"anyOf": [{"type": "number", **own}, EXPRESSION]}


class Number(Field["float | None"]):
    """A number that torch takes for a scalar, as the 3 of x + 3: a whole one is int64; null for none."""

    real = True

    def __init__(
        self, described: str = "a number, in the place of a tensor", *, infinite: bool = False
    ) -> None:
        super().__init__(None)
        self.described = described
        self.infinite = infinite

    def accept(self, value: object, axes: int) -> float | None:
        if type(value) is int:
            return value if -LARGEST - 1 <= value <= LARGEST else None
        if not isinstance(value, float):
            return None
        return value if math.isfinite(value) or (self.infinite and math.isinf(value)) else None

    def schema(self, axes: int) -> dict[str, Any]:
        return {"anyOf": [{"type": "number"}, EXPRESSION]}


class Flag(Field[bool]):
    """true or false."""

    described = "true or false"

    def accept(self, value: object, axes: int) -> bool | None:
        return value if isinstance(value, bool) else None

    def schema(self, axes: int) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, EXPRESSION]}

    def refusal(self, value: object, axes: int) -> ArchitectureError:
        error = super().refusal(value, axes)
        error.hint = "true and false are written so, without quotes" if isinstance(value, str) else None
        if type(value) is int and value in (0, 1):
            error.hint = f"a flag is no number: write {str(bool(value)).lower()}"
        return error


class Choice(Field[str]):
    """One of a few words; the first is the default, or null where `optional`."""

    numeric = False

    def __init__(self, *words: str, optional: bool = False) -> None:
        super().__init__(None if optional else words[0])
        self.words = frozenset(words)
        self.listed = words

    def accept(self, value: object, axes: int) -> str | None:
        return value if isinstance(value, str) and value in self.words else None

    def describe(self, axes: int) -> str:
        return ("one of " if len(self.listed) > 1 else "") + ", ".join(self.listed)

    def schema(self, axes: int) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(self.listed)}, EXPRESSION]}


class Dtype(Choice):
    """The name of a dtype, of real numbers or of all, or null for the one that torch takes by itself."""

    def __init__(self, *, real: bool = True) -> None:
        super().__init__(*[dtype for dtype in BYTES if not (real and is_complex(dtype))], optional=True)


class Text(Field[str]):
    """Text that the layer reads itself."""

    described = "text"
    numeric = False

    def accept(self, value: object, axes: int) -> str | None:
        return value if isinstance(value, str) and value.strip() else None

    def schema(self, axes: int) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}]}
