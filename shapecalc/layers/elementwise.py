"""Functions of one number, element by element, beside the activations; the same number in another dtype."""

from __future__ import annotations

from typing import ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.choices import of_bounds
from shapecalc.allocation.elementwise_gradients import of_factor
from shapecalc.allocation.gradients import Back, like, of_rounded
from shapecalc.allocation.kernels import converted
from shapecalc.errors import ArchitectureError
from shapecalc.layers.activation import OfNumbers, ToFloating
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_numbers
from shapecalc.layers.fields import Dtype, Number
from shapecalc.layers.ranges import check_fits
from shapecalc.layers.rules import Keeps
from shapecalc.operations import NOTHING, Operations
from shapecalc.tensors import Tensor, as_scalar, is_complex, real_of


class Function(ToFloating, abstract=True):
    """A function of all numbers, whose derivative is a factor of the gradient."""

    takes_complex = True
    each = Operations(exp=1)
    kernels: ClassVar[int] = 0
    """How many kernels make the derivative of what autograd keeps; 0 where that is a factor of it itself."""

    def back(self, x: Value) -> Back:
        return of_factor(x.look, self.kernels)


class exp(Function):
    """eˣ. Source: torch.exp."""

    keeps = Keeps.OUTPUT


class exp2(Function):
    """2ˣ. Source: torch.exp2."""

    keeps = Keeps.OUTPUT
    kernels = 1


class expm1(Function):
    """eˣ − 1, without the error of that difference. Source: torch.expm1."""

    keeps = Keeps.OUTPUT
    kernels = 1
    each = Operations(add=1, exp=1)


class log(Function):
    """The natural logarithm. Source: torch.log."""


class log2(Function):
    """The logarithm to base 2. Source: torch.log2."""

    kernels = 1


class log10(Function):
    """The logarithm to base 10. Source: torch.log10."""

    kernels = 1


class log1p(Function):
    """log(1 + x), without the error of that sum. Source: torch.log1p."""

    kernels = 1
    each = Operations(add=1, exp=1)


class erf(Function):
    """The error function, 2/√π · ∫₀ˣ exp(−t²) dt. Source: torch.erf."""

    takes_complex = False
    kernels = 4


class sqrt(Function):
    """√x. Source: torch.sqrt."""

    keeps = Keeps.OUTPUT
    kernels = 1


class rsqrt(Function):
    """1 / √x. Source: torch.rsqrt."""

    keeps = Keeps.OUTPUT
    kernels = 2
    each = Operations(divide=1, exp=1)


class reciprocal(Function):
    """1 / x. Source: torch.reciprocal."""

    keeps = Keeps.OUTPUT
    kernels = 2
    each = Operations(divide=1)


class sin(Function):
    """The sine. Source: torch.sin."""

    kernels = 1


class cos(Function):
    """The cosine. Source: torch.cos."""

    kernels = 2


class tan(Function):
    """The tangent. Source: torch.tan."""

    keeps = Keeps.OUTPUT
    kernels = 2


class asin(Function):
    """The angle of a sine. Source: torch.asin."""

    kernels = 4


class acos(Function):
    """The angle of a cosine. Source: torch.acos."""

    kernels = 5


class atan(Function):
    """The angle of a tangent. Source: torch.atan."""

    kernels = 2


class sinh(Function):
    """(eˣ − e⁻ˣ) / 2. Source: torch.sinh."""

    kernels = 1


class cosh(Function):
    """(eˣ + e⁻ˣ) / 2. Source: torch.cosh."""

    kernels = 1


class asinh(Function):
    """The number whose sinh it is. Source: torch.asinh."""

    kernels = 3


class acosh(Function):
    """The number from 0 on whose cosh it is. Source: torch.acosh."""

    kernels = 3


class atanh(Function):
    """The number whose tanh it is. Source: torch.atanh."""

    kernels = 3


class neg(OfNumbers):
    """−x. Source: torch.neg."""

    takes_complex = True
    keeps = Keeps.NOTHING
    each = NOTHING

    def back(self, x: Value) -> Back:
        return like()


class abs(Function):  # noqa: A001  # torch's name
    """|x|; of a complex number the root of the sum of its parts' squares. Source: torch.abs."""

    kernels = 1

    def output(self, x: Tensor) -> Tensor:
        check_numbers(x)
        return Tensor(x.shape, real_of(x.dtype))

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        each = Operations(add=1, mul=2, exp=1) if is_complex(x.dtype) else NOTHING
        return each * y.elements


class Rounded(OfNumbers, abstract=True):
    """What is constant between its steps: of whole numbers these, of others a gradient of zeros."""

    keeps = Keeps.NOTHING
    each = NOTHING

    def back(self, x: Value) -> Back:
        return of_rounded(x.look)


class floor(Rounded):
    """⌊x⌋. Source: torch.floor."""


class ceil(Rounded):
    """⌈x⌉. Source: torch.ceil."""


class round(Rounded):  # noqa: A001  # torch's name
    """The nearest whole number, of two the even one. Source: torch.round."""


class trunc(Rounded):
    """x without what stands behind the point. Source: torch.trunc."""


class sign(Rounded):
    """1, 0 or −1. Source: torch.sign."""

    def output(self, x: Tensor) -> Tensor:
        return x


class square(Function):
    """x². Source: torch.square."""

    operation = "pow"
    kernels = 2
    each = Operations(mul=1)

    def output(self, x: Tensor) -> Tensor:
        return Tensor(x.shape, as_scalar(2, x.dtype).dtype)


class clamp(Function):
    """min(max(x, min), max); one of the bounds may be left out. Source: torch.clamp."""

    takes_complex = False
    min = Number("a number", infinite=True)
    max = Number("a number", infinite=True)
    example = example((2, 8, 4), min=0, max=6)

    @property
    def bounds(self) -> dict[str, float]:
        """Those that are there, by name."""
        return {name: value for name in ("min", "max") if (value := self.__dict__[name]) is not None}

    def check(self) -> None:
        if not self.bounds:
            raise ArchitectureError("min or max is needed, or both", hint=self.synopsis())

    def output(self, x: Tensor) -> Tensor:
        dtype = x.dtype
        for bound in self.bounds.values():
            dtype = as_scalar(bound, dtype).dtype
        for name, bound in self.bounds.items():
            check_fits(bound, dtype, name)
        return Tensor(x.shape, dtype)

    def back(self, x: Value) -> Back:
        return of_bounds(x.look, len(self.bounds))

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return Operations(compare=len(self.bounds)) * y.elements


class to(Layer):
    """The elements in another dtype; as bool, whatever is not 0 is true. Source: torch.Tensor.to."""

    elementwise = True
    aligned = True
    namespace = "Tensor."
    keeps = Keeps.NOTHING
    each = NOTHING
    dtype = Dtype()
    example = example((2, 8, 4), dtype="float64")

    def output(self, x: Tensor) -> Tensor:
        return Tensor(x.shape, self.dtype or x.dtype)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """The input itself where it is of that dtype."""
        made = self.output(x.tensor)
        return (x if x.dtype == made.dtype else converted(trace, x, made.dtype),)
