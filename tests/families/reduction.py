"""Draws for `shapecalc/layers/reduction.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import Stricter, drawn

STRICTER = (
    Stricter(
        "mean|sum|amax|amin|squeeze",
        r"dim must be .*, not \[\]",
        "a list of no axes means all of them in one function of torch, and none in another",
        drawn("mean", Tensor((2, 3)), dim=[]),
    ),
    Stricter(
        "sum",
        "dtype .* would drop the imaginary parts of",
        "torch drops them too, with a warning",
        drawn("sum", Tensor((4, 4), "complex128"), dtype="uint8"),
    ),
)

RARE = (
    *(
        drawn(name, Tensor((2, 3), own), dim=1, dtype=dtype)
        for name in ("mean", "sum")
        for own, dtype in (
            ("float32", "float64"),
            ("float32", "float16"),
            ("int32", "float32"),
            ("float32", "int8"),
            ("bool", "uint8"),
        )
    ),
    drawn("sum", Tensor((2, 3)), dtype="bool"),
    drawn("sum", Tensor((4, 4), "complex128"), dtype="bool"),
    *tuple(
        case
        for name in ("mean", "sum", "amax", "amin")
        for case in (
            drawn(name, Tensor(())),
            drawn(name, Tensor(()), dim=0),
            drawn(name, Tensor(()), dim=[-1], keepdim=True),
            drawn(name, Tensor(()), dim=1),
            drawn(name, Tensor(()), dim=[0, -1]),
            drawn(name, Tensor((2, 3)), keepdim=True),
            drawn(name, Tensor((2, 3)), dim=[0, -2]),
            drawn(name, Tensor((2, 3), "bool"), dim=1),
            drawn(name, Tensor((2, 3), "uint8"), dim=1),
            drawn(name, Tensor((2, 3), "float16"), dim=1),
        )
    ),
)
