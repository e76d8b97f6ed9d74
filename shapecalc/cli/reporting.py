"""The page of a network."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from shapecalc.cli.networks import analysed
from shapecalc.cli.options import Arch, Input, Set, write_or_print
from shapecalc.errors import UsageError


def report(
    arch: Arch,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.html", help="Where it goes; the screen unless given."),
    ] = None,
    input: Input = None,
    set: Set = None,
    fixed: Annotated[
        bool, typer.Option("--fixed", help="Sizes stay as they are, unless they are letters.")
    ] = False,
) -> None:
    """One HTML file in which every figure follows the sizes, by formula and without a network."""
    from shapecalc.render.report.page import page

    if output is not None and output.suffix not in (".html", ".htm"):
        name = "net.html" if output.name in ("", "..") else output.with_suffix(".html")
        raise UsageError(f"{output} is no page for a browser", hint=f"-o {name}")
    settings = [word for value in set or [] for word in ("--set", value)]
    text = page(analysed(arch, input, set), shlex.join(["shapecalc", "show", arch, *settings]), fixed)
    write_or_print(text, output)
