"""What a network costs: operations, bytes, and what each of its outputs reads."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from shapecalc.analysis.counting.conventions import NAMES
from shapecalc.cli.networks import analysed, analysed_at, settings
from shapecalc.cli.options import Arch, Ascii, Depth, Form, Input, Set, Unfold
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
    refuse_without_training,
    training_of,
)
from shapecalc.errors import UsageError


def receptive(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    depth: Depth = None,
    of: Annotated[
        str | None, typer.Option(metavar="NAME", help="The input that is seen; the first with spatial axes.")
    ] = None,
    windows_only: Annotated[
        bool,
        typer.Option("--windows-only", help="Without what sees all, as gates do, beside what does not."),
    ] = False,
    unfold: Unfold = False,
    format: Form = "table",
    ascii: Ascii = False,
) -> None:
    """What an output element of each layer sees of the input: size, stride and start, axis by axis."""
    from shapecalc.analysis.receptive.field import receptive
    from shapecalc.render.receptive import print_receptive

    print_receptive(receptive(analysed(arch, input, set), of, windows_only), format, depth, unfold)


def flops(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    convention: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"One of {', '.join(NAMES)}; or all.")
    ] = None,
    backward: Annotated[bool, typer.Option("--backward", help="The backward pass of training, too.")] = False,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Of one token, beside the rule of 6 for each parameter.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where a figure is unknown.")] = False,
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
            raise UsageError(
                "--tokens is of the whole network", hint="it goes with --input, --set and --format"
            )
        from shapecalc.analysis.counting.per_token import per_token
        from shapecalc.render.per_token import print_per_token

        print_per_token(per_token(analysed(arch, input, set)), format)
        return
    analysis = analysed(arch, input, set)
    print_flops(analysis, chosen, format, depth, backward, unfold)
    raise typer.Exit(int(strict and not is_known(analysis, chosen, format, backward)))


def memory(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    batch: Annotated[int | None, typer.Option(min=1, help="The size of the inputs' first axis.")] = None,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16", "amp"],
        typer.Option(help="What float32 is; amp is float32 under torch.autocast in float16."),
    ] = "float32",
    fit: Annotated[
        str | None, typer.Option(metavar="SIZE", help="The largest batch in that much, as 24GiB.")
    ] = None,
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
    from shapecalc.analysis.memory.batch import budget_of, with_batch
    from shapecalc.analysis.memory.fitting import check_fits, fitting
    from shapecalc.analysis.memory.memory import Memory, memory
    from shapecalc.analysis.memory.prediction import Prediction, predicted
    from shapecalc.render.memory import print_memory
    from shapecalc.render.tree import one_by_one

    options = {
        "optimizer": optimizer,
        "master": master,
        "accumulate": accumulate,
        "checkpoint": checkpoint,
        "lora": lora,
        "zero": zero,
        "ranks": ranks,
        "tensor": tensor,
        "pipeline": pipeline,
    }
    if not train and format != "json":  # which has all figures
        refuse_without_training(options)
    architecture, given, values = settings(arch, input, set)
    analysis = analysed_at(architecture, given, values)
    if batch is not None:
        analysis = with_batch(analysis, batch)
    analysis = one_by_one(analysis, format, unfold)
    budget = None if fit is None else budget_of(fit)
    if budget is not None:
        check_fits(analysis, Memory.runs if train else Prediction.runs)
    step = memory(analysis, dtype, training_of(options)) if train or format == "json" else None
    if train and step and step.refusal:
        raise step.refusal
    found = step or predicted(analysis, dtype)
    best = None if budget is None else fitting(found if train else predicted(analysis, dtype), budget)
    print_memory(found, format, depth, step, best, unfold)
