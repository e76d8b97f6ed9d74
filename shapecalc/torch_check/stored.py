"""Matrices packed as whole numbers in torch: the bytes of these, of their scales and zero points."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from shapecalc.analysis.compare.verdicts import Mismatch
from shapecalc.engine.results import Analysis
from shapecalc.layers.schemes import BITS, SCALE, Scheme, size_in_bytes
from shapecalc.symbolic import number
from shapecalc.tensors import Shape


def compare_stored(analysis: Analysis) -> Iterator[Mismatch]:
    """The matrices whose bytes under their schemes are not those of torch's tensors."""
    for row in analysis.rows:
        for name in row.stored.keys() - row.shared:
            scheme, weight = row.stored[name], row.weights[name]
            expected, measured = number(size_in_bytes(weight, scheme)), bytes_in_torch(weight.shape, scheme)
            if expected != measured:
                yield Mismatch(row.path, f"bytes of {name} in {scheme}", expected, measured)


def bytes_in_torch(shape: Shape, scheme: Scheme) -> int:
    """Bytes of a matrix that is packed, two elements of 4 bits to a byte, with its scales and zero points."""
    matrix = torch.empty(tuple(map(number, shape)), dtype=torch.uint8, device="meta")
    groups = matrix.view(-1, scheme.group or matrix.shape[-1])
    scales = groups.amax(-1).to(getattr(torch, SCALE))
    tensors = [_packed(matrix, scheme), scales]
    if scheme.zeros:
        tensors.append(_packed(groups.amin(-1), scheme))
    return sum(tensor.nbytes for tensor in tensors)


def _packed(values: torch.Tensor, scheme: Scheme) -> torch.Tensor:
    flat = values.flatten()
    if BITS[scheme.dtype] == 8:
        return flat
    if len(flat) % 2:  # the last one has its own byte
        flat = torch.cat([flat, flat.new_zeros(1)])
    return flat[::2] | (flat[1::2] << 4)
