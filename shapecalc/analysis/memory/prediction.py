"""How many bytes a network needs in prediction, and at which row the most are alive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from shapecalc.allocation.mode import Mode, bytes_of
from shapecalc.allocation.peak import Peak, greatest_of
from shapecalc.analysis.memory.copies import UnsettledError
from shapecalc.analysis.memory.forward import Forward
from shapecalc.engine.limits import MOST_DIFFERENT, MOST_FOLLOWED, refuse_long
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis
from shapecalc.engine.run import whole
from shapecalc.errors import ArchitectureError, UsageError
from shapecalc.shown import Shown
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import Condition
from shapecalc.tensors import Tensor

AMP = "amp"
"""In the place of a dtype: float32, run under torch.autocast of a GPU in float16."""


def mode_of(dtype: str) -> Mode:
    """Prediction in a dtype."""
    return Mode(autocast=True) if dtype == AMP else Mode(dtype=dtype)


@dataclass(frozen=True, slots=True)
class Moment:
    """The most bytes alive at once, and the row at which that is."""

    alternatives: tuple[tuple[Dim, str], ...]
    """A size and a path, or several formulas, of which the greatest is meant: sizes decide."""

    @classmethod
    def of(cls, peak: Peak, analysis: Analysis) -> Moment:
        paths = {-1: "", **{number: row.path for number, row in enumerate(analysis.rows)}}
        return cls(tuple([(size, paths[place]) for size, place in peak.met()]))

    @property
    def sizes(self) -> list[Dim]:
        return [size for size, _ in self.alternatives]

    @property
    def bytes(self) -> Dim:
        return greatest_of(self.sizes)

    def rewritten(self, form: Callable[[Dim], Dim], compared: Callable[[Dim], Dim]) -> Moment:
        """The same, each formula as `form` gives it; left out what is not the greatest as `compared`."""
        peak = Peak()
        for place, size in enumerate(self.sizes):
            peak.meet(compared(size), place)
        left = [self.alternatives[place] for _, place in peak.met()] or self.alternatives
        return Moment(tuple([(form(size), path) for size, path in left]))

    def above(self, base: Dim) -> Moment:
        """The same, on top of bytes that are there all the time."""
        return Moment(tuple([(base + size, path) for size, path in self.alternatives]))


@dataclass(frozen=True, slots=True)
class Prediction(Shown):
    """Bytes that a network needs in prediction, as torch has them on `meta`.

    Activations are all that is neither parameter nor buffer; the caller's inputs are among them throughout.
    """

    runs: ClassVar[int] = 1
    """How often the kernels of each layer are run to find it."""
    analysis: Analysis
    dtype: str
    """What float32 is, or `AMP`."""
    parameters: Dim
    frozen: Dim
    """Those of the parameters that are not trained: they have no gradient and no optimizer's state."""
    buffers: Dim
    activations: Moment
    """In a forward pass in evaluation that lets each tensor go after its last use."""
    bounded: Mapping[str, str]
    """The types of whose way forward not all is known, and why: the peak is at least what it says."""
    conditions: tuple[Condition, ...]
    """What symbols must satisfy for the formulas of prediction, beside what they must for the shapes."""
    made: tuple[Tensor, ...]
    """The first output of each row, in the dtype that it has in a forward pass."""

    def output_bytes(self, node: Node) -> Dim:
        dtype = self.made[node.stop - 1].dtype if node.stop > node.start else node.output.dtype
        return node.output.elements * bytes_of(mode_of(self.dtype).dtype)[dtype]

    @property
    def prediction(self) -> Moment:
        """The most at once in prediction, weights and all."""
        return self.activations.above(self.parameters + self.buffers)

    @property
    def peak(self) -> Moment:
        """The most at once in what is asked for: here in prediction, of a `Memory` in training."""
        return self.prediction

    @property
    def all_conditions(self) -> tuple[Condition, ...]:
        """What symbols must satisfy for all figures, those of shapes first."""
        return *self.analysis.conditions, *self.conditions

    def again(self, analysis: Analysis) -> Prediction:
        """The same figures of another analysis.

        Raises:
            ArchitectureError: there are none.
        """
        return predicted(analysis, self.dtype)


def refuse_different(analysis: Analysis, what: str, times: int) -> None:
    """Refuse a network with too many layers of different arguments or inputs, each of which is run so often.

    With symbols in its sizes, a layer takes twice as long.

    Raises:
        UsageError: there are too many.
    """
    most = MOST_DIFFERENT // (times * (1 + bool(analysis.symbols)))
    if len(analysis.rows) <= most:
        return
    different = len({(id(row.layer), row.inputs) for row in analysis.rows})
    if different > most:
        message = f"{what} looks at layers that differ one by one, at most {most:,}: there are {different:,}"
        numbers = "of numbers in place of letters twice as many are looked at"
        raise UsageError(message, hint=numbers if analysis.symbols else "memory without it takes more")


T = TypeVar("T")


def settled(memory_of: Callable[[Analysis], T], analysis: Analysis) -> T:
    """An answer of `memory_of`; where copies that a brief analysis leaves out differ in memory, of all rows.

    Raises:
        UsageError: there are too many.
    """
    try:
        return memory_of(analysis)
    except UnsettledError:
        return memory_of(whole(analysis, "memory", MOST_FOLLOWED))


def predicted(analysis: Analysis, dtype: str = "float32") -> Prediction:
    """The memory that a network whose float32 is `dtype` needs in prediction.

    With `AMP`, weights are float32.

    Raises:
        UnknownError: it is not known what a layer allocates.
        ArchitectureError: a layer does not take the dtype.
        UsageError: copies have to be looked at one by one, and there are too many, or too many that differ.
    """
    refuse_different(analysis, "memory", Prediction.runs)
    return settled(lambda rows: prediction_of(rows, dtype), analysis)


def prediction_of(analysis: Analysis, dtype: str) -> Prediction:
    """The same of a network's rows as they are: copies that a brief analysis leaves out stay left out.

    Raises:
        UnsettledError: of a brief analysis, copies that were left out do not all need the same.
    """
    refuse_long(len(analysis.rows), "memory", MOST_FOLLOWED)
    mode = mode_of(dtype)
    check_dtype(analysis, mode.dtype)
    forward = Forward(analysis, mode)
    sizes = bytes_of(mode.dtype)
    weights = [
        (row.weights[name].kind, times * own, name in row.frozen)
        for row, times in zip(analysis.rows, analysis.times, strict=True)
        for name, own in row.weight_bytes(sizes).items()
    ]
    parameters, buffers = (
        sum([size for of, size, _ in weights if of == kind]) for kind in ("parameter", "buffer")
    )
    return Prediction(
        analysis,
        dtype,
        parameters,
        sum([size for _, size, frozen in weights if frozen]),
        buffers,
        Moment.of(forward.ledger.peak, analysis),
        forward.bounded,
        tuple(forward.conditions),
        tuple(forward.made),
    )


def check_dtype(analysis: Analysis, dtype: str) -> None:
    """Refuse a dtype that torch has no kernel of a layer for; one with weights takes that of its weights."""
    if dtype == "float32":
        return
    for row in analysis.rows:
        if row.weights:
            continue
        inputs = tuple([x._replace(dtype=dtype) if x.dtype == "float32" else x for x in row.inputs])
        try:
            row.layer.figures(inputs)
        except ArchitectureError as error:
            raise error.about(row.type).at(None, row.path) from None
