"""How far two tensors are from each other (torch.nn, "Distance Functions")."""

from __future__ import annotations

from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, check_axis, example
from shapecalc.layers.fields import Axis, Flag, Real
from shapecalc.layers.joins import combine
from shapecalc.operations import Operations, summed
from shapecalc.tensors import Tensor, broadcast, is_floating, promote


class CosineSimilarity(Layer):
    """The cosine of the angle between two inputs along `dim`, which disappears; the others are broadcast.

    (*, D, *) and (*, D, *) → (*, *). Source: torch.nn.CosineSimilarity.
    """

    dim = Axis(1)
    eps = Real(1e-8, low=0)
    example = example((2, 32), (2, 32))

    def output(self, first: Tensor, second: Tensor) -> Tensor:
        dtype = promote(first.dtype, second.dtype)  # a scalar's counts in full: torch repeats it before
        if not is_floating(dtype):
            raise ArchitectureError(f"a floating-point input is needed, not {first.dtype} and {second.dtype}")
        both = Tensor(broadcast(first.shape, second.shape), dtype)
        axis = check_axis(self.dim, both, "dim", scalars=True)
        return Tensor((*both.shape[:axis], *both.shape[axis + 1 :]), dtype)

    def ops(self, first: Tensor, second: Tensor, y: Tensor) -> Operations:
        """x₁·x₂ / max(‖x₁‖ · ‖x₂‖, eps): three sums of products, and two roots."""
        elements = combine(first, second).elements
        sums = (Operations(mul=elements) + summed(elements, y.elements)) * 3
        return sums + Operations(mul=1, compare=1, divide=1, exp=2) * y.elements


class PairwiseDistance(Layer):
    """The p-norm of the difference of two inputs along their last axis; the others are broadcast.

    (*, D) and (*, D) → (*), or (*, 1) with `keepdim`. Source: torch.nn.PairwiseDistance.
    """

    p = Real(2.0)
    eps = Real(1e-6)
    keepdim = Flag(False)
    example = example((2, 32), (2, 32))

    def output(self, first: Tensor, second: Tensor) -> Tensor:
        if "bool" in (first.dtype, second.dtype):
            raise ArchitectureError(f"numbers are needed, not {first.dtype} and {second.dtype}")
        both = combine(first, second)
        dtype = both.dtype if is_floating(both.dtype) else "float32"
        kept = (1,) if self.keepdim and both.rank else ()
        return Tensor((*both.shape[:-1], *kept), dtype)

    def ops(self, first: Tensor, second: Tensor, y: Tensor) -> Operations:
        """(the sum of |x₁ − x₂ + eps|^p)^(1/p)."""
        elements = combine(first, second).elements
        return Operations(add=2 * elements, exp=elements + y.elements) + summed(elements, y.elements)
