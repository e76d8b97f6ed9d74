"""Normalisation (torch.nn, "Normalization Layers"): the shape stays, scale and shift are learned."""

from __future__ import annotations

from typing import ClassVar

from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, Weight, Weights, check_floating, check_rank
from shapecalc.layers.fields import Flag, Inferred, Real
from shapecalc.tensors import Tensor, check_at_least, product


class BatchNorm(Layer, abstract=True):
    """What batch normalisations of any number of spatial axes have in common.

    Source: Ioffe & Szegedy 2015, arXiv:1502.03167; torch.nn.BatchNorm2d.
    """

    ranks: ClassVar[tuple[int, ...]]
    """The numbers of axes that an input may have."""

    num_features = Inferred(axis=1)
    eps = Real(1e-5, low=0)
    momentum = Real(0.1, optional=True)
    affine = Flag(True)
    bias = Flag(True)
    track_running_stats = Flag(True)

    def check(self) -> None:
        if not self.track_running_stats and self.eps == 0:
            raise ArchitectureError(
                "eps must be above 0 where the statistics are those of the batch", argument="eps"
            )

    def output(self, x: Tensor) -> Tensor:
        check_rank(x, *self.ranks)
        check_floating(x, "float32" if self.affine or self.track_running_stats else None)
        if not self.track_running_stats:
            # Without running statistics, those of the batch are used in evaluation too.
            values = product((x.shape[0], *x.shape[2:]))
            hint = "a larger batch or input, or track_running_stats: true"
            message = f"each channel of {x} has {{0}} value: its statistics need {{1}}"
            check_at_least(values, 2, message, hint, why="a channel has statistics")
        return x

    def weights(self, x: Tensor) -> Weights:
        per_channel = (x.shape[1],)
        weights: dict[str, Weight] = {}
        if self.affine:
            weights["weight"] = Weight(per_channel)
        if self.affine and self.bias:
            weights["bias"] = Weight(per_channel)
        if self.track_running_stats:
            weights |= {
                "running_mean": Weight(per_channel, buffer=True),
                "running_var": Weight(per_channel, buffer=True),
                "num_batches_tracked": Weight((), "int64", buffer=True),
            }
        return weights


class BatchNorm1d(BatchNorm):
    """Each feature of (N, C), or each channel of (N, C, L), to zero mean and unit variance."""

    axes = 1
    ranks = (2, 3)


class BatchNorm2d(BatchNorm):
    """Each channel of (N, C, H, W) to zero mean and unit variance."""

    axes = 2
    ranks = (4,)
