"""Dropout (torch.nn, "Dropout Layers"): in training, parts of the input become noise; the shape stays."""

from __future__ import annotations

from typing import Any, ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.kernels import check_noise, noisy
from shapecalc.layers.base import Elementwise, example
from shapecalc.layers.checks import check_rank
from shapecalc.layers.fields import Flag, Real
from shapecalc.tensors import Tensor


class DropoutLayer(Elementwise, abstract=True):
    """What dropouts have in common. In evaluation each is the identity."""

    batched_rank: ClassVar[int | None] = None
    """Where whole channels are dropped, the axes of an input with a batch; 0 for any number."""
    scales: ClassVar[bool] = False
    """Whether what is left is scaled and shifted."""

    p = Real(0.5, low=0, high=1)
    inplace = Flag(False)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """In training a tensor of noise is made, multiplied with the input, and kept by autograd."""
        y = x if not trace.training or self.p == 0 else self.noisy(trace, x)
        alone = self.batched_rank not in (None, 0, x.rank) and not self.inplace
        return (trace.looked_at(y) if alone else y,)  # a batch axis is put before it, and taken away after it

    def noisy(self, trace: Trace, x: Value) -> Value:
        if self.batched_rank is None and not self.scales and not self.inplace:
            return noisy(trace, x, self.p)
        check_noise(trace, x, self.p)
        self.check_channels(trace, x)
        if self.p == 1:
            noise = trace.new(Tensor((), x.dtype))
        else:
            noise = trace.new(self.noise(x.tensor))
            _shift = trace.new(noise.tensor) if self.scales else None
        if self.inplace and not self.scales:
            return trace.in_place(x, keeps=(noise,))
        return trace.kernel(x.tensor, x, keeps=(noise,), strides=x.strides)

    def check_channels(self, trace: Trace, x: Value) -> None:
        """Refuse to train on inputs without an axis beside the channels."""
        axes = x.rank if self.batched_rank in (None, 0, x.rank) else x.rank + 1
        if self.batched_rank is not None and self.p < 1 and axes < 2:
            message = f"in training it drops whole channels of 2 axes or more, and the input is {x.tensor}"
            trace.refuse(message, "take Dropout, which drops elements")

    def noise(self, x: Tensor) -> Tensor:
        """A number for each element, or for each channel of each image."""
        return x if self.batched_rank is None else Tensor(x.shape[: 2 if self.batched(x) else 1], x.dtype)

    def batched(self, x: Tensor) -> bool:
        return self.batched_rank in (0, x.rank)


class Dropout(DropoutLayer):
    """In training, each element becomes 0 with probability p. Source: Srivastava et al. 2014, JMLR 15."""


class Dropout1d(DropoutLayer, axes=1):
    """In training, each channel of (N, C, L) or (C, L) becomes 0 with probability p.

    Source: Tompson et al. 2014, arXiv:1411.4280; torch.nn.Dropout1d.
    """

    batched_rank = 3
    example = example((1, 8, 16))

    def output(self, x: Tensor) -> Tensor:
        check_rank(x, 2, 3)
        return x


class Dropout2d(DropoutLayer, axes=2):
    """In training, each channel of (N, C, H, W) becomes 0 with probability p.

    Of three axes torch takes the first for the batch, and of any other number it warns.
    Source: Tompson et al. 2014, arXiv:1411.4280; torch.nn.Dropout2d.
    """

    batched_rank = 0


class Dropout3d(DropoutLayer, axes=3):
    """In training, each channel of (N, C, D, H, W) or (C, D, H, W) becomes 0 with probability p.

    Of any other number of axes torch warns. Source: Tompson et al. 2014, arXiv:1411.4280; torch.nn.Dropout3d.
    """

    batched_rank = 5


class AlphaDropout(DropoutLayer):
    """In training, elements become the negative limit of SELU with probability p; mean and variance stay.

    Source: Klambauer et al. 2017, arXiv:1706.02515; torch.nn.AlphaDropout.
    """

    scales = True


class FeatureAlphaDropout(DropoutLayer):
    """AlphaDropout of whole channels, which are axis 1. Source: torch.nn.FeatureAlphaDropout."""

    batched_rank = 0
    scales = True


class dropout(Elementwise):
    """In training, each element becomes 0 with probability p. Source: torch.nn.functional.dropout."""

    namespace = "nn.functional."
    p = Real(0.5, low=0, high=1)

    def keywords(self) -> dict[str, Any]:
        return {"p": self.p, "training": False}

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """It is called with training=False, so it is the identity in training too."""
        return (x,)
