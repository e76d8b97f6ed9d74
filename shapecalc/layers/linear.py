"""Layers that multiply by one matrix (torch.nn, "Linear Layers")."""

from __future__ import annotations

from shapecalc.layers.base import Layer, Weight, Weights, check_floating
from shapecalc.layers.fields import Flag, Inferred, Size
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor


class Linear(Layer):
    """An affine map of the last axis: (*, in_features) → (*, out_features). Source: torch.nn.Linear."""

    in_features = Inferred(axis=-1)
    out_features = Size()
    bias = Flag(True)

    def output(self, x: Tensor) -> Tensor:
        check_floating(x, "float32")
        *lead, _ = x.shape
        return Tensor((*lead, self.out_features), x.dtype)

    def weights(self, x: Tensor) -> Weights:
        weights = {"weight": Weight((self.out_features, x.shape[-1]))}
        return {**weights, "bias": Weight((self.out_features,))} if self.bias else weights

    def macs(self, x: Tensor, y: Tensor) -> Dim:
        """One dot product over the input features for each output element."""
        return y.elements * x.shape[-1]
