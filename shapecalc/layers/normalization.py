"""Normalisation (torch.nn, "Normalization Layers"): the shape stays, scale and shift are learned."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace
from shapecalc.allocation.gradients import Back, of_norm, of_row
from shapecalc.allocation.mode import statistic
from shapecalc.allocation.values import Value, looks
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating, check_groups, check_least_rank, check_rank
from shapecalc.layers.fields import Channels, Flag, Inferred, Real, Size
from shapecalc.layers.reads import Reads, except_along, grouped_channels, same_place
from shapecalc.layers.rules import Saved
from shapecalc.layers.weights import Weight, Weights, owned
from shapecalc.operations import Operations, scaled_down, standardised
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import not_one
from shapecalc.tensors import Tensor, check_at_least, product


def per_channel(channels: Dim, affine: bool, bias: bool, tracked: bool = False) -> Weights:
    """The scale and shift of each channel, and where `tracked`, its running statistics."""
    each = (channels,)
    weights: dict[str, Weight] = {}
    if affine:
        weights["weight"] = Weight(each)
    if affine and bias:
        weights["bias"] = Weight(each)
    if tracked:
        weights |= {
            "running_mean": Weight(each, buffer=True),
            "running_var": Weight(each, buffer=True),
            "num_batches_tracked": Weight((), "int64", buffer=True),
        }
    return weights


def normalised(x: Tensor, groups: Dim, tracked: bool) -> Operations:
    """To zero mean and unit variance in so many groups, whose statistics are known where `tracked`."""
    if not tracked:
        return standardised(x.elements, groups)
    return Operations(add=x.elements) + scaled_down(x.elements, groups)


def learned(elements: Dim, weights: Weights) -> Operations:
    """Scale and shift, of a layer that has them."""
    return Operations(mul=elements if "weight" in weights else 0, add=elements if "bias" in weights else 0)


class BatchNorm(Layer, abstract=True):
    """What batch normalisations of any number of spatial axes have in common.

    Source: Ioffe & Szegedy 2015, arXiv:1502.03167; torch.nn.BatchNorm2d.
    """

    aligned = True
    num_features = Inferred(axis=1)
    eps = Real(1e-5, low=0)
    momentum = Real(0.1, optional=True)
    affine = Flag(True)
    track_running_stats = Flag(True)
    bias = Flag(True)

    def check(self) -> None:
        if not self.track_running_stats and self.eps == 0:
            raise ArchitectureError(
                "eps must be above 0 where the statistics are those of the batch", argument="eps"
            )

    def check_batched(self, x: Tensor) -> None:
        """Refuse an input without a batch; of sequences, one without an axis for them is taken too."""
        check_rank(x, *((2, 3) if self.axes == 1 else (self.axes + 2,)))

    def output(self, x: Tensor) -> Tensor:
        self.check_batched(x)
        check_floating(x, "float32" if self.affine or self.track_running_stats else None)
        if not self.track_running_stats:
            # Without running statistics, those of the batch are used in evaluation too.
            hint = "a larger batch or input, or track_running_stats: true"
            message = f"each channel of {x} has {{0}} value: its statistics need {{1}}"
            check_at_least(_values(x), 2, message, hint, why="a channel has statistics")
        return x

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        """In evaluation its own place alone, unless the statistics are always those of the batch."""
        return (same_place(x.rank) if self.track_running_stats else except_along(x, 0, *range(2, x.rank)),)

    def weights(self, x: Tensor) -> Weights:
        return per_channel(x.shape[1], self.affine, self.bias, self.track_running_stats)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        """(x − mean) / √(variance + ε) · weight + bias; statistics of the batch take operations more."""
        return learned(x.elements, self.weights(x)) + normalised(x, x.shape[1], self.track_running_stats)

    def remark(self, x: Tensor) -> str | None:
        return "torch trains it on no batch of one value for each channel" if _values(x) == 1 else None

    def back(self, *inputs: Value) -> Back:
        return of_norm(*looks(inputs))

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        if trace.training:
            self.check_training(trace, x)
        return super().run(trace, x)

    def check_training(self, trace: Trace, x: Value) -> None:
        """Refuse what torch.nn.functional.batch_norm refuses with the statistics of a batch."""
        if self.eps == 0:
            trace.refuse("in training eps must be above 0", "eps: 1.0e-5 is torch's own")
        if not not_one(_values(x.tensor), "it is trained on several values for each channel"):
            refuse_single(trace, f"each channel of {x.tensor}")

    def saved(self, x: Value) -> Saved:
        """The input, and the mean and the deviation of each channel."""
        return (x, *[Tensor((x.shape[1],), statistic(x.dtype))] * 2)


def refuse_single(trace: Trace, what: str) -> None:
    message = f"{what} has 1 value: in training its statistics need 2 or more"
    trace.refuse(message, "a larger batch or input")


def _values(x: Tensor) -> Dim:
    """How many values a batch has of each channel."""
    return product((x.shape[0], *x.shape[2:]))


class BatchNorm1d(BatchNorm, axes=1):
    """Each feature of (N, C), or each channel of (N, C, L), to zero mean and unit variance."""


class BatchNorm2d(BatchNorm, axes=2):
    """Each channel of (N, C, H, W) to zero mean and unit variance."""


class BatchNorm3d(BatchNorm, axes=3):
    """Each channel of (N, C, D, H, W) to zero mean and unit variance."""

    example = example((2, 4, 8, 8, 8))


class SyncBatchNorm(BatchNorm):
    """Each channel of (N, C, *) to zero mean and unit variance, in training those of all processes' batches.

    Source: torch.nn.SyncBatchNorm.
    """

    lettered = ("NCL",)
    example = example((2, 4, 8, 8))

    def check_batched(self, x: Tensor) -> None:
        check_least_rank(x, 2)


class InstanceNorm(Layer, abstract=True):
    """What instance normalisations of any number of spatial axes have in common.

    Source: Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022; torch.nn.InstanceNorm2d.
    """

    num_features = Channels()
    eps = Real(1e-5)
    momentum = Real(0.1, optional=True)
    affine = Flag(False)
    track_running_stats = Flag(False)
    bias = Flag(True)

    def output(self, x: Tensor) -> Tensor:
        check_rank(x, self.axes + 1, self.axes + 2)
        check_floating(x, "float32" if self.affine else None)
        if not self.track_running_stats:
            hint = "a larger input, or track_running_stats: true"
            message = f"each channel of an image in {x} has {{0}} value: its statistics need {{1}}"
            check_at_least(self._values(x), 2, message, hint, why="a channel has statistics")
        return x

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        """In evaluation the image that the statistics are of, or with running ones its own place alone."""
        return (same_place(x.rank) if self.track_running_stats else except_along(x, *range(-self.axes, 0)),)

    def _values(self, x: Tensor) -> Dim:
        """How many values each channel of an image has."""
        return product(x.shape[-self.axes :])

    def weights(self, x: Tensor) -> Weights:
        return per_channel(x.shape[-self.axes - 1], self.affine, self.bias, self.track_running_stats)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        """(x − mean) / √(variance + ε) · weight + bias; statistics of the image take operations more."""
        tracked = self.track_running_stats
        lead = x.shape[-self.axes - 1 :][:1] if tracked else x.shape[: -self.axes]
        return learned(x.elements, self.weights(x)) + normalised(x, product(lead), tracked)

    def remark(self, x: Tensor) -> str | None:
        return "torch trains it on no image of one value for each channel" if self._values(x) == 1 else None

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """A BatchNorm of a batch of one, with the channels of all items: weights and statistics are repeated.

        Source: at::instance_norm.
        """
        if trace.training and not not_one(self._values(x.tensor), "it is trained on several values for each"):
            refuse_single(trace, f"each channel of an image in {x.tensor}")
        batch = x.shape[0] if x.rank == self.axes + 2 else 1
        channels = batch * x.shape[-self.axes - 1]
        many = Tensor((channels,))
        own = [trace.kernel(many, weight) for weight in owned(trace, self.weights(x.tensor))]
        running = [
            self.for_each_item(trace, x, channels // batch, batch)
            for _ in range(2 * self.track_running_stats)
        ]
        kept = (*own[:1], *running)
        statistics = Tensor((channels,), statistic(x.dtype))
        shape = x.shape
        x = trace.view(trace.contiguous(x), (1, channels, *shape[-self.axes :]))
        back = of_norm(x.look, *looks(own))
        y = trace.kernel(x.tensor, x, *own, keeps=(x, *kept, statistics, statistics), back=back)
        y = trace.view(y, shape)
        if trace.training:
            for statistic_of_all in running:
                averaged_over(trace, statistic_of_all, channels // batch)
        return (y,)

    def for_each_item(self, trace: Trace, x: Value, channels: Dim, batch: Dim) -> Value:
        """A running statistic for the channels of each item, in the dtype of the weights, or the input's."""
        dtype = "float32" if self.affine else x.dtype
        _own = None if dtype == "float32" else trace.new(Tensor((channels,), dtype))
        return trace.new(Tensor((batch * channels,), dtype))


def averaged_over(trace: Trace, running: Value, channels: Dim) -> None:
    """The mean over the batch of what was repeated, which goes into a running statistic."""
    _mean = trace.new(Tensor((channels,), running.dtype))
    _copy = None if running.dtype == "float32" else trace.new(Tensor((channels,)))


class InstanceNorm1d(InstanceNorm, axes=1):
    """Each channel of each item in (N, C, L), or in (C, L), to zero mean and unit variance."""


class InstanceNorm2d(InstanceNorm, axes=2):
    """Each channel of each image in (N, C, H, W), or in (C, H, W), to zero mean and unit variance."""


class InstanceNorm3d(InstanceNorm, axes=3):
    """Each channel of each item in (N, C, D, H, W), or in (C, D, H, W), to zero mean and unit variance."""

    example = example((2, 4, 8, 8, 8))


class GroupNorm(Layer):
    """Each group of channels of each item in (N, C, *) to zero mean and unit variance.

    Source: Wu & He 2018, arXiv:1803.08494; torch.nn.GroupNorm.
    """

    lettered = ("NCL",)
    operation = "group_norm"
    num_groups = Size()
    num_channels = Inferred(axis=1)
    eps = Real(1e-5)
    affine = Flag(True)
    bias = Flag(True)
    example = example((2, 4, 8, 8), num_groups=2)

    def output(self, x: Tensor) -> Tensor:
        check_least_rank(x, 2)
        check_floating(x, "float32" if self.affine else None)
        batch, channels, *space = x.shape
        hint = "each group has an equal part of the channels"
        check_groups(channels, self.num_groups, hint, name="num_groups")
        # Statistics are of one item, but torch counts a group's values in the whole batch, in evaluation too.
        values = batch * channels // self.num_groups * product(tuple(space))
        message = f"each group of {x} has {{0}} value in the whole batch: torch needs {{1}}"
        check_at_least(
            values, 2, message, "fewer groups, a larger batch or input", why="a group has statistics"
        )
        return x

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        """Its group of channels, wherever they are."""
        batch, _channels, *space = except_along(x, *range(1, x.rank))
        return ((batch, grouped_channels(1, self.num_groups), *space),)

    def weights(self, x: Tensor) -> Weights:
        return per_channel(x.shape[1], self.affine, self.bias)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return super().run(trace, trace.contiguous(x))

    def saved(self, x: Value) -> Saved:
        return (x, *[Tensor((x.shape[0], self.num_groups), x.dtype)] * 2)

    def back(self, *inputs: Value) -> Back:
        return of_row(*looks(inputs))

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return learned(x.elements, self.weights(x)) + standardised(x.elements, x.shape[0] * self.num_groups)
