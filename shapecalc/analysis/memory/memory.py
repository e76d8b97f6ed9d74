"""How many bytes a step in training needs: in its passes, and in the optimizer's update."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

from shapecalc.allocation.mode import Mode
from shapecalc.allocation.peak import Peak
from shapecalc.analysis.memory.backward import Arrived, Backward
from shapecalc.analysis.memory.forward import Forward
from shapecalc.analysis.memory.lora import adapted
from shapecalc.analysis.memory.prediction import (
    Moment,
    Prediction,
    mode_of,
    prediction_of,
    refuse_different,
    settled,
)
from shapecalc.analysis.memory.ranks import Held, held
from shapecalc.analysis.memory.segments import Segment, followed, recomputed_macs, segments_of
from shapecalc.analysis.memory.splitting import Splits, splits_of
from shapecalc.analysis.memory.stages import staged, stages_of
from shapecalc.analysis.memory.training import Training
from shapecalc.engine.limits import MOST_FOLLOWED
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.symbolic import Dim, summed
from shapecalc.symbolic.conditions import Condition, Known
from shapecalc.symbolic.implied import assumed, decisive
from shapecalc.tensors import for_json

UPDATE = "the optimizer's update"
"""In place of a row, where the peak is in no layer."""

EXACT, AT_MOST, AT_LEAST, MODEL = "exact", "at most", "at least", "model"
"""What a figure is: torch's, to the byte; one that torch does not exceed; one beside which a tool makes what
is its own; what a scheme says it needs, beside which a framework has buffers of its own."""


class Figure(NamedTuple):
    """Bytes that a device has in training, and how far they are known."""

    what: str
    bytes: Dim
    status: str
    rule: str = ""
    """Where the figure comes from, if not from torch alone."""


@dataclass(frozen=True, slots=True)
class Memory(Prediction):
    """Bytes that a network needs in prediction, and in a step of training."""

    runs: ClassVar[int] = 2
    how: Training
    held: Held
    """Bytes of weights, gradients and the optimizer's state that a device has: of several, each."""
    saved_by_row: tuple[Dim, ...]
    """Bytes of the storages that autograd keeps in training, each at the first row that it is kept for."""
    training_conditions: tuple[Condition, ...]
    """What symbols must satisfy for the formulas of training, beside those of prediction."""
    splits: Splits
    """The weights that are split among devices."""
    recomputed: Dim
    """Multiply-accumulates that the way back does again."""
    passes: Moment
    """Activations and gradients of a step in training: forward, and back to all parameters."""
    refusal: ArchitectureError | None
    """Why there are no figures of training: torch can't train it, or what a layer keeps is not known."""

    @property
    def all_conditions(self) -> tuple[Condition, ...]:
        return *self.analysis.conditions, *self.conditions, *self.training_conditions

    @property
    def peak(self) -> Moment:
        return self.training

    def again(self, analysis: Analysis) -> Memory:
        found = memory(analysis, self.dtype, self.how)
        if found.refusal:
            raise found.refusal
        return found

    @property
    def saving_unknown(self) -> bool:
        """Whether what autograd keeps is not known."""
        return isinstance(self.refusal, UnknownError)

    @property
    def saved(self) -> Dim:
        """Bytes that autograd keeps for the backward pass."""
        counted = zip(self.saved_by_row, self.analysis.times, strict=True)
        return summed([times * saved for saved, times in counted])

    def saved_under(self, node: Node) -> Dim:
        """Bytes that it keeps for the rows under a node of the tree."""
        numbers, each = self.analysis.under(node)
        return summed([times * self.saved_by_row[n] for n, times in zip(numbers, each, strict=True)])

    @property
    def gradients(self) -> Dim:
        """Bytes of the gradients of parameters: as many as those that are trained have."""
        return self.held.gradients

    @property
    def optimizer(self) -> Dim:
        """Bytes that the optimizer keeps."""
        return self.held.optimizer

    @property
    def training(self) -> Moment:
        """The most at once in a step of training: in its passes, or in the optimizer's update."""
        own = self.held
        peak = Peak(assumed(self.analysis.conditions))
        there = own.gradients if self.how.adds_up else 0
        known = *self.passes.above(there).alternatives, (own.gradients + own.update.bytes, UPDATE)
        for number, (size, _) in enumerate(known):
            peak.meet(size, number)
        found = Moment(tuple([(size, known[number][1]) for size, number in peak.met()]))
        return found.above(own.parameters + self.buffers + own.master + own.optimizer + own.gathered)

    @property
    def training_status(self) -> str:
        """What the most at once is: exact on one device, unless an update decides that may make less."""
        if self.how.ranks > 1 or self.how.tensor > 1:
            return MODEL
        if self.how.checkpoint:  # torch stops early, by default
            return MODEL if self.analysis.schemes else AT_MOST
        updates = any(path == UPDATE for _, path in self.training.alternatives)
        less = updates and self.held.update.at_most
        if self.analysis.schemes:
            return MODEL if less else AT_LEAST
        return AT_MOST if less else EXACT

    def figures(self) -> Iterator[Figure]:
        """What is there at the peak, in part or whole, beside gradients of activations."""
        own, rules = self.held, self.how.rules
        yield Figure("parameters", own.parameters, EXACT, rules.parameters)
        yield Figure("buffers", self.buffers, EXACT)
        if self.how.master:
            yield Figure("master weights", own.master, EXACT, rules.master)
        yield Figure("gradients", own.gradients, AT_MOST if self.how.zero > 1 else EXACT, rules.gradients)
        yield Figure("optimizer state", own.optimizer, EXACT, rules.optimizer)
        if self.how.zero == 3:
            yield Figure("gathered for a layer", own.gathered, AT_MOST, own.gathered_at)
        yield Figure("kept for backward", self.saved, AT_LEAST if self.analysis.schemes else EXACT)

    def to_dict(self) -> dict[str, Any]:
        """The bytes for programs; those of training are null where it has none."""
        inputs = {name: tensor.to_dict() for name, tensor in self.analysis.inputs.items()}
        saved_by_row = [None if self.saving_unknown else saved for saved in self.saved_by_row]
        layers = zip(self.analysis.rows, saved_by_row, strict=True)
        return {
            "name": self.analysis.name,
            "inputs": inputs,
            "conditions": [{"path": c.path, "condition": c.ascii()} for c in decisive(self.all_conditions)],
            "terms": {"dtype": self.dtype, **self.how.to_dict()},
            "layers": [
                {"path": row.path, "type": row.type, "saved": for_json(saved)} for row, saved in layers
            ],
            **self._sizes(),
            **({} if self.saving_unknown or self.how.plain else self._of_devices()),
        }

    def _sizes(self) -> dict[str, Any]:
        """The bytes of the network, and how far its peaks are known."""
        figures = {
            "parameters": self.parameters,
            "buffers": self.buffers,
            "gradients": self.gradients,
            "optimizer": self.optimizer,
            "saved": None if self.saving_unknown else self.saved,
            "recomputed_macs": self.recomputed,
            "activations_peak": self.activations.bytes,
            "inference_peak": self.prediction.bytes,
            "training_peak": None if self.refusal else self.training.bytes,
        }
        return {
            **{name: for_json(size) for name, size in figures.items()},
            "inference_peak_status": "at least" if self.bounded else "exact",
            "training_peak_status": str(self.refusal) if self.refusal else self.training_status,
        }

    def _of_devices(self) -> dict[str, Any]:
        """What a device holds, what is split among several, and the stages of a pipeline."""
        return {
            "device": [for_json(figure._asdict()) for figure in self.figures()],
            "split": [for_json(split._asdict()) for split in self.splits.values()],
            "stages": [stage.to_dict() for stage in stages_of(self)],
        }


def memory(analysis: Analysis, dtype: str = "float32", how: Training | str = "sgd") -> Memory:
    """The memory of a network whose float32 is `dtype`, and of a step in training.

    `how`: what a device does of the step, or the optimizer's name alone. With `AMP`, weights, gradients and
    the optimizer's state are float32.

    Raises:
        UnknownError: it is not known what a layer allocates.
        ArchitectureError: a layer does not take the dtype.
        UsageError: copies have to be looked at one by one, and there are too many, or too many that differ;
            or what `how` says does not go together, or is not of this network.
    """
    training = (Training(how) if isinstance(how, str) else how).checked(dtype)
    refuse_different(analysis, "the memory of training", Memory.runs)
    analysis = staged(analysis, training.pipeline)
    analysis = followed(analysis, training.checkpoint, MOST_FOLLOWED)
    return settled(lambda rows: _memory(adapted(rows, training.lora), dtype, training), analysis)


def _memory(analysis: Analysis, dtype: str, training: Training) -> Memory:
    found = prediction_of(analysis, dtype)
    splits = splits_of(analysis, training.tensor)
    again = segments_of(analysis, training.checkpoint)
    step = step_of(analysis, mode_of(dtype)._replace(grad=True, training=True), training, again)
    known = Known([*analysis.conditions, *found.conditions])
    return Memory(
        **{field.name: getattr(found, field.name) for field in fields(found)},
        how=training,
        held=held(analysis, mode_of(dtype).dtype, training, splits),
        splits=splits,
        saved_by_row=tuple([step.saved.get(row, 0) for row in range(len(analysis.rows))]),
        training_conditions=tuple([c for c in step.conditions if not known.imply(c)]),
        passes=step.peak,
        recomputed=recomputed_macs(analysis, again),
        refusal=step.refusal,
    )


class Passes(NamedTuple):
    """The passes of a step in training."""

    saved: Mapping[int, Dim]
    conditions: Sequence[Condition]
    peak: Moment
    refusal: ArchitectureError | None


def step_of(analysis: Analysis, mode: Mode, training: Training, again: Sequence[Segment]) -> Passes:
    """A pass forward and one back; only the reason, where it is not known what a layer keeps."""
    try:
        forward = Forward(analysis, mode, segments=again)
        saved = forward.ledger.saved()
        backward = Backward(forward, _arrived(training))
    except UnknownError as error:
        return Passes({}, (), Moment.of(Peak(), analysis), error)
    peak = Moment.of(forward.ledger.peak, analysis)
    refusal = backward.refusal or untrainable(forward)
    return Passes(saved, forward.conditions, peak, refusal)


def _arrived(training: Training) -> Arrived:
    """What becomes of the gradient of a parameter."""
    if training.zero > 1 or training.tensor > 1:
        return Arrived.REDUCED
    return Arrived.ADDED if training.accumulate > 1 else Arrived.STAYS


def untrainable(forward: Forward) -> ArchitectureError | None:
    """Why there is no way back: torch's backward refuses an output that no gradient flows back from."""
    analysis = forward.analysis
    if any(forward.flows[edge].given.tracked for edge in analysis.output_edges):
        return None
    hint = "without --train, memory says what prediction needs"
    if analysis.totals.frozen_params != 0:
        hint = "frozen: false beside a step lets its weights be trained"
    return ArchitectureError(
        f"{analysis.name} can't be trained: no output depends on a trainable parameter", hint=hint
    )
