"""Power-average pooling (torch.nn, "Pooling layers"): the root of a sum of powers in each window."""

from __future__ import annotations

import math

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.elementwise_gradients import of_absolute, of_power
from shapecalc.allocation.gradients import like
from shapecalc.allocation.kernels import product_of_two, times_number
from shapecalc.allocation.values import OUTPUT
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import examples
from shapecalc.layers.fields import FixedSize, Real
from shapecalc.layers.pooling import IMAGES, WindowPool, strides_of_pooled
from shapecalc.layers.ranges import GREATEST_FLOAT
from shapecalc.operations import Operations, additions
from shapecalc.tensors import Tensor, is_floating, product


class LPPool(WindowPool, abstract=True):
    """What power-average poolings have in common: a root of the sum of powers of each window's elements."""

    norm_type = Real()
    last_fields = ("kernel_size", "stride", "ceil_mode")
    examples = examples(*IMAGES, norm_type=2, kernel_size=2)

    def check(self) -> None:
        if self.norm_type == 0:
            raise ArchitectureError(
                "norm_type must not be 0: there is no root of order 0", argument="norm_type"
            )

    def output(self, x: Tensor) -> Tensor:
        short = x.dtype in ("float16", "bfloat16")  # which torch does not exceed in an exponent
        for exponent in (self.norm_type, 1 / self.norm_type):
            if short and GREATEST_FLOAT[x.dtype] < abs(exponent) < math.inf:
                raise ArchitectureError(
                    f"norm_type {self.norm_type:g} is too large or too small for powers in {x.dtype}",
                    argument="norm_type",
                )
        # A power makes floating-point numbers of integers.
        return self.averaged(x if is_floating(x.dtype) else Tensor(x.shape))

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """The mean of powers; its sign times its positive part, times the window's size; a root of that."""
        (cast,) = trace.cast("pow", x)
        made = self.output(cast.tensor)
        raised = Tensor(x.shape, made.dtype)
        powers = trace.kernel(raised, cast, keeps=(cast,), back=of_power(cast.look), strides=x.strides)
        del cast
        mean = trace.kernel(made, powers, keeps=(powers,), laid=strides_of_pooled(made, powers, self.axes))
        del powers
        sign = trace.kernel(made, mean, back=like(), strides=mean.strides)
        absolute = trace.kernel(made, mean, keeps=(mean,), back=of_absolute(mean.look), strides=mean.strides)
        positive = trace.kernel(
            made, absolute, keeps=(OUTPUT,), back=like(absolute.look), strides=absolute.strides
        )
        del absolute
        y = product_of_two(trace, sign, positive)
        del sign, positive
        y = times_number(trace, y)
        return (trace.kernel(made, y, keeps=(y,), back=of_power(y.look), strides=y.strides),)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        """A power of each element of a window, their sum, and its root."""
        elements = y.elements * product(tuple(window.kernel for window in self.window))
        return Operations(exp=elements + y.elements) + additions(elements, y.elements)


class LPPool1d(LPPool, axes=1):
    """The root of the sum of powers of each window: sizes as those of AvgPool1d, without padding.

    Source: torch.nn.LPPool1d; torch takes its kernel's size as one number alone.
    """

    kernel_size = FixedSize()


class LPPool2d(LPPool, axes=2):
    """The root of the sum of powers of each window: sizes as those of AvgPool2d, without padding.

    Source: torch.nn.LPPool2d.
    """


class LPPool3d(LPPool, axes=3):
    """The root of the sum of powers of each window: sizes as those of AvgPool3d, without padding.

    Source: torch.nn.LPPool3d.
    """
