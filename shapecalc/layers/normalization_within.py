"""Normalisation (torch.nn, "Normalization Layers") of each position, over its axes or its channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.elementwise_gradients import of_power, of_quotient
from shapecalc.allocation.gradients import Back, of_mean, passed
from shapecalc.allocation.kernels import check_view, converted, product_of_two, times_number, widened
from shapecalc.allocation.mode import statistic
from shapecalc.allocation.values import OUTPUT
from shapecalc.errors import ArchitectureError, UnknownError, written
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating, check_least_rank, check_rank
from shapecalc.layers.fields import Flag, Real, Size, Trailing
from shapecalc.layers.normalization import learned
from shapecalc.layers.reads import Merged, Reads, except_along
from shapecalc.layers.rules import Saved
from shapecalc.layers.weights import Weight, Weights, owned
from shapecalc.operations import Operations, averaged, scaled_down, standardised
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import equal
from shapecalc.tensors import Shape, Tensor, is_floating, product


class TrailingNorm(Layer, abstract=True):
    """What normalisations over the last axes have in common: the last one, unless several are written."""

    normalized_shape = Trailing()
    example = example((2, 16, 64))

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (except_along(x, *range(-len(self.normalized(x)), 0)),)

    def inferred(self, inputs: tuple[Tensor, ...]) -> dict[str, Dim | Shape]:
        return {"normalized_shape": self.normalized(inputs[0])}

    def normalized(self, x: Tensor) -> Shape:
        """The sizes of the axes that are normalised over, checked against those written, if any."""
        given = self.normalized_shape
        if given is None:
            check_least_rank(x, 1)
            return x.shape[-1:]
        found = x.shape[-len(given) :]
        why = f"normalized_shape is {written(given)}"
        fits = len(found) == len(given) and all(equal(a, b, why) for a, b in zip(given, found, strict=True))
        if not fits:
            raise ArchitectureError(
                f"{why}, but the last sizes of the input {x} are {written(found)}",
                hint="left out, it is the size of the last axis",
                argument="normalized_shape",
            )
        return found

    def positions(self, x: Tensor) -> Dim:
        """How many normalisations there are."""
        return product(x.shape[: x.rank - len(self.normalized(x))])


class LayerNorm(TrailingNorm):
    """Each position to zero mean and unit variance over the last axes.

    Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450; torch.nn.LayerNorm.
    """

    operation = "layer_norm"
    eps = Real(1e-5)
    elementwise_affine = Flag(True)
    bias = Flag(True)

    def output(self, x: Tensor) -> Tensor:
        check_floating(x, "float32" if self.elementwise_affine else None)
        return x

    def weights(self, x: Tensor) -> Weights:
        names = ("weight", "bias") if self.bias else ("weight",)
        return {name: Weight(self.normalized(x)) for name in names} if self.elementwise_affine else {}

    def saved(self, x: Value) -> Saved:
        """The input, and the mean and the deviation of each position."""
        axes = len(self.normalized(x.tensor))
        return (x, *[Tensor((*x.shape[:-axes], *[1] * axes), statistic(x.dtype))] * 2)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        """(x − mean) / √(variance + ε) · weight + bias."""
        return learned(x.elements, self.weights(x)) + standardised(x.elements, self.positions(x))


class RMSNorm(TrailingNorm):
    """Each position to a root mean square of 1 over the last axes.

    Source: Zhang & Sennrich 2019, arXiv:1910.07467; torch.nn.RMSNorm.
    """

    eps = Real(None)
    elementwise_affine = Flag(True)

    def output(self, x: Tensor) -> Tensor:
        check_floating(x)
        return x

    def weights(self, x: Tensor) -> Weights:
        return {"weight": Weight(self.normalized(x))} if self.elementwise_affine else {}

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """x·(mean of x² + eps)^−½, then times the weights. Source: at::rms_norm_composite."""
        axes = len(self.normalized(x.tensor))
        x, *weights = trace.cast("rms_norm", x, *owned(trace, self.weights(x.tensor)))
        dtype, lies = x.dtype, x.strides
        wide = widened(trace, x)
        squares = trace.kernel(wide.tensor, wide, keeps=(wide,), back=of_power(wide.look), strides=lies)
        made = Tensor((*x.shape[:-axes], *[1] * axes), wide.dtype)
        mean = trace.kernel(made, squares, back=of_mean(squares.look, range(x.rank - axes, x.rank)))
        root = trace.kernel(mean.tensor, mean, keeps=(OUTPUT,), back=of_power(mean.look))
        del squares, mean
        y = product_of_two(trace, wide, root)
        if weights:
            y = product_of_two(trace, y, *weights)
        else:
            del wide
        return (trace.contiguous(y if y.dtype == dtype else converted(trace, y, dtype)),)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        """x / √(the mean of x² + ε) · weight."""
        positions = self.positions(x)
        mean_square = Operations(mul=x.elements) + averaged(x.elements, positions)
        return learned(x.elements, self.weights(x)) + mean_square + scaled_down(x.elements, positions)


class ResponseNorm(Layer, abstract=True):
    """Each element divided by a power of the mean square of `size` channels around its own."""

    size = Size()
    alpha = Real(1e-4)
    beta = Real(0.75)
    example = example((2, 16, 8, 8), size=5)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        """x / (k + alpha · m)^beta, m the mean of the squares of so many channels."""
        each = Operations(mul=1) + averaged(self.size, 1) + Operations(add=1, mul=1, divide=1, exp=1)
        return each * x.elements

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        """Channels around its own."""
        return (except_along(x, 1, reads=Merged(1, "some channels are taken together")),)


class LocalResponseNorm(ResponseNorm):
    """Each element of (N, C, *) divided by a power of the mean square of `size` channels around its own.

    Source: Krizhevsky, Sutskever & Hinton 2012, NIPS 25; torch.nn.LocalResponseNorm.
    """

    lettered = ("NCL",)
    k = Real(1.0)

    def output(self, x: Tensor) -> Tensor:
        check_least_rank(x, 3)
        if x.dtype == "int64":  # the one integer that torch averages
            return Tensor(x.shape, "float32")
        if x.rank > 3 and x.dtype in ("float16", "bfloat16"):
            raise ArchitectureError(f"an input of float32 or float64 is needed, not {x.dtype}")
        check_floating(x)
        return x

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """x divided by a power of the mean of squares in neighbouring channels, each step a kernel."""
        if not is_floating(x.dtype):
            raise UnknownError(f"LocalResponseNorm: what it allocates of {x.dtype} is not known")
        mean = self.mean_of_neighbours(trace, product_of_two(trace, x, x))
        scaled = times_number(trace, mean)
        base = trace.kernel(x.tensor, scaled, back=passed(scaled.look), strides=x.strides)
        del scaled
        (cast,) = trace.cast("pow", base)
        below = trace.kernel(cast.tensor, cast, keeps=(cast,), back=of_power(cast.look), strides=x.strides)
        del mean, base, cast
        back = of_quotient(x.look, below.look)
        made = trace.made_by("div", x.tensor, x, below)
        return (trace.kernel(made, x, below, keeps=(x, below), back=back, strides=x.strides),)

    def mean_of_neighbours(self, trace: Trace, x: Value) -> Value:
        """Channels are padded, and pooled as an axis of space."""
        n, channels, first, *others = x.shape
        space = (first, *others)
        if len(others) > 1:  # which torch sees as one axis
            check_view(
                x,
                (n, 1, channels, first, product(tuple(others))),
                "torch takes it where its last axes lie in a row",
            )
        apart = trace.reshape(x, (n, 1, channels, *space))
        del x
        padded = trace.kernel(Tensor((n, 1, channels + self.size - 1, *space), apart.dtype), apart)
        del apart
        pooled = trace.kernel(Tensor((n, 1, channels, *space), padded.dtype), padded, keeps=(padded,))
        del padded
        return trace.view(pooled, (n, channels, *space))


class CrossMapLRN2d(ResponseNorm):
    """LocalResponseNorm of (N, C, H, W), as Caffe has it. Source: torch.nn.CrossMapLRN2d."""

    k = Real(1)

    def output(self, x: Tensor) -> Tensor:
        check_rank(x, 4)
        check_floating(x)
        return x

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """The output, and beside it what its power is of. Source: torch.nn.modules._functions."""
        scale = trace.new(x.tensor)
        back = self.back(x)
        y = trace.kernel(x.tensor, x, keeps=(x, OUTPUT), back=back, attributes=(scale,))
        return (y,)

    def back(self, x: Value) -> Back:
        """Beside the gradient the ratios of one image, its channels padded, and their sums."""
        _, channels, *space = x.shape

        def back(trace: Trace, _: Value) -> Sequence[Value | None]:
            _ratios = trace.new(Tensor((channels + self.size - 1, *space), x.dtype))
            _sums = trace.new(Tensor((*space,), x.dtype))
            return [trace.new(x.tensor)]

        return back
