"""What a network costs: operations, bytes, and what each of its outputs reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from shapecalc.analysis.counting.conventions import NAMES
from shapecalc.cli.networks import analysed, analysed_at, settings
from shapecalc.cli.options import Arch, Ascii, Batch, Depth, Form, Input, Set, StoredAs, Unfold
from shapecalc.cli.training import (
    Accumulate,
    Checkpoint,
    LoraOn,
    Master,
    OptimizerName,
    Pipeline,
    Ranks,
    Tensor,
    Train,
    Zero,
    asked,
    refuse_without_training,
    training_of,
)
from shapecalc.errors import UsageError
from shapecalc.render.tree import Display, one_by_one

if TYPE_CHECKING:
    from shapecalc.analysis.memory.fitting import Fit as BestBatch
    from shapecalc.analysis.memory.memory import Memory
    from shapecalc.analysis.memory.prediction import Prediction
    from shapecalc.engine.results import Analysis

Of = Annotated[
    str | None, typer.Option(metavar="NAME", help="The input that is seen; the first with spatial axes.")
]
WindowsOnly = Annotated[
    bool, typer.Option("--windows-only", help="Without what sees all, as gates do, beside what does not.")
]
Convention = Annotated[str | None, typer.Option(metavar="NAME", help=f"One of {', '.join(NAMES)}; or all.")]
Backward = Annotated[bool, typer.Option("--backward", help="The backward pass of training, too.")]
Tokens = Annotated[
    bool, typer.Option("--tokens", help="Of one token, beside the rule of 6 for each parameter.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 where a figure is unknown.")]
Computed = Annotated[
    Literal["float32", "bfloat16", "float16", "amp"],
    typer.Option(help="What float32 is; amp is float32 under torch.autocast in float16."),
]
Fit = Annotated[str | None, typer.Option(metavar="SIZE", help="The largest batch in that much, as 24GiB.")]


def receptive(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    depth: Depth = None,
    of: Of = None,
    windows_only: WindowsOnly = False,
    unfold: Unfold = False,
    format: Form = "table",
    ascii: Ascii = False,
) -> None:
    """What an output element of each layer sees of the input: size, stride and start, axis by axis."""
    from shapecalc.analysis.receptive.field import receptive
    from shapecalc.render.receptive import print_receptive

    print_receptive(receptive(analysed(arch, input, set), of, windows_only), Display(format, depth, unfold))


def flops(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    convention: Convention = None,
    backward: Backward = False,
    tokens: Tokens = False,
    strict: Strict = False,
    depth: Depth = None,
    unfold: Unfold = False,
    format: Form = "table",
    ascii: Ascii = False,
) -> None:
    """What a network computes: every layer's operations, or what a counting convention makes of them."""
    from shapecalc.analysis.counting.conventions import chosen_by
    from shapecalc.render.flops import is_known, print_flops

    chosen = chosen_by(convention)
    if tokens:
        if chosen or depth or strict or unfold:
            hint = "it goes with --input, --set and --format"
            raise UsageError("--tokens is of the whole network", hint=hint)
        from shapecalc.analysis.counting.per_token import per_token
        from shapecalc.render.per_token import print_per_token

        print_per_token(per_token(analysed(arch, input, set)), format)
        return
    analysis = analysed(arch, input, set)
    print_flops(analysis, chosen, Display(format, depth, unfold), backward)
    raise typer.Exit(int(strict and not is_known(analysis, chosen, format, backward)))


def memory(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    batch: Batch = None,
    dtype: Computed = "float32",
    weights: StoredAs = None,
    fit: Fit = None,
    train: Train = False,
    optimizer: OptimizerName = None,
    master: Master = False,
    accumulate: Accumulate = None,
    checkpoint: Checkpoint = None,
    lora: LoraOn = None,
    zero: Zero = None,
    ranks: Ranks = None,
    tensor: Tensor = None,
    pipeline: Pipeline = None,
    depth: Depth = 1,
    unfold: Unfold = False,
    format: Form = "table",
    ascii: Ascii = False,
) -> None:
    """Bytes in prediction and in training: weights, activations, what is kept for the way back."""
    from shapecalc.analysis.memory.batch import with_batch
    from shapecalc.render.memory import print_memory

    options = asked(
        optimizer=optimizer,
        master=master,
        accumulate=accumulate,
        checkpoint=checkpoint,
        lora=lora,
        zero=zero,
        ranks=ranks,
        tensor=tensor,
        pipeline=pipeline,
    )
    if not train and format != "json":  # which has all figures
        refuse_without_training(options)
    view = Display(format, depth, unfold)
    analysis = _stored(arch, input, set, weights)
    analysis = one_by_one(analysis if batch is None else with_batch(analysis, batch), view)
    budget = _budget(fit, analysis, train)
    step = _step(analysis, dtype, options, train) if train or format == "json" else None
    found, best = _fitted(analysis, dtype, step, train, budget)
    print_memory(found, view, step, best)


def _stored(arch: Arch, input: Input, set: Set, weights: str | None) -> Analysis:
    """A network whose matrices are stored as --weights says, if it is given."""
    from shapecalc.analysis.quantized import stored_throughout

    architecture, given, values = settings(arch, input, set)
    plain = analysed_at(architecture, given, values)
    return plain if weights is None else analysed_at(stored_throughout(plain, weights), given, values)


def _budget(fit: str | None, analysis: Analysis, train: bool) -> int | None:
    """The bytes of --fit, once it is known that a network has a largest batch."""
    from shapecalc.analysis.memory.batch import budget_of
    from shapecalc.analysis.memory.fitting import check_fits
    from shapecalc.analysis.memory.memory import Memory
    from shapecalc.analysis.memory.prediction import Prediction

    if fit is None:
        return None
    budget = budget_of(fit)
    check_fits(analysis, Memory.runs if train else Prediction.runs)
    return budget


def _step(analysis: Analysis, dtype: str, options: dict[str, Any], train: bool) -> Memory:
    """The memory of a step in training, which is refused where it was asked for and there is none."""
    from shapecalc.analysis.memory.memory import memory

    step = memory(analysis, dtype, training_of(options))
    if train and step.refusal:
        raise step.refusal
    return step


def _fitted(
    analysis: Analysis, dtype: str, step: Memory | None, train: bool, budget: int | None
) -> tuple[Prediction, BestBatch | None]:
    """The memory to print, and the largest batch in prediction or in training, whichever was asked for."""
    from shapecalc.analysis.memory.fitting import fitting
    from shapecalc.analysis.memory.prediction import predicted

    found = step or predicted(analysis, dtype)
    if budget is None:
        return found, None
    return found, fitting(found if train else predicted(analysis, dtype), budget)
