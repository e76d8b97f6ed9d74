"""`solve`: inputs that give a wanted output, or the largest values within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from shapecalc.cli.formulas import AnyWeights, domain_of
from shapecalc.cli.networks import Settings, assignments, settings
from shapecalc.cli.options import Arch, Ascii, Input, ReportForm, Set
from shapecalc.cli.training import OptimizerName
from shapecalc.errors import UsageError, listed


def _wanted(*names: str, **terms: Any) -> Any:
    return typer.Option(*names, rich_help_panel="An output", **terms)


def _bound(*names: str, **terms: Any) -> Any:
    return typer.Option(*names, rich_help_panel="Bounds", **terms)


Output = Annotated[
    str | None,
    _wanted(
        "--output",
        "-o",
        metavar="SHAPE",
        help="The wanted output, as in 1x512x7x7; a new letter is any size.",
    ),
]
At = Annotated[str | None, _wanted(metavar="LAYER", help="The output of this layer, by its path.")]
Sought = Annotated[
    list[str] | None,
    _bound(
        "--for", metavar="A,B,…", help="Parameters of the file, letters of the input, or batch; repeatable."
    ),
]
Params = Annotated[str | None, _bound(metavar="COUNT", help="At most so many, as 5M.")]
Macs = Annotated[str | None, _bound(metavar="COUNT", help="At most so many, as 600M.")]
Flops = Annotated[str | None, _bound(metavar="COUNT", help="Two for each MAC.")]
OfPrediction = Annotated[str | None, _bound(metavar="SIZE", help="At once in prediction, as 24GiB.")]
OfTraining = Annotated[str | None, _bound(metavar="SIZE", help="At once in a step of training.")]
Steps = Annotated[
    list[str] | None,
    _bound(metavar="[NAME=]STEP", help="Multiples of 8 alone, or of 0.05; of one by its name."),
]
Dtype = Annotated[Literal["float32", "bfloat16", "float16"] | None, _bound(help="What float32 is, in bytes.")]


def solve(
    arch: Arch,
    output: Output = None,
    at: At = None,
    any_weights: AnyWeights = False,
    sought: Sought = None,
    params: Params = None,
    macs: Macs = None,
    flops: Flops = None,
    memory: OfPrediction = None,
    training_memory: OfTraining = None,
    step: Steps = None,
    dtype: Dtype = None,
    optimizer: OptimizerName = None,
    input: Input = None,
    set: Set = None,
    format: ReportForm = "table",
    ascii: Ascii = False,
) -> None:
    """Inputs that give a wanted output, or the largest network within bounds."""
    bounds = {"params": params, "macs": macs, "flops": flops, "memory": memory}
    bounds["training-memory"] = training_memory
    given = {name: text for name, text in bounds.items() if text is not None}
    if output is not None:
        others = {"--for": sought, "--step": step, "--dtype": dtype, "--optimizer": optimizer}
        _refuse("--output", {**{f"--{name}": text for name, text in given.items()}, **others})
        _print_inputs(settings(arch, input, set), output, at, any_weights, format)
    if not given and not sought:
        hint = "--output 1x512x7x7 for its inputs, or --macs 600M --for width for the largest width"
        raise UsageError("solve needs what is wanted", hint=hint)
    _refuse("bounds", {"--at": at, "--any-weights": any_weights or None})
    names = [name.strip() for text in sought or [] for name in text.split(",")]
    wanted = [name for name in names if name]
    _print_largest(settings(arch, input, set), given, wanted, _steps(step or []), (dtype, optimizer), format)


def _refuse(beside: str, options: Mapping[str, object]) -> None:
    """Refuse options that say nothing beside what is asked for."""
    there = [name for name, value in options.items() if value is not None]
    if there:
        raise UsageError(
            f"{listed(there)} can't go with {beside}", hint="--output is for inputs, bounds are for --for"
        )


def _print_inputs(asked: Settings, output: str, at: str | None, any_weights: bool, form: str) -> None:
    from shapecalc.analysis.domain.wanted import inputs_that_give, wanted_shape
    from shapecalc.render.domain import print_solutions

    found = domain_of(asked, any_weights)
    node = found.analysis.find(at) if at is not None else None
    shape = (node.output if node else found.analysis.outputs[0]).shape
    solutions = inputs_that_give(found, shape, wanted_shape(found, output))
    print_solutions(solutions, form, node and node.path, shape, output)
    raise typer.Exit(int(solutions.reason is not None))


def _print_largest(
    asked: Settings,
    bounds: Mapping[str, str],
    variables: list[str],
    step: dict[str, str],
    terms: tuple[str | None, str | None],
    form: str,
) -> None:
    from shapecalc.analysis.budgets.budgets import solve
    from shapecalc.render.budgets import print_budget

    architecture, given, values = asked
    found = solve(
        architecture,
        given,
        within=bounds,
        variables=variables,
        step=step,
        set=values,
        dtype=terms[0] or "float32",
        optimizer=terms[1] or "sgd",
    )
    print_budget(found, form)
    raise typer.Exit(int(not found.best))


def _steps(texts: list[str]) -> dict[str, str]:
    """The steps by the names of what they are of; one without a name is of all others."""
    named = assignments([text for text in texts if "=" in text], "--step")
    plain = [text for text in texts if "=" not in text]
    if len(plain) > 1:
        raise UsageError(f"--step is given {len(plain)} times", hint="--step width=8 is of one alone")
    return {**named, **dict.fromkeys([""] * len(plain), *plain)} if plain else named
