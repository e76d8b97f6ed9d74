"""The options that several commands have, and the forms of their outputs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from shapecalc.render import streams


class Format(StrEnum):
    """Of an output that is one table."""

    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"


class ReportFormat(StrEnum):
    """Of an output that is more than one table, which CSV has no form for."""

    table = "table"
    json = "json"
    markdown = "markdown"


Arch = Annotated[str, typer.Argument(metavar="ARCH", help="A YAML file, a name of the zoo, or - for stdin.")]
Archs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ARCH]...", help="Names, or files with all of their variants; all unless given."),
]
Input = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="SHAPE",
        help="As in 1x3x224x224 or Nx3xHxW; NAME=SHAPE if there are several.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", "-s", metavar="NAME=VALUE", help="A value for a parameter of the file; repeatable."
    ),
]
Depth = Annotated[int | None, typer.Option(min=1, help="Levels of blocks to show; all unless given.")]
Ascii = Annotated[
    bool,
    typer.Option("--ascii", callback=streams.ascii_only, help="ASCII alone: floor() and ceil() in formulas."),
]
Form = Annotated[Format, typer.Option("--format", "-f", help="The form of the output.")]
ReportForm = Annotated[ReportFormat, typer.Option("--format", "-f", help="The form of the output.")]
