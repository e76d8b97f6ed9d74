"""Pictures of a network."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from shapecalc.cli.networks import analysed
from shapecalc.cli.options import Arch, Input, Output, Set, write_whole
from shapecalc.errors import UsageError

_OTHERS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf", ".eps", ".ps")
"""What the names of pictures that are none of these end with."""


def draw(
    arch: Arch,
    view: Annotated[
        Literal["blocks", "volumes", "graph"],
        typer.Option(help="The network with each block once beside it; changes of shape; all layers."),
    ] = "blocks",
    output: Output = None,
    input: Input = None,
    set: Set = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Of the graph, levels of blocks to open.")] = None,
    direction: Annotated[
        Literal["TB", "LR"], typer.Option(help="From top to bottom, or from left to right.")
    ] = "TB",
    format: Annotated[
        Literal["svg", "mermaid", "dot"], typer.Option("--format", "-f", help="The form of the output.")
    ] = "svg",
    show: Annotated[
        str,
        typer.Option(metavar="A,B,…", help="What boxes say besides: of shapes, params, macs, receptive."),
    ] = "",
    colour: Annotated[
        Literal["role", "params", "macs"],
        typer.Option("--color", help="What colours mean: the kind of layer, or its share of a figure."),
    ] = "role",
) -> None:
    """A picture of a network, as SVG or as text for Mermaid and graphviz."""
    from shapecalc.render.drawing.draw import draw

    if output is not None and output.suffix.lower() in _OTHERS:
        hint = f"-o {output.with_suffix('.svg')}, which browsers show, print and save as others"
        raise UsageError(f"{output}: a picture is SVG, or text for Mermaid and graphviz", hint=hint)
    picture = draw(
        analysed(arch, input, set),
        view,
        depth=depth,
        direction=direction,
        form=format,
        show=show,
        colour=colour,
    )
    if output is None:
        print(picture.text, end="")
    else:
        write_whole(output, picture.text)
