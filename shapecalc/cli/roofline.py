"""A network on a device: what binds, operations or bytes."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from shapecalc.cli.networks import analysed
from shapecalc.cli.options import Arch, Ascii, Batch, Depth, Input, Output, Set, Unfold, write_or_print
from shapecalc.errors import UsageError

OnDevice = Annotated[str, typer.Option(metavar="NAME", help="As a100-80g or h100-sxm; or a file, mine.yaml.")]
Multiplied = Annotated[
    Literal["float32", "tf32", "bfloat16", "float16", "fp8", "int8"],
    typer.Option(help="What products are computed in, and float32 is stored as."),
]
WayBack = Annotated[bool, typer.Option("--train", help="The way back, too, without the update.")]
TableOrRoof = Annotated[
    Literal["table", "json", "csv", "markdown", "svg"],
    typer.Option("--format", "-f", help="The form of the output; svg is a plot of the roof."),
]


def roofline(
    arch: Arch,
    device: OnDevice,
    input: Input = None,
    set: Set = None,
    batch: Batch = None,
    dtype: Multiplied = "float32",
    train: WayBack = False,
    depth: Depth = None,
    unfold: Unfold = False,
    format: TableOrRoof = "table",
    output: Output = None,
    ascii: Ascii = False,
) -> None:
    """What binds each layer on a device, operations or bytes, and two figures of the whole, no latency."""
    from shapecalc.analysis.memory.batch import with_batch
    from shapecalc.analysis.roofline.bound import roofline
    from shapecalc.analysis.roofline.device import load_device
    from shapecalc.render.roofline import print_roofline
    from shapecalc.render.tree import Display, one_by_one

    if output is not None and format != "svg":
        raise UsageError(f"-o is of plots, and --format is {format}", hint="--format svg")
    known = load_device(device)
    known.products(dtype)
    analysis = analysed(arch, input, set)
    if batch is not None:
        analysis = with_batch(analysis, batch)
    view = Display(format, depth, unfold)
    found = roofline(one_by_one(analysis, view), known, dtype, train)
    if format == "svg":
        from shapecalc.render.roofline_plot import roofline_plot

        write_or_print(roofline_plot(found, depth).svg(), output)
    else:
        print_roofline(found, view)
