"""The key `expect`: published figures of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shapecalc.errors import nearest, quoted
from shapecalc.inputs import InputSpec
from shapecalc.keys import read_input, read_text
from shapecalc.nodes import Node, Scalar, Source, kind
from shapecalc.values import require_mapping

FIGURES = ("params", "macs", "output", "source")


@dataclass(frozen=True, slots=True)
class Expectation:
    """Published figures of the network at its own input and parameters; None where none is given."""

    params: int | None = None
    macs: int | None = None
    output: InputSpec | None = None
    source: str | None = None


def read_expectation(node: Node, source: Source) -> Mapping[str, Any]:
    """The figures by their names, as `Expectation` takes them."""
    figures: dict[str, Any] = {}
    for name, (key, value) in require_mapping(node, source, "expect").entries.items():
        if name not in FIGURES:
            hint = nearest(name, FIGURES) or f"figures: {', '.join(FIGURES)}"
            raise source.error(f"expect: the figure {quoted(name)} is unknown", key, hint)
        figures[name] = _figure(name, value, source)
    return figures


def _figure(name: str, node: Node, source: Source) -> object:
    if name == "output":
        spec = read_input(node, source)
        if spec.dtype or any(size.names for size in spec.sizes):
            raise source.error("expect: output is sizes alone, as in 1x10", node)
        return spec
    if name == "source":
        return read_text(node, source)
    value = node.value() if isinstance(node, Scalar) else None
    if type(value) is not int or value < 0:
        raise source.error(f"expect: {name} must be a whole number, not {kind(node)}", node)
    return value
