"""XLA's analysis of costs: the products of convolutions without those that meet zeros of the padding.

Measured with jax 0.10: `jax.jit(…).lower(…).cost_analysis()`, which is xla/service/hlo_cost_analysis.cc.
"""

from __future__ import annotations

from shapecalc.analysis.counting.rules import Beside, Convention, nothing
from shapecalc.engine.results import Row
from shapecalc.layers.scaled_dot_product import scaled_dot_product_attention
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim


def _padding_left_out(row: Row, products: Dim) -> Beside:
    if isinstance(row.macs_without_padding, Unknown):
        return row.macs_without_padding
    return {"zeros of padding": row.macs_without_padding - row.macs}


CONVENTION = Convention(
    name="xla",
    unit="MACs",
    about="MACs without the products that meet zeros of the padding",
    source="jax.jit(…).lower(…).cost_analysis() of each convolution and product, half of its flops",
    table={scaled_dot_product_attention: nothing},  # all scores are products, before any is hidden
    rest=_padding_left_out,
    by_products=True,
)
