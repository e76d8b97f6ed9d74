"""What a network is for every input: which ones it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shapecalc.cli.networks import Settings, settings
from shapecalc.cli.options import Arch, Ascii, Input, ReportForm, Set
from shapecalc.engine.inputs import inputs_of

if TYPE_CHECKING:
    from shapecalc.analysis.domain.domain import Domain

AnyWeights = Annotated[
    bool,
    typer.Option("--any-weights", help="Also inputs that give weights other shapes than the file's own."),
]


def domain(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    any_weights: AnyWeights = False,
    format: ReportForm = "table",
    ascii: Ascii = False,
) -> None:
    """Which inputs a network takes: the smallest one, every condition and the layer it comes from."""
    from shapecalc.render.domain import print_domain

    print_domain(domain_of(settings(arch, input, set), any_weights), format)


def domain_of(asked: Settings, any_weights: bool) -> Domain:
    """The domain of a network under what was asked for."""
    from shapecalc.analysis.domain.domain import domain
    from shapecalc.analysis.domain.generalise import in_general, sizes_of

    architecture, given, values = asked
    inputs = inputs_of(architecture, given, values)
    general = in_general(architecture, inputs, values)
    return domain(general, sizes_of(inputs, general.inputs), any_weights)
