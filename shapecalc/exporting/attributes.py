"""What the modules and the weights of a network are called, in its classes and from one to the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from shapecalc.exporting.classes import Class
from shapecalc.exporting.grouping import Classes
from shapecalc.exporting.literals import identifier, snake, unique
from shapecalc.exporting.program import Chain, Item, Leaf, Region, Several, is_module, placed

_MANY = 12
"""Items without a name that a network has as a Sequential, not each as an attribute."""


class Attributes:
    """The names of what classes hold."""

    def __init__(self, root: Region, classes: Classes) -> None:
        self.root = root
        self.classes = classes
        self.of: dict[int, str] = {}
        """By the identity of an item of a class's first instance, its attribute."""
        self.series: dict[int, bool] = {}
        """By the identity of a class's first instance, whether it is written as a Sequential."""

    def enter(self, found: Class, owned: Sequence[Item], kept: Iterable[str]) -> None:
        """Name the items of a class that it owns, beside the parameters that are `kept` as attributes."""
        for item, name in zip(owned, attribute_names(owned, kept), strict=True):
            self.of[id(item)] = name
            if isinstance(item, Several):
                self.of.update({id(inner): f"{name}[{place}]" for place, inner in enumerate(item.items)})
        for item in found.first.items:
            if item.alias:
                self.of[id(item)] = self.of[id(item.alias)]

    def keys(self) -> Iterator[tuple[tuple[str, str], str]]:
        """By path and name, the key of each weight."""
        found = self.classes.of[id(self.root)]
        for leaf, places in placed(self.root.items):
            if leaf.row.own_weights:
                for name in leaf.row.own_weights:
                    key = self.weight_at(found, places, name).removeprefix("self")
                    yield (leaf.row.path, name), key.replace("[", ".").replace("]", "").removeprefix(".")

    def is_written_as_series(self, found: Class) -> bool:
        """Whether a class is a Sequential; found out once, since each weight in it asks."""
        key = id(found.first)
        if key not in self.series:
            self.series[key] = self._is_written_as_series(found.first)
        return self.series[key]

    def _is_written_as_series(self, region: Region) -> bool:
        items = region.items
        if any(item.alias for item in items) or not is_series(region):
            return False
        return region is not self.root or (len(items) > _MANY and not any(item.name for item in items))

    def weight_at(self, found: Class, places: Sequence[int], name: str) -> str:
        item, path = self.at(found, places)
        return path if isinstance(item, Leaf) and item.is_weight else f"{path}.{name}"

    def at(self, found: Class, places: Sequence[int]) -> tuple[Item, str]:
        """The item at these places, one in the other, and the expression for its module."""
        items, path, item = found.first.items, "self", None
        series = self.is_written_as_series(found)
        for place in places:
            inside = isinstance(item, (Chain, Several)) or series
            item = items[place]
            path += f"[{place}]" if inside else f".{self.of[id(item)]}"
            if isinstance(item, Region):
                inner = self.classes.of[id(item)]
                items, series = inner.first.items, self.is_written_as_series(inner)
            elif not isinstance(item, Leaf):
                items, series = item.items, False
        assert item is not None
        return item, path


def is_series(region: Region) -> bool:
    """Whether a region is modules in a row."""
    if not all(map(is_module, region.items)) or len(region.inputs) != 1 or len(region.outputs) != 1:
        return False
    ends = [region.inputs[0], *[item.outputs[0] for item in region.items]]
    reads = [item.inputs[0] for item in region.items]
    return reads == ends[:-1] and region.outputs == ends[-1:]


def attribute_names(items: Sequence[Item], kept: Iterable[str]) -> list[str]:
    """A name for each item: its own, or that of its kind, with a number where there are several."""
    own = {identifier(item.name) for item in items if item.name}
    bases = [None if item.name else identifier(snake(item.base)) for item in items]
    of_base, counts = Counter(bases), dict[str, int]()
    taken = {*kept}
    found = []
    for item, base in zip(items, bases, strict=True):
        if base is None:
            name = unique(identifier(item.name or ""), taken)
        elif of_base[base] > 1 or base in own:
            counts[base] = counts.get(base, 0) + 1
            name = unique(f"{base}{counts[base]}", {*taken, *own})
        else:
            name = unique(base, taken)
        taken.add(name)
        found.append(name)
    return found
