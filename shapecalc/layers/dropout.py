"""Dropout (torch.nn, "Dropout Layers"): in training, parts of the input become noise; the shape stays."""

from __future__ import annotations

from shapecalc.layers.base import Elementwise, check_rank, example
from shapecalc.layers.fields import Flag, Real
from shapecalc.operations import NOTHING
from shapecalc.tensors import Tensor


class DropoutLayer(Elementwise, abstract=True):
    """What dropouts have in common. In evaluation each is the identity."""

    each = NOTHING
    p = Real(0.5, low=0, high=1)
    inplace = Flag(False)


class Dropout(DropoutLayer):
    """In training, each element becomes 0 with probability p. Source: Srivastava et al. 2014, JMLR 15."""


class Dropout1d(DropoutLayer):
    """In training, each channel of (N, C, L) or (C, L) becomes 0 with probability p.

    Source: Tompson et al. 2014, arXiv:1411.4280; torch.nn.Dropout1d.
    """

    axes = 1
    example = example((1, 8, 16))

    def output(self, x: Tensor) -> Tensor:
        check_rank(x, 2, 3)
        return x


class Dropout2d(DropoutLayer):
    """In training, each channel of (N, C, H, W) becomes 0 with probability p.

    Of three axes torch takes the first for the batch, and of any other number it warns.
    Source: Tompson et al. 2014, arXiv:1411.4280; torch.nn.Dropout2d.
    """

    axes = 2


class Dropout3d(DropoutLayer):
    """In training, each channel of (N, C, D, H, W) or (C, D, H, W) becomes 0 with probability p.

    Of any other number of axes torch warns. Source: Tompson et al. 2014, arXiv:1411.4280; torch.nn.Dropout3d.
    """

    axes = 3


class AlphaDropout(DropoutLayer):
    """In training, elements become the negative limit of SELU with probability p; mean and variance stay.

    Source: Klambauer et al. 2017, arXiv:1706.02515; torch.nn.AlphaDropout.
    """


class FeatureAlphaDropout(DropoutLayer):
    """AlphaDropout of whole channels, which are axis 1. Source: torch.nn.FeatureAlphaDropout."""
