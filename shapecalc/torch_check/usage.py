"""What a network takes of a GPU's memory, beside what is predicted of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from shapecalc.allocation.trace import Mode, size_of
from shapecalc.analysis.compare.verdicts import Usage
from shapecalc.analysis.memory.passes import Backward, Forward
from shapecalc.engine.results import Analysis
from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from shapecalc.torch_check.network import Network, build, sample

BATCH = 32
"""Large enough for activations to weigh more than what a library keeps for itself."""


def usage(analysis: Analysis, device: Any) -> Iterator[Usage]:
    """One pass of prediction, and one step of training with plain SGD, on a device that counts its bytes.

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
    """Bytes at most, in the blocks that the allocator of a GPU gives out."""
    forward = Forward(analysis, mode)
    if mode.grad:
        Backward(forward)
    weights = [weight for row in analysis.rows for weight in row.own_weights.values()]
    owned = sum(number(size_of(Tensor(w.shape, w.dtype), mode)) for w in weights)
    return owned + number(forward.ledger.peak.size())


def measured(network: Network, mode: Mode, device: Any) -> int:
    """Bytes at most, from before there is anything of the network on the device."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    network.to_empty(device=device)
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.detach().zero_()
    network.train(mode.training)
    inputs = [sample(x, device) for x in network.analysis.inputs.values()]
    with torch.set_grad_enabled(mode.grad):
        outputs = [y for y in network(*inputs, observe=lambda *_: None) if y.requires_grad]
        if outputs:
            torch.autograd.backward(outputs, [torch.ones_like(y) for y in outputs])
            torch.optim.SGD(network.parameters(), lr=0.0).step()
    torch.cuda.synchronize(device)
    found: int = torch.cuda.max_memory_allocated(device) - before
    return found
