"""Fourier transforms (torch.fft), of real and of complex numbers.

A transform has no weights, and no products that torch counts: how many operations it takes depends on the
algorithm that a library chooses for the sizes, and so does how its output lies in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_axes, check_axis
from shapecalc.layers.fields import Axes, Axis, Choice, Size, Sizes
from shapecalc.layers.reads import AxisReads, Reads, except_along
from shapecalc.operations import Operations, Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, check_at_least, complex_of, is_complex, is_differentiable, real_of

_NORMS = ("backward", "forward", "ortho")


class Transform(Layer, abstract=True):
    """A transform along some axes, whose sizes may be cut or filled up with zeros before it."""

    namespace = "fft."
    takes_complex = True
    onesided: ClassVar[bool] = False
    """Whether it gives, of an axis of n real numbers, the n//2 + 1 frequencies that are no mirror images."""
    to_real: ClassVar[bool] = False
    """Whether it takes such frequencies, of 2·(m − 1) real numbers unless written."""

    def sizes(self, x: Tensor) -> Mapping[int, Dim | None]:
        """By axis, the last one of them last, the size that is transformed; None: the input's own."""
        raise NotImplementedError

    def transformed(self, x: Tensor) -> dict[int, Dim]:
        """The numbers on each axis once they are real: those of an input, or those that an inverse gives."""
        sizes = self.sizes(x)
        last = [*sizes][-1]
        found: dict[int, Dim] = {}
        for axis, size in sizes.items():
            known = 2 * (x.shape[axis] - 1) if self.to_real and axis == last else x.shape[axis]
            found[axis] = known if size is None else size
            if size is None and known is not x.shape[axis]:
                message = f"the input {x} has {{0}} frequencies on axis {axis}: of at least {{1}}"
                check_at_least(x.shape[axis], 2, f"{message} there is a number without n or s")
        return found

    def output(self, x: Tensor) -> Tensor:
        if x.dtype in ("float16", "bfloat16"):
            raise ArchitectureError(f"an input of float32 or float64 is needed, not {x.dtype}")
        if self.onesided and is_complex(x.dtype):
            raise ArchitectureError(f"real numbers are needed, not {x.dtype}", hint="fft takes complex ones")
        made = self.transformed(x)
        if self.onesided:
            last = [*made][-1]
            made[last] = made[last] // 2 + 1
        shape = tuple([made.get(axis, size) for axis, size in enumerate(x.shape)])
        dtype = x.dtype if is_differentiable(x.dtype) else "float32"
        if self.to_real:
            return Tensor(shape, real_of(dtype))
        return Tensor(shape, dtype if is_complex(dtype) else complex_of(dtype))

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        """All of each axis; of one that is cut before, a part."""
        sizes = self.sizes(x)
        found = except_along(x, *sizes)
        cut: AxisReads = Unknown("a part of the axis is transformed")
        whole = [sizes.get(axis) in (None, n) and not self.to_real for axis, n in enumerate(x.shape)]
        given = [sizes.get(axis) is not None for axis in range(x.rank)]
        return (tuple([cut if g and not w else r for r, g, w in zip(found, given, whole, strict=True)]),)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        raise UnknownError(
            f"{self.type}: how its output lies in memory depends on the library that transforms"
        )

    def ops(self, x: Tensor, y: Tensor) -> Operations | None:
        raise ArchitectureError("how many operations a transform takes depends on its algorithm")


class AlongOne(Transform, abstract=True):
    """A transform along one axis."""

    n = Size(None)
    dim = Axis(-1)
    norm = Choice(*_NORMS, optional=True)
    example = example((2, 8, 16))

    def sizes(self, x: Tensor) -> Mapping[int, Dim | None]:
        return {check_axis(self.dim, x, "dim"): self.n}


class AlongSeveral(Transform, abstract=True):
    """A transform along the axes `dim`, the last two unless written; of a size of −1 all of the axis."""

    s = Sizes(None, rest=float("inf"))
    dim = Axes((-2, -1))
    norm = Choice(*_NORMS, optional=True)
    example = example((2, 8, 16, 16))

    def sizes(self, x: Tensor) -> Mapping[int, Dim | None]:
        for axis in self.dim:
            check_axis(axis, x, "dim")
        axes = check_axes(self.dim, x, "dim")
        if self.s is not None and len(self.s) != len(axes):
            message = f"s has {len(self.s)} sizes, and dim {len(axes)} axes: one for each is needed"
            raise ArchitectureError(message, argument="s")
        sizes = [None if size == -1 else size for size in self.s or (None,) * len(axes)]
        return dict(zip(axes, sizes, strict=True))


class fft(AlongOne):
    """The discrete Fourier transform along `dim`, of `n` numbers; complex. Source: torch.fft.fft."""


class ifft(AlongOne):
    """The inverse of fft. Source: torch.fft.ifft."""


class rfft(AlongOne):
    """The transform of `n` real numbers: the n//2 + 1 frequencies that are no mirror images.

    Source: torch.fft.rfft.
    """

    onesided = True


class irfft(AlongOne):
    """The inverse of rfft: `n` real numbers, 2·(m − 1) of m frequencies unless written.

    Source: torch.fft.irfft.
    """

    to_real = True


class fft2(AlongSeveral):
    """The discrete Fourier transform along the axes `dim`, of the sizes `s`; complex.

    Source: torch.fft.fft2.
    """


class ifft2(AlongSeveral):
    """The inverse of fft2. Source: torch.fft.ifft2."""


class rfft2(AlongSeveral):
    """The transform of real numbers: along the last axis of `dim` the n//2 + 1 frequencies of rfft.

    Source: torch.fft.rfft2.
    """

    onesided = True


class irfft2(AlongSeveral):
    """The inverse of rfft2: real numbers, along the last axis 2·(m − 1) of m frequencies unless written.

    Source: torch.fft.irfft2.
    """

    to_real = True
