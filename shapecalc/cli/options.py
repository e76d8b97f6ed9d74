"""The options that several commands have, and the forms of their outputs."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from shapecalc.errors import UsageError, short_path
from shapecalc.render import streams

if TYPE_CHECKING:
    from shapecalc.render.grid import Grid

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
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Where it goes; the screen unless given."),
]
Batch = Annotated[int | None, typer.Option(min=1, help="The size of the inputs' first axis.")]
StoredAs = Annotated[
    str | None,
    typer.Option(
        metavar="DTYPE[:GROUP][+zeros]",
        help="What matrices of Linear layers are: int8, int4, fp8; a scale for each GROUP of inputs.",
    ),
]
Unfold = Annotated[
    bool,
    typer.Option("--unfold", help="A line for each of the layers in a row that are alike."),
]
Ascii = Annotated[
    bool,
    typer.Option("--ascii", callback=streams.ascii_only, help="ASCII alone: floor() and ceil() in formulas."),
]
_FORM = typer.Option("--format", "-f", help="The form of the output.")
Form = Annotated[Literal["table", "json", "csv", "markdown"], _FORM]
"""Of an output that is one table."""
ReportForm = Annotated[Literal["table", "json", "markdown"], _FORM]
"""Of an output that is more than one table, which CSV has no form for."""
VerdictForm = Annotated[Literal["table", "json"], _FORM]
ExplanationForm = Annotated[Literal["text", "markdown", "latex", "json"], _FORM]


def write_or_print(text: str, output: Path | None) -> None:
    """Write a text to the file of `-o`, or print it where there is none."""
    if output is None:
        print(text, end="")
    else:
        write_whole(output, text)


def write_or_print_grid(grid: Grid, form: str, output: Path | None) -> None:
    """A table to the file of `-o`, or printed: only one that is printed knows how wide the screen is."""
    from shapecalc.render.grid import markdown_of, print_grid, text_of

    if output is None:
        print_grid(grid, form)
    else:
        write_whole(output, (text_of if form == "table" else markdown_of)(grid) + "\n")


def write_whole(path: Path, text: str | bytes, check: Callable[[Path], None] | None = None) -> None:
    """Write to a file, whole or not at all; `check` sees it before it takes the place of one that is there.

    A link stays, and what it leads to is written; what is no file, as a pipe or /dev/null, is written to.

    Raises:
        UsageError: it can't be written.
    """
    if path.name in ("", ".."):
        raise UsageError(f"{path} can't be written: Is a directory", hint="-o takes the name of a file")
    content = text if isinstance(text, bytes) else text.encode()
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            _write_into(path, content, check)
        else:
            _replace(Path(os.path.realpath(path)), content, check)
    except OSError as error:
        raise UsageError(f"{short_path(path)} can't be written: {error.strerror}") from None


def _write_into(path: Path, content: bytes, check: Callable[[Path], None] | None) -> None:
    """Write to a pipe or a device, in whose place a file must not come."""
    if check:
        raise UsageError(
            f"{path} can't be written: it can't be read again", hint="-o takes the name of a file"
        )
    with path.open("wb") as stream:
        stream.write(content)


def _replace(path: Path, content: bytes, check: Callable[[Path], None] | None) -> None:
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        if check:
            check(part)
        part.replace(path)
    finally:
        with suppress(OSError):  # a name that is too long can't be looked for either
            part.unlink(missing_ok=True)
