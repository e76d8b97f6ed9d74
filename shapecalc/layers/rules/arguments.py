"""Which arguments a layer type takes: its fields, the check of what a file writes, the type in one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from typing import Any, ClassVar, Self

from shapecalc.errors import ArchitectureError, nearest, quoted
from shapecalc.layers.fields import Field, Inferred
from shapecalc.layers.rules.kept import Keeping
from shapecalc.symbolic.conditions import collecting


class ArgumentRules(Keeping):
    """The arguments of a layer: each is declared as a field, and is a value on the layer itself."""

    axes: ClassVar[int] = 0
    """Spatial axes of the type: 2 for Conv2d."""
    branching: ClassVar[bool] = False
    """Whether the inputs are written as branches; a type whose rules take any number always does."""
    numbers: ClassVar[tuple[str, ...]] = ()
    """For each branch the argument that a number in its place goes to, '' for a tensor alone.

    Of a type that takes any number of branches, for the first and the last one.
    """
    fields: ClassVar[Mapping[str, Field[Any]]] = {}
    """Name → field, in the order of declaration, those of a base first."""
    last_fields: ClassVar[tuple[str, ...]] = ()
    """The fields that come last in spite of that, as the `reduction` of a loss."""

    def __init_subclass__(cls) -> None:
        """Collect the fields."""
        bases = [base.fields for base in cls.__bases__ if issubclass(base, ArgumentRules)]
        own = {name: field for name, field in vars(cls).items() if isinstance(field, Field)}
        found = {name: field for fields in (*bases, own) for name, field in fields.items()}
        last = {name: found.pop(name) for name in cls.last_fields if name in found}
        cls.fields = {**found, **last}

    def __init__(self, **arguments: object) -> None:
        """Check and keep the arguments.

        Raises:
            ArchitectureError: one is unknown, missing or not what its field accepts.
        """
        super().__init__()
        for name in arguments.keys() - self.fields.keys():
            raise self.unknown_argument(name)
        self.given: tuple[str, ...] = tuple(arguments)
        with collecting() as self._conditions:
            for name, field in self.fields.items():
                value = arguments.get(name, field.default)
                if field.required and name not in arguments:
                    raise ArchitectureError(
                        f"{name} is missing: {field.describe(self.axes)}", hint=self.synopsis()
                    )
                self.__dict__[name] = field.parse(value, self.axes)
            self.check()

    def check(self) -> None:
        """Refuse arguments that contradict each other; types with such arguments override it."""

    def replaced(self, values: Mapping[str, object]) -> Self:
        """A copy with other values for some arguments, which are not checked: names for sizes."""
        other = copy(self)
        other.__dict__.update(values)
        return other

    @classmethod
    def unknown_argument(cls, name: str) -> ArchitectureError:
        hint = nearest(name, cls.fields) or cls.synopsis()
        return ArchitectureError(f"there is no argument {quoted(name)}", hint=hint, argument=name)

    @classmethod
    def synopsis(cls) -> str:
        """The arguments of the type in one line, those that must be written first."""
        ordered = sorted(cls.fields.items(), key=lambda item: not item[1].required)
        listed = (name if field.required else f"{name}?" for name, field in ordered)
        names = [*(["branches"] if cls.branching else []), *listed]
        return f"{cls.__name__} takes {', '.join(names)}" if names else "it takes no arguments"

    @classmethod
    def required(cls) -> list[str]:
        """The arguments that must be written."""
        return [name for name, field in cls.fields.items() if field.required]

    @classmethod
    def main_argument(cls) -> str | None:
        """The argument that a single value goes to: the first that can't be inferred.

        None where it has a default and an inferred one comes before it: in torch, the 64 of
        `BatchNorm2d(64)` is num_features, and must not become eps in silence.
        """
        inferred = False
        for name, field in cls.fields.items():
            if not isinstance(field, Inferred):
                return None if inferred and not field.required else name
            inferred = True
        return None

    @classmethod
    def listed_arguments(cls) -> tuple[str, ...]:
        """The arguments that a list gives in their order: of a type that needs several, each one value."""
        plain = all(field.required and not field.several for field in cls.fields.values())
        return tuple(cls.fields) if plain and len(cls.fields) > 1 else ()

    @property
    def type(self) -> str:
        return type(self).__name__

    @property
    def family(self) -> str:
        """The type without its number of spatial axes, for people: BatchNorm of BatchNorm2d."""
        return re.sub(r"[123]d$", "", self.type)

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self.given)
        return f"{self.type}({listed})"
