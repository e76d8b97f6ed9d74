"""torch.utils.flop_counter.FlopCounterMode: 2 for each multiply-accumulate of a fixed list of operations.

Read from torch 2.13, torch/utils/flop_counter.py: `flop_registry` has convolutions, products of matrices and
fused attention; `conv_backward_flop` counts the gradients of a convolution.
"""

from __future__ import annotations

from typing import Any

from shapecalc.analysis.counting.gradients import gradient_macs, of_row
from shapecalc.analysis.counting.rules import Beside, Convention, undecided, unseen
from shapecalc.engine.results import Analysis, Row
from shapecalc.errors import UnknownError
from shapecalc.layers.adaptive import AdaptiveLogSoftmaxWithLoss
from shapecalc.layers.computed_convolution import ComputedConvolution
from shapecalc.layers.convolution import Convolution
from shapecalc.layers.deformable_convolution import DeformConv2d
from shapecalc.layers.linear import Bilinear
from shapecalc.layers.parametrized import Parametrized
from shapecalc.layers.products import matmul
from shapecalc.layers.rules import Wanted
from shapecalc.layers.transposed_convolution import TransposedConvolution
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim

_UNDIVIDED = "the weights' gradient of a grouped convolution is not divided by the groups (up to torch 2.13)"


def _unseen_vectors(row: Row, products: Dim) -> Beside:
    """A matrix times a vector is no operation that the counter knows."""
    first, second = row.inputs
    if first.rank == 1 and second.rank > 2:
        return Unknown("by which operations torch multiplies a vector and several matrices varies")
    return unseen(row, products) if second.rank == 1 else {}


def _unseen_norm(row: Row, products: Dim) -> Beside:
    """The vectors of a spectral norm, and what is not seen of the layer itself."""
    layer: Any = row.layer
    own = 2 * layer.products(*row.inputs)
    inner = products if isinstance(layer.inner, (Bilinear, DeformConv2d)) else own
    return {f"{layer.by.type}, not seen": -inner} if inner != 0 else {}


def forward_and_backward(analysis: Analysis, forward: Dim) -> Dim | Unknown:
    """FLOPs of a training step, of which `forward` are those of its forward pass."""
    gradients = gradient_macs(analysis, _counted)
    return gradients if isinstance(gradients, Unknown) else forward + 2 * gradients


def too_many(analysis: Analysis) -> Dim:
    """FLOPs that the counter counts and there are not: of weights in groups, as if each saw all channels."""
    if not any(_in_groups(row) for row in analysis.rows):
        return 0
    counted, divided = gradient_macs(analysis, _counted), gradient_macs(analysis, _seen)
    if isinstance(counted, Unknown) or isinstance(divided, Unknown):
        return 0
    return 2 * (counted - divided)


def _seen(row: Row, wanted: Wanted) -> Dim:
    """What is not seen forward has gradients that are not seen: they are operations of the same kind.

    Raises:
        UnknownError: a layer within another one is counted by a rule of its own.
    """
    inner: Any = getattr(row.layer, "inner", None)
    grouped = isinstance(inner, Convolution) and vars(inner)["groups"] != 1
    if grouped or isinstance(inner, (Bilinear, DeformConv2d)):
        reason = "what is counted of its gradients within another layer is not known"
        raise UnknownError(f"{row.type}: {reason}")
    unseen = isinstance(row.layer, (Bilinear, DeformConv2d)) or (
        isinstance(row.layer, matmul) and row.inputs[1].rank == 1
    )
    return 0 if unseen else of_row(row, wanted)


def _counted(row: Row, wanted: Wanted) -> Dim:
    """The gradient of a convolution's weights as if each group saw all channels."""
    seen = _seen(row, wanted)
    layer: Any = row.layer
    if not _in_groups(row):
        return seen
    kernel = wanted.inputs[1] if isinstance(layer, ComputedConvolution) else "weight" in wanted.weights
    return seen + row.macs * (layer.groups - 1) if kernel else seen


def _in_groups(row: Row) -> bool:
    """Whether it is a convolution whose groups see channels of their own."""
    layer = row.layer
    kinds = (ComputedConvolution, Convolution, TransposedConvolution)
    return isinstance(layer, kinds) and layer.groups != 1


CONVENTION = Convention(
    name="torch",
    unit="FLOPs",
    about="2 for each MAC, nothing else",
    source="torch.utils.flop_counter.FlopCounterMode, on meta or CUDA",
    by_products=True,
    table={
        Parametrized: _unseen_norm,
        Bilinear: unseen,
        DeformConv2d: unseen,
        matmul: _unseen_vectors,
        AdaptiveLogSoftmaxWithLoss: undecided,
    },
    faults=(
        "on the CPU, LSTM and fused attention are not seen",
        "a matrix times a vector, and Bilinear, are not seen anywhere",
        _UNDIVIDED,
    ),
    training=forward_and_backward,
    too_many=too_many,
    fault_of_training=_UNDIVIDED,
)
