"""fvcore.nn.FlopCountAnalysis: a number for each operation, in a trace, that it has an entry for.

Read from fvcore 0.1.5, fvcore/nn/flop_count.py: `_DEFAULT_SUPPORTED_OPS`; fvcore/nn/jit_handles.py.
"""

from __future__ import annotations

from shapecalc.analysis.counting import rules
from shapecalc.analysis.counting.rules import Beside, Convention
from shapecalc.engine.results import Row
from shapecalc.layers import LAYERS
from shapecalc.layers.adaptive import AdaptiveLogSoftmaxWithLoss
from shapecalc.layers.attention import MultiheadAttention
from shapecalc.layers.class_loss import LinearCrossEntropyLoss
from shapecalc.layers.convolution import Convolution
from shapecalc.layers.deformable_convolution import DeformConv2d
from shapecalc.layers.einsum import einsum
from shapecalc.layers.linear import Bilinear, Linear
from shapecalc.layers.normalization import BatchNorm, GroupNorm, InstanceNorm
from shapecalc.layers.normalization_within import LayerNorm
from shapecalc.layers.products import bmm, matmul
from shapecalc.layers.recurrent import Recurrent
from shapecalc.layers.recurrent_cell import RecurrentCell
from shapecalc.layers.sampling import grid_sample
from shapecalc.layers.scaled_dot_product import scaled_dot_product_attention
from shapecalc.layers.selective_scan import selective_scan
from shapecalc.layers.transformer_parts import InnerAttention
from shapecalc.layers.transposed_convolution import TransposedConvolution
from shapecalc.layers.unpooling import MaxUnpool
from shapecalc.layers.upsampling import Resize
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim


def _unless_named_padding(row: Row, products: Dim) -> Beside:
    """A padding of `same` or `valid` makes the convolution another operation, which has no entry."""
    assert isinstance(row.layer, Convolution)
    named = isinstance(row.layer.padding, str) and row.layer.padding_mode == "zeros"
    return rules.unseen(row, products) if named else {}


def _untraceable(row: Row, products: Dim) -> Beside:
    return Unknown(f"it can't trace {row.type}")


CONVENTION = Convention(
    name="fvcore",
    unit="MACs",
    about="MACs, 2 for each BatchNorm input, 5 for each of other norms, global average pooling",
    source="fvcore.nn.FlopCountAnalysis, and so timm's tables",
    table={
        Convolution: rules.with_batch(_unless_named_padding),
        TransposedConvolution: rules.with_batch(rules.nothing),
        **dict.fromkeys(
            (Linear, LinearCrossEntropyLoss, bmm, MultiheadAttention, RecurrentCell, selective_scan),
            rules.nothing,
        ),
        **dict.fromkeys((Bilinear, DeformConv2d, scaled_dot_product_attention, Recurrent), rules.unseen),
        InnerAttention: rules.unseen_scores,
        matmul: rules.by_first_factor,
        einsum: rules.rounded,
        AdaptiveLogSoftmaxWithLoss: rules.undecided,
        MaxUnpool: _untraceable,
        BatchNorm: rules.by_statistics,
        **dict.fromkeys((LayerNorm, GroupNorm, InstanceNorm), rules.by_affine(5, 4)),
        LAYERS["AdaptiveAvgPool2d"]: rules.per_input(1),
        grid_sample: rules.per_output(4),
        Resize: rules.upsampled({"nearest2": 1, "bilinear2": 4}),
    },
    rest=rules.unmeasured,
    faults=(
        "recurrent layers, fused attention and convolutions with padding: same are not seen",
        "average pooling to a given size is counted for two axes alone",
    ),
    traced=True,
)
