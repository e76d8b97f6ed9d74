"""The graph of all layers, with blocks in frames, folded by depth and by equal siblings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis, Edge
from shapecalc.render.drawing.building import Builder, links, several, with_rows, with_ways
from shapecalc.render.drawing.figures import BoxFigures
from shapecalc.render.drawing.parts import Box, Figure, Link, Part, Split, Stack, TooLargeError
from shapecalc.render.drawing.wording import lines, role, step_name, words
from shapecalc.render.tree import FEWEST, in_a_row, in_runs, own_row
from shapecalc.symbolic.notation import shape_text

MOST_BOXES = 5_000
"""Boxes of one picture: with more, no one finds anything, and browsers are slow."""


def graph(figures: BoxFigures, depth: int | None) -> Figure:
    """The picture of a network as its steps are nested.

    Raises:
        TooLargeError: it would have more than `MOST_BOXES` boxes.
    """
    builder = Builder(
        figures.analysis,
        lambda nodes: in_runs(nodes, in_a_row(figures.analysis), FEWEST),
        lambda _, level: depth is not None and level >= depth,
        partial(layer_box, figures),
    )
    return network(figures.analysis, builder)


def network(analysis: Analysis, builder: Builder) -> Figure:
    """The whole network with its inputs above and its outputs below."""
    inputs = {
        Edge(-1, port): Box((name, shape_text(x.shape)), "port", name)
        for port, (name, x) in enumerate(analysis.inputs.items())
    }
    body = builder.stack(analysis.tree)
    refuse_many(len({id(box) for box in builder.made.values()}))
    with_rows(builder.made)
    found = links(analysis, range(len(analysis.rows)), builder.made, inputs)
    read = {id(link.source) for link in found}
    tops = [box for box in inputs.values() if id(box) in read]
    out = Box((_outputs(analysis),), "port", "output")
    sources = {
        id(box): box for e in analysis.output_edges if (box := inputs.get(e) or builder.made.get(e.row))
    }
    found += [Link(box, out) for box in sources.values()]
    return with_ways(Figure(Stack([*inputs_above(tops), *body.parts, out]), found))


def inputs_above(tops: Sequence[Box]) -> list[Part]:
    """The inputs, side by side if they are several."""
    return [*tops] if len(tops) < 2 else [Split([Stack([box]) for box in tops], None)]


def refuse_many(number: int) -> None:
    if number > MOST_BOXES:
        message = f"a picture of {number:,} boxes is too large: {MOST_BOXES:,} are the most"
        raise TooLargeError(message)


def layer_box(figures: BoxFigures, node: Node, copies: int) -> Box:
    """The box of a layer, or of a step whose inside is not drawn."""
    row = own_row(figures.analysis, node)
    said = lines(words(row)) if row else (step_name(node) or node.type,)
    return Box(
        said,
        role(row) if row else "block",
        node.path,
        several(copies),
        figures.lines(node, copies),
        share=figures.share(node, copies),
    )


def _outputs(analysis: Analysis) -> str:
    return ", ".join(shape_text(x.shape) for x in analysis.outputs)
