"""How much work a layer is beside its MACs: operations by kind; MACs without padding, and of gradients."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from shapecalc.errors import ArchitectureError
from shapecalc.layers.rules.figures import FigureRules
from shapecalc.layers.rules.kept import kept
from shapecalc.operations import NOTHING, Operations, Unknown, of_complex
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import collecting
from shapecalc.tensors import Tensor, is_complex

if TYPE_CHECKING:
    from shapecalc.layers.base import Layer


PARTLY_FROZEN = "the products of the gradients of a layer that is frozen in part are not known"


class Wanted(NamedTuple):
    """The gradients that the way back through a layer has to make, and where it comes from."""

    inputs: tuple[bool, ...]
    """For each input, whether it depends on a trained parameter."""
    weights: Set[str]
    """The names of the weights that are trained."""
    outputs: tuple[bool, ...] = (True,)
    """For each output, whether a gradient arrives."""


class InnerLayer(NamedTuple):
    """A layer within a layer, with its inputs, and how many there are of it."""

    layer: Layer
    inputs: tuple[Tensor, ...]
    times: int = 1


class Costs(NamedTuple):
    """What a layer's work on given inputs comes to."""

    ops: Operations | Unknown
    macs_without_padding: Dim | Unknown


class CostRules(FigureRules):
    """The rules of operations; those of multiply-accumulates are among the figures."""

    unmeasured: ClassVar[bool] = False
    """Whether what counting tools make of it has not been measured."""
    without_gradient: ClassVar[tuple[int, ...]] = ()
    """The inputs, by their positions, that no gradient goes back to: targets that choose, mere shapes."""
    each: ClassVar[Operations | None] = None
    """The operations for each element of the output, of a type that has as many for all of them."""

    def ops(self, *inputs: Any, **output: Any) -> Operations | None:
        """The operations beside the multiply-accumulates, given the inputs and `y`, the first output.

        By the rules of `shapecalc.operations`; by default `each`, and where there is none, not known.
        """
        if parts := self.parts(*inputs):
            return _of_all(parts)
        y: Tensor = output["y"]
        return None if self.each is None else self.each * y.elements

    def parts(self, *inputs: Any) -> tuple[InnerLayer, ...]:
        """The layers that torch's module is made of, where these are modules of torch themselves."""
        return ()

    left_out = "the zeros of padding"
    """What `macs_without_padding` leaves out."""

    def macs_without_padding(self, *inputs: Any, **output: Any) -> Dim:
        """The multiply-accumulates without those of `left_out`; by default, all of them."""
        return self.macs(*inputs, **output)

    def gradient_inputs(self, port: int, count: int) -> Set[int]:
        """The positions, of so many inputs, that the gradient of an output goes back to."""
        return set(range(count)).difference(self.without_gradient)

    def gradient_macs(self, *inputs: Any, **given: Any) -> Dim:
        """Multiply-accumulates of the gradients that are wanted, given the inputs and `wanted`.

        By default each product of the layer is taken to be one of an input with a matrix, or with another
        input: the gradient of either of them is made of as many products again.

        Raises:
            UnknownError: how many there are is not known.
        """
        wanted: Wanted = given["wanted"]
        figures = self.figures(inputs)
        matrices = [name for name, weight in figures.weights.items() if len(weight.shape) > 1]
        return figures.macs * (sum(wanted.inputs) + (not wanted.weights.isdisjoint(matrices)))

    @kept
    def costs(self, inputs: tuple[Tensor, ...]) -> Costs:
        """The operations and the MACs without padding, or for each why it is not known."""
        y = self.figures(inputs).outputs[0]
        with collecting():  # what has to hold was recorded with the figures
            try:
                ops: Operations | Unknown | None = self.ops(*inputs, y=y)
            except ArchitectureError as error:
                ops = Unknown(error.message)
            try:
                macs_without_padding: Dim | Unknown = self.macs_without_padding(*inputs, y=y)
            except ArchitectureError as error:
                macs_without_padding = Unknown(error.message)
        if isinstance(ops, Operations) and is_complex(y.dtype):
            ops = of_complex(ops)
        return Costs(
            ops or Unknown(f"no count of the operations of {self.type} is declared"), macs_without_padding
        )


def _of_all(parts: tuple[InnerLayer, ...]) -> Operations | None:
    total = NOTHING
    for part in parts:
        ops = part.layer.costs(part.inputs).ops
        if isinstance(ops, Unknown):
            return None
        total += ops * part.times
    return total
