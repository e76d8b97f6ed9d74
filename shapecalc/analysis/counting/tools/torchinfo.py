"""torchinfo.summary: each parameter of a module once a sample, of convolutions for each place.

Read from torchinfo 1.8, torchinfo/layer_info.py: `LayerInfo.calculate_macs`.
"""

from __future__ import annotations

from shapecalc.analysis.counting.rules import Beside, Convention, undecided, unseen
from shapecalc.engine.results import Row
from shapecalc.layers.adaptive import AdaptiveLogSoftmaxWithLoss
from shapecalc.layers.attention import MultiheadAttention
from shapecalc.layers.class_loss import LinearCrossEntropyLoss
from shapecalc.layers.convolution import Convolution
from shapecalc.layers.deformable_convolution import DeformConv2d
from shapecalc.layers.transposed_convolution import TransposedConvolution
from shapecalc.symbolic import Dim
from shapecalc.tensors import product


def _by_parameters(row: Row, products: Dim) -> Beside:
    """The elements of each parameter, as often as it is counted."""
    parameters = {name: weight.elements for name, weight in row.weights.items() if not weight.buffer}
    counted = {name: size * _places(row, name) for name, size in parameters.items()}
    if products == 0:
        return {f"{row.layer.family} parameters": sum(counted.values())}
    added = sum(size for name, size in counted.items() if "bias" in name)
    matrices = sum(size for name, size in counted.items() if "bias" not in name)
    places = "by output" if _is_convolution(row) else "once a sample"
    return {"biases": added, f"{row.layer.family}, {places}": matrices - products}


def _places(row: Row, name: str) -> Dim:
    """How often a parameter is counted: by its name, and the class's."""
    sizes = row.output.shape
    if name not in ("weight", "bias"):
        return product(sizes[:2])
    return product((*sizes[:1], *sizes[2:])) if _is_convolution(row) else product(sizes[:1])


def _is_convolution(row: Row) -> bool:
    """Whether the class has Conv in its name, among those that have products."""
    return isinstance(row.layer, (Convolution, DeformConv2d, TransposedConvolution))


CONVENTION = Convention(
    name="torchinfo",
    unit="MACs",
    about="each parameter of a module once for each sample, of convolutions for each place",
    source="torchinfo.summary: total_mult_adds",
    of_modules=True,
    table={
        **dict.fromkeys((MultiheadAttention, LinearCrossEntropyLoss), unseen),
        AdaptiveLogSoftmaxWithLoss: undecided,
    },
    rest=_by_parameters,
    faults=(
        "Linear is counted once for each sample, not for each place of a sequence",
        "transposed convolutions are counted at the places of their output",
        "of Embedding, the whole table is counted; of attention, nothing",
    ),
)
