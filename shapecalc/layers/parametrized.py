"""Layers whose weight is made of other tensors each time (torch.nn.utils.parametrizations)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.elementwise_gradients import of_length
from shapecalc.allocation.gradients import like, of_row
from shapecalc.allocation.kernels import product_of_two, quotient
from shapecalc.allocation.mode import STATISTIC
from shapecalc.allocation.values import OUTPUT, Look, looks
from shapecalc.errors import ArchitectureError, UnknownError, listed
from shapecalc.layers.base import Layer
from shapecalc.layers.distance import normalize
from shapecalc.layers.fields import Axis, Flag, Real, Size, Text
from shapecalc.layers.inner import Inner
from shapecalc.layers.rules.costs import Wanted
from shapecalc.layers.transposed_convolution import TransposedConvolution
from shapecalc.layers.weights import Weight, Weights
from shapecalc.operations import Operations, Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import Shape, Tensor, product


class Parametrization(Layer, abstract=True):
    """What makes a layer's weight of other tensors, written beside the layer."""

    name = Text("weight")
    use = Flag(True)

    def tensors(self, weight: Weight) -> Weights:
        """What is owned in place of the weight, by their names below `parametrizations.<name>`."""
        raise NotImplementedError

    def made_by(self, weight: Weight) -> Operations:
        """The operations that make the weight."""
        raise NotImplementedError

    def products(self, weight: Weight) -> Dim:
        """The multiply-accumulates of vectors that make it."""
        return 0

    def made(self, trace: Trace, weight: Weight) -> Value:
        """The weight as torch makes it of what is owned, kernel by kernel."""
        raise NotImplementedError

    def of(self, inner: Layer) -> Parametrization:
        """The same for a layer that decides what it leaves out."""
        return self

    def axis(self, weight: Weight, dim: int) -> int:
        """The axis of the weight, counted from the first one; refuses one that it lacks."""
        rank = len(weight.shape)
        if not -rank <= dim < rank:
            message = f"{self.type}: dim is {dim}, but {self.name} {Tensor(weight.shape)} has {rank} axes"
            raise ArchitectureError(message)
        return dim % rank


class weight_norm(Parametrization, abstract=True):
    """A weight as a magnitude and a direction: w = g·v/‖v‖, with a norm for each place along `dim`.

    Of a `dim` of null or −1 there is one norm. Source: Salimans & Kingma 2016, arXiv:1602.07868;
    torch.nn.utils.parametrizations.weight_norm.
    """

    dim = Axis(0, optional=True)

    def tensors(self, weight: Weight) -> Weights:
        return {"original0": weight._replace(shape=self.norms(weight)), "original1": weight}

    def check(self) -> None:
        if self.dim is not None and self.dim < -1:
            message = f"dim must be at least 0, or -1 for one norm of all, not {self.dim}"
            raise ArchitectureError(message, argument="dim")

    def norms(self, weight: Weight) -> Shape:
        if self.dim in (None, -1):  # as torch reads it
            return ()
        axis = self.axis(weight, self.dim)
        return tuple([n if i == axis else 1 for i, n in enumerate(weight.shape)])

    def made(self, trace: Trace, weight: Weight) -> Value:
        """One kernel for the first axis or the last, which keeps its norms; else v · (g / ‖v‖).

        Source: at::_weight_norm.

        Raises:
            UnknownError: it is trained, and each element has a norm of its own.
        """
        norms = self.norms(weight)
        magnitude, direction = trace.parameters({"original0": norms, "original1": weight.shape})
        if magnitude.tracked and len(norms) == 1:  # torch's decomposition sums over no axes as over all
            message = "of one axis keeps a norm for each element, or on the device meta one of all"
            raise UnknownError(f"weight_norm of a weight {message}: it can't be held against torch")
        if norms and self.axis(weight, self.dim) in (0, len(norms) - 1):
            both = [magnitude, direction]
            kept: list[Value | Tensor] = [*both, Tensor(norms, STATISTIC)]
            return trace.kernel(Tensor(weight.shape), *both, keeps=kept, back=of_row(*looks(both)))
        shares = quotient(trace, magnitude, self.lengths(trace, direction))
        return product_of_two(trace, direction, shares)

    def lengths(self, trace: Trace, x: Value) -> Value:
        """‖x‖, of all of it or along an axis between the others. Source: at::norm_except_dim."""
        if self.dim in (None, -1):
            return trace.kernel(Tensor(()), x, keeps=(x, OUTPUT), back=of_length(x.look, Look((), x.dtype)))
        axis = self.dim % x.rank
        turned = trace.contiguous(trace.transpose(x, 0, axis))
        rows = trace.view(turned, (turned.shape[0], product(turned.shape[1:])))
        back = of_length(rows.look, Look((rows.shape[0], 1), x.dtype))
        norms = trace.kernel(Tensor(rows.shape[:1]), rows, keeps=(rows, OUTPUT), back=back)
        return trace.transpose(trace.view(norms, (turned.shape[0], *[1] * (x.rank - 1))), 0, axis)

    def made_by(self, weight: Weight) -> Operations:
        """Of each norm the root of a sum of squares, and its share of g; a product for each element."""
        norms = product(self.norms(weight))
        squares = Operations(mul=weight.elements, add=weight.elements - norms, exp=norms)
        return squares + Operations(divide=norms, mul=weight.elements)


class spectral_norm(Parametrization, abstract=True):
    """A weight divided by its greatest singular value, which two vectors, its buffers, approximate.

    The weight is taken for a matrix of what is along `dim`, 0 unless written, of transposed convolutions 1;
    one of one axis is divided by its norm. In evaluation: in training the vectors take `n_power_iterations`
    steps before. Source: Miyato et al. 2018, arXiv:1802.05957; torch.nn.utils.parametrizations.spectral_norm.
    """

    n_power_iterations = Size(1)
    eps = Real(1e-12)
    dim: Any = Axis(None)

    def of(self, inner: Layer) -> Parametrization:
        if self.dim is None and isinstance(inner, TransposedConvolution):
            return self.replaced({"dim": 1})
        return self

    def sides(self, weight: Weight) -> tuple[Dim, Dim]:
        """The rows of the matrix, and its columns."""
        axis = self.axis(weight, self.dim or 0)
        shape = weight.shape
        return shape[axis], product((*shape[:axis], *shape[axis + 1 :]))

    def tensors(self, weight: Weight) -> Weights:
        self.axis(weight, self.dim or 0)
        if len(weight.shape) < 2:
            return {"original": weight}
        rows, columns = self.sides(weight)
        vectors = {"0._u": (rows,), "0._v": (columns,)}
        kept = {name: Weight(shape, weight.dtype, buffer=True) for name, shape in vectors.items()}
        return {"original": weight, **kept}

    def products(self, weight: Weight) -> Dim:
        """Those of uᵀ·W·v: a row each with v, and u with these."""
        return weight.elements + self.sides(weight)[0] if len(weight.shape) > 1 else 0

    def made(self, trace: Trace, weight: Weight) -> Value:
        """The quotient by σ = uᵀ·W·v; u and v, after their steps in training, are copied for the way back.

        Source: _SpectralNorm.forward; torch.nn.functional.normalize of one of one axis.
        """
        (own,) = trace.parameters({"original": weight.shape})
        if len(weight.shape) < 2:
            return normalize(dim=0).run(trace, own)[0]
        axis = self.axis(weight, self.dim or 0)
        order = [axis, *(other for other in range(own.rank) if other != axis)]
        matrix = trace.reshape(trace.permute(own, order), self.sides(weight))
        if trace.training:
            self.step(trace, matrix)
        left, right = [trace.new(Tensor((size,), own.dtype)) for size in matrix.shape]
        return quotient(trace, own, self.sigma(trace, matrix, left, right))

    def step(self, trace: Trace, matrix: Value) -> None:
        """Each vector anew, as a product of the matrix with the other one, divided by its norm in place."""
        for size in matrix.shape if self.n_power_iterations else ():
            _product = trace.new(Tensor((size,), matrix.dtype))
            _norm = trace.new(Tensor((1,), matrix.dtype))
            del _product, _norm

    def sigma(self, trace: Trace, matrix: Value, left: Value, right: Value) -> Value:
        """Source: torch.mv, torch.vdot; their ways back in tools/autograd/derivatives.yaml."""
        rows = trace.kernel(Tensor(left.shape), matrix, keeps=(right,))
        return trace.kernel(Tensor(()), rows, keeps=(left,), back=like(left.look))

    def made_by(self, weight: Weight) -> Operations:
        """A division for each element; of a vector the root of a sum of squares before."""
        norm = Operations(mul=weight.elements, add=weight.elements - 1, exp=1)
        return Operations(divide=weight.elements) + (norm if len(weight.shape) < 2 else Operations())


PARAMETRIZED: Mapping[str, type[Parametrization]] = {
    kind.__name__: kind for kind in (weight_norm, spectral_norm)
}


class Parametrized(Inner, abstract=True):
    """The `inner` layer, one of whose weights a parametrization makes."""

    unmeasured = True

    def __init__(self, inner: Layer, by: Parametrization) -> None:
        own: dict[str, object] = {by.type: by.name}
        super().__init__(inner, own, **{by.type: Text("weight")})
        vars(self)["undecided"] = f"is not known with {by.type}"
        self.by: Any = by.of(inner)

    def parametrized(self, *inputs: Tensor) -> Weight:
        """The weight that is made.

        Raises:
            ArchitectureError: the layer has none of that name.
        """
        weights = self.inner.weights(*inputs)
        found = weights.get(self.by.name)
        if found is None or found.buffer:
            has = listed(name for name, weight in weights.items() if not weight.buffer)
            message = f"{self.by.type}: {self.type} has no parameter {self.by.name!r}"
            raise ArchitectureError(message, hint=f"it has {has}" if has else None)
        return found

    def products(self, *inputs: Tensor) -> Dim:
        """The multiply-accumulates that make the weight."""
        found: Dim = self.by.products(self.parametrized(*inputs))
        return found

    def weights(self, *inputs: Tensor) -> Weights:
        """The layer's weights, where the parametrized one is replaced by those that it is computed from."""
        made = self.parametrized(*inputs)
        others = {name: w for name, w in self.inner.weights(*inputs).items() if name != self.by.name}
        path = f"parametrizations.{self.by.name}"
        return {**others, **{f"{path}.{name}": w for name, w in self.by.tensors(made).items()}}

    def macs(self, *inputs: Tensor, y: Tensor) -> Dim:
        """Those of the layer, and those that make the weight."""
        return super().macs(*inputs, y=y) + self.products(*inputs)

    def macs_without_padding(self, *inputs: Tensor, y: Tensor) -> Dim:
        return super().macs_without_padding(*inputs, y=y) + self.products(*inputs)

    def gradient_macs(self, *inputs: Tensor, wanted: Wanted) -> Dim:
        """Those of the layer: the way back through a norm sums no products."""
        path = f"parametrizations.{self.by.name}."
        names = {self.by.name if name.startswith(path) else name for name in wanted.weights}
        return super().gradient_macs(*inputs, wanted=wanted._replace(weights=names))

    def ops(self, *inputs: Tensor, y: Tensor) -> Operations | None:
        ops = self.inner.costs(inputs).ops
        return None if isinstance(ops, Unknown) else ops + self.by.made_by(self.parametrized(*inputs))

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        """The layer's own kernels, of a weight that is made before.

        In prediction a lower bound where it is another one than the only `weight`, or cast by autocast.

        Raises:
            UnknownError: autograd watches one of these.
        """
        if self.by.name == "weight" and not trace.autocast:
            with trace.inside(f"parametrizations.{self.by.name}"):
                weight = self.by.made(trace, self.parametrized(*[x.tensor for x in inputs]))
            with trace.computed(self.by.name, weight):
                return self.inner.run(trace, *inputs)
        if trace.grad:
            raise UnknownError(f"{self.type}: what {self.by.type} keeps for the way back is not known")
        trace.complete = False
        return self.inner.run(trace, *inputs)


@lru_cache(maxsize=10_000)
def parametrized(inner: Layer, by: Parametrization) -> Layer:
    """The layer with its parametrization; equal ones are one object."""
    return Parametrized(inner, by) if by.use else inner
