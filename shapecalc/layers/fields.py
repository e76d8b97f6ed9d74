"""The types of a layer's arguments: what each accepts, how it is kept, how it is described.

A field is declared once, as a class attribute of a layer, and from it follow the check of what a YAML
file writes, the text of an error, the reference and the strategies of the property tests. On an
instance of the layer the same attribute holds the argument's value.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, overload

from shapecalc.conditions import at_least
from shapecalc.errors import ArchitectureError, nearest, written
from shapecalc.symbolic import Dim, Expr
from shapecalc.tensors import LARGEST, Tensor

if TYPE_CHECKING:
    from shapecalc.layers.base import Layer

T = TypeVar("T")

REQUIRED: Any = object()
"""The default of an argument that must be written."""


EXPRESSION = {"$ref": "#/$defs/expression"}
"""The schema of text that stands for a value: a parameter, or arithmetic with parameters."""


def whole_number(minimum: int) -> dict[str, Any]:
    """The schema of a whole number, or of what stands for one."""
    bound = {} if minimum <= -LARGEST else {"minimum": minimum}
    return {"anyOf": [{"type": "integer", **bound}, EXPRESSION]}


def one_or_list(one: dict[str, Any], length: int | None = None, fewest: int = 1) -> dict[str, Any]:
    """The schema of one value, or of a list of `length`, or else of at least `fewest`, of them."""
    many = {"minItems": length, "maxItems": length} if length else {"minItems": fewest}
    return {"anyOf": [*one["anyOf"], {"type": "array", "items": one, **many}]}


class Field(Generic[T]):
    """One argument: its default, the words it accepts as they stand, and its check."""

    words: frozenset[str] = frozenset()
    numeric = True
    """Whether text stands for a number, as an expression."""

    def __init__(self, default: object = REQUIRED, *, optional: bool = False) -> None:
        """`optional` accepts null beside what the field accepts otherwise."""
        self.default = default
        self.optional = optional or default is None
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, layer: None, owner: type) -> Self: ...
    @overload
    def __get__(self, layer: Layer, owner: type) -> T: ...
    def __get__(self, layer: Layer | None, owner: type) -> Self | T:
        # Only class access comes here: an instance finds the value in its own __dict__ first.
        return self

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    def parse(self, value: object, axes: int) -> T:
        """The value as it is kept, for a layer of `axes` spatial axes; refuses what it can't be."""
        if value is None and self.optional:
            return cast("T", None)
        parsed = self.accept(value, axes)
        if parsed is None:
            raise self.refusal(value, axes)
        return parsed

    def accept(self, value: object, axes: int) -> T | None:
        """The value as it is kept, or None if it is none of this field's."""
        raise NotImplementedError

    def describe(self, axes: int) -> str:
        """What the field accepts, in words: "a whole number of at least 1"."""
        raise NotImplementedError

    def text(self, value: T) -> str:
        """The value as a file would write it, at its shortest."""
        return written(value)

    def schema(self, axes: int) -> dict[str, Any]:
        """What a file may write, as JSON Schema: a mapping with `anyOf`."""
        raise NotImplementedError

    def refusal(self, value: object, axes: int) -> ArchitectureError:
        wanted = self.describe(axes) + (", or null" if self.optional else "")
        hint = nearest(value, sorted(self.words)) if isinstance(value, str) else None
        if any(isinstance(item, Expr) for item in (value if isinstance(value, tuple) else (value,))):
            hint = "a symbol can stand for channels, features and the sizes of an input, not for this"
        return ArchitectureError(
            f"{self.name} must be {wanted}, not {written(value)}", hint=hint, argument=self.name
        )


def is_number(value: object, minimum: int) -> bool:
    return type(value) is int and minimum <= value <= LARGEST


def is_size(value: object, minimum: int) -> bool:
    """Whether a value is a number, or a formula that can be, of at least `minimum`."""
    if isinstance(value, Expr):
        return at_least(value, minimum, f"a size is at least {minimum}")
    return is_number(value, minimum)


class Inferred(Field["Dim | None"]):
    """A size that follows from an input: left out in a file or, where written, checked.

    `axis` is the input's axis that it is the size of; `of` the number of the input, which is the last one
    where there are fewer: one tensor that attends to itself is query, key and value.
    """

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

    def describe(self, axes: int) -> str:
        return "a whole number of at least 1 (or left out: it follows from the input)"

    def schema(self, axes: int) -> dict[str, Any]:
        return whole_number(1)


class Channels(Inferred):
    """The size of the axis before the spatial ones, with a batch axis or without."""

    def __init__(self) -> None:
        super().__init__(axis=1)

    def value(self, inputs: tuple[Tensor, ...], axes: int) -> Dim | None:
        shape = inputs[self.of].shape
        return shape[-axes - 1] if len(shape) > axes else None


class Size(Field[Dim]):
    """A whole number with a least value."""

    def __init__(self, default: object = REQUIRED, *, minimum: int = 1, optional: bool = False) -> None:
        super().__init__(default, optional=optional)
        self.minimum = minimum

    def accept(self, value: object, axes: int) -> Dim | None:
        return cast("Dim", value) if is_size(value, self.minimum) else None

    def describe(self, axes: int) -> str:
        return f"a whole number of at least {self.minimum}"

    def schema(self, axes: int) -> dict[str, Any]:
        return whole_number(self.minimum)

    def refusal(self, value: object, axes: int) -> ArchitectureError:
        error = super().refusal(value, axes)
        if isinstance(value, (list, tuple)):
            error.hint = f"several arguments go by their names: {{{self.name}: …, …}}"
        return error


class Count(Field[int]):
    """A number that decides which weights there are, and so can't be a formula."""

    def __init__(self, default: object = REQUIRED, *, minimum: int = 1, most: int = LARGEST) -> None:
        super().__init__(default)
        self.minimum = minimum
        self.most = most

    def accept(self, value: object, axes: int) -> int | None:
        return value if type(value) is int and self.minimum <= value <= self.most else None

    def describe(self, axes: int) -> str:
        if self.most == LARGEST:
            return f"a whole number of at least {self.minimum}"
        return f"a whole number from {self.minimum} to {self.most}"

    def schema(self, axes: int) -> dict[str, Any]:
        bounds = {"minimum": self.minimum} | ({"maximum": self.most} if self.most < LARGEST else {})
        return {"anyOf": [{"type": "integer", **bounds}, EXPRESSION]}


class Index(Field[int]):
    """The number of a row, counted from the first one or, if negative, from the last."""

    def accept(self, value: object, axes: int) -> int | None:
        return value if type(value) is int and abs(value) <= LARGEST else None

    def describe(self, axes: int) -> str:
        return "the number of a row"

    def schema(self, axes: int) -> dict[str, Any]:
        return whole_number(-LARGEST)


class Whole(Field[int]):
    """A whole number that decides values but no size: a class that is ignored."""

    def accept(self, value: object, axes: int) -> int | None:
        return value if type(value) is int and -LARGEST - 1 <= value <= LARGEST else None

    def describe(self, axes: int) -> str:
        return "a whole number"

    def schema(self, axes: int) -> dict[str, Any]:
        return whole_number(-LARGEST)


class PerAxis(Field["tuple[int, ...]"]):
    """A whole number for each spatial axis; one number stands for all of them."""

    def __init__(
        self,
        default: object = REQUIRED,
        *,
        minimum: int = 1,
        optional: bool = False,
        optional_items: bool = False,
    ) -> None:
        super().__init__(default, optional=optional)
        self.minimum = minimum
        self.optional_items = optional_items

    def accept(self, value: object, axes: int) -> tuple[int, ...] | None:
        items = value if isinstance(value, (list, tuple)) else (value,) * axes
        if len(items) != axes or not all(self.fits(item) for item in items):
            return None
        return tuple(items)

    def text(self, value: tuple[int, ...]) -> str:
        return written(value[0] if value and len(set(value)) == 1 else value)

    def fits(self, item: object) -> bool:
        return is_number(item, self.minimum) or (item is None and self.optional_items)

    def describe(self, axes: int) -> str:
        one = f"a whole number of at least {self.minimum}"
        return one if axes == 1 else f"{one}, or a list of {axes} of them"

    def schema(self, axes: int) -> dict[str, Any]:
        one = whole_number(self.minimum)
        return one_or_list({"anyOf": [*one["anyOf"], {"type": "null"}]} if self.optional_items else one, axes)


class Padding(Field["tuple[int, ...] | str"]):
    """Padding at both ends of each axis, or one of the words `same` and `valid`."""

    words = frozenset({"same", "valid"})

    def __init__(self, default: object = 0) -> None:
        super().__init__(default)
        self.numbers = PerAxis(minimum=0)

    def accept(self, value: object, axes: int) -> tuple[int, ...] | str | None:
        if isinstance(value, str):
            return value if value in self.words else None
        return self.numbers.accept(value, axes)

    def text(self, value: tuple[int, ...] | str) -> str:
        return value if isinstance(value, str) else self.numbers.text(value)

    def describe(self, axes: int) -> str:
        return f"{self.numbers.describe(axes)}, same or valid"

    def schema(self, axes: int) -> dict[str, Any]:
        return {"anyOf": [{"enum": sorted(self.words)}, *self.numbers.schema(axes)["anyOf"]]}


class Flag(Field[bool]):
    """true or false."""

    numeric = False

    def accept(self, value: object, axes: int) -> bool | None:
        return value if isinstance(value, bool) else None

    def describe(self, axes: int) -> str:
        return "true or false"

    def schema(self, axes: int) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, EXPRESSION]}

    def refusal(self, value: object, axes: int) -> ArchitectureError:
        error = super().refusal(value, axes)
        error.hint = "true and false are written so, without quotes" if isinstance(value, str) else None
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


class Real(Field[float]):
    """A number that decides values but no size: a probability, an epsilon."""

    def __init__(
        self,
        default: object = REQUIRED,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        optional: bool = False,
    ) -> None:
        super().__init__(default, optional=optional)
        self.low = low
        self.high = high

    def accept(self, value: object, axes: int) -> float | None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return value if math.isfinite(value) and self.low <= value <= self.high else None

    def describe(self, axes: int) -> str:
        if self.high < math.inf:
            return f"a number from {self.low:g} to {self.high:g}"
        return f"a number of at least {self.low:g}" if self.low > -math.inf else "a number"

    def schema(self, axes: int) -> dict[str, Any]:
        bounds = {"minimum": self.low, "maximum": self.high}
        own = {key: bound for key, bound in bounds.items() if math.isfinite(bound)}
        return {"anyOf": [{"type": "number", **own}, EXPRESSION]}


class Axis(Field[int]):
    """The number of an axis, counted from the first one or, if negative, from the last."""

    def accept(self, value: object, axes: int) -> int | None:
        return value if type(value) is int and abs(value) <= 64 else None

    def describe(self, axes: int) -> str:
        return "the number of an axis"

    def schema(self, axes: int) -> dict[str, Any]:
        return whole_number(-64)


class Axes(Field["tuple[int, ...]"]):
    """One axis or several, each counted from the first one or, if negative, from the last."""

    def accept(self, value: object, axes: int) -> tuple[int, ...] | None:
        items = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(items) if items and all(type(i) is int and abs(i) <= 64 for i in items) else None

    def text(self, value: tuple[int, ...]) -> str:
        return written(value[0] if len(value) == 1 else value)

    def describe(self, axes: int) -> str:
        return "the number of an axis, or a list of them"

    def schema(self, axes: int) -> dict[str, Any]:
        return one_or_list(whole_number(-64))


class Sizes(Field["tuple[Dim, ...]"]):
    """Sizes of several axes, of none only where that is the default; `rest` of them may be −1.

    What −1 stands for, the layer says.
    """

    def __init__(
        self, default: object = REQUIRED, *, rest: float = 0, minimum: int = 1, optional: bool = False
    ) -> None:
        super().__init__(default, optional=optional)
        self.rest = rest
        self.minimum = minimum
        self.fewest = 0 if default == () else 1

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


class SizeOrSizes(Field["Dim | tuple[Dim, ...]"]):
    """One size, or a list of sizes, which mean different things to the layer."""

    def accept(self, value: object, axes: int) -> Dim | tuple[Dim, ...] | None:
        items = value if isinstance(value, (list, tuple)) else (value,)
        if not items or not all(is_size(item, 1) for item in items):
            return None
        return tuple(items) if isinstance(value, (list, tuple)) else cast("Dim", value)

    def describe(self, axes: int) -> str:
        return "a whole number of at least 1, or a list of them"

    def schema(self, axes: int) -> dict[str, Any]:
        return one_or_list(whole_number(1))


class Trailing(Field["tuple[Dim, ...] | None"]):
    """Sizes of the last axes, one number or several: left out, that of the last one; written, checked."""

    def __init__(self) -> None:
        super().__init__(None)

    def value(self, inputs: tuple[Tensor, ...], axes: int) -> Dim | None:
        """The size of the last axis, None where there is none."""
        return inputs[0].shape[-1] if inputs and inputs[0].shape else None

    def accept(self, value: object, axes: int) -> tuple[Dim, ...] | None:
        items = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(items) if items and all(is_size(item, 1) for item in items) else None

    def text(self, value: tuple[Dim, ...] | None) -> str:
        return written(value[0] if value is not None and len(value) == 1 else value)

    def describe(self, axes: int) -> str:
        return "the size of the last axis, or a list of the last sizes (or left out: it is the last axis)"

    def schema(self, axes: int) -> dict[str, Any]:
        return one_or_list(whole_number(1))


class Position(Field[Dim]):
    """A place on an axis, counted from 0 at its start or, if negative, back from its end."""

    def accept(self, value: object, axes: int) -> Dim | None:
        if isinstance(value, Expr):
            return value if is_size(value, 0) else None
        return cast("int", value) if is_number(value, -LARGEST) else None

    def describe(self, axes: int) -> str:
        return "a whole number, counted from 0 or, if negative, from the end"

    def schema(self, axes: int) -> dict[str, Any]:
        return whole_number(-LARGEST)


class Shifts(Field["tuple[int, ...]"]):
    """Whole numbers of any sign, by which elements move; one number stands for a list of it."""

    least = -(2**62)  # torch takes what is below for symbols of its own

    def accept(self, value: object, axes: int) -> tuple[int, ...] | None:
        items = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(items) if items and all(is_number(item, self.least) for item in items) else None

    def text(self, value: tuple[int, ...]) -> str:
        return written(value[0] if len(value) == 1 else value)

    def describe(self, axes: int) -> str:
        return "a whole number, or a list of them"

    def schema(self, axes: int) -> dict[str, Any]:
        return one_or_list(whole_number(self.least))


class PerSide(Field["tuple[int, ...]"]):
    """Elements added at both ends of each axis, in torch's order: the last axis first, start before end.

    One number stands for all of them; negative ones, where they are allowed, cut off.
    """

    def __init__(self, default: object = REQUIRED, *, minimum: int = -LARGEST) -> None:
        super().__init__(default)
        self.minimum = minimum

    def accept(self, value: object, axes: int) -> tuple[int, ...] | None:
        items = value if isinstance(value, (list, tuple)) else (value,) * (2 * axes)
        if len(items) != 2 * axes or not all(is_number(item, self.minimum) for item in items):
            return None
        return tuple(items)

    def text(self, value: tuple[int, ...]) -> str:
        return written(value[0] if len(set(value)) == 1 else value)

    def describe(self, axes: int) -> str:
        least = "" if self.minimum < 0 else f" of at least {self.minimum}"
        return f"a whole number{least}, or a list of {2 * axes} of them, the last axis first"

    def schema(self, axes: int) -> dict[str, Any]:
        return one_or_list(whole_number(self.minimum), 2 * axes)


class PerSideOfSome(PerSide):
    """Elements added at both ends of some of the last axes, as many as the list has pairs."""

    def accept(self, value: object, axes: int) -> tuple[int, ...] | None:
        pairs = len(value) // 2 if isinstance(value, (list, tuple)) else 0
        return super().accept(value, pairs) if pairs else None

    def text(self, value: tuple[int, ...]) -> str:
        return written(value)

    def describe(self, axes: int) -> str:
        return "a list of whole numbers, two for each axis that is padded, the last axis first"

    def schema(self, axes: int) -> dict[str, Any]:
        return {"anyOf": [{"type": "array", "items": whole_number(self.minimum), "minItems": 2}]}


class ForEach(Field[T]):
    """A value for each spatial axis of the input, however many it has; one stands for all of them."""

    def fits(self, item: object) -> bool:
        raise NotImplementedError

    def accept(self, value: object, axes: int) -> T | None:
        several = isinstance(value, (list, tuple))
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        return cast("T", items if several else value) if items and all(map(self.fits, items)) else None


class SizeForEach(ForEach["Dim | tuple[Dim, ...] | None"]):
    """A size for each spatial axis of the input, however many it has; one stands for all."""

    def fits(self, item: object) -> bool:
        return is_size(item, 1)

    def describe(self, axes: int) -> str:
        return "a size of at least 1, or a list of them"

    def schema(self, axes: int) -> dict[str, Any]:
        return one_or_list(whole_number(1))


class Scale(ForEach["float | tuple[float, ...] | None"]):
    """A factor above 0 for each spatial axis of the input, however many it has; one stands for all."""

    def fits(self, item: object) -> bool:
        if isinstance(item, bool) or not isinstance(item, (int, float)):
            return False
        return math.isfinite(item) and 0 < item <= LARGEST

    def describe(self, axes: int) -> str:
        return "a number above 0, or a list of them"

    def schema(self, axes: int) -> dict[str, Any]:
        return one_or_list({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, EXPRESSION]})


class Ratios(Field["tuple[float, ...]"]):
    """A number between 0 and 1, both excluded, for each spatial axis; one number stands for all of them."""

    def accept(self, value: object, axes: int) -> tuple[float, ...] | None:
        items = value if isinstance(value, (list, tuple)) else (value,) * axes
        ratios = tuple(item for item in items if isinstance(item, float) and 0 < item < 1)
        return ratios if len(ratios) == len(items) == axes else None

    def text(self, value: tuple[float, ...]) -> str:
        return written(value[0] if len(set(value)) == 1 else value)

    def describe(self, axes: int) -> str:
        one = "a number between 0 and 1"
        return one if axes == 1 else f"{one}, or a list of {axes} of them"

    def schema(self, axes: int) -> dict[str, Any]:
        one = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
        return one_or_list({"anyOf": [one, EXPRESSION]}, axes)


class Text(Field[str]):
    """Text that the layer reads itself."""

    numeric = False

    def accept(self, value: object, axes: int) -> str | None:
        return value if isinstance(value, str) and value.strip() else None

    def describe(self, axes: int) -> str:
        return "text"

    def schema(self, axes: int) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}]}
