"""What a network is for every input: which ones it takes, and which give a wanted output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shapecalc.cli.networks import settings
from shapecalc.cli.options import Arch, Ascii, Input, ReportForm, Set
from shapecalc.engine.inputs import inputs_of

if TYPE_CHECKING:
    from shapecalc.analysis.domain.domain import Domain

_AnyWeights = Annotated[
    bool,
    typer.Option("--any-weights", help="Also inputs that give weights other shapes than the file's own."),
]


def domain(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    any_weights: _AnyWeights = False,
    format: ReportForm = "table",
    ascii: Ascii = False,
) -> None:
    """Which inputs a network takes: the smallest one, every condition and the layer it comes from."""
    from shapecalc.render.domain import print_domain

    print_domain(_domain(arch, input, set, any_weights), format)


def solve(
    arch: Arch,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="SHAPE",
            help="The wanted output, as in 1x512x7x7; a new letter is any size.",
        ),
    ],
    at: Annotated[
        str | None, typer.Option(metavar="LAYER", help="The output of this layer, by its path.")
    ] = None,
    input: Input = None,
    set: Set = None,
    any_weights: _AnyWeights = False,
    format: ReportForm = "table",
    ascii: Ascii = False,
) -> None:
    """All inputs that give a wanted output, or why none does."""
    from shapecalc.analysis.domain.wanted import inputs_that_give, wanted_shape
    from shapecalc.render.domain import print_solutions

    found = _domain(arch, input, set, any_weights)
    node = found.analysis.find(at) if at is not None else None
    shape = (node.output if node else found.analysis.outputs[0]).shape
    solutions = inputs_that_give(found, shape, wanted_shape(found, output))
    print_solutions(solutions, format, node and node.path, shape, output)


def _domain(arch: str, input: list[str] | None, set: list[str] | None, any_weights: bool) -> Domain:
    from shapecalc.analysis.domain.domain import domain
    from shapecalc.analysis.domain.generalise import in_general, sizes_of

    architecture, given, values = settings(arch, input, set)
    inputs = inputs_of(architecture, given, values)
    general = in_general(architecture, inputs, values)
    return domain(general, sizes_of(inputs, general.inputs), any_weights)
