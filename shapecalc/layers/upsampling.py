"""Resizing (torch.nn, "Vision Layers"): images of another size, interpolated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.allocation import Value
from shapecalc.allocation.kernels import suggested
from shapecalc.allocation.strides import Strides
from shapecalc.errors import ArchitectureError
from shapecalc.layers.adaptive_pooling import keeps_to_average, strides_of_averaged
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating, check_rank
from shapecalc.layers.fields import Choice, Flag, Scale, SizeForEach
from shapecalc.layers.reads import LONGEST_PATTERN, AxisReads, Pattern, Reads, adaptive, enlarged, same_place
from shapecalc.layers.rules import Saved
from shapecalc.operations import Operations, Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, check_at_least

_RANKS = {"linear": (3,), "bilinear": (4,), "bicubic": (4,), "lanczos": (4,), "trilinear": (5,)}
"""Mode → the numbers of axes of its inputs; the other modes take 3 to 5."""

_POINTS = {"nearest": 1, "nearest-exact": 1, "linear": 2, "bilinear": 2, "trilinear": 2, "bicubic": 4}
"""Mode → the elements of each axis that one of the output is made of."""

_NOT_ALIGNED = ("nearest", "nearest-exact", "area")
_ANTIALIASED = ("bilinear", "bicubic", "lanczos")
_OF_BYTES = ("nearest", "nearest-exact", *_ANTIALIASED)

_EXACT = 2**16  # a fraction of such numbers times a size of an axis is exact in float64, up to 2**37


_OPERATIONS = {
    "nearest": "upsample_nearest{}d",
    "nearest-exact": "_upsample_nearest_exact{}d",
    "linear": "upsample_linear1d",
    "bilinear": "upsample_bilinear2d",
    "bicubic": "upsample_bicubic2d",
    "trilinear": "upsample_trilinear3d",
    "area": "adaptive_avg_pool{}d",
    "lanczos": "upsample_lanczos2d",
}
"""Mode → torch's operation for so many axes; that against aliases has another name."""


class Resize(Layer, abstract=True):
    """What types that resize the axes after the channels have in common: (N, C, *) → (N, C, *)."""

    lettered = ("NCL",)
    mode: str
    align_corners: Any = None
    size = SizeForEach(None)
    scale_factor = Scale(None)
    example = example((2, 4, 8, 8), scale_factor=2)

    def check(self) -> None:
        if (self.size is None) == (self.scale_factor is None):
            found = "neither is" if self.size is None else "both are"
            raise ArchitectureError(f"one of size and scale_factor must be written: {found}")

    def output(self, x: Tensor) -> Tensor:
        """The input with other sizes after the channels; refuses inputs that the mode does not take."""
        hint = "linear is for one axis after the channels, bilinear and bicubic for two, trilinear for three"
        check_rank(x, *_RANKS.get(self.mode, (3, 4, 5)), hint=hint)
        if x.dtype != "uint8" or self.mode not in _OF_BYTES:
            check_floating(x)
        batch, channels, *space = x.shape
        if self.scale_factor is None:
            sizes = for_each("size", self.size, x)
        else:
            factors = for_each("scale_factor", self.scale_factor, x)
            sizes = [scaled(n, factor) for n, factor in zip(space, factors, strict=True)]
        return Tensor((batch, channels, *sizes), x.dtype)

    def reads(self, x: Tensor, y: Tensor, **_: Any) -> tuple[Reads, ...]:
        """What an element of an image reads that is larger by whole numbers, or smaller in mode area."""
        pairs = enumerate(zip(x.shape[2:], y.shape[2:], strict=True), start=2)
        aligned = bool(self.align_corners)
        return ((*same_place(2), *(_interpolated(axis, n, m, self.mode, aligned) for axis, (n, m) in pairs)),)

    def ops(self, x: Tensor, y: Tensor) -> Operations | None:
        """A sum of products with elements around, as many of each axis as the mode takes.

        With which ones, and by which factors, is known beforehand.
        """
        if self.mode not in _POINTS:
            return None
        around = _POINTS[self.mode] ** (x.rank - 2)
        return Operations(mul=around if around > 1 else 0, add=around - 1) * y.elements

    def remark(self, x: Tensor) -> str | None:
        factors = () if self.scale_factor is None else for_each("scale_factor", self.scale_factor, x)
        if all(map(is_exact, factors)):
            return None
        return "a size is n · scale_factor, first rounded to float64, then rounded down"

    def operation_on(self, x: Value) -> str:
        """torch's operation for the mode and the number of resized axes."""
        name = _OPERATIONS[self.mode].format(x.rank - 2)
        return f"_{name}_aa" if getattr(self, "antialias", False) else name

    def saved(self, x: Value) -> Saved:
        """Nothing: the gradient needs sizes alone. In mode area what average poolings keep."""
        if self.mode == "area":
            return keeps_to_average(x, self.figures((x.tensor,)).outputs[0].shape[2:])
        return ()

    def strides_of(self, made: Tensor, x: Value) -> Strides | None:
        return strides_of_averaged(made, x, x.rank - 2) if self.mode == "area" else suggested(made.shape, x)


def _interpolated(axis: int, n: Dim, m: Dim, mode: str, aligned: bool) -> AxisReads:
    """What each of m elements reads of the n that they are interpolated from."""
    if mode == "area":
        return adaptive(axis, n, m)
    if n == m:
        return Pattern(axis)
    r = m // n
    if not isinstance(r, int) or r < 1 or r * n != m or aligned or mode == "lanczos":
        return Unknown(f"mode {mode} makes {m} of {n} elements at places that are rounded")
    if mode in ("nearest", "nearest-exact"):
        return enlarged(axis, r)
    if r > LONGEST_PATTERN:
        return enlarged(axis, r)
    # Element i lies at (i + 1/2)/r − 1/2 between two of the input, or on one, and then reads that alone.
    around = 2 if mode == "bicubic" else 1
    offsets = []
    for i in range(r):
        place, beside = divmod(2 * i + 1 - r, 2 * r)
        offsets.append(range(place + 1 - around, place + 1 + around) if beside else range(place, place + 1))
    return Pattern(axis, tuple(offsets))


def for_each(name: str, value: Any, x: Tensor) -> Sequence[Any]:
    """The value of an argument for each axis after the channels."""
    axes = x.rank - 2
    if not isinstance(value, tuple):
        return (value,) * axes
    if len(value) != axes:
        message = f"{name} has {len(value)} numbers for {axes} axes after the channels ({x})"
        raise ArchitectureError(message, hint="one number stands for all axes", argument=name)
    return value


def scaled(n: Dim, factor: float) -> Dim:
    """⌊n · factor⌋, the product rounded to float64 as torch has it: 100 · 0.29 is 28, 10 · 0.7 is 7."""
    if isinstance(n, int):
        size: Dim = int(n * float(factor))
    elif is_exact(factor):
        over, by = float(factor).as_integer_ratio()
        size = n * over // by
    else:
        raise ArchitectureError(
            f"scale_factor {factor} of an axis of {n}: torch rounds the product before it is rounded down,"
            " and no formula of this kind gives that",
            hint="give numbers, or a factor of few binary places, as 2, 1.5 or 0.25",
            argument="scale_factor",
        )
    check_at_least(size, 1, f"scale_factor {factor} leaves nothing of an axis of {n}", why="an axis is left")
    return size


def is_exact(factor: float) -> bool:
    """Whether products with sizes need no rounding: of whole numbers, halves, quarters and the like."""
    return max(float(factor).as_integer_ratio()) <= _EXACT


class Interpolation(Resize, abstract=True):
    """What types that interpolate in a mode of choice have in common."""

    mode = Choice("nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact")
    align_corners: Any = Flag(None)
    recompute_scale_factor = Flag(None)

    def check(self) -> None:
        super().check()
        if self.align_corners is not None and self.mode in _NOT_ALIGNED:
            raise ArchitectureError(f"mode {self.mode} has no align_corners", argument="align_corners")
        if self.recompute_scale_factor and self.scale_factor is None:
            problem = "recompute_scale_factor needs a scale_factor, not a size"
            raise ArchitectureError(problem, argument="recompute_scale_factor")


class Upsample(Interpolation):
    """An image of another size: that written, or each axis times a factor and rounded down.

    (N, C, *) → (N, C, *size), or ⌊n · scale_factor⌋ for each n; the product is rounded to float64, so
    that 100 · 0.29 is 28. Source: torch.nn.Upsample.
    """


class UpsamplingNearest2d(Resize):
    """Upsample in mode nearest, of 1 to 3 axes in spite of its name. Source: torch.nn.UpsamplingNearest2d."""

    mode = "nearest"


class UpsamplingBilinear2d(Resize):
    """Upsample in mode bilinear, with aligned corners. Source: torch.nn.UpsamplingBilinear2d."""

    mode = "bilinear"
    align_corners = True


class interpolate(Interpolation):
    """An image of another size, as Upsample has it, or smaller without aliases.

    Source: torch.nn.functional.interpolate.
    """

    namespace = "nn.functional."
    mode = Choice(*Interpolation.mode.listed, "lanczos")
    antialias = Flag(False)

    def check(self) -> None:
        super().check()
        if self.antialias and self.mode not in _ANTIALIASED:
            problem = f"antialias is for the modes {', '.join(_ANTIALIASED)}, not {self.mode}"
            raise ArchitectureError(problem, argument="antialias")
        if self.mode == "lanczos" and (self.align_corners or not self.antialias):
            raise ArchitectureError("mode lanczos needs antialias: true and no align_corners: true")

    def output(self, x: Tensor) -> Tensor:
        if self.antialias and x.dtype in ("float16", "bfloat16"):
            raise ArchitectureError(f"antialias needs float32, float64 or uint8, not {x.dtype}")
        return super().output(x)

    def ops(self, x: Tensor, y: Tensor) -> Operations | None:
        """With `antialias`, how many elements are around depends on the sizes: that is not counted."""
        return None if self.antialias else super().ops(x, y)
