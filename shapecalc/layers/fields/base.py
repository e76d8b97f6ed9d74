"""What all fields have in common, and the JSON Schema of what they accept."""

from __future__ import annotations

from math import isinf
from typing import Any, Generic, Self, TypeVar, cast, overload

from shapecalc.errors import ArchitectureError, nearest, written
from shapecalc.symbolic import Expr
from shapecalc.symbolic.conditions import at_least
from shapecalc.symbolic.rational import MADE_WHOLE, Rational
from shapecalc.tensors import LARGEST

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
    real = False
    """Whether a rational is a value, as the nearest float."""
    infinite = False
    """Whether .inf and -.inf are values."""
    several = False
    """Whether a value can be a list."""
    mapped = False
    """Whether a value is a mapping, kept as pairs of a name and what stands there."""
    described = ""
    """What the field accepts, in words, of a field that accepts the same for any number of axes."""
    minimum = 1
    """The least whole number that it accepts, of a field of whole numbers."""

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
    def __get__(self, layer: object, owner: type) -> T: ...
    def __get__(self, layer: object, owner: type) -> Self | T:
        # Only class access comes here: an instance finds the value in its own __dict__ first.
        return self

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    def parse(self, value: object, axes: int) -> T:
        """The value as it is kept, for a layer of `axes` spatial axes; refuses what it can't be."""
        if value is None and self.optional:
            return cast("T", None)
        if self.real:
            value = as_floats(value)
        parsed = self.accept(value, axes)
        if parsed is None:
            raise self.refusal(value, axes)
        return parsed

    def accept(self, value: object, axes: int) -> T | None:
        """The value as it is kept, or None if it is none of this field's."""
        raise NotImplementedError

    def describe(self, axes: int) -> str:
        """What the field accepts, in words: "a whole number of at least 1"."""
        return self.described

    def text(self, value: T | None) -> str:
        """The value as a file would write it, at its shortest."""
        return written(value) if value is None else self.shortest(value)

    def shortest(self, value: T) -> str:
        """What `text` is of a value that is not null."""
        return written(value)

    def schema(self, axes: int) -> dict[str, Any]:
        """What a file may write, as JSON Schema: a mapping with `anyOf`; by default a whole number."""
        return whole_number(self.minimum)

    def refusal(self, value: object, axes: int) -> ArchitectureError:
        wanted = self.describe(axes) + (", or null" if self.optional else "")
        hint = nearest(value, sorted(self.words)) if isinstance(value, str) else None
        items = value if isinstance(value, tuple) else (value,)
        if any(isinstance(item, Expr) for item in items):
            hint = "a symbol can stand for channels, features and the sizes of an input, not for this"
        fraction = next((item for item in items if isinstance(item, Rational)), None)
        found = written(value)
        if any(isinstance(item, float) and isinf(item) for item in items):
            hint = "masked_fill, where, full, clamp, comparisons and paddings take infinite numbers"
        if fraction:
            found = f"{found}: {fraction.origin}"
            hint = f"{MADE_WHOLE}, divisible(…, 8) a multiple of 8"
        return ArchitectureError(f"{self.name} must be {wanted}, not {found}", hint=hint, argument=self.name)


def as_floats(value: object) -> object:
    """A value with floats in place of rationals; those with symbols stay, and are no number."""
    if isinstance(value, (list, tuple)):
        return tuple(map(as_floats, value))
    return float(value) if isinstance(value, Rational) and isinstance(value.over, int) else value


def is_number(value: object, minimum: int) -> bool:
    return type(value) is int and minimum <= value <= LARGEST


def is_size(value: object, minimum: int) -> bool:
    """Whether a value is a number, or a formula that can be, of at least `minimum`."""
    if isinstance(value, Expr):
        return at_least(value, minimum, f"a size is at least {minimum}")
    return is_number(value, minimum)
