"""Functions of torch that a module calls become steps that compute the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import nn
from torch.nn import functional

import shapecalc
from shapecalc.errors import ArchitectureError
from shapecalc.importing.network import imported
from shapecalc.importing.onnx_file.reader import read_onnx
from shapecalc.importing.torch_module import read_module
from shapecalc.torch_check.network import build

SAME: dict[str, Callable[[Any], Any]] = {
    "amax": lambda x: x.amax(1),
    "a number of numpy's": lambda x: x * numpy.int64(6) + numpy.float32(0.5),
    "amin of several": lambda x: torch.amin(x, (1, -1), keepdim=True),
    "max of all": lambda x: x + x.max(),
    "min of all": lambda x: x * torch.min(x),
    "max along an axis": lambda x: x.max(1)[0] + torch.min(x, 1, keepdim=True).values,
    "places of the greatest": lambda x: x.take_along_dim(x.max(dim=-1, keepdim=True).indices, -1),
    "sum": lambda x: x.sum(-1),
    "max_pool": lambda x: functional.max_pool2d(x, 2, padding=1),
    "avg_pool": lambda x: functional.avg_pool2d(x, 3, stride=2, count_include_pad=False),
    "adaptive": lambda x: functional.adaptive_max_pool2d(x, (2, 3)),
    "interpolate to a size": lambda x: functional.interpolate(x, size=(5, 7), mode="nearest"),
    "interpolate by a factor": lambda x: functional.interpolate(
        x, scale_factor=2, mode="bilinear", align_corners=True
    ),
    "matmul": lambda x: x @ x.transpose(-1, -2),
    "rmatmul": lambda x: torch.matmul(x.mT, x),
    "bmm": lambda x: torch.bmm(x.flatten(0, 1), x.flatten(0, 1).transpose(1, 2)),
    "baddbmm": lambda x: torch.baddbmm(
        x.flatten(0, 1)[:, :, :4], x.flatten(0, 1), x.flatten(0, 1).mT, beta=0.5, alpha=2
    ),
    "baddbmm by names": lambda x: torch.baddbmm(
        x.flatten(0, 1)[:, :, :4], batch2=x.flatten(0, 1).mT, batch1=x.flatten(0, 1)
    ),
    "dot": lambda x: x * torch.dot(x[0, 0, 0], x[0, 0, 1]),
    "einsum of one": lambda x: torch.einsum("ncij->jni", x) + torch.einsum("ncij->jin", x[:, :1]).mT,
    "greater and less of two": lambda x: torch.maximum(x, x[:, :1]) * torch.min(x, -x),
    "einsum": lambda x: torch.einsum("nchw, ncgw -> nchg", x, x),
    "attention": lambda x: functional.scaled_dot_product_attention(x, x, x, is_causal=True, scale=0.25),
    "linear of a computed weight": lambda x: functional.linear(x, x[0, 0]),
    "convolution with a computed kernel": lambda x: functional.conv2d(
        x, x[:1, :2, :3, :3].expand(6, -1, -1, -1) * 2, x[0, 0, 0], stride=2, padding=1, groups=2
    ),
    "convolution of a sequence": lambda x: functional.conv1d(x[:, 0], x[0, :, :, :3], padding="same"),
    "table that is computed": lambda x: functional.embedding((x[0, 0, 0] > 0).long(), x[0, 0] * 2),
    "columns": lambda x: functional.fold(
        functional.unfold(x, (2, 3), padding=1) * 2, (4, 6), (2, 3), padding=1
    ),
    "windows": lambda x: x.unfold(2, 3, 1).unfold(-2, 2, 2) * 2,
    "a part that is all": lambda x: torch.cat([x, x], 1)[:, :8].mul_(2) + 1,
    "tile": lambda x: x.tile(2, 3),
    "places of several axes": lambda x: x[:, (x[0, :3, 0, 0] > 0).long(), (x[0, :3, 0, 1] > 0).long()],
    "t": lambda x: x[0, 0].t(),
    "permute": lambda x: x.permute(0, 2, 3, 1),
    "permute to the same": lambda x: x.permute(0, 1, 2, 3) + 1,
    "movedim": lambda x: torch.movedim(x, 1, -1),
    "squeeze": lambda x: x[:, :1].squeeze(1),
    "expand": lambda x: x[:, :1].expand(-1, 5, -1, -1),
    "expand_as": lambda x: x[:, :1].expand_as(x) * x,
    "repeat_interleave": lambda x: x.repeat_interleave(3, dim=1),
    "repeat_interleave of all": lambda x: torch.repeat_interleave(x, 2),
    "repeat": lambda x: x.repeat(1, 2, 1, 3),
    "roll": lambda x: torch.roll(x, (1, -2), (2, 3)),
    "flip": lambda x: x.flip(1, 3),
    "pad": lambda x: functional.pad(x, (1, 2, 0, 1), value=0.5),
    "reflect": lambda x: functional.pad(x, (1, 2, 2, 1), mode="reflect"),
    "shuffle": lambda x: functional.pixel_shuffle(functional.pixel_unshuffle(x, 2), 2) * 2,
    "stack": lambda x: torch.stack([x, x + 1], 1),
    "chunk": lambda x: torch.cat(x.chunk(2, 1)[::-1], 1),
    "split": lambda x: torch.cat(torch.split(x, [1, 3], 1)[::-1], 1),
    "unbind": lambda x: x.unbind(1)[2] - x.unbind(1)[0],
    "softmax": lambda x: functional.log_softmax(x, 1) + torch.softmax(x, -1),
    "dtype": lambda x: (x > 0).to(x.dtype) * x,
    "a float beside whole numbers": lambda x: (1.0 - (x > 0).long()) * x.long() * 2.0,
    "where": lambda x: torch.where(x > 0, x, 2.0),
    "masked_fill": lambda x: x.masked_fill(x < 0, 3.0),
    "clamp": lambda x: x.clamp(-0.5, 0.5) + x.clamp(min=0),
    "clamp by tensors": lambda x: x.clamp(x[:1, :1], x[:1, :1] + 1) * x.clamp(min=x[0]).clamp(max=0.5),
    "powers": lambda x: x**2 + x.abs().sqrt() - torch.exp(-x) / 3,
    "sines": lambda x: torch.sin(x) * torch.cos(x),
    "tangents": lambda x: torch.tan(x) * x.sinh() + torch.special.erf(x) - x.atan() * torch.arcsinh(x.cosh()),
    "angles": lambda x: torch.asin(x.clamp(-1, 1)) - torch.arccos(x.tanh()) + x.sigmoid().atanh(),
    "logarithms": lambda x: (
        x.exp2().log2() + (x.expm1() + 3).log10() - x.abs().log1p() + (x.abs() + 2).acosh()
    ),
    "rounded": lambda x: x.floor() * x.ceil() + torch.trunc(x * 2) - x.sign() + x.round(),
    "what is left": lambda x: x % 0.5 + 3 % x - torch.fmod(x, x[:1, :1]) * x.remainder(x[0]).fmod(0.25),
    "whole numbers left": lambda x: (x * 9).long() % 4 + 0.5,
    "interpolate without aliases": lambda x: functional.interpolate(
        x, size=(3, 3), mode="bicubic", antialias=True
    ),
    "sides": lambda x: 1 - x * 2 / 4 + (x - 3),
    "activations": lambda x: (
        functional.gelu(x, approximate="tanh")
        + functional.silu(x)
        + functional.leaky_relu(x, 0.2)
        + functional.elu(x)
    ),
    "norm of features": lambda x: functional.layer_norm(x, x.shape[-1:]),
    "reshape": lambda x: x.view(2, -1).reshape(2, 4, 24).unflatten(2, (4, 6)),
    "parts": lambda x: x[:, 1:3, ::2] * x[..., :1][:, 1:3, ::2],
    "added axis": lambda x: x[:, None] + x.unsqueeze(2),
}
"""A function of 2×4×4×6, by what it tries: equal to the last bit."""

NEAR: dict[str, Callable[[Any], Any]] = {
    "distance": lambda x: functional.pairwise_distance(x, x[:, :1] * 2, keepdim=True),
    "similarity": lambda x: functional.cosine_similarity(x, x.flip(1), dim=-1),
    "var": lambda x: x.var(1, keepdim=True),
    "var of all, as it is": lambda x: torch.var(x, dim=(2, 3), unbiased=False),
    "a number divided": lambda x: 3 / (x.square() + 1),
    "norm": lambda x: x.norm(dim=-1),
    "vector_norm": lambda x: torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True),
    "normalize": lambda x: functional.normalize(x, dim=1),
    "normal weights": lambda x: functional.batch_norm(
        (x * 2).flatten(2)[:1], None, None, x[0, :, 0, 0] + 1, training=True
    ),
    "norm with computed weights": lambda x: functional.layer_norm(x, x.shape[-1:], x[0, 0, 0], x[0, 0, 1]),
}
"""Functions that are several steps here, whose last bits are those of another order of sums."""


class Calls(nn.Module):
    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def computed(function: Callable[[Any], Any], x: Any) -> Any:
    """What the file computes that a function becomes."""
    found = imported(read_module(Calls(function), [], {"x": torch.empty(x.shape)}, "Calls"))
    assert found.differences == ()
    network = build(shapecalc.analyse(found.architecture))
    (output,) = network(x, observe=lambda *_: None)
    return output


@pytest.mark.parametrize("what", SAME)
def test_it_computes_the_same(what: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 4, 4, 6, dtype=torch.float64)
    assert torch.equal(computed(SAME[what], x), SAME[what](x))


@pytest.mark.parametrize("what", NEAR)
def test_it_computes_the_same_but_for_the_order_of_sums(what: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 4, 4, 6, dtype=torch.float64)
    assert torch.allclose(computed(NEAR[what], x), NEAR[what](x), rtol=1e-12, atol=1e-12)


def test_what_has_no_words_is_refused_by_its_own() -> None:
    with pytest.raises(ArchitectureError, match="einsum of one tensor with a diagonal"):
        computed(lambda x: torch.einsum("nccw->ncw", x), torch.rand(2, 4, 4, 6))
    with pytest.raises(ArchitectureError, match="a norm of another order than 2"):
        computed(lambda x: x.norm(p=1, dim=1), torch.rand(2, 4, 4, 6))


NORMS = {
    "LayerNorm": nn.LayerNorm(6),
    "GroupNorm": nn.GroupNorm(2, 4),
    "InstanceNorm2d": nn.InstanceNorm2d(4, affine=True),
    "GELU": nn.GELU(),
    "Hardswish": nn.Hardswish(),
    "SiLU": nn.SiLU(),
    "Mish": nn.Mish(),
    "Softplus": nn.Softplus(),
}


@pytest.mark.parametrize("opset", [11, 13, 16])
@pytest.mark.parametrize("type_", NORMS)
def test_what_an_older_opset_writes_as_many_nodes_is_one_layer(
    type_: str, opset: int, tmp_path: Path
) -> None:
    """Before ONNX had an operator for it, exporters wrote its formula."""
    file = tmp_path / "model.onnx"
    module = NORMS[type_].eval()
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(module, (torch.rand(2, 4, 4, 6),), file, dynamo=False, opset_version=opset)
    found = imported(read_onnx(file, None))
    assert found.differences == ()
    (row,) = shapecalc.analyse(found.architecture).rows
    assert row.type.lower() == type_.lower()
