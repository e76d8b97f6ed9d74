"""Draws for `shapecalc/layers/activation.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, drawn


@st.composite
def of_any_dtype(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """An input whose dtype may not hold the numbers among the arguments."""
    shape = draw(st.lists(st.sampled_from(SIZES), max_size=4))
    return (Tensor(tuple(shape), draw(st.sampled_from(DTYPES))),)


INPUTS = {"Threshold": of_any_dtype, "Hardtanh": of_any_dtype}

SCALAR = Tensor(())
GREAT = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38}
"""The greatest numbers of floating-point dtypes."""

RARE = (
    *(drawn(name, SCALAR) for name in ("ReLU", "ReLU6", "Hardtanh", "Softsign", "ELU", "GLU", "PReLU")),
    drawn("GLU", SCALAR, dim=0),
    # A tensor of fewer than two axes has one channel.
    drawn("PReLU", SCALAR, num_parameters=2),
    drawn("PReLU", Tensor((2,)), num_parameters=2),
    drawn("PReLU", Tensor((2, 2)), num_parameters=2),
    # Numbers among the arguments that a dtype can't hold.
    *(
        drawn("Threshold", Tensor((2,), dtype), threshold=0, value=times * great)
        for dtype, great in GREAT.items()
        for times in (1, 1.01)
    ),
    *(
        drawn("Threshold", Tensor((2,), dtype), threshold=-1.01 * great, value=0)
        for dtype, great in GREAT.items()
    ),
    *(
        drawn("Threshold", Tensor((2,), "uint8"), threshold=0, value=value)
        for value in (255, 256, -0.5, -1, -256)
    ),
    *(drawn("Threshold", Tensor((2,), "int8"), threshold=low, value=0) for low in (-128, -129, -128.5)),
    *(
        drawn("Threshold", Tensor((2,), "int64"), threshold=0, value=value)
        for value in (2**63 - 1, 2**63, -(2**63), 2.0**63, 1.01 * 2.0**63)
    ),
    drawn("Hardtanh", Tensor((2,), "int64"), max_val=2.0**63),
    drawn("Hardtanh", Tensor((2,), "int64"), max_val=2**63),
    *(drawn("Hardtanh", Tensor((2,), "uint8"), min_val=low) for low in (-0.5, -1)),
    *(drawn("Hardtanh", Tensor((2,), "int8"), min_val=low) for low in (-128.5, -129)),
    *(drawn("Hardtanh", Tensor((2,), "uint8"), min_val=0, max_val=high) for high in (255.5, 256)),
    *(
        drawn(name, Tensor((2,), dtype), **{argument: times * great})
        for name, argument in (
            ("ELU", "alpha"),
            ("Hardshrink", "lambd"),
            ("Softshrink", "lambd"),
            ("LeakyReLU", "negative_slope"),
        )
        for dtype, great in GREAT.items()
        for times in (1, 1.01)
    ),
    drawn("Softplus", Tensor((2,), "float64"), beta=1e300),
    drawn("RReLU", Tensor((2,), "bfloat16"), upper=GREAT["float32"]),
    *(drawn("PReLU", Tensor((2, 4)), init=init) for init in (1e38, 1e39)),
    drawn("RReLU", Tensor((2,)), lower=0.1, upper=0.1),
    drawn("CELU", Tensor((2,)), alpha=0),
    # torch takes the inverse; infinity is a number of every dtype.
    *(drawn("CELU", Tensor((2,)), alpha=alpha) for alpha in (1e-39, 2.9e-39, 3e-39, -1e-39, 5e-324)),
    drawn("CELU", Tensor((2,), "float64"), alpha=1e-39),
    drawn("CELU", Tensor((2,), "float16"), alpha=1e-6),
)

TAKES_ALL = ("Sigmoid", "sigmoid", "Tanh", "tanh")
