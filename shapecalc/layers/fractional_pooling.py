"""Fractional max pooling (torch.nn, "Pooling layers"): the size out is given, windows start at random."""

from __future__ import annotations

from typing import Any, ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import example
from shapecalc.layers.checks import check_floating, check_rank
from shapecalc.layers.fields import PerAxis, Ratios
from shapecalc.layers.pooling import OfMaxima
from shapecalc.layers.reads import Reads, except_along
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, check_at_least


class FractionalMaxPool(OfMaxima, abstract=True):
    """What fractional max poolings of any number of spatial axes have in common.

    Source: Graham 2014, arXiv:1412.6071.
    """

    spare: ClassVar[int] = 0
    """Elements that an axis needs beyond those of its windows, at one step from each other."""

    kernel_size = PerAxis()
    output_size = PerAxis(None)
    output_ratio = Ratios(None)

    def check(self) -> None:
        if (self.output_size is None) is (self.output_ratio is None):
            which = (
                "output_size or output_ratio is missing"
                if self.output_size is None
                else ("output_size and output_ratio are both written")
            )
            raise ArchitectureError(which, hint="one of the two says how large the output is")

    def pooled(self, x: Tensor) -> Tensor:
        check_rank(x, self.axes + 1, self.axes + 2)
        check_floating(x)
        space = x.shape[-self.axes :]
        sizes = self.output_size or self.scaled(space)
        for n, k, m in zip(space, self.kernel_size, sizes, strict=True):
            message = f"{m} windows of {k} need an input of {{1}}, not {{0}}"
            check_at_least(n, m + k - 1 + self.spare, message, why="the windows fit")
        return Tensor((*x.shape[: -self.axes], *sizes), x.dtype)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (except_along(x, *range(-self.axes, 0), reads=Unknown("its windows start at random")),)

    def remark(self, x: Tensor) -> str | None:
        """How a ratio became sizes."""
        if not self.output_ratio:
            return "where the windows start is random"
        pairs = zip(x.shape[-self.axes :], self.output_ratio, strict=True)
        products = ", ".join(dict.fromkeys(f"⌊{n}·{ratio}⌋ = {_scaled(n, ratio)}" for n, ratio in pairs))
        return f"output_ratio of the input's sizes: {products}; where the windows start is random"

    def scaled(self, space: tuple[Dim, ...]) -> tuple[int, ...]:
        """The input's sizes times output_ratio, rounded down."""
        return tuple(_scaled(n, ratio) for n, ratio in zip(space, self.output_ratio, strict=True))

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """Random numbers place the windows of each channel."""
        lead = (1, *x.shape[: -self.axes])[-2:]
        _samples = trace.new(Tensor((*lead, self.axes), x.dtype))
        return super().run(trace, x)


def _scaled(n: Dim, ratio: float) -> int:
    """As torch has it, in the arithmetic of floating-point numbers: 100·0.29 is 28."""
    if not isinstance(n, int):
        raise ArchitectureError(
            f"output_ratio {ratio} of an input of {n} is rounded as a floating-point number:"
            " no formula of this kind gives that",
            hint="give numbers, or write output_size",
            argument="output_ratio",
        )
    size = int(n * ratio)
    if size == 0:
        raise ArchitectureError(
            f"output_ratio {ratio} of an input of {n} leaves nothing", argument="output_ratio"
        )
    return size


class FractionalMaxPool2d(FractionalMaxPool, axes=2):
    """The maximum of each window: (N, C, H, W) → (N, C, *output_size).

    output_size, or ⌊H·output_ratio⌋ and ⌊W·output_ratio⌋; each input size must be at least
    output_size + kernel_size − 1. Source: torch.nn.FractionalMaxPool2d.
    """

    example = example((1, 16, 32, 32), kernel_size=2, output_size=20)


class FractionalMaxPool3d(FractionalMaxPool, axes=3):
    """The maximum of each window: (N, C, D, H, W) → (N, C, *output_size).

    As FractionalMaxPool2d, but each input size must be above output_size + kernel_size − 1.
    Source: torch.nn.FractionalMaxPool3d.
    """

    spare = 1
    example = example((1, 16, 8, 32, 32), kernel_size=2, output_size=[5, 20, 20])
