"""Activations, of floating-point numbers alone (torch.nn, "Non-linear Activations")."""

from __future__ import annotations

from math import isfinite
from typing import ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.elementwise_gradients import in_pairs, of_mish
from shapecalc.allocation.gradients import Back, led_by, like
from shapecalc.allocation.values import OUTPUT
from shapecalc.errors import ArchitectureError
from shapecalc.layers.activation import Activation, InPlace
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating
from shapecalc.layers.fields import Choice, Real, Size
from shapecalc.layers.ranges import check_fits, computed_in, fits
from shapecalc.layers.weights import Weight, Weights, owned
from shapecalc.operations import Operations
from shapecalc.tensors import Tensor, check_equal


class OfFloating(Activation, abstract=True):
    """An activation of floating-point numbers alone."""

    narrow: ClassVar[bool] = False
    """Whether torch converts the numbers among its arguments to the input's own dtype, however narrow."""

    def output(self, x: Tensor) -> Tensor:
        check_floating(x)
        dtype = x.dtype if self.narrow else computed_in(x.dtype)
        for name, field in self.fields.items():
            if isinstance(field, Real):
                check_fits(getattr(self, name), dtype, name)
        return x


class Hardsigmoid(InPlace, OfFloating):
    """min(max(x + 3, 0), 6) / 6. Source: torch.nn.Hardsigmoid."""

    leads = True
    each = Operations(add=1, compare=2, divide=1)


class LogSigmoid(OfFloating):
    """log(1 / (1 + exp(−x))). Source: torch.nn.LogSigmoid."""

    each = Operations(add=1, divide=1, exp=2)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """The kernel of a GPU needs no buffer. Source: at::log_sigmoid_forward_cuda."""
        buffer = () if trace.mode.cuda else (x.tensor,)
        back = self.back(x)
        return (trace.kernel(x.tensor, x, keeps=(x, *buffer), back=back, strides=x.strides),)


class Softplus(OfFloating):
    """log(1 + exp(beta · x)) / beta, and x where beta · x is above `threshold`. Source: torch.nn.Softplus."""

    leads = True
    each = Operations(add=1, mul=1, compare=1, divide=1, exp=2)
    operation = "softplus"
    beta = Real(1.0)
    threshold = Real(20.0)


class Hardshrink(OfFloating):
    """x, and 0 between −lambd and lambd. Source: torch.nn.Hardshrink."""

    each = Operations(compare=2)
    narrow = True
    lambd = Real(0.5)


class Softshrink(OfFloating):
    """x moved towards 0 by `lambd`, and 0 between −lambd and lambd. Source: torch.nn.Softshrink."""

    each = Operations(add=1, compare=2)
    narrow = True
    lambd = Real(0.5, low=0)


class LeakyReLU(InPlace, OfFloating):
    """x, negative ones times `negative_slope`. Source: Maas, Hannun & Ng 2013, ICML."""

    overwrites = True
    leads = True
    each = Operations(mul=1, compare=1)
    negative_slope = Real(0.01)


class RReLU(InPlace, OfFloating):
    """x, negative ones times a slope: random between `lower` and `upper`, in evaluation their mean.

    Source: Xu et al. 2015, arXiv:1505.00853.
    """

    each = Operations(mul=1, compare=1)
    lower = Real(1 / 8)
    upper = Real(1 / 3)

    def check(self) -> None:
        if self.lower > self.upper:
            raise ArchitectureError(
                f"upper must be at least lower {self.lower:g}, not {self.upper:g}", argument="upper"
            )

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """A tensor of slopes is allocated in evaluation too."""
        noise = trace.new(x.tensor, x.strides)
        back = like(x.look) if trace.training else led_by(x.look)
        if self.inplace:
            return (trace.in_place(x, keeps=(noise, OUTPUT), back=back),)
        return (trace.kernel(x.tensor, x, keeps=(x, noise), back=back, strides=x.strides),)


class ELU(InPlace, OfFloating):
    """x, and alpha · (exp(x) − 1) of negative ones. Source: Clevert et al. 2015, arXiv:1511.07289."""

    overwrites = True
    leads = True
    each = Operations(add=1, mul=1, compare=1, exp=1)
    alpha = Real(1.0)


class CELU(InPlace, OfFloating):
    """max(x, 0) + min(alpha · (exp(x/alpha) − 1), 0). Source: Barron 2017, arXiv:1704.07483."""

    overwrites = True
    leads = True
    each = Operations(add=2, mul=1, compare=2, divide=1, exp=1)
    alpha = Real(1.0)

    def check(self) -> None:
        if self.alpha == 0:
            raise ArchitectureError("alpha must not be 0: x is divided by it", argument="alpha")

    def output(self, x: Tensor) -> Tensor:
        inverse, dtype = 1 / self.alpha, computed_in(x.dtype)
        if isfinite(inverse) and not fits(inverse, dtype):
            raise ArchitectureError(
                f"alpha {self.alpha:g} is too small: 1/alpha is beyond {dtype}", argument="alpha"
            )
        return super().output(x)


class SELU(InPlace, OfFloating):
    """1.0507 · ELU(x) with alpha = 1.6733. Source: Klambauer et al. 2017, arXiv:1706.02515."""

    overwrites = True
    leads = True
    each = Operations(add=1, mul=2, compare=1, exp=1)


class GELU(OfFloating):
    """x · Φ(x), Φ the normal distribution. Source: Hendrycks & Gimpel 2016, arXiv:1606.08415."""

    approximate = Choice("none", "tanh")

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        """x/2 · (1 + erf(x/√2)), or x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³))), in products alone."""
        by_tanh = self.approximate == "tanh"
        return (Operations(add=2, mul=6, exp=1) if by_tanh else Operations(add=1, mul=3, exp=1)) * y.elements


class gelu(GELU):
    """x · Φ(x), Φ the normal distribution. Source: torch.nn.functional.gelu; arXiv:1606.08415."""

    namespace = "nn.functional."


class SiLU(InPlace, OfFloating):
    """x / (1 + exp(−x)). Source: Elfwing, Uchibe & Doya 2017, arXiv:1702.03118."""

    each = Operations(add=1, divide=1, exp=1)


class silu(OfFloating):
    """x / (1 + exp(−x)). Source: torch.nn.functional.silu; Elfwing et al. 2017, arXiv:1702.03118."""

    namespace = "nn.functional."
    each = SiLU.each


class Mish(InPlace, OfFloating):
    """x · tanh(log(1 + exp(x))). Source: Misra 2019, arXiv:1908.08681."""

    each = Operations(add=1, mul=1, exp=3)

    def back(self, x: Value) -> Back:
        return of_mish(x.look)


class Hardswish(InPlace, OfFloating):
    """x · min(max(x + 3, 0), 6) / 6. Source: Howard et al. 2019, arXiv:1905.02244."""

    leads = True
    each = Operations(add=1, mul=1, compare=2, divide=1)


class PReLU(Layer):
    """x, negative ones times a learned slope: one for all, or one for each channel, which is axis 1.

    Source: He et al. 2015, arXiv:1502.01852; torch.nn.PReLU.
    """

    elementwise = True
    each = LeakyReLU.each
    operation = "prelu"
    num_parameters = Size(1)
    init = Real(0.25)
    example = example((1, 8, 16, 16), num_parameters=8)

    def check(self) -> None:
        check_fits(self.init, "float32", "init")

    def output(self, x: Tensor) -> Tensor:
        check_floating(x, "float32")
        if self.num_parameters != 1:
            # torch takes a tensor of fewer than two axes for a single channel.
            channels = x.shape[1] if x.rank > 1 else 1
            message = f"num_parameters is {{0}}, but the input has {{1}} channels ({x})"
            hint = "one slope for all of them is num_parameters: 1"
            check_equal(self.num_parameters, channels, message, hint, why="each channel has a slope")
        return x

    def weights(self, x: Tensor) -> Weights:
        return {"weight": Weight((self.num_parameters,))}

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """Both gradients are tensors of the size of x, even where only one of them is needed."""
        x, slope = trace.cast(self.operation, x, *owned(trace, self.weights(x.tensor)))
        slopes = trace.view(slope, tuple([self.num_parameters if axis == 1 else 1 for axis in range(x.rank)]))
        keeps, back = (x, *trace.copies([slopes])), in_pairs(x.look, slopes.look)
        return (trace.kernel(x.tensor, x, slopes, keeps=keeps, back=back, strides=x.strides),)
