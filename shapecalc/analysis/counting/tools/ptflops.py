"""ptflops.get_model_complexity_info: a number for each module whose class it has an entry for.

Read from ptflops 0.7.5, ptflops/pytorch_ops.py: `MODULES_MAPPING`. The backend is `pytorch`, without
`count_functional`, which counts a second time what modules call.
"""

from __future__ import annotations

from typing import Any

from shapecalc.analysis.counting import rules
from shapecalc.analysis.counting.rules import Beside, Convention
from shapecalc.engine.results import Row
from shapecalc.layers.activation import ReLU, ReLU6
from shapecalc.layers.adaptive import AdaptiveLogSoftmaxWithLoss
from shapecalc.layers.adaptive_pooling import AdaptivePool
from shapecalc.layers.attention import MultiheadAttention
from shapecalc.layers.convolution import Convolution
from shapecalc.layers.floating_activation import ELU, GELU, LeakyReLU, PReLU
from shapecalc.layers.linear import Linear
from shapecalc.layers.normalization import BatchNorm, GroupNorm, InstanceNorm, SyncBatchNorm
from shapecalc.layers.normalization_within import LayerNorm
from shapecalc.layers.pooling import AvgPool, MaxPool
from shapecalc.layers.recurrent import Recurrent
from shapecalc.layers.recurrent_cell import RecurrentCell
from shapecalc.layers.transposed_convolution import TransposedConvolution
from shapecalc.layers.upsampling import Upsample
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import product


def _upsampled(row: Row, products: Dim) -> Beside:
    """The outputs of one sample."""
    return {f"{row.layer.family}, 1 an output of one sample": product(row.output.shape[1:])}


def _attention(row: Row, products: Dim) -> Beside:
    """Scaling, the maps with biases, each head's products and softmax; keys as wide as themselves."""
    layer: Any = row.layer
    if row.inputs[0].rank == 2:
        return Unknown(rules.NO_BATCH)
    queries, keys, values = layer.sequences(*row.inputs)
    t, s, e, k, v = queries.length, keys.length, queries.features, keys.features, values.features
    maps = t * e + t * e * e + s * k * k + s * v * v + ((t + 2 * s) * e if layer.bias else 0)
    heads = layer.num_heads * t * s * (e // layer.num_heads + 1 + v // layer.num_heads)
    counted = queries.samples * (maps + heads + t * v * (v + 1))
    return {"attention: biases, softmax": counted - products}


CONVENTION = Convention(
    name="ptflops",
    unit="MACs",
    about="MACs with biases, 2 for each BatchNorm input, 1 for each activation and pooled input, gates",
    source="ptflops.get_model_complexity_info, backend pytorch, without count_functional, which counts twice",
    of_modules=True,
    table={
        **dict.fromkeys((Convolution, TransposedConvolution), rules.with_batch(rules.biases)),
        Linear: rules.biases,
        **dict.fromkeys((BatchNorm, GroupNorm, InstanceNorm), rules.by_affine(2, 1)),
        SyncBatchNorm: rules.unseen,
        LayerNorm: rules.per_input(1),
        **dict.fromkeys((ReLU, ReLU6, PReLU, ELU, LeakyReLU, GELU), rules.per_output(1)),
        **dict.fromkeys((MaxPool, AvgPool, AdaptivePool), rules.per_input(1)),
        Upsample: _upsampled,
        Recurrent: rules.by_weights(2, lambda size, _: size),
        RecurrentCell: rules.by_weights(1, lambda size, _: size),
        MultiheadAttention: _attention,
        AdaptiveLogSoftmaxWithLoss: rules.undecided,
    },
    rest=rules.unseen,
    faults=(
        "keys and values are taken to be projected to their own number of features",
        "of a batch, only the first sample of Upsample is counted",
    ),
)
