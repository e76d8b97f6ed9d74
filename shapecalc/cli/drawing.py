"""Pictures of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from shapecalc.cli.networks import analysed
from shapecalc.cli.options import Arch, Input, Output, Set, write_or_print
from shapecalc.errors import UsageError

_OTHERS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf", ".eps", ".ps")
"""The endings of pictures of other forms."""


View = Annotated[
    Literal["blocks", "volumes", "graph"],
    typer.Option(help="The network with each block once beside it; changes of shape; all layers."),
]
Levels = Annotated[int | None, typer.Option(min=1, help="Of the graph, levels of blocks to open.")]
Direction = Annotated[Literal["TB", "LR"], typer.Option(help="From top to bottom, or from left to right.")]
PictureForm = Annotated[
    Literal["svg", "mermaid", "dot"], typer.Option("--format", "-f", help="The form of the output.")
]
Shown = Annotated[
    str, typer.Option(metavar="A,B,…", help="What boxes say besides: of shapes, params, macs, receptive.")
]
Colour = Annotated[
    Literal["role", "params", "macs"],
    typer.Option("--color", help="What colours mean: the kind of layer, or its share of a figure."),
]


def draw(
    arch: Arch,
    view: View = "blocks",
    output: Output = None,
    input: Input = None,
    set: Set = None,
    depth: Levels = None,
    direction: Direction = "TB",
    format: PictureForm = "svg",
    show: Shown = "",
    colour: Colour = "role",
) -> None:
    """A picture of a network, as SVG or as text for Mermaid and graphviz."""
    from shapecalc.render.drawing.draw import draw

    _check_ending(output)
    analysis = analysed(arch, input, set)
    picture = draw(analysis, view, depth=depth, direction=direction, form=format, show=show, colour=colour)
    write_or_print(picture.text, output)


def _check_ending(output: Path | None) -> None:
    if output is not None and output.suffix.lower() in _OTHERS:
        hint = f"-o {output.with_suffix('.svg')}, which browsers show, print and save as others"
        raise UsageError(f"{output}: a picture is SVG, or text for Mermaid and graphviz", hint=hint)
