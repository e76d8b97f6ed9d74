"""Every counting convention: what it counts for each layer type, in one table.

A network has one number of multiply-accumulates, and as many of "FLOPs" as there are tools. A convention is
that of a tool: 1 or 2 for each multiply-accumulate (MAC), and beside them, for the layer types in its table,
what the rule says. What a tool gets wrong is reproduced under its name, and said to be a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shapecalc.analysis.counting import image_rules as images
from shapecalc.analysis.counting import rules
from shapecalc.analysis.counting import sequence_rules as sequences
from shapecalc.analysis.counting.backward import forward_and_backward, thrice, too_many
from shapecalc.analysis.counting.rules import Rule, nd, of_each
from shapecalc.engine.results import Analysis
from shapecalc.errors import UsageError, listed, nearest, quoted
from shapecalc.operations import Unknown
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
    training: Callable[[Analysis, Dim], Dim | Unknown] | None = None
    """What is counted of forward and backward pass together, made of the count of the forward pass."""
    too_many: Callable[[Analysis], Dim] | None = None
    """What of that is counted by a fault, the `fault_of_training`."""
    fault_of_training: str = ""

    @property
    def per_mac(self) -> int:
        return 2 if self.unit == "FLOPs" else 1


_UNDIVIDED = "the weights' gradient of a grouped convolution is not divided by the groups (up to torch 2.13)"
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
    **of_each(_CONVOLUTIONS, rules.with_batch(images.places_of_calflops)),
    **of_each(_TRANSPOSED, rules.with_batch(images.transposed_of_calflops)),
    **of_each(("Linear", "LinearCrossEntropyLoss"), rules.nothing),
    "Bilinear": rules.unseen,
    "matmul": sequences.by_first_factor,
    "einsum": sequences.rounded,
    "AdaptiveLogSoftmaxWithLoss": rules.undecided,
    **of_each(_BATCH_NORMS, rules.by_training(2, 1)),
    **of_each(("LayerNorm", "GroupNorm", *nd("InstanceNorm")), rules.by_affine(5, 4)),
    **of_each(("ReLU", "PReLU", "ELU", "LeakyReLU", "GELU", "gelu", "SiLU", "silu"), rules.per_input(1)),
    **of_each((*_MAX_POOLS, *_MEAN_POOLS, "Softmax", "Softmax2d"), rules.per_input(1)),
    **of_each(nd("LPPool"), images.powers_of_calflops),
    "LocalResponseNorm": images.response_of_calflops,
    **of_each((*_RECURRENT, *_CELLS), sequences.gates_of_calflops),
    **of_each((*_UPSAMPLINGS, "interpolate"), images.resized_of_calflops(by_scale=False)),
    **of_each(("bmm", "scaled_dot_product_attention"), rules.unseen),
    "MultiheadAttention": rules.both(sequences.unseen_scores, sequences.shares_of_heads),
    "InnerAttention": sequences.unseen_scores,
}


ALL = (
    Convention("macs", "MACs", "multiply-accumulates of convolutions and matrix products", "", {}),
    Convention(
        "torch",
        "FLOPs",
        "2 for each MAC, nothing else",
        "torch.utils.flop_counter.FlopCounterMode, on meta or CUDA",
        {
            "Bilinear": rules.unseen,
            "matmul": rules.unseen_vectors,
            "AdaptiveLogSoftmaxWithLoss": rules.undecided,
        },
        faults=(
            "on the CPU, LSTM and fused attention are not seen",
            "a matrix times a vector, and Bilinear, are not seen anywhere",
            _UNDIVIDED,
        ),
        training=forward_and_backward,
        too_many=too_many,
        fault_of_training=_UNDIVIDED,
    ),
    Convention(
        "torchinfo",
        "MACs",
        "each parameter of a module once for each sample, of convolutions for each place",
        "torchinfo.summary: total_mult_adds",
        {
            **of_each((*_ATTENTIONS, "LinearCrossEntropyLoss"), rules.unseen),
            "AdaptiveLogSoftmaxWithLoss": rules.undecided,
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
            **of_each(
                ("Linear", "LinearCrossEntropyLoss", "bmm", "MultiheadAttention", *_CELLS), rules.nothing
            ),
            **of_each(("Bilinear", "scaled_dot_product_attention"), rules.unseen),
            "matmul": sequences.by_first_factor,
            "einsum": sequences.rounded,
            "AdaptiveLogSoftmaxWithLoss": rules.undecided,
            **of_each(nd("MaxUnpool"), rules.untraceable),
            **of_each(_BATCH_NORMS, rules.by_training(2, 1)),
            **of_each(("LayerNorm", "GroupNorm", *nd("InstanceNorm")), rules.by_affine(5, 4)),
            "AdaptiveAvgPool2d": rules.per_input(1),
            **of_each((*_UPSAMPLINGS, "interpolate"), rules.upsampled({"nearest2": 1, "bilinear2": 4})),
            "InnerAttention": sequences.unseen_scores,
            **of_each(_RECURRENT, rules.unseen),
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
            **of_each(_CONVOLUTIONS, rules.with_batch(rules.nothing)),
            "Linear": rules.nothing,
            **of_each(_TRANSPOSED, rules.with_batch(images.by_output_positions)),
            **of_each((*_BATCH_NORMS, "LayerNorm", *nd("InstanceNorm")), rules.by_affine(4, 2)),
            "PReLU": rules.per_input(1),
            "Softmax": images.softmax_of_thop,
            **of_each(nd("AvgPool"), rules.per_output(1)),
            **of_each(nd("AdaptiveAvgPool"), rules.with_batch(images.adaptive_average_of_thop)),
            **of_each(
                _UPSAMPLINGS,
                rules.upsampled({"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259}),
            ),
            **of_each((*_RECURRENT, *_CELLS), sequences.gates_of_thop),
            "AdaptiveLogSoftmaxWithLoss": rules.undecided,
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
            "Upsample": images.upsampled_first_sample,
            **of_each((*_RECURRENT, *_CELLS), sequences.gates_of_ptflops),
            **of_each(_ATTENTIONS, sequences.attention_of_ptflops),
            "AdaptiveLogSoftmaxWithLoss": rules.undecided,
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
        training=thrice,
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
            **of_each((*_UPSAMPLINGS, "interpolate"), images.resized_of_calflops(by_scale=True)),
            "MultiheadAttention": sequences.shares_of_heads,
            **of_each(("InnerAttention", "bmm"), rules.nothing),
            "scaled_dot_product_attention": sequences.by_query,
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

CONVENTIONS: Mapping[str, Convention] = {convention.name: convention for convention in ALL}


def chosen_by(name: str | None) -> tuple[Convention, ...]:
    """The convention of that name, every one for `all`, none for no name.

    Raises:
        UsageError: there is none of that name.
    """
    if name is None or name == "all":
        return ALL if name else ()
    if name not in CONVENTIONS:
        names = [*CONVENTIONS, "all"]
        hint = nearest(name, names) or f"conventions: {listed(names, len(names))}"
        raise UsageError(f"--convention: there is no convention {quoted(name)}", hint=hint)
    return (CONVENTIONS[name],)
