"""Activations and dropout (torch.nn, "Non-linear Activations", "Dropout Layers"): the shape stays."""

from __future__ import annotations

from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Elementwise, Layer, check_axis, check_floating
from shapecalc.layers.fields import Axis, Choice, Flag, Real
from shapecalc.tensors import Tensor, is_floating


class ReLU(Elementwise):
    """max(x, 0). Source: torch.nn.ReLU."""

    inplace = Flag(False)

    def output(self, x: Tensor) -> Tensor:
        if x.dtype == "bool":
            raise ArchitectureError("numbers are needed, not bool")
        return x


class ToFloating(Layer, abstract=True):
    """An activation that makes floating-point numbers of integers."""

    def output(self, x: Tensor) -> Tensor:
        return x if is_floating(x.dtype) else Tensor(x.shape, "float32")


class Sigmoid(ToFloating):
    """1 / (1 + exp(−x)). Source: torch.nn.Sigmoid."""


class Tanh(ToFloating):
    """(exp(x) − exp(−x)) / (exp(x) + exp(−x)). Source: torch.nn.Tanh."""


class GELU(Elementwise):
    """x · Φ(x), Φ the normal distribution. Source: Hendrycks & Gimpel 2016, arXiv:1606.08415."""

    approximate = Choice("none", "tanh")

    def output(self, x: Tensor) -> Tensor:
        check_floating(x)
        return x


class Softmax(Elementwise):
    """exp(x) divided by its sum along `dim`. Source: torch.nn.Softmax."""

    dim = Axis(None)

    def output(self, x: Tensor) -> Tensor:
        check_floating(x)
        if self.dim is not None:
            check_axis(self.dim, x, "dim")
        return x


class Dropout(Elementwise):
    """In training, each element becomes 0 with probability p. Source: Srivastava et al. 2014, JMLR 15."""

    p = Real(0.5, low=0, high=1)
    inplace = Flag(False)
