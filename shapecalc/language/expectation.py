"""The key `expect`: published figures of a network, and bounds that it has to keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from shapecalc.errors import nearest, quoted
from shapecalc.language.inputs import InputSpec, read_input
from shapecalc.language.values import read_text, require_mapping
from shapecalc.language.yaml_nodes import Scalar, Source, YamlMapping, YamlNode, kind

FIGURES = ("params", "macs", "output", "source")
COUNTS = ("params", "macs")
BOUNDS = ("min", "max")


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most that a count may be; None where there is no such bound."""

    min: int | None = None
    max: int | None = None

    def __contains__(self, figure: int) -> bool:
        return (self.min is None or self.min <= figure) and (self.max is None or figure <= self.max)

    def __str__(self) -> str:
        return self.text(str)

    def text(self, written: Callable[[int], str]) -> str:
        """The bounds in words, each number as it is `written`."""
        words = {"min": "at least", "max": "at most"}
        return " and ".join(f"{words[name]} {written(bound)}" for name, bound in self.to_dict().items())

    def to_dict(self) -> dict[str, int]:
        both = {"min": self.min, "max": self.max}
        return {name: bound for name, bound in both.items() if bound is not None}


class Expectation(NamedTuple):
    """Figures of the network at its own input and parameters; None where none is given."""

    params: int | Bounds | None = None
    macs: int | Bounds | None = None
    output: InputSpec | None = None
    source: str | None = None


def read_expectation(node: YamlNode, source: Source) -> dict[str, Any]:
    """The figures by their names, as `Expectation` takes them."""
    figures: dict[str, Any] = {}
    for name, (key, value) in require_mapping(node, source, "expect").entries.items():
        if name not in FIGURES:
            hint = nearest(name, FIGURES) or f"figures: {', '.join(FIGURES)}"
            raise source.error(f"expect: the figure {quoted(name)} is unknown", key, hint)
        figures[name] = _figure(name, value, source)
    return figures


def _figure(name: str, node: YamlNode, source: Source) -> object:
    if name == "output":
        spec = read_input(node, source)
        if spec.dtype or any(size.names for size in spec.sizes):
            raise source.error("expect: output is sizes alone, as in 1x10", node)
        return spec
    if name == "source":
        return read_text(node, source)
    return _bounds(name, node, source) if isinstance(node, YamlMapping) else _count(name, node, source)


def _bounds(name: str, node: YamlMapping, source: Source) -> Bounds:
    found: dict[str, int] = {}
    for bound, (key, value) in node.entries.items():
        if bound not in BOUNDS:
            hint = nearest(bound, BOUNDS) or f"bounds: {', '.join(BOUNDS)}"
            raise source.error(f"expect: {name}: the bound {quoted(bound)} is unknown", key, hint)
        found[bound] = _count(f"{name}: {bound}", value, source)
    if not found:
        raise source.error(f"expect: {name} has no bound", node, f"{name}: {{max: 5000000}}")
    bounds = Bounds(**found)
    if bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
        hint = "the least of a figure is min, the most max"
        raise source.error(f"expect: {name}: nothing is {bounds}", node, hint)
    return bounds


def _count(name: str, node: YamlNode, source: Source) -> int:
    value = node.value() if isinstance(node, Scalar) else None
    if type(value) is not int or value < 0:
        raise source.error(f"expect: {name} must be a whole number, not {kind(node)}", node)
    return value
