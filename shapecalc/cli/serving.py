"""What it takes to serve a network that writes token after token."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from shapecalc.cli.networks import settings
from shapecalc.cli.options import Arch, Ascii, Input, ReportForm, Set, StoredAs
from shapecalc.errors import UsageError

Context = Annotated[
    str, typer.Option(metavar="TOKENS", help="Those of a sequence, prompt and all; or a letter for any.")
]
Batch = Annotated[
    str, typer.Option(metavar="SEQUENCES", help="How many sequences at once; a letter is any number.")
]
New = Annotated[
    int, typer.Option(min=0, help="How many of the tokens are written one by one, after the prompt.")
]
Prompts = Annotated[
    int | None, typer.Option(min=1, help="How many prompts are run at once; all unless given.")
]
Dtype = Annotated[
    Literal["float32", "bfloat16", "float16"], typer.Option(help="What float32 of the file is.")
]
Kv = Annotated[
    Literal["fp8", "int8", "float16", "bfloat16", "float32"] | None,
    typer.Option(help="What keys and values are kept as, where that is another."),
]
On = Annotated[
    str | None, typer.Option(metavar="SIZE", help="The memory that there is, as 80GiB: what fits.")
]


def serve(
    arch: Arch,
    context: Context,
    batch: Batch = "1",
    new: New = 0,
    prompts: Prompts = None,
    weights: StoredAs = None,
    dtype: Dtype = "bfloat16",
    kv: Kv = None,
    on: On = None,
    input: Input = None,
    set: Set = None,
    format: ReportForm = "table",
    ascii: Ascii = False,
) -> None:
    """What a decoder of text needs for its users: weights, keys and values, a prompt, and a step."""
    from shapecalc.analysis.serving.serving import serving
    from shapecalc.analysis.serving.tokens import letter_or_number
    from shapecalc.render.serving import print_serving

    sizes = letter_or_number(batch, "--batch"), letter_or_number(context, "--context")
    budget = _budget(on, sizes)
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


def _budget(on: str | None, sizes: tuple[int | str, int | str]) -> int | None:
    """The bytes of --on, which are for a batch and a context in numbers."""
    from shapecalc.analysis.memory.batch import budget_of

    if on is None:
        return None
    if not all(isinstance(size, int) for size in sizes):
        raise UsageError("--on is for numbers", hint="--batch and --context are letters here")
    return budget_of(on, "--on")
