"""The bytes of a GPU's memory that a network has in use at most, measured and predicted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from shapecalc.allocation.mode import Mode, size_of
from shapecalc.analysis.compare.verdicts import Usage
from shapecalc.analysis.memory.backward import Backward
from shapecalc.analysis.memory.forward import Forward
from shapecalc.engine.results import Analysis
from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from shapecalc.torch_check.network import Network, build

BATCH = 32
"""Samples in a batch: enough for activations to outweigh the workspace of libraries."""


def usage(analysis: Analysis, device: Any) -> Iterator[Usage]:
    """Bytes of one pass of prediction, and of one step of training with plain SGD.

    Attention is computed by the kernels that are predicted, not by a library's fused ones.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            for what, mode in {
                "prediction": Mode(cuda=True),
                "training": Mode(True, True, cuda=True),
            }.items():
                yield Usage(what, predicted(analysis, mode), measured(build(analysis), mode, device))
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def predicted(analysis: Analysis, mode: Mode) -> int:
    """The most bytes at once, in blocks of the sizes that a GPU's allocator gives out."""
    forward = Forward(analysis, mode)
    if mode.grad:
        Backward(forward)
    weights = [weight for row in analysis.rows for weight in row.own_weights.values()]
    owned = sum(number(size_of(Tensor(w.shape, w.dtype), mode)) for w in weights)
    return owned + number(forward.ledger.peak.size())


def measured(network: Network, mode: Mode, device: Any) -> int:
    """The most bytes at once beyond those in use before the network is moved to the device."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    network.on(device).train(mode.training)
    inputs = network.samples(device)
    with torch.set_grad_enabled(mode.grad):
        outputs = [y for y in network(*inputs, observe=lambda *_: None) if y.requires_grad]
        if outputs:
            torch.autograd.backward(outputs, [torch.ones_like(y) for y in outputs])
            torch.optim.SGD(network.parameters(), lr=0.0).step()
    torch.cuda.synchronize(device)
    found: int = torch.cuda.max_memory_allocated(device) - before
    return found
