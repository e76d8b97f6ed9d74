"""A picture of a network in the form that is asked for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from shapecalc.engine.results import Analysis
from shapecalc.errors import UsageError
from shapecalc.render.drawing.figures import BoxFigures
from shapecalc.render.drawing.parts import Figure, TooLargeError

VIEWS = ("blocks", "volumes", "graph")
FORMS = ("svg", "mermaid", "dot")
DIRECTIONS = ("TB", "LR")
COLOURS = ("role", "params", "macs")
_DEEPEST = 8
"""Levels of blocks, one more than are tried for a picture that fits."""


@dataclass(frozen=True)
class Drawing:
    """A picture as text; a notebook shows one that is SVG."""

    text: str
    form: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        kind = "image/svg+xml" if self.form == "svg" else "text/plain"
        return {kind: self.text, "text/plain": self.text if self.form != "svg" else "a drawing as SVG"}

    def __str__(self) -> str:
        return self.text


def draw(
    analysis: Analysis,
    view: str = "blocks",
    *,
    depth: int | None = None,
    direction: str = "TB",
    form: str = "svg",
    show: str = "",
    colour: str = "role",
) -> Drawing:
    """A picture of a network, the same bytes each time.

    Args:
        analysis: what `shapecalc.analyse` gave.
        view: `blocks`, the network with each block of its file once beside it; `volumes`, a glyph for each
            change of shape; `graph`, all layers.
        depth: of the graph, how many levels of blocks are open.
        direction: `TB` from top to bottom, `LR` from left to right.
        form: `svg`, or `mermaid` or `dot` as text for other programs.
        show: what stands in the boxes besides: of `shapes,params,macs,receptive`.
        colour: what the colours mean: `role`, or the share of `params` or `macs`.

    Raises:
        UsageError: the view has no such form, or the picture would be too large.
    """
    for value, known in ((view, VIEWS), (form, FORMS), (direction, DIRECTIONS), (colour, COLOURS)):
        if value not in known:
            raise UsageError(f"{value!r} is none of {', '.join(known)}")
    if view == "volumes":
        if form != "svg" or depth is not None or show or colour != "role":
            raise UsageError("the view volumes is SVG, of shapes alone", hint="--view graph has the others")
        return Drawing(_volumes(analysis), form)
    if view == "blocks" and depth is not None:
        raise UsageError(
            "--depth is for the graph: the view blocks draws each block once", hint="--view graph"
        )
    figures = BoxFigures.of(analysis, show, colour)
    try:
        return Drawing(_drawn(figures, view, depth, form, direction), form)
    except TooLargeError as error:
        raise UsageError(error.message, hint=_fitting(figures, depth, form, direction)) from None


def _fitting(figures: BoxFigures, depth: int | None, form: str, direction: str) -> str | None:
    """A hint of the most levels with which the graph is drawn; None if there are too many boxes at one."""
    for fewer in range(min(depth or _DEEPEST, _DEEPEST) - 1, 0, -1):
        with suppress(TooLargeError):
            _drawn(figures, "graph", fewer, form, direction)
            return f"--view graph --depth {fewer} fits"
    return None


def _figures(figures: BoxFigures, view: str, depth: int | None) -> list[Figure]:
    if view == "graph":
        from shapecalc.render.drawing.graph import graph

        return [graph(figures, depth)]
    from shapecalc.render.drawing.blocks import Blocks

    return Blocks(figures).all()


def _drawn(figures: BoxFigures, view: str, depth: int | None, form: str, direction: str) -> str:
    analysis, made = figures.analysis, _figures(figures, view, depth)
    if form == "mermaid":
        from shapecalc.render.drawing.mermaid import mermaid

        return mermaid(made, direction)
    if form == "dot":
        from shapecalc.render.drawing.dot import dot

        return dot(made, direction, analysis.name)
    from shapecalc.render.drawing.svg import svg

    return svg(made, direction == "TB", analysis.name, _described(analysis, figures))


def _described(analysis: Analysis, figures: BoxFigures) -> str:
    """The picture in words, for those who can't see it."""
    from shapecalc.render.show import heading, notes

    about = "" if figures.colour == "role" else f" Colours: the share of {figures.colour}."
    return ". ".join([heading(analysis), *notes(analysis)]) + "." + about


def _volumes(analysis: Analysis) -> str:
    from shapecalc.render.drawing.svg import document
    from shapecalc.render.drawing.volumes import drawn

    width, height, inside = drawn(analysis)
    return document(width, height, analysis.name, _described(analysis, BoxFigures(analysis)), inside)
