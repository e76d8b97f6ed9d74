"""Compound scaling: depth, width and image of a network together."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Annotated

import typer

from shapecalc.cli.networks import settings
from shapecalc.cli.options import Arch, Ascii, Form, Input, Output, Set, write_or_print, write_or_print_grid
from shapecalc.cli.sweeping import Columns, Dtype
from shapecalc.cli.training import OptimizerName
from shapecalc.errors import UsageError

if TYPE_CHECKING:
    from shapecalc.analysis.sweep.scaling import Scaling

Phi = Annotated[str, typer.Option(metavar="VALUES", help="Steps, as 1..7 or 1,3.")]
Alpha = Annotated[str, typer.Option(metavar="FACTOR", help="By what depth grows; 1: not at all.")]
Beta = Annotated[str, typer.Option(metavar="FACTOR", help="By what width grows; 1: not at all.")]
Gamma = Annotated[str, typer.Option(metavar="FACTOR", help="By what height and width of the image grow.")]
OfDepth = Annotated[str, typer.Option(metavar="NAME", help="The file's parameter that multiplies depths.")]
OfWidth = Annotated[str, typer.Option(metavar="NAME", help="The file's parameter that multiplies widths.")]
Multiple = Annotated[int, typer.Option(min=1, metavar="N", help="Of what the image's sizes are multiples.")]


def scale(
    arch: Arch,
    phi: Phi = "1..7",
    alpha: Alpha = "1.2",
    beta: Beta = "1.1",
    gamma: Gamma = "1.15",
    depth: OfDepth = "depth",
    width: OfWidth = "width",
    multiple: Multiple = 1,
    columns: Columns = "params,macs",
    input: Input = None,
    set: Set = None,
    dtype: Dtype = "float32",
    optimizer: OptimizerName = None,
    format: Form = "table",
    output: Output = None,
    ascii: Ascii = False,
) -> None:
    """Depth, width and image grown together by compound scaling: the true costs beside 2^φ."""
    from shapecalc.analysis.sweep.figures import Terms
    from shapecalc.analysis.sweep.ranges import axis_values
    from shapecalc.analysis.sweep.scaling import Rule, factor_of, scaled
    from shapecalc.analysis.sweep.sweep import figures_of

    architecture, given, values = settings(arch, input, set)
    if depth == width:
        raise UsageError(f"--depth and --width are both {depth}", hint="--alpha 1 leaves the depth as it is")
    factors = factor_of(alpha, "--alpha"), factor_of(beta, "--beta"), factor_of(gamma, "--gamma")
    wanted = figures_of(columns.split(","), [], [])
    terms = Terms(dtype, optimizer or "sgd")
    steps = axis_values(phi.replace("…", ".."), "--phi")
    found = scaled(architecture, given, values, Rule(*factors, depth, width, multiple), steps, wanted, terms)
    _write(found, format, output)
    raise typer.Exit(int(all(step.point.error for step in found.steps)))


def _write(found: Scaling, format: Form, output: Output) -> None:
    from shapecalc.render.scaling import scaling_grid, write_csv, write_json

    if format in ("csv", "json"):
        file = io.StringIO()
        (write_csv if format == "csv" else write_json)(found, file)
        write_or_print(file.getvalue(), output)
    else:
        write_or_print_grid(scaling_grid(found), format, output)
