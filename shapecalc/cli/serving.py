"""What it takes to serve a network that writes token after token."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from shapecalc.cli.networks import settings
from shapecalc.cli.options import Arch, Ascii, Input, ReportForm, Set, StoredAs


def serve(
    arch: Arch,
    context: Annotated[
        str,
        typer.Option(metavar="TOKENS", help="Those of a sequence, prompt and all; or a letter for any."),
    ],
    batch: Annotated[
        str, typer.Option(metavar="SEQUENCES", help="How many sequences at once; a letter is any number.")
    ] = "1",
    new: Annotated[
        int, typer.Option(min=0, help="How many of the tokens are written one by one, after the prompt.")
    ] = 0,
    prompts: Annotated[
        int | None, typer.Option(min=1, help="How many prompts are run at once; all unless given.")
    ] = None,
    weights: StoredAs = None,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"], typer.Option(help="What float32 of the file is.")
    ] = "bfloat16",
    kv: Annotated[
        Literal["fp8", "int8", "float16", "bfloat16", "float32"] | None,
        typer.Option(help="What keys and values are kept as, where that is another."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="The memory that there is, as 80GiB: what fits."),
    ] = None,
    input: Input = None,
    set: Set = None,
    format: ReportForm = "table",
    ascii: Ascii = False,
) -> None:
    """What a decoder of text needs for its users: weights, keys and values, a prompt, and a step."""
    from shapecalc.analysis.memory.batch import budget_of
    from shapecalc.analysis.serving.serving import letter_or_number, serving
    from shapecalc.errors import UsageError
    from shapecalc.render.serving import print_serving

    sizes = letter_or_number(batch, "--batch"), letter_or_number(context, "--context")
    if on is not None and not all(isinstance(size, int) for size in sizes):
        raise UsageError("--on is for numbers", hint="--batch and --context are letters here")
    budget = None if on is None else budget_of(on, "--on")
    architecture, given, values = settings(arch, input, set)
    found = serving(
        architecture,
        *sizes,
        new=new,
        prompts=prompts,
        weights=weights,
        dtype=dtype,
        kv=kv,
        input=given,
        parameters=values,
    )
    print_serving(found, format, budget)
