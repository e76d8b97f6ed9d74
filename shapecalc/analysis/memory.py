"""What a network needs of memory, in prediction and in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from shapecalc.analysis.passes import Backward, Forward
from shapecalc.errors import ArchitectureError
from shapecalc.results import Analysis
from shapecalc.symbolic import Dim
from shapecalc.tape import Mode, Peak, bytes_of
from shapecalc.tensors import for_json


class Optimizer(NamedTuple):
    """What an optimizer of torch.optim allocates, in copies of the parameters."""

    state: int
    """What it keeps from step to step; the counter of steps, a number for each parameter, is on the CPU."""
    step: int = 0
    """What it makes for a step, all parameters at once, as is torch's way on a GPU (foreach)."""


OPTIMIZERS: Mapping[str, Optimizer] = {
    "sgd": Optimizer(0),
    "momentum": Optimizer(1),  # SGD(momentum=...): the velocity
    "adam": Optimizer(2, step=1),  # both moments; the root of the second one
    "adamw": Optimizer(2, step=1),
}
"""Source: torch.optim.sgd, adam and adamw."""

DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Moment:
    """The most bytes alive at once, and at which rows that is: at several where sizes decide it."""

    bytes: Dim
    paths: tuple[str, ...]

    @classmethod
    def of(cls, peak: Peak, analysis: Analysis) -> Moment:
        rows = [analysis.rows[row].path for row in peak.places() if row >= 0]
        return cls(peak.size(), tuple(dict.fromkeys(rows)))


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a network needs, as torch has them on `meta`.

    Activations are all that is neither parameter nor buffer; the caller's inputs are among them throughout.
    """

    dtype: str
    optimizer_name: str
    parameters: Dim
    buffers: Dim
    activations: Moment
    """In a forward pass in evaluation that lets each tensor go after its last use."""
    saved_by_row: tuple[Dim, ...]
    """Unique storages that autograd keeps of a step in training; each belongs to the first row it is kept for."""
    steps: Moment
    """Activations and gradients, in a step in training: forward, and back to all parameters."""

    @property
    def saved(self) -> Dim:
        """What autograd keeps for the backward pass."""
        return sum(self.saved_by_row)

    @property
    def gradients(self) -> Dim:
        return self.parameters

    @property
    def weights(self) -> Dim:
        return self.parameters + self.buffers

    @property
    def optimizer(self) -> Dim:
        """What the optimizer keeps."""
        return OPTIMIZERS[self.optimizer_name].state * self.parameters

    @property
    def inference_peak(self) -> Dim:
        return self.weights + self.activations.bytes

    @property
    def training_peak(self) -> Dim:
        """The most at once of a step: on the way forward and back, or in the optimizer's update."""
        update = Peak()
        work = self.gradients + OPTIMIZERS[self.optimizer_name].step * self.parameters
        for size in (self.steps.bytes, work):
            update.meet(size, 0)
        return self.weights + self.optimizer + update.size()

    def to_dict(self) -> dict[str, Any]:
        names = ("parameters", "buffers", "gradients", "optimizer", "saved")
        figures = {name: getattr(self, name) for name in names}
        figures["activations_peak"] = self.activations.bytes
        figures |= {name: getattr(self, name) for name in ("inference_peak", "training_peak")}
        return {name: for_json(size) for name, size in figures.items()}


def memory(analysis: Analysis, dtype: str = "float32", optimizer: str = "sgd") -> Memory:
    """The memory of a network whose float32 is `dtype`, and of a training step with an optimizer.

    Raises:
        UnknownError: it is not known what a layer allocates.
        ArchitectureError: a layer does not take the dtype.
    """
    check_dtype(analysis, dtype)
    prediction = Forward(analysis, Mode(dtype=dtype)).account
    training = Forward(analysis, Mode(grad=True, training=True, dtype=dtype))
    saved = training.account.saved()
    Backward(training)
    bytes = bytes_of(dtype)
    weights = [weight for row in analysis.rows for weight in row.own_weights.values()]
    parameters, buffers = (
        sum([w.elements * bytes[w.dtype] for w in weights if w.buffer is buffer]) for buffer in (False, True)
    )
    return Memory(
        dtype,
        optimizer,
        parameters,
        buffers,
        Moment.of(prediction.peak, analysis),
        tuple([saved.get(row, 0) for row in range(len(analysis.rows))]),
        Moment.of(training.account.peak, analysis),
    )


def check_dtype(analysis: Analysis, dtype: str) -> None:
    """Refuse a dtype that torch has no kernel of a layer for; one with weights takes that of its weights."""
    for row in analysis.rows:
        if dtype == "float32" or row.weights:
            continue
        inputs = tuple([x._replace(dtype=dtype) if x.dtype == "float32" else x for x in row.inputs])
        try:
            row.layer.figures(inputs)
        except ArchitectureError as error:
            raise error.about(row.type).at(None, row.path) from None
