"""The keys of a file whose values are texts and inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shapecalc.errors import ArchitectureError
from shapecalc.language import nodes
from shapecalc.language.inputs import InputSpec, parse_input
from shapecalc.language.nodes import Node, Scalar, Source, kind
from shapecalc.language.values import identifier

MOST_INPUTS = 1_000


class Inputs(NamedTuple):
    """The inputs by their names, and where each stands."""

    specs: Mapping[str, InputSpec]
    nodes: Mapping[str, Node]


def read_text(node: Node, source: Source) -> str:
    if not isinstance(node, Scalar) or not node.text.strip():
        raise source.error(f"text is needed here, not {kind(node)}", node)
    return node.text.strip()


def read_line(node: Node, source: Source) -> str:
    """Text for one line of a terminal."""
    return "".join(c if c.isprintable() else " " for c in " ".join(read_text(node, source).split()))


def read_inputs(node: Node, source: Source) -> Inputs:
    if not isinstance(node, nodes.Mapping):
        return Inputs({"input": read_input(node, source)}, {"input": node})
    if not node.entries:
        raise source.error("at least one input is needed", node)
    if len(node.entries) > MOST_INPUTS:
        raise source.error(f"a network has at most {MOST_INPUTS:,} inputs, not {len(node.entries):,}", node)
    named = {identifier(key, source, "an input"): value for key, value in node.entries.values()}
    return Inputs({name: read_input(value, source) for name, value in named.items()}, named)


def read_input(node: Node, source: Source) -> InputSpec:
    if not isinstance(node, Scalar) or isinstance(node.value(), (bool, float, type(None))):
        hint = "write the sizes of all axes joined by x: 1x3x224x224"
        raise source.error(f"a shape is text, not {kind(node)}", node, hint)
    try:
        return parse_input(node.text)
    except ArchitectureError as error:
        raise error.at(source.place_of(node)) from None
