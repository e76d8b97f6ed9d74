"""The options of a step in training: what one device does of it, and what each of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from shapecalc.errors import UsageError, listed

if TYPE_CHECKING:
    from shapecalc.analysis.memory.training import Training

_ONE = "Training, on one device"
_SEVERAL = "Training, on several devices"

Train = Annotated[
    bool, typer.Option("--train", rich_help_panel=_ONE, help="Also what a step in training needs.")
]
OptimizerName = Annotated[
    Literal["sgd", "momentum", "adam", "adamw", "adam8bit", "adafactor", "muon", "lion"] | None,
    typer.Option(rich_help_panel=_ONE, help="What updates the parameters, by default sgd."),
]
Master = Annotated[
    bool,
    typer.Option(
        "--master",
        rich_help_panel=_ONE,
        help="The optimizer has a float32 copy of the parameters, of 2 bytes by --dtype.",
    ),
]
Accumulate = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", rich_help_panel=_ONE, help="An update for the gradients of so many batches."
    ),
]
Checkpoint = Annotated[
    str | None,
    typer.Option(
        metavar="BLOCK",
        rich_help_panel=_ONE,
        help="Of this step the inputs alone are kept; the way back computes it again.",
    ),
]
LoraOn = Annotated[
    tuple[str, str] | None,
    typer.Option(
        metavar="r=RANK on=NAMES",
        rich_help_panel=_ONE,
        help="Adapters alone are trained, on Linear layers of these names: query,value.",
    ),
]
Zero = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=3,
        metavar="STAGE",
        rich_help_panel=_SEVERAL,
        help="ZeRO: partitioned are at 1 the optimizer's state, at 2 gradients too, at 3 all.",
    ),
]
Ranks = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", rich_help_panel=_SEVERAL, help="The devices of --zero."),
]
Tensor = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        rich_help_panel=_SEVERAL,
        help="Matrices are split among N, as Megatron does.",
    ),
]
Pipeline = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        rich_help_panel=_SEVERAL,
        help="Stages of the repeated blocks, and what each has.",
    ),
]


def training_of(given: Mapping[str, Any]) -> Training:
    """How a step is done, by the options that were given.

    Raises:
        UsageError: one is not what it has to be.
    """
    from shapecalc.analysis.memory.lora import read_lora
    from shapecalc.analysis.memory.training import Training

    found = {name: value for name, value in given.items() if value is not None}
    if "ranks" in found and "zero" not in found:
        raise UsageError("--ranks is for --zero", hint="--zero 0, 1, 2 or 3 says what is partitioned")
    if "lora" in found:
        found["lora"] = read_lora(found["lora"])
    return Training(**found)


def refuse_without_training(given: Mapping[str, Any]) -> None:
    """Refuse options of training where no training is asked for."""
    found = [f"--{name}" for name, value in given.items() if value not in (None, False)]
    if found:
        are = "is" if len(found) == 1 else "are"
        raise UsageError(f"{listed(found)} {are} for a step in training", hint="--train shows it")
