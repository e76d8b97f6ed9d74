"""The blocks that come with shapecalc, beside torch modules: equal weights, equal MACs, the same function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import shapecalc
from shapecalc import Analysis, zoo
from shapecalc.torch_check.network import build
from shapecalc.torch_check.verify import verify
from tests.kernels import compiled_kernels

IMAGE, SEQUENCE = "2x8x9x12", "2x5x8"
TURNED = "{{x: {}, c: 5x2, s: 5x2}}".format


class Case(NamedTuple):
    """A step with a block of a library, the shape that it is used on, and the torch module that it is."""

    step: str
    library: str
    input: str
    module: Callable[[], Any]


def conv_bn(channels: int, out: int, kernel: int = 3, act: Any = None, **how: Any) -> Any:
    """torchvision.ops.Conv2dNormActivation."""
    padding = (kernel - 1) // 2 * how.get("dilation", 1)
    conv = nn.Conv2d(channels, out, kernel, padding=padding, bias=False, **how)
    return nn.Sequential(conv, nn.BatchNorm2d(out), *([act()] if act else []))


class Sum(nn.Module):  # type: ignore[misc]
    """The sum of what modules make of one input, and then another module."""

    def __init__(self, *branches: Any, then: Any = None) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.then = then or nn.Identity()

    def forward(self, x: Any) -> Any:
        return self.then(sum(branch(x) for branch in self.branches))


class Product(Sum):
    def forward(self, x: Any) -> Any:
        first, second = self.branches
        return self.then(first(x) * second(x))


class Concat(Sum):
    def forward(self, x: Any) -> Any:
        return self.then(torch.cat([branch(x) for branch in self.branches], 1))


class Patches(nn.Module):  # type: ignore[misc]
    """How torchvision's VisionTransformer reads an image."""

    def __init__(self, channels: int, width: int, patch: int, length: int) -> None:
        super().__init__()
        self.conv_proj = nn.Conv2d(channels, width, patch, stride=patch)
        self.learned = nn.ParameterList([torch.zeros(1, 1, width), torch.zeros(1, length, width)])

    def forward(self, x: Any) -> Any:
        x = self.conv_proj(x).flatten(2).permute(0, 2, 1)
        class_token, pos_embedding = self.learned
        return torch.cat([class_token.expand(x.shape[0], -1, -1), x], dim=1) + pos_embedding


class Encoder(nn.Module):  # type: ignore[misc]
    """torch.nn.TransformerEncoderLayer, whose weights come in the order in which they are used."""

    def __init__(self, norm_first: bool, act: Any = nn.functional.relu, **how: Any) -> None:
        super().__init__()
        how |= {"norm_first": norm_first, "activation": act, "batch_first": True}
        layer = nn.TransformerEncoderLayer(8, 2, **how)
        after = ["self_attn", "norm1", "linear1", "linear2", "norm2"]
        before = ["norm1", "self_attn", "norm2", "linear1", "linear2"]
        for name in before if norm_first else after:
            self.add_module(name, layer.get_submodule(name))
        self.layer = [layer]  # no module of its own

    def forward(self, x: Any) -> Any:
        return self.layer[0].eval()(x)


def turned(x: Any, cos: Any, sin: Any) -> Any:
    """apply_rotary_pos_emb of Hugging Face transformers, whose cos and sin are there twice."""
    cos, sin = torch.cat((cos, cos), dim=-1), torch.cat((sin, sin), dim=-1)
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Angles(nn.Module):  # type: ignore[misc]
    """LlamaRotaryEmbedding of Hugging Face transformers, up to the repetition of what it gives."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.inv_freq = nn.Buffer(10000 ** (-torch.arange(0, size, 2) / size))

    def forward(self, positions: Any) -> Any:
        angles = torch.outer(positions[:, 0], self.inv_freq)
        return torch.stack([angles.cos(), angles.sin()])


class Rotary(nn.Module):  # type: ignore[misc]
    def forward(self, x: Any, cos: Any, sin: Any) -> Any:
        return turned(x, cos, sin)


class Attention(nn.Module):  # type: ignore[misc]
    """LlamaAttention of Hugging Face transformers, with a causal mask unless another is given."""

    def __init__(self, width: int, heads: int, shared: int, bias: bool = False) -> None:
        super().__init__()
        self.size, self.groups = width // heads, heads // shared
        self.q_proj = nn.Linear(width, width, bias=bias)
        self.k_proj, self.v_proj = (nn.Linear(width, shared * self.size, bias=bias) for _ in range(2))
        self.o_proj = nn.Linear(width, width, bias=bias)

    def forward(self, x: Any, cos: Any, sin: Any, mask: Any = None) -> Any:
        q, k, v = (
            project(x).view(*x.shape[:2], -1, self.size).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = turned(q, cos, sin), turned(k, cos, sin)
        k, v = (each.repeat_interleave(self.groups, dim=1) for each in (k, v))
        scores = q @ k.transpose(2, 3) / self.size**0.5
        if mask is None:
            mask = torch.full_like(scores, float("-inf")).triu(1)
        weights = (scores + mask).softmax(-1)
        return self.o_proj((weights @ v).transpose(1, 2).flatten(2))


class Seen(nn.Module):  # type: ignore[misc]
    """sliding_window_causal_mask_function of Hugging Face transformers' masking_utils."""

    def forward(self, positions: Any) -> Any:
        query, key = positions, positions[:, 0]
        return (key <= query) & (key > query - 0.5)


class Asking(nn.Module):  # type: ignore[misc]
    """WhisperAttention of Hugging Face transformers; with a bias of keys, BartAttention."""

    def __init__(self, width: int, heads: int, memory: int, key_bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(memory, width, bias=key_bias)
        self.v_proj = nn.Linear(memory, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Any, memory: Any) -> Any:
        asked = ((self.q_proj, x), (self.k_proj, memory), (self.v_proj, memory))
        q, k, v = (
            project(y).view(len(y), -1, self.heads, project.out_features // self.heads).transpose(1, 2)
            for project, y in asked
        )
        weights = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(-1)
        return self.out_proj((weights @ v).transpose(1, 2).flatten(2))


class Decoder(nn.Module):  # type: ignore[misc]
    """LlamaDecoderLayer of Hugging Face transformers."""

    def __init__(self, width: int, hidden: int, heads: int, shared: int) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(width, eps=1e-5)
        self.self_attn = Attention(width, heads, shared)
        self.post_attention_layernorm = nn.RMSNorm(width, eps=1e-5)
        self.mlp = gated(width, hidden, nn.SiLU())

    def forward(self, x: Any, cos: Any, sin: Any) -> Any:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


def squeeze_excite(channels: int, squeezed: int, act: Any = nn.ReLU, scale: Any = nn.Sigmoid) -> Any:
    """torchvision.ops.SqueezeExcitation."""
    squeeze = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, squeezed, 1), act()]
    return Product(nn.Sequential(*squeeze, nn.Conv2d(squeezed, channels, 1), scale()), nn.Identity())


def basic_block(channels: int, planes: int, stride: int = 1) -> Any:
    """torchvision.models.resnet.BasicBlock with its downsample."""
    branch = [conv_bn(channels, planes, act=nn.ReLU, stride=stride), conv_bn(planes, planes)]
    same = stride == 1 and channels == planes
    shortcut = nn.Identity() if same else conv_bn(channels, planes, 1, stride=stride)
    return Sum(nn.Sequential(*branch), shortcut, then=nn.ReLU())


def bottleneck(channels: int, planes: int, stride: int = 1, groups: int = 1, base_width: int = 64) -> Any:
    """torchvision.models.resnet.Bottleneck with its downsample."""
    width = int(planes * (base_width / 64.0)) * groups
    same = stride == 1 and channels == 4 * planes
    return Sum(
        nn.Sequential(
            conv_bn(channels, width, 1, nn.ReLU),
            conv_bn(width, width, act=nn.ReLU, stride=stride, groups=groups),
            conv_bn(width, 4 * planes, 1),
        ),
        nn.Identity() if same else conv_bn(channels, 4 * planes, 1, stride=stride),
        then=nn.ReLU(),
    )


def inverted_residual(channels: int, out: int, ratio: float, stride: int = 1, squeezed: int = 0) -> Any:
    """torchvision.models.mobilenetv2.InvertedResidual; with a squeeze, torchvision's MBConv."""
    act, wide = nn.SiLU if squeezed else nn.ReLU6, round(channels * ratio)
    unit = nn.Sequential(
        *([conv_bn(channels, wide, 1, act)] if ratio != 1 else []),
        conv_bn(wide, wide, act=act, stride=stride, groups=wide),
        *([squeeze_excite(wide, squeezed, nn.SiLU)] if squeezed else []),
        conv_bn(wide, out, 1),
    )
    return Sum(unit, nn.Identity()) if stride == 1 and channels == out else unit


def bneck(
    channels: int, out: int, wide: int, stride: int = 1, dilation: int = 1, squeezed: int = 0, act: Any = None
) -> Any:
    """torchvision.models.mobilenetv3.InvertedResidual with its partial norm."""
    act = act or nn.Hardswish
    unit = nn.Sequential(
        *([conv_bn(channels, wide, 1, act)] if wide != channels else []),
        conv_bn(wide, wide, 5, act, stride=stride, groups=wide, dilation=dilation),
        *([squeeze_excite(wide, squeezed, scale=nn.Hardsigmoid)] if squeezed else []),
        conv_bn(wide, out, 1),
    )
    for module in unit.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.001
    return Sum(unit, nn.Identity()) if stride == 1 and channels == out else unit


def fused_mbconv(channels: int, out: int, ratio: int, stride: int = 1) -> Any:
    """torchvision.models.efficientnet.FusedMBConv."""
    wide = ratio * channels
    first = conv_bn(channels, wide if ratio != 1 else out, act=nn.SiLU, stride=stride)
    unit = nn.Sequential(first, conv_bn(wide, out, 1)) if ratio != 1 else first
    return Sum(unit, nn.Identity()) if stride == 1 and channels == out else unit


def bn_act_conv(channels: int, out: int, kernel: int = 1, act: Any = nn.ReLU) -> Any:
    conv = nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.BatchNorm2d(channels), act(), conv)


def dense_layer(channels: int, growth: int, bn_size: int = 4) -> Any:
    """torchvision.models.densenet._DenseLayer, whose output is joined to its input."""
    layer = nn.Sequential(bn_act_conv(channels, bn_size * growth), bn_act_conv(bn_size * growth, growth, 3))
    return Concat(nn.Identity(), layer)


def gated(width: int, hidden: int, act: Any, bias: bool = False) -> Any:
    """LlamaMLP of Hugging Face transformers: down_proj(act_fn(gate_proj(x)) * up_proj(x))."""
    gate, up = (nn.Linear(width, hidden, bias=bias) for _ in range(2))
    return Product(nn.Sequential(gate, act), up, then=nn.Linear(hidden, width, bias=bias))


CASES = [
    Case("conv_bn: 5", "conv_bn", IMAGE, lambda: conv_bn(8, 5)),
    Case(
        "conv_bn: {out_channels: 6, kernel_size: 5, stride: 2, groups: 2, dilation: 2}",
        "conv_bn",
        IMAGE,
        lambda: conv_bn(8, 6, 5, stride=2, groups=2, dilation=2),
    ),
    Case("conv_bn_act: 5", "conv_bn", IMAGE, lambda: conv_bn(8, 5, act=nn.ReLU)),
    Case(
        "conv_bn_act: {out_channels: 8, kernel_size: 4, groups: 8, activation: Hardswish}",
        "conv_bn",
        IMAGE,
        lambda: conv_bn(8, 8, 4, nn.Hardswish, groups=8),
    ),
    Case("squeeze_excite", "squeeze_excite", "2x32x3x4", lambda: squeeze_excite(32, 2)),
    Case(
        "squeeze_excite: {squeeze_channels: 3, activation: SiLU, scale_activation: Hardsigmoid}",
        "squeeze_excite",
        IMAGE,
        lambda: squeeze_excite(8, 3, nn.SiLU, nn.Hardsigmoid),
    ),
    Case("drop_path: 0.2", "drop_path", IMAGE, nn.Identity),
    Case("drop_path: {p: 0.2, drop: Dropout2d}", "drop_path", SEQUENCE, nn.Identity),
    Case("drop_path: {p: 0.2, drop: Dropout1d}", "drop_path", "3x4", nn.Identity),
    Case("basic_block: 8", "residual", IMAGE, lambda: basic_block(8, 8)),
    Case("basic_block: 6", "residual", IMAGE, lambda: basic_block(8, 6)),
    Case("basic_block: {planes: 8, stride: 2}", "residual", IMAGE, lambda: basic_block(8, 8, 2)),
    Case("bottleneck: 2", "residual", IMAGE, lambda: bottleneck(8, 2)),
    Case("bottleneck: {planes: 2, stride: 2}", "residual", IMAGE, lambda: bottleneck(8, 2, 2)),
    Case(
        "bottleneck: {planes: 16, groups: 4, base_width: 12}",
        "residual",
        IMAGE,
        lambda: bottleneck(8, 16, groups=4, base_width=12),
    ),
    Case("inverted_residual: 8", "inverted_residual", IMAGE, lambda: inverted_residual(8, 8, 6)),
    Case(
        "inverted_residual: {out_channels: 5, expand_ratio: 1}",
        "inverted_residual",
        IMAGE,
        lambda: inverted_residual(8, 5, 1),
    ),
    Case(
        "inverted_residual: {out_channels: 8, expand_ratio: 2.3, stride: 2}",
        "inverted_residual",
        IMAGE,
        lambda: inverted_residual(8, 8, 2.3, 2),
    ),
    Case(
        "mbconv: {out_channels: 8, expand_ratio: 4}",
        "mbconv",
        IMAGE,
        lambda: inverted_residual(8, 8, 4, squeezed=2),
    ),
    Case(
        "mbconv: {out_channels: 8, expand_ratio: 1, stride: 2}",
        "mbconv",
        IMAGE,
        lambda: inverted_residual(8, 8, 1, 2, squeezed=2),
    ),
    Case(
        "bneck: {out_channels: 8, expanded_channels: 24, kernel_size: 5, dilation: 2}",
        "bneck",
        IMAGE,
        lambda: bneck(8, 8, 24, dilation=2),
    ),
    Case(
        "bneck: {out_channels: 8, expanded_channels: 36, kernel_size: 5, use_se: true, activation: ReLU}",
        "bneck",
        IMAGE,
        lambda: bneck(8, 8, 36, squeezed=16, act=nn.ReLU),
    ),
    Case(
        "bneck: {out_channels: 8, expanded_channels: 8, kernel_size: 5, stride: 2}",
        "bneck",
        IMAGE,
        lambda: bneck(8, 8, 8, 2),
    ),
    Case("fused_mbconv: {out_channels: 8, expand_ratio: 4}", "mbconv", IMAGE, lambda: fused_mbconv(8, 8, 4)),
    Case(
        "fused_mbconv: {out_channels: 5, expand_ratio: 1, stride: 2}",
        "mbconv",
        IMAGE,
        lambda: fused_mbconv(8, 5, 1, 2),
    ),
    Case(
        "bn_act_conv: {out_channels: 3, kernel_size: 3}", "dense_layer", IMAGE, lambda: bn_act_conv(8, 3, 3)
    ),
    Case("dense_layer: 3", "dense_layer", IMAGE, lambda: dense_layer(8, 3)),
    Case("transition", "dense_layer", IMAGE, lambda: nn.Sequential(bn_act_conv(8, 4), nn.AvgPool2d(2))),
    Case(
        "swiglu: {intermediate_size: 12, hidden_size: 8}",
        "glu",
        SEQUENCE,
        lambda: gated(8, 12, nn.SiLU()),
    ),
    Case(
        "geglu: {intermediate_size: 12, hidden_size: 8, bias: true, approximate: tanh}",
        "glu",
        SEQUENCE,
        lambda: gated(8, 12, nn.GELU("tanh"), bias=True),
    ),
    Case(
        "post_norm_encoder: {d_model: 8, nhead: 2}",
        "transformer_encoder",
        SEQUENCE,
        lambda: Encoder(False, dim_feedforward=32),
    ),
    Case(
        "pre_norm_encoder: {d_model: 8, nhead: 2, dim_feedforward: 12, activation: GELU, eps: 1.0e-6}",
        "transformer_encoder",
        SEQUENCE,
        lambda: Encoder(True, nn.functional.gelu, dim_feedforward=12, layer_norm_eps=1e-6),
    ),
    Case(
        "seq: [patch_embedding: {embed_dim: 10, patch_size: 3},"
        " class_token: {embed_dim: 10, batch: 2}, position_embedding: {embed_dim: 10, length: 13}]",
        "patch_embedding",
        IMAGE,
        lambda: Patches(8, 10, 3, 13),
    ),
    Case(
        "seq: [{rotary_angles: 6, as: [c, s]}, stack: {branches: [c, s], dim: 0}]",
        "rotary",
        "7x1",
        lambda: Angles(6),
    ),
    Case("rotary from x, c, s: 4", "rotary", TURNED("2x3x5x4"), Rotary),
    Case(
        "grouped_query_attention from x, c, s: {hidden_size: 16, num_heads: 4, bias: true}",
        "rotary",
        TURNED("2x5x16"),
        lambda: Attention(16, 4, 4, bias=True),
    ),
    Case("seen_within: 1/2", "rotary", "9x1", Seen),
    Case(
        "windowed_query_attention from x, c, s, m: {hidden_size: 16, num_heads: 4, num_key_value_heads: 2}",
        "rotary",
        "{x: 2x5x16, c: 5x2, s: 5x2, m: 5x5}",
        lambda: Attention(16, 4, 2),
    ),
    Case(
        "attention from x, y: {hidden_size: 12, num_heads: 3}",
        "attention",
        "{x: 2x5x12, y: 2x7x6}",
        lambda: Asking(12, 3, 6, key_bias=True),
    ),
    Case(
        "attention from x, y: {hidden_size: 12, num_heads: 3, key_bias: false}",
        "attention",
        "{x: 2x5x12, y: 2x7x6}",
        lambda: Asking(12, 3, 6, key_bias=False),
    ),
    Case(
        "rotary_decoder from x, c, s:"
        " {hidden_size: 24, intermediate_size: 10, num_heads: 6, num_key_value_heads: 2}",
        "rotary",
        TURNED("2x5x24"),
        lambda: Decoder(24, 10, 6, 2),
    ),
]


def analysed(case: Case) -> Analysis:
    text = f"input: {case.input}\nuse: blocks/{case.library}\nlayers:\n  - {case.step}\n"
    return shapecalc.analyse(shapecalc.parse(text))


@pytest.fixture
def unfused() -> Iterator[None]:
    """torch's layers one by one: FLOPs of the kernel that fuses those of an encoder are not counted."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(before)


def in_order(module: Any) -> Iterator[Any]:
    """All weights of a module, but the number of batches that a norm has seen."""
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if not name.endswith("num_batches_tracked"):
            yield tensor


def test_every_shipped_block_is_tried() -> None:
    offered = {
        (name, block)
        for name, path in zoo.known_libraries().items()
        for block in zoo.load_library(name, path).offered
    }
    tried = {(f"blocks/{case.library}", word) for case in CASES for word in _words(case.step)}
    assert offered <= tried


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in text).split()


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with compiled_kernels():
        yield


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.step)
def test_a_block_is_what_torch_makes_of_its_layers(case: Case) -> None:
    assert verify(analysed(case), torch.device("meta"), case.step, memory=True).mismatches == ()


@pytest.mark.usefixtures("unfused")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.step)
def test_a_block_is_the_module_that_its_source_names(case: Case) -> None:
    """With the module's weights, which are as many and as large, it gives what the module gives."""
    analysis, module = analysed(case), case.module().eval().double()
    inputs = [torch.rand(tensor.shape, dtype=torch.float64) for tensor in analysis.inputs.values()]
    network = build(analysis).to_empty(device="cpu").double()
    with torch.no_grad():
        for own, other in zip(in_order(network), in_order(module), strict=True):
            assert own.shape == other.shape
            own.copy_(other.uniform_(0.5, 1.5))  # none 0 or 1, as norms begin with
        out, *_ = network(*inputs, observe=lambda *_: None)
        expected = module(*inputs)
        with FlopCounterMode(display=False) as counter:
            module.to("meta")(*(x.to("meta") for x in inputs))
    assert analysis.totals.params == sum(p.numel() for p in module.parameters())
    assert 2 * analysis.totals.macs == counter.get_total_flops()
    torch.testing.assert_close(out, expected)


def test_a_dropped_path_is_dropped_for_whole_samples() -> None:
    """In training: each sample is 0 or divided by the share of those kept."""
    network = build(analysed(Case("drop_path: 0.5", "drop_path", "64x2x3x4", nn.Identity))).train()
    (out,) = network(torch.ones(64, 2, 3, 4), observe=lambda *_: None)
    samples = {tuple(sample.unique().tolist()) for sample in out}
    assert samples == {(0.0,), (2.0,)}
