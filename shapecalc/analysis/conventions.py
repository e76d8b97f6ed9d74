"""Every counting convention: what it counts for each layer type, in one table.

A network has one number of multiply-accumulates, and as many of "FLOPs" as there are tools. A convention is
that of a tool: 1 or 2 for each multiply-accumulate (MAC), and beside them, for the layer types in its table,
what the rule says. What a tool gets wrong is reproduced under its name, and said to be a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shapecalc.analysis import rules
from shapecalc.analysis.backward import training_products
from shapecalc.analysis.liveness import needed
from shapecalc.analysis.rules import Beside, Rule, nd, of_each
from shapecalc.errors import UsageError, listed, nearest, quoted
from shapecalc.layers.base import Part
from shapecalc.operations import Unknown
from shapecalc.results import Analysis, Node, Row, Wire
from shapecalc.symbolic import Dim


@dataclass(frozen=True, slots=True)
class Convention:
    """How a tool counts: in MACs if it counts 1 for each of them, in FLOPs if it counts 2."""

    name: str
    unit: str
    about: str
    source: str
    table: Mapping[str, Rule]
    """Layer type → what is counted beside its products."""
    rest: Rule = rules.nothing
    """The rule of all other types."""
    faults: tuple[str, ...] = ()
    traced: bool = False
    """Whether rows that no output of the network depends on are not seen."""
    training: Callable[[Analysis], Dim | Unknown] | None = None
    """What is counted of the forward and the backward pass, in the convention's unit."""

    @property
    def per_mac(self) -> int:
        return 2 if self.unit == "FLOPs" else 1


_BATCH_NORMS = (*nd("BatchNorm"), "SyncBatchNorm")
_CONVOLUTIONS = nd("Conv")
_TRANSPOSED = nd("ConvTranspose")
_MAX_POOLS = (*nd("MaxPool"), *nd("AdaptiveMaxPool"))
_MEAN_POOLS = (*nd("AvgPool"), *nd("AdaptiveAvgPool"))
_RECURRENT = ("RNN", "LSTM", "GRU")
_CELLS = ("RNNCell", "LSTMCell", "GRUCell")
_UPSAMPLINGS = ("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d")
_ATTENTIONS = ("MultiheadAttention", "InnerAttention")

_CALFLOPS: Mapping[str, Rule] = {
    **of_each(_CONVOLUTIONS, rules.with_batch(rules.places_of_calflops)),
    **of_each(_TRANSPOSED, rules.with_batch(rules.transposed_of_calflops)),
    **of_each(("Linear",), rules.nothing),
    **of_each(_BATCH_NORMS, rules.by_training(2, 1)),
    **of_each(("LayerNorm", "GroupNorm", *nd("InstanceNorm")), rules.by_affine(5, 4)),
    **of_each(("ReLU", "ReLU6", "PReLU", "ELU", "LeakyReLU", "GELU", "SiLU"), rules.per_input(1)),
    **of_each((*_MAX_POOLS, *_MEAN_POOLS, "Softmax"), rules.per_input(1)),
    **of_each((*_RECURRENT, *_CELLS), rules.gates_of_calflops),
    "MultiheadAttention": rules.both(rules.unseen_scores, rules.shares_of_heads),
    "InnerAttention": rules.unseen_scores,
}


def _times(times: int, counted: Dim | Unknown) -> Dim | Unknown:
    return counted if isinstance(counted, Unknown) else times * counted


_ALL = (
    Convention("macs", "MACs", "multiply-accumulates of convolutions and matrix products", "", {}),
    Convention(
        "torch",
        "FLOPs",
        "2 for each MAC, nothing else",
        "torch.utils.flop_counter.FlopCounterMode, on meta or CUDA",
        {"Bilinear": rules.unseen, "matmul": rules.unseen_vectors},
        faults=(
            "on the CPU, LSTM and fused attention are not seen",
            "a matrix times a vector, and Bilinear, are not seen anywhere",
            "the weights' gradient of a grouped convolution is not divided by the groups (up to torch 2.13)",
        ),
        training=lambda analysis: _times(2, training_products(analysis)),
    ),
    Convention(
        "torchinfo",
        "MACs",
        "each parameter of a module once for each sample, of convolutions for each place",
        "torchinfo.summary: total_mult_adds",
        {
            "Embedding": rules.table_by_sample,
            **of_each(_ATTENTIONS, rules.unseen),
        },
        rest=rules.by_module_parameters,
        faults=(
            "Linear is counted once for each sample, not for each place of a sequence",
            "transposed convolutions are counted at the places of their output",
            "of Embedding, the whole table is counted; of attention, nothing",
        ),
    ),
    Convention(
        "fvcore",
        "MACs",
        "MACs, 2 for each BatchNorm input, 5 for each of other norms, global average pooling",
        "fvcore.nn.FlopCountAnalysis, and so timm's tables",
        {
            **of_each(_CONVOLUTIONS, rules.with_batch(rules.unless_named_padding)),
            **of_each(_TRANSPOSED, rules.with_batch(rules.nothing)),
            **of_each(("Linear", "matmul", "bmm", "MultiheadAttention"), rules.nothing),
            **of_each(_BATCH_NORMS, rules.by_training(2, 1)),
            **of_each(("LayerNorm", "GroupNorm", *nd("InstanceNorm")), rules.by_affine(5, 4)),
            "AdaptiveAvgPool2d": rules.per_input(1),
            **of_each(_UPSAMPLINGS, rules.upsampled({"nearest2": 1, "bilinear2": 4})),
            "InnerAttention": rules.unseen_scores,
            **of_each((*_RECURRENT, *_CELLS), rules.unseen),
        },
        rest=rules.unmeasured,
        faults=(
            "recurrent layers, fused attention and convolutions with padding: same are not seen",
            "average pooling to a given size is counted for two axes alone",
        ),
        traced=True,
    ),
    Convention(
        "thop",
        "MACs",
        "MACs, 4 for each BatchNorm input, average pooling, softmax, gates",
        "thop.profile",
        {
            **of_each((*_CONVOLUTIONS, "Linear"), rules.nothing),
            **of_each(_TRANSPOSED, rules.with_batch(rules.by_output_positions)),
            **of_each((*_BATCH_NORMS, "LayerNorm", *nd("InstanceNorm")), rules.by_affine(4, 2)),
            "PReLU": rules.per_input(1),
            "Softmax": rules.softmax_of_thop,
            **of_each(nd("AvgPool"), rules.per_output(1)),
            **of_each(nd("AdaptiveAvgPool"), rules.adaptive_average_of_thop),
            **of_each(
                _UPSAMPLINGS,
                rules.upsampled({"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259}),
            ),
            **of_each((*_RECURRENT, *_CELLS), rules.gates_of_thop),
        },
        rest=rules.unseen,
        faults=(
            "transposed convolutions are counted at the places of their output",
            "attention and functions are not seen",
        ),
    ),
    Convention(
        "ptflops",
        "MACs",
        "MACs with biases, 2 for each BatchNorm input, 1 for each activation and pooled input, gates",
        "ptflops.get_model_complexity_info, backend pytorch, without count_functional, which counts twice",
        {
            **of_each((*_CONVOLUTIONS, *_TRANSPOSED), rules.with_batch(rules.biases)),
            "Linear": rules.biases,
            **of_each((*nd("BatchNorm"), "GroupNorm", *nd("InstanceNorm")), rules.by_affine(2, 1)),
            "LayerNorm": rules.per_input(1),
            **of_each(("ReLU", "ReLU6", "PReLU", "ELU", "LeakyReLU", "GELU"), rules.per_output(1)),
            **of_each((*_MAX_POOLS, *_MEAN_POOLS), rules.per_input(1)),
            "Upsample": rules.upsampled_first_sample,
            **of_each((*_RECURRENT, *_CELLS), rules.gates_of_ptflops),
            **of_each(_ATTENTIONS, rules.attention_of_ptflops),
        },
        rest=rules.unseen,
        faults=(
            "keys and values are taken to be projected to their own number of features",
            "of a batch, only the first sample of Upsample is counted",
        ),
    ),
    Convention(
        "calflops",
        "FLOPs",
        "2 for each MAC, biases of convolutions, 2 for each BatchNorm input, 1 for activations and pooling",
        "calflops.calculate_flops",
        _CALFLOPS,
        rest=rules.unmeasured,
        training=lambda analysis: _times(3, count(CONVENTIONS["calflops"], analysis).total),
        faults=(
            "attention's products of queries, keys and values are not seen",
            "groups of transposed convolutions are divided by twice, their biases taken for a convolution's",
        ),
    ),
    Convention(
        "deepspeed",
        "FLOPs",
        "as calflops, with attention",
        "deepspeed.profiling.flops_profiler.get_model_profile",
        {
            **_CALFLOPS,
            **of_each(_TRANSPOSED, rules.with_batch(rules.biases)),
            "MultiheadAttention": rules.shares_of_heads,
            "InnerAttention": rules.nothing,
        },
        rest=rules.unmeasured,
        faults=("convolutions with padding: same that is odd are taken for smaller ones",),
    ),
    Convention(
        "xla",
        "MACs",
        "MACs without the products that meet zeros of the padding",
        "jax.jit(…).lower(…).cost_analysis() of each convolution and product, half of its flops",
        {},
        rest=rules.padding_left_out,
    ),
)

CONVENTIONS: Mapping[str, Convention] = {convention.name: convention for convention in _ALL}


ALL = "all"


def chosen_by(name: str | None) -> tuple[Convention, ...]:
    """The convention of that name, every one for `all`, none for no name.

    Raises:
        UsageError: there is none of that name.
    """
    if name is None or name == ALL:
        return tuple(CONVENTIONS.values()) if name else ()
    if name not in CONVENTIONS:
        names = [*CONVENTIONS, ALL]
        hint = nearest(name, names) or f"conventions: {listed(names, len(names))}"
        raise UsageError(f"--convention: there is no convention {quoted(name)}", hint=hint)
    return (CONVENTIONS[name],)


@dataclass(frozen=True, slots=True)
class Count:
    """What a convention counts of rows: their products as it weighs them, and what it counts beside them."""

    convention: Convention
    products: Dim
    beside: Mapping[str, Dim]
    unknown: tuple[tuple[str, str], ...] = ()
    """The paths of rows whose count is not known, with the reasons."""

    @property
    def total(self) -> Dim | Unknown:
        if self.unknown:
            path, reason = self.unknown[0]
            return Unknown(f"{path}: {reason}")
        return self.products + sum(self.beside.values())


def count(convention: Convention, analysis: Analysis, node: Node | None = None) -> Count:
    """What is counted of the network, or of the rows under a node of its tree."""
    chosen = range(node.start, node.stop) if node else range(len(analysis.rows))
    live = needed(analysis) if convention.traced else chosen
    products: Dim = 0
    beside: dict[str, Dim] = {}
    unknown: list[tuple[str, str]] = []
    for number in chosen:
        row = analysis.rows[number]
        weighed = convention.per_mac * row.macs
        products = products + weighed
        if number in live:
            found = beside_products(convention, row)
        else:
            found = {"rows that no output needs": -weighed}
        if isinstance(found, Unknown):
            unknown.append((row.path, found.reason))
            continue
        for what, more in found.items():
            beside[what] = beside.get(what, 0) + more
    return Count(convention, products, {w: n for w, n in beside.items() if n != 0}, tuple(unknown))


def training(convention: Convention, analysis: Analysis) -> Dim | Unknown | None:
    """What is counted of the forward and the backward pass; None where the tool counts no backward pass."""
    return convention.training(analysis) if convention.training else None


def beside_products(convention: Convention, row: Row) -> Beside:
    """What is counted of a row beside its products: by its type, or of the layers that it is made of."""
    rule = convention.table.get(row.type)
    parts = () if rule else row.layer.parts(*row.inputs)
    if not parts:
        return (rule or convention.rest)(row, convention.per_mac * row.macs)
    total: dict[str, Dim] = {}
    for part in parts:
        found = beside_products(convention, _as_row(row, part))
        if isinstance(found, Unknown):
            return found
        for what, more in found.items():
            total[what] = total.get(what, 0) + part.times * more
    return total


def _as_row(whole: Row, part: Part) -> Row:
    wires = tuple(Wire(x, -1, port) for port, x in enumerate(part.inputs))
    return Row(f"{whole.path}.{part.layer.type}", part.layer, wires, part.layer.figures(part.inputs))
