"""The types of a layer's arguments: what each accepts, how it is kept, how it is described.

A field is declared once, as a class attribute of a layer, and from it follow the check of what a YAML
file writes, the text of an error, the reference and the strategies of the property tests. On an
instance of the layer the same attribute holds the argument's value.
"""

from __future__ import annotations

from shapecalc.layers.fields.base import EXPRESSION, REQUIRED, Field
from shapecalc.layers.fields.measured import NamedTensors, Tensors
from shapecalc.layers.fields.one import (
    Axis,
    Channels,
    Choice,
    Dtype,
    FixedSize,
    Flag,
    Index,
    Inferred,
    Number,
    Position,
    Real,
    Size,
    Text,
    Whole,
)
from shapecalc.layers.fields.several import Axes, Scale, Shifts, SizeForEach, SizeOrSizes, Sizes, Trailing
from shapecalc.layers.fields.windows import Padding, PerAxis, PerSide, PerSideOfSome, Ratios

__all__ = [
    "EXPRESSION",
    "REQUIRED",
    "Axes",
    "Axis",
    "Channels",
    "Choice",
    "Dtype",
    "Field",
    "FixedSize",
    "Flag",
    "Index",
    "Inferred",
    "NamedTensors",
    "Number",
    "Padding",
    "PerAxis",
    "PerSide",
    "PerSideOfSome",
    "Position",
    "Ratios",
    "Real",
    "Scale",
    "Shifts",
    "Size",
    "SizeForEach",
    "SizeOrSizes",
    "Sizes",
    "Tensors",
    "Text",
    "Trailing",
    "Whole",
]
