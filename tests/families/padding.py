"""Draws for `shapecalc/layers/padding.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import Stricter, drawn

LINE = Tensor((2, 3, 4))

STRICTER = (
    Stricter(
        ".*Pad.d|pad",
        "leaves nothing of an axis",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("ZeroPad1d", LINE, padding=-2),
    ),
    Stricter(
        "CircularPad.d|pad",
        r"by (-\d+ and \d+|\d+ and -\d+) in mode circular needs",
        "of more than is left beside what is cut off, torch makes memory as it lies, if anything",
        drawn("CircularPad1d", LINE, padding=(4, -7)),
    ),
    Stricter(
        "pad",
        r"pad must be a list of whole numbers.*, not \[\]",
        "padding no axis is a mistake in a file",
        drawn("pad", LINE, pad=[]),
    ),
)

CONSTANTS = ("uint8", -0.5), ("uint8", 255.5), ("int8", 127.5), ("float16", 1e5), ("bfloat16", 3.4e38)

RARE = (
    # Cutting off and adding at the same axis: each mode has its own bound.
    *(
        drawn(name, LINE, padding=padding)
        for name in ("ZeroPad1d", "ReflectionPad1d", "ReplicationPad1d", "CircularPad1d")
        for padding in ((5, -5), (-5, 5), (4, -4), (-4, 4), (3, -5), (-5, 3), (5, -4), (3, 3), (4, 4), (5, 0))
    ),
    drawn("CircularPad1d", Tensor((1, 1, 3)), padding=[-1, 3]),
    drawn("CircularPad1d", Tensor((1, 1, 4)), padding=[-1, 3]),
    # A value must be one of the dtype, unless nothing is added.
    *(drawn("ConstantPad1d", Tensor((2, 3, 4), dtype), padding=1, value=v) for dtype, v in CONSTANTS),
    *(
        drawn("ConstantPad1d", Tensor((2, 3, 4), "uint8"), padding=padding, value=value)
        for padding in (1, 0, -1)
        for value in (-1.0, -1)
    ),
    drawn("pad", Tensor((2, 3, 4), "uint8"), pad=[-1, 0], value=-1.0),
    drawn("pad", Tensor((2, 3, 4), "uint8"), pad=[0, 0], value=-1.0),
    drawn("ConstantPad1d", Tensor((2, 3, 4), "bool"), padding=1, value=-300.5),
    drawn("pad", Tensor((2, 3, 4), "uint8"), pad=[1, 0], value=-1.0),
    drawn("pad", LINE, pad=[1, 0], mode="reflect", value=0),
    drawn("pad", LINE, pad=[1, 0], mode="reflect", value=1),
)
