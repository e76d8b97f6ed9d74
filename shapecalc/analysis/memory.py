"""What a network needs of memory, in prediction and in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from shapecalc.analysis.passes import Backward, Forward
from shapecalc.errors import ArchitectureError
from shapecalc.results import Analysis, Node
from shapecalc.symbolic import Dim, maximum
from shapecalc.tape import Mode, Peak, bytes_of
from shapecalc.tensors import Tensor, for_json


class Optimizer(NamedTuple):
    """What an optimizer of torch.optim allocates, in copies of the parameters."""

    title: str
    state: int
    """What it keeps from step to step; the counter of steps, a number for each parameter, is on the CPU."""
    step: int = 0
    """What it makes for a step, of all parameters at once, as is torch's way on a GPU (foreach)."""


OPTIMIZERS: Mapping[str, Optimizer] = {
    "sgd": Optimizer("SGD", 0),
    "momentum": Optimizer("SGD with momentum", 1),  # the velocity
    "adam": Optimizer("Adam", 2, step=1),  # both moments; the root of the second one
    "adamw": Optimizer("AdamW", 2, step=1),
}
"""Source: torch.optim.SGD, Adam and AdamW."""

AMP = "amp"
"""In the place of a dtype: float32, run under torch.autocast of a GPU in float16."""


def mode_of(dtype: str) -> Mode:
    """Prediction in a dtype."""
    return Mode(autocast=True) if dtype == AMP else Mode(dtype=dtype)


@dataclass(frozen=True, slots=True)
class Moment:
    """The most bytes alive at once, and at which rows that is."""

    sizes: tuple[Dim, ...]
    """One size, or several formulas, of which the greatest is meant."""
    paths: tuple[str, ...]

    @classmethod
    def of(cls, peak: Peak, analysis: Analysis) -> Moment:
        rows = [analysis.rows[row].path for row in peak.places() if row >= 0]
        return cls(peak.sizes() or (0,), tuple(dict.fromkeys(rows)))

    @property
    def bytes(self) -> Dim:
        result, *others = self.sizes
        for size in others:
            result = maximum(result, size)
        return result

    def above(self, base: Dim) -> Moment:
        """The same on top of what is there all the time."""
        return Moment(tuple([base + size for size in self.sizes]), self.paths)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a network needs, as torch has them on `meta`.

    Activations are all that is neither parameter nor buffer; the caller's inputs are among them throughout.
    """

    analysis: Analysis
    dtype: str
    """What float32 is, or `AMP`."""
    optimizer_name: str
    parameters: Dim
    buffers: Dim
    activations: Moment
    """In a forward pass in evaluation that lets each tensor go after its last use."""
    saved_by_row: tuple[Dim, ...]
    """Unique storages that autograd keeps in training; each belongs to the first row that it is kept for."""
    passes: Moment
    """Activations and gradients of a step in training: forward, and back to all parameters."""
    made: tuple[Tensor, ...]
    """The first output of each row, in the dtype that it has in a forward pass."""

    def output_bytes(self, node: Node) -> Dim:
        dtype = self.made[node.stop - 1].dtype if node.stop > node.start else node.output.dtype
        return node.output.elements * bytes_of(mode_of(self.dtype).dtype)[dtype]

    @property
    def saved(self) -> Dim:
        """What autograd keeps for the backward pass."""
        return sum(self.saved_by_row)

    @property
    def gradients(self) -> Dim:
        return self.parameters

    @property
    def optimizer(self) -> Dim:
        """What the optimizer keeps."""
        return OPTIMIZERS[self.optimizer_name].state * self.parameters

    @property
    def prediction(self) -> Moment:
        """The most at once in prediction, weights and all."""
        return self.activations.above(self.parameters + self.buffers)

    @property
    def training(self) -> Moment:
        """The most at once in a step of training: in its passes, or in the optimizer's update."""
        peak = Peak()
        for number, size in enumerate(self.passes.sizes):
            peak.meet(size, number)
        update = self.gradients + OPTIMIZERS[self.optimizer_name].step * self.parameters
        peak.meet(update, len(self.passes.sizes))
        in_passes = set(peak.sizes()) & set(self.passes.sizes)
        paths = (
            *(self.passes.paths if in_passes else ()),
            *(() if in_passes else ("the optimizer's update",)),
        )
        return Moment(peak.sizes(), paths).above(self.parameters + self.buffers + self.optimizer)

    def to_dict(self) -> dict[str, Any]:
        figures = {
            "parameters": self.parameters,
            "buffers": self.buffers,
            "gradients": self.gradients,
            "optimizer": self.optimizer,
            "saved": self.saved,
            "activations_peak": self.activations.bytes,
            "inference_peak": self.prediction.bytes,
            "training_peak": self.training.bytes,
        }
        return {name: for_json(size) for name, size in figures.items()}


def memory(analysis: Analysis, dtype: str = "float32", optimizer: str = "sgd") -> Memory:
    """The memory of a network whose float32 is `dtype`, and of a step in training with an optimizer.

    With `AMP`, weights, gradients and the optimizer's state are float32.

    Raises:
        UnknownError: it is not known what a layer allocates.
        ArchitectureError: a layer does not take the dtype.
    """
    mode = mode_of(dtype)
    check_dtype(analysis, mode.dtype)
    forward = Forward(analysis, mode)
    training = Forward(analysis, mode._replace(grad=True, training=True))
    saved = training.account.saved()
    Backward(training)
    sizes = bytes_of(mode.dtype)
    weights = [weight for row in analysis.rows for weight in row.own_weights.values()]
    parameters, buffers = (
        sum([w.elements * sizes[w.dtype] for w in weights if w.buffer is buffer]) for buffer in (False, True)
    )
    return Memory(
        analysis,
        dtype,
        optimizer,
        parameters,
        buffers,
        Moment.of(forward.account.peak, analysis),
        tuple([saved.get(row, 0) for row in range(len(analysis.rows))]),
        Moment.of(training.account.peak, analysis),
        tuple(forward.made),
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
