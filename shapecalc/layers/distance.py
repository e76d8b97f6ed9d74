"""How far two tensors are from each other (torch.nn, "Distance Functions"), and a tensor by its length."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace
from shapecalc.allocation.choices import at_least_zero
from shapecalc.allocation.elementwise_gradients import of_absolute_sum, of_length
from shapecalc.allocation.gradients import Back, Gradients, nothing, of_sum, passed, rule
from shapecalc.allocation.kernels import converted, product_of_two, quotient
from shapecalc.allocation.mode import statistic
from shapecalc.allocation.values import OUTPUT, Look, Value
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_axis, check_floating
from shapecalc.layers.fields import Axis, Flag, Real
from shapecalc.layers.joins import combine, operation
from shapecalc.layers.loss import broadcast_together, floating
from shapecalc.layers.ranges import check_fits
from shapecalc.layers.reads import Reads, except_along
from shapecalc.layers.softmax import rows
from shapecalc.operations import Operations, additions
from shapecalc.tensors import Tensor, broadcast, is_floating, promote, result_dtype


def length(trace: Trace, x: Value, axis: int) -> Value:
    """The Euclidean norm along an axis, which becomes 1; it is clamped to eps in a copy."""
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :]) if x.rank else ()
    back = of_length(x.look, Look(shape, x.dtype))
    return trace.copy(trace.kernel(Tensor(shape, x.dtype), x, keeps=(x, OUTPUT), back=back))


def of_norm(p: float, x: Look, y: Look) -> Back:
    """The gradient of a p-norm y of x, or where y has another dtype of a copy of x in that.

    Source: torch::autograd::generated::details::norm_backward.
    """
    if x.dtype != y.dtype:
        return of_copy(x, y.dtype, of_norm(p, x._replace(dtype=y.dtype), y))
    if p == 0:  # a count of what is not 0
        return nothing
    if p == 2:
        return of_length(x, y)
    if p == 1:
        return of_absolute_sum(x, y)
    return of_power_sum(p, x, y) if p > 1 else of_root_sum(x, y)


@rule
def of_copy(trace: Trace, grad: Value, x: Look, dtype: str, inner: Back) -> Gradients:
    """What a way back makes of a copy of x in another dtype, which is there as long."""
    _copy = trace.elementwise(x, dtype=dtype)
    return inner(trace, grad)


@rule
def of_power_sum(trace: Trace, grad: Value, p: float, x: Look, y: Look) -> Gradients:
    """Of a norm above 1: sign(x) · |x|^(p − 1) times g / y^(p − 1), 0 where y is."""

    def scaled() -> Value:
        power = trace.elementwise(x)
        sign = trace.elementwise(x) if p < 2 else x  # |x|^(p − 2) is multiplied with x itself
        return trace.elementwise(sign, power)

    power = scaled()
    share = trace.elementwise(trace.reshape(grad, y.shape), trace.elementwise(y))
    trace.elementwise(y, dtype="bool")  # a mask, which is gone at once
    return [trace.elementwise(power, share)]


@rule
def of_root_sum(trace: Trace, grad: Value, x: Look, y: Look) -> Gradients:
    """Of a norm below 1: sign(x) · |x|^(p − 1), 0 where x is, times g times y^(1 − p)."""

    def scaled() -> Value:
        power = trace.elementwise(x)
        _mask = trace.elementwise(x, dtype="bool")
        sign = trace.elementwise(x)
        return trace.elementwise(sign, power)

    power = scaled()
    share = trace.elementwise(y)
    product = trace.elementwise(power, trace.reshape(grad, y.shape))
    return [trace.elementwise(product, share)]


def numbers_in_common(trace: Trace, *xs: Value) -> list[Value]:
    """Whole numbers are made what both tensors come to together; a wider float is left as it is."""
    common = result_dtype(*[x.tensor for x in xs])
    return [x if is_floating(x.dtype) else converted(trace, x, common) for x in xs]


class CosineSimilarity(Layer):
    """The cosine of the angle between two inputs along `dim`, which disappears; the others are broadcast.

    (*, D, *) and (*, D, *) → (*, *). Source: torch.nn.CosineSimilarity.
    """

    dim = Axis(1)
    eps = Real(1e-8, low=0)
    example = example((2, 32), (2, 32))

    def both(self, first: Tensor, second: Tensor) -> Tensor:
        return Tensor(broadcast(first.shape, second.shape), promote(first.dtype, second.dtype))

    def output(self, first: Tensor, second: Tensor) -> Tensor:
        dtype = promote(first.dtype, second.dtype)  # a scalar's counts in full: torch repeats it before
        if not is_floating(dtype):
            raise ArchitectureError(f"a floating-point input is needed, not {first.dtype} and {second.dtype}")
        both = self.both(first, second)
        axis = check_axis(self.dim, both, "dim", scalars=True)
        return Tensor((*both.shape[:axis], *both.shape[axis + 1 :]), dtype)

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        """Both inputs divided by their norms, multiplied, summed; the clamp to eps has no gradient."""
        first, second = numbers_in_common(trace, *trace.cast("cosine_similarity", *inputs))
        axis = check_axis(self.dim, self.both(first.tensor, second.tensor), "dim", scalars=True)
        first, second = broadcast_together(trace, first, second)
        one, other = length(trace, first, axis), length(trace, second, axis)
        _eps = trace.new(Tensor((), statistic(promote(first.dtype, second.dtype))))
        directions = [quotient(trace, first, one), quotient(trace, second, other)]
        product = product_of_two(trace, *directions)
        gone = [axis] if product.rank else []
        made = Tensor((*product.shape[:axis], *product.shape[axis + 1 :]), product.dtype)
        return (trace.kernel(trace.made_by("sum", made, product), product, back=of_sum(product.look, gone)),)

    def ops(self, first: Tensor, second: Tensor, y: Tensor) -> Operations:
        """x₁·x₂ / max(‖x₁‖ · ‖x₂‖, eps): three sums of products, and two roots."""
        elements = combine(first, second).elements
        sums = (Operations(mul=elements) + additions(elements, y.elements)) * 3
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

    def run(self, trace: Trace, first: Value, second: Value) -> tuple[Value, ...]:
        """Source: at::pairwise_distance."""
        apart = operation(trace, first, second, negates=True)
        moved = trace.kernel(floating(apart.tensor), apart, back=passed(apart.look), strides=apart.strides)
        made = trace.made_by("norm", self.output(first.tensor, second.tensor), moved)
        kept = Look((*moved.shape[:-1], 1) if moved.rank else (), made.dtype)
        back = of_norm(self.p, moved.look, kept)
        y = trace.kernel(made, moved, keeps=(moved, OUTPUT), back=back)
        return (y,)

    def ops(self, first: Tensor, second: Tensor, y: Tensor) -> Operations:
        """(the sum of |x₁ − x₂ + eps|^p)^(1/p)."""
        elements = combine(first, second).elements
        return Operations(add=2 * elements, exp=elements + y.elements) + additions(elements, y.elements)


class normalize(Layer):
    """x / max(‖x‖ₚ, eps), with the p-norm along `dim`. Source: torch.nn.functional.normalize."""

    namespace = "nn.functional."
    p = Real(2.0)
    dim = Axis(1)
    eps = Real(1e-12)
    example = example((2, 8, 4), dim=-1)

    def output(self, x: Tensor) -> Tensor:
        check_floating(x)
        check_axis(self.dim, x, "dim", scalars=True)
        check_fits(self.eps, x.dtype, "eps")
        return x

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        """Squares, or other powers, their sums and roots; a comparison for each, and the quotients."""
        norms = rows(x, self.dim)
        powers = Operations(mul=x.elements) if self.p == 2 else Operations(exp=x.elements)
        rest = Operations(compare=norms, divide=x.elements, exp=norms)
        return powers + additions(x.elements, norms) + rest

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """The norms, a copy of them that is clamped, and the quotient by that."""
        axis = self.dim % x.rank if x.rank else 0
        kept = tuple([1 if i == axis else n for i, n in enumerate(x.shape)])
        made = trace.made_by("linalg_vector_norm", Tensor(kept, x.dtype), x)
        back = of_norm(self.p, x.look, Look(*made))
        norms = at_least_zero(trace, trace.kernel(made, x, keeps=(x, OUTPUT), back=back))
        return (quotient(trace, x, trace.expand(norms, x.shape)),)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (except_along(x, self.dim),)
