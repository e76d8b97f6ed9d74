"""A network as code of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from shapecalc.cli.networks import analysed
from shapecalc.cli.options import Arch, Input, Set, write_whole


def export(
    arch: Arch,
    to: Annotated[Literal["torch"], typer.Option("--to", help="What reads it: a module of torch.")] = "torch",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where it goes; the screen unless given."),
    ] = None,
    input: Input = None,
    set: Set = None,
) -> None:
    """A network as code: a module of torch with a class for each block, equal in every figure."""
    from shapecalc.exporting.torch_source import torch_source

    text = torch_source(analysed(arch, input, set)).text
    if output:
        write_whole(output, text)
    else:
        print(text, end="")
