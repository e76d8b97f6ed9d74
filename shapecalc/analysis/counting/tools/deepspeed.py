"""deepspeed.profiling.flops_profiler: as calflops, which was made of it, with attention.

Read from DeepSpeed 0.19.8, deepspeed/profiling/flops_profiler/profiler.py: `_patch_functionals`,
`_patch_tensor_ops`, `_attn_flops_compute`.
"""

from __future__ import annotations

from shapecalc.analysis.counting import rules
from shapecalc.analysis.counting.rules import Beside, Convention
from shapecalc.analysis.counting.tools.calflops import TABLE, resized
from shapecalc.engine.results import Row
from shapecalc.layers.attention import MultiheadAttention
from shapecalc.layers.products import bmm
from shapecalc.layers.scaled_dot_product import scaled_dot_product_attention
from shapecalc.layers.selective_scan import selective_scan
from shapecalc.layers.transformer_parts import InnerAttention
from shapecalc.layers.transposed_convolution import TransposedConvolution
from shapecalc.layers.upsampling import Resize
from shapecalc.symbolic import Dim
from shapecalc.tensors import product


def _by_query(row: Row, products: Dim) -> Beside:
    """Attention by the axes of the query alone: where that is repeated, too few."""
    query, key, value = row.inputs[:3]
    pairs = product(query.shape[:-1]) * key.shape[-2]
    return {"attention, repeated": 2 * pairs * (query.shape[-1] + value.shape[-1]) - products}


CONVENTION = Convention(
    name="deepspeed",
    unit="FLOPs",
    about="as calflops, with attention",
    source="deepspeed.profiling.flops_profiler.get_model_profile",
    table={
        **TABLE,
        TransposedConvolution: rules.with_batch(rules.biases),
        Resize: resized(by_scale=True),
        MultiheadAttention: rules.shares_of_heads,
        **dict.fromkeys((InnerAttention, bmm), rules.nothing),
        scaled_dot_product_attention: _by_query,
        selective_scan: rules.silu_of_scan,
    },
    rest=rules.unmeasured,
    faults=("convolutions with padding: same that is odd are taken for smaller ones",),
)
