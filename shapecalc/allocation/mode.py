"""What a network is run for, and how many bytes a tensor takes then."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from shapecalc.symbolic import Dim
from shapecalc.tensors import BYTES, Tensor

STATISTIC = "float_statistic"
"""The dtype of means and deviations: float32 in a network of 2-byte floats, too."""

_BLOCK = 512
"""Bytes of a block of the allocator for CUDA (torch.cuda's notes on memory management)."""


class Mode(NamedTuple):
    """What a network is run for."""

    grad: bool = False
    """Whether autograd records what it needs for the backward pass."""
    training: bool = False
    """The mode of the modules: whether dropout drops."""
    dtype: str = "float32"
    """What float32 is converted to, weights and all."""
    cuda: bool = False
    """As on a GPU: memory in blocks of 512 bytes, dropout with a mask of bool, LogSigmoid without buffer."""
    autocast: bool = False
    """Whether it runs under torch.autocast of a GPU, which casts to float16 and float32 by operation."""


INFERENCE, TRAINING = Mode(), Mode(grad=True, training=True)


def statistic(dtype: str) -> str:
    """The dtype of a mean or a deviation of elements of a dtype."""
    return dtype if dtype == "float64" else STATISTIC


@cache
def bytes_of(dtype: str) -> Mapping[str, int]:
    """Bytes of one element by its dtype, in a network whose float32 is converted to `dtype`."""
    return {**BYTES, STATISTIC: 4, "float32": BYTES[dtype]}


def size_of(made: Tensor, mode: Mode) -> Dim:
    """The bytes that a tensor takes."""
    size = made.elements * bytes_of(mode.dtype)[made.dtype]
    return -(-size // _BLOCK) * _BLOCK if mode.cuda else size
