"""The options of a step in training: what one device does of it, and what each of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from shapecalc.errors import UsageError, listed

if TYPE_CHECKING:
    from shapecalc.analysis.memory.training import Training


def _one(*names: str, **terms: Any) -> Any:
    return typer.Option(*names, rich_help_panel="Training, on one device", **terms)


def _several(**terms: Any) -> Any:
    return typer.Option(rich_help_panel="Training, on several devices", **terms)


Train = Annotated[bool, _one("--train", help="Also what a step in training needs.")]
OptimizerName = Annotated[
    Literal["sgd", "momentum", "adam", "adamw", "adam8bit", "adafactor", "muon", "lion"] | None,
    _one(help="What updates the parameters, by default sgd."),
]
Master = Annotated[
    bool, _one("--master", help="The optimizer has a float32 copy of the parameters, of 2 bytes by --dtype.")
]
Accumulate = Annotated[
    int | None, _one(min=1, metavar="N", help="An update for the gradients of so many batches.")
]
Checkpoint = Annotated[
    str | None,
    _one(metavar="BLOCK", help="Of this step the inputs alone are kept; the way back computes it again."),
]
LoraOn = Annotated[
    tuple[str, str] | None,
    _one(
        metavar="r=RANK on=NAMES",
        help="Adapters alone are trained, on Linear layers of these names: query,value.",
    ),
]
Zero = Annotated[
    int | None,
    _several(
        min=0,
        max=3,
        metavar="STAGE",
        help="ZeRO: partitioned are at 1 the optimizer's state, at 2 gradients too, at 3 all.",
    ),
]
Ranks = Annotated[int | None, _several(min=1, metavar="N", help="The devices of --zero.")]
Tensor = Annotated[
    int | None, _several(min=1, metavar="N", help="Matrices are split among N, as Megatron does.")
]
Pipeline = Annotated[
    int | None, _several(min=1, metavar="N", help="Stages of the repeated blocks, and what each has.")
]


def asked(**options: Any) -> dict[str, Any]:
    """Those of a command's options for a step in training that were given."""
    return {name: given for name, given in options.items() if given is not None and given is not False}


def training_of(given: dict[str, Any]) -> Training:
    """How a step is done, by the options that were given.

    Raises:
        UsageError: one is not what it has to be.
    """
    from shapecalc.analysis.memory.lora import read_lora
    from shapecalc.analysis.memory.training import Training

    if "ranks" in given and "zero" not in given:
        raise UsageError("--ranks is for --zero", hint="--zero 0, 1, 2 or 3 says what is partitioned")
    lora = {"lora": read_lora(given["lora"])} if "lora" in given else {}
    return Training(**{**given, **lora})


def refuse_without_training(given: dict[str, Any]) -> None:
    """Refuse options of training where no training is asked for."""
    if given:
        are = "is" if len(given) == 1 else "are"
        said = listed([f"--{name}" for name in given])
        raise UsageError(f"{said} {are} for a step in training", hint="--train shows it")
