"""What a layer allocates and keeps, on the way forward and back: the kernels that torch runs for it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from enum import Enum
from typing import Any, ClassVar, TypeAlias

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.footprint import Footprint, Input, record
from shapecalc.allocation.gradients import Back
from shapecalc.allocation.mode import Mode
from shapecalc.allocation.strides import Strides, dense
from shapecalc.allocation.values import OUTPUT
from shapecalc.errors import UnknownError
from shapecalc.layers.rules.calling import CallRules
from shapecalc.layers.rules.kept import kept
from shapecalc.layers.weights import owned
from shapecalc.symbolic.conditions import collecting
from shapecalc.tensors import Tensor, is_complex


class Keeps(Enum):
    """What autograd keeps for the backward pass of a kernel, of a type where it is always the same."""

    NOTHING = "nothing"
    INPUTS = "inputs"
    OUTPUT = "output"
    BOTH = "inputs and output"


Saved: TypeAlias = Sequence["Value | Tensor"]
"""What autograd keeps: inputs, `OUTPUT`, and tensors that a kernel makes besides."""


class MemoryRules(CallRules):
    """The rules of memory: `saved` of a layer that is one kernel, `run` of one that is several or a view."""

    aligned: ClassVar[bool] = False
    """Whether the output's elements lie in memory as those of the first input do, after a permute too."""
    keeps: ClassVar[Keeps | None] = None
    """What autograd keeps of a layer that is one kernel; None where it depends, or is not known."""
    keeps_weight: ClassVar[bool] = True
    """Whether autograd keeps the first weight beside that, of a layer that is one kernel and has weights."""
    undecided: ClassVar[str] = "is not known"
    """Why it can't be said what it allocates, of a type for which nothing says so."""
    operation: ClassVar[str] = ""
    """The name of torch's operation that a module comes to, for the lists of autocast; not of a function."""

    @property
    def writes_over(self) -> bool:
        """Whether it may write over its input."""
        return bool(self.__dict__.get("inplace"))

    def saved(self, *inputs: Any) -> Saved | None:
        """What autograd keeps for the backward pass: inputs, `OUTPUT`, and tensors made besides.

        Weights are left out. By default what `keeps` says; None: not known.
        """
        if self.keeps is None:
            return None
        output = (OUTPUT,) if self.keeps in (Keeps.OUTPUT, Keeps.BOTH) else ()
        return (*inputs, *output) if self.keeps in (Keeps.INPUTS, Keeps.BOTH) else output

    def operation_on(self, *inputs: Any) -> str:
        """The name of torch's operation that the layer comes to; by default one whatever the inputs are."""
        return self.operation or (self.function or "").rpartition(".")[2]

    def run(self, trace: Trace, *inputs: Any) -> tuple[Value, ...]:
        """The kernels that torch runs, in its order; by default one that makes the only output.

        Raises:
            UnknownError: what autograd keeps is not known.
        """
        figures = self.figures(tuple([trace.declared(x) for x in inputs]))
        (made, *others) = figures.outputs
        operation, count = self.operation_on(*inputs), len(inputs)
        cast = trace.cast(operation, *inputs, *owned(trace, figures.weights))
        inputs, weights = tuple(cast[:count]), cast[count:]
        keeps = self.saved(*inputs)
        if keeps is None or others:
            return self.at_least(trace, made, *others)
        y = trace.kernel(
            trace.made_by(operation, made, *inputs),
            *inputs,
            *weights,
            keeps=[*keeps, *trace.copies(weights[:1] if self.keeps_weight else [])],
            back=self.back(*inputs, *weights),
            laid=self.strides_of(made, inputs[0]) if inputs else None,
        )
        return (y,)

    def at_least(self, trace: Trace, *made: Tensor) -> tuple[Value, ...]:
        """The outputs of a type of which no more is known: in prediction they are there.

        Raises:
            UnknownError: autograd watches.
        """
        if trace.grad:
            raise UnknownError(f"{self.type}: what it keeps for the backward pass {self.undecided}")
        trace.complete = False
        return tuple([trace.new(y) for y in made])

    def strides_of(self, made: Tensor, x: Value) -> Strides | None:
        """The strides of the output, in elements; None if it is contiguous."""
        return dense(made.shape, x.strides) if self.aligned and x.strides and made.rank == x.rank else None

    def back(self, *inputs: Any) -> Back | None:
        """How the gradients of inputs and weights are made; by default each in a storage of its own."""
        return None

    @kept
    def footprint(self, inputs: tuple[Input, ...], mode: Mode, frozen: Set[str]) -> Footprint:
        """What `run` records on a trace: storages with their bytes, kernels, and what these keep.

        `frozen` are the names of the weights that are not trained.

        Raises:
            UnknownError: what it allocates is not known.
        """
        with collecting() as conditions:
            found = record(self.run, inputs, mode, frozen)
        tensors = [*[x.tensor for x in inputs], *[y.given.tensor for y in found.outputs]]
        if mode.grad and any(is_complex(x.dtype) for x in tensors):  # torch conjugates on the way back
            raise UnknownError(f"{self.type}: what it keeps of complex numbers for the way back is not known")
        return found._replace(conditions=tuple(conditions))
