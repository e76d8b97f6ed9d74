"""A class of the code that is written: its instances, the regions of the network, and its arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from shapecalc.exporting.literals import Text
from shapecalc.exporting.program import Owner, Region, owners

Vector = tuple[Any, ...]
"""A value for each instance of a class."""


@dataclass(eq=False, slots=True)
class ClassParameter:
    """An argument of a class's constructor."""

    name: str
    values: Vector
    default: Any = ...
    source: int | None = None
    """The number of the input that it follows from."""
    written: str | None = None
    """The block's own parameter that it is."""
    file: str | None = None
    """The file's parameter that it is."""


@dataclass(eq=False)
class Class:
    """Instances that are written as one class."""

    name: str
    instances: list[Region] = field(default_factory=list)
    parameters: list[ClassParameter] = field(default_factory=list)
    texts: dict[tuple[int, str], Text | None] = field(default_factory=dict)
    """What is written for an argument of an owner, by its number in the class; None if it is a constant."""

    @property
    def first(self) -> Region:
        """The instance whose items are written."""
        return self.instances[0]

    @cached_property
    def owners(self) -> list[tuple[Owner, ...]]:
        """By number, what has arguments, in each of the instances."""
        return list(zip(*[tuple(owners(region.items)) for region in self.instances], strict=True))

    @cached_property
    def numbers(self) -> dict[int, int]:
        """The number of each owner of the first instance, by its identity."""
        return {id(owner): number for number, owner in enumerate(owners(self.first.items))}

    @cached_property
    def places(self) -> dict[int, int]:
        """The number of each instance, by its identity."""
        return {id(region): place for place, region in enumerate(self.instances)}

    def values(self, instance: Region) -> dict[str, Any]:
        """What the constructor is given for an instance."""
        place = self.places[id(instance)]
        return {parameter.name: parameter.values[place] for parameter in self.parameters}

    @cached_property
    def texts_by_owner(self) -> dict[int, dict[str, Text | None]]:
        """By the number of an owner the texts of its arguments, once all are known."""
        found: dict[int, dict[str, Text | None]] = {}
        for (number, name), text in self.texts.items():
            found.setdefault(number, {})[name] = text
        return found
