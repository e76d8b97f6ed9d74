"""The operations and the taps that layers declare, against layers computed by hand and by torch.

A layer computed with numbers that count gives torch's values, so it is that layer, and has done as many
operations as are declared. A convolution of ones with ones adds up to its taps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.analysis.counting.totals import Work
from shapecalc.analysis.domain.generalise import in_general, sizes_of
from shapecalc.engine.results import Row
from shapecalc.layers import LAYERS
from shapecalc.layers.base import example
from shapecalc.operations import KINDS, NOTHING, Operations, Unknown
from shapecalc.symbolic import at, number, symbol
from shapecalc.tensors import Tensor
from shapecalc.torch_check.network import build
from tests import counting
from tests.counting import (
    ACTIVATIONS,
    FUNCTIONS,
    Number,
    dot,
    greatest,
    known,
    mean,
    root,
    sigmoid,
    standardised,
    tanh,
    total,
)
from tests.dice import count
from tests.families.base import Drawn
from tests.networks import EVERY_TYPE

SHAPES = {"BatchNorm1d": (2, 8, 6), "InstanceNorm1d": (2, 8, 6)}
CONVOLUTIONS = [f"{kind}{axes}d" for kind in ("Conv", "ConvTranspose") for axes in (1, 2, 3)]


class Case:
    """A layer in torch and its row, and its inputs as numbers that count."""

    def __init__(self, step: str, *shapes: Sequence[int], low: float = -2.0, high: float = 0.0) -> None:
        inputs = {f"x{i}": "x".join(map(str, shape)) for i, shape in enumerate(shapes)}
        listed = ", ".join(f"{name}: '{text}'" for name, text in inputs.items())
        self.analysis = shapecalc.analyse(shapecalc.parse(f"input: {{{listed}}}\nlayers: [{{{step}}}]"))
        torch.manual_seed(1)
        network = build(self.analysis).to_empty(device="cpu")
        for parameter in network.parameters():
            parameter.data.uniform_(-1, 1)
        self.module: Any = network.layers[0]
        for buffer in network.buffers():
            buffer.copy_(torch.rand(buffer.shape) if buffer.is_floating_point() else buffer * 0)
        if "PReLU" in step:
            self.module.weight.data.fill_(0.25)
        self.inputs = [torch.rand(tuple(shape)) * (high - low) + low for shape in shapes]
        with torch.inference_mode():
            self.expected = network(*self.inputs, observe=lambda *_: None)[0]
        self.counts: Counter[str] = Counter()

    @property
    def row(self) -> Row:
        return self.analysis.rows[-1]

    def numbers(self, tensor: Any) -> Any:
        """A tensor as nested lists of numbers."""
        if tensor.dim():
            return [self.numbers(part) for part in tensor]
        return Number(float(tensor), self.counts)

    def check(self, made: Any) -> None:
        """Same values as torch's, and as many operations as declared, multiply-accumulates too."""
        values = torch.tensor(_values(made), dtype=torch.float32)
        assert torch.allclose(values.flatten(), self.expected.flatten().float(), rtol=1e-4, atol=1e-5)
        assert Operations(**{kind: self.counts[kind] for kind in KINDS}) == self.row.ops
        assert self.counts["macs"] == self.row.macs


def _values(made: Any) -> Any:
    if isinstance(made, (list, tuple)):
        return [_values(part) for part in made]
    return made.value if isinstance(made, Number) else made


@pytest.mark.parametrize("step", ACTIVATIONS)
def test_activations(step: str) -> None:
    case = Case(step if ":" in step else f"{step}: {{}}", (2, 7), low=-2, high=-0.6)
    case.check([[ACTIVATIONS[step](x) for x in row] for row in case.numbers(case.inputs[0])])


@pytest.mark.parametrize("step", FUNCTIONS)
def test_functions(step: str) -> None:
    case = Case(step if ":" in step else f"{step}: {{}}", (2, 7), low=0.5, high=1)
    case.check([[FUNCTIONS[step](x) for x in row] for row in case.numbers(case.inputs[0])])


def windows(row: Sequence[Any], size: int, stride: int) -> list[Sequence[Any]]:
    return [row[start : start + size] for start in range(0, len(row) - size + 1, stride)]


ROWS: dict[str, Callable[[Any], Any]] = {
    "Softmax: {dim: -1}": counting.softmax,
    "softmax: {dim: -1}": counting.softmax,
    "LogSoftmax: {dim: -1}": counting.log_softmax,
    "Softmin: {dim: -1}": lambda row: counting.softmax([-x for x in row]),
    "mean: {dim: -1}": mean,
    "sum: {dim: -1}": total,
    "amax: {dim: -1}": greatest,
    "cumsum: {dim: -1}": counting.running_sums,
    "normalize: {dim: -1}": counting.normalized,
    "LayerNorm: {elementwise_affine: false}": lambda row: standardised(row, 1e-5),
    "MaxPool1d: {kernel_size: 3, stride: 2}": lambda row: [greatest(w) for w in windows(row, 3, 2)],
    "AvgPool1d: {kernel_size: 3, stride: 2}": lambda row: [mean(w) for w in windows(row, 3, 2)],
    "AdaptiveAvgPool1d: {output_size: 3}": lambda row: [mean(row[i : i + 3]) for i in (0, 2, 4)],
    "AdaptiveMaxPool1d: {output_size: 3}": lambda row: [
        greatest(row[0:3]),
        greatest(row[2:5]),
        greatest(row[4:7]),
    ],
    "LPPool1d: {norm_type: 2, kernel_size: 3}": lambda row: [
        root(total([x.of(lambda v: v**2) for x in w])) for w in windows(row, 3, 3)
    ],
    "InstanceNorm1d": lambda row: standardised(row, 1e-5),
    "BatchNorm1d: {affine: false, track_running_stats: false}": lambda row: standardised(row, 1e-5),
    "Dropout": lambda row: row,
    "narrow: {dim: -1, start: 1, length: 3}": lambda row: row[1:4],
    "slice: {dim: -1, start: 1, end: -1, step: 2}": lambda row: row[1:-1:2],
}
"""A layer → what it makes of one row, the last axis; BatchNorm's batch is of one sample."""


@pytest.mark.parametrize("step", ROWS)
def test_rows(step: str) -> None:
    case = Case(step if ":" in step else f"{step}: {{}}", (1, 2, 7))
    case.check([[ROWS[step](row) for row in channels] for channels in case.numbers(case.inputs[0])])


def test_batch_norm() -> None:
    case = Case("BatchNorm1d: {}", (3, 2, 5))
    module, made = case.module, []
    parts = (module.running_mean, module.running_var, module.weight, module.bias)
    for channel, values in enumerate(zip(*(part.tolist() for part in parts), strict=True)):
        row = [x for sample in case.numbers(case.inputs[0]) for x in sample[channel]]
        middle, variance, weight, bias = values
        made.append([x * weight + bias for x in known(row, middle, variance, module.eps)])
    case.expected = case.expected.transpose(0, 1)
    case.check(made)


def test_layer_norm_without_a_bias() -> None:
    case = Case("LayerNorm: {bias: false}", (3, 5))
    weight = case.module.weight.tolist()
    rows = [standardised(row, case.module.eps) for row in case.numbers(case.inputs[0])]
    case.check([[x * w for x, w in zip(row, weight, strict=True)] for row in rows])


def test_group_norm() -> None:
    case = Case("GroupNorm: {num_groups: 2, affine: false}", (3, 4, 5))
    made = []
    for sample in case.numbers(case.inputs[0]):
        groups = [[*sample[0], *sample[1]], [*sample[2], *sample[3]]]
        made.append([standardised(group, case.module.eps) for group in groups])
    case.check(made)


def test_rms_norm() -> None:
    case = Case("RMSNorm: {eps: 0.001}", (3, 5))
    made = []
    for row in case.numbers(case.inputs[0]):
        size = root(mean([x * x for x in row]) + 0.001)
        made.append([x / size * w for x, w in zip(row, case.module.weight.tolist(), strict=True)])
    case.check(made)


def test_glu() -> None:
    case = Case("GLU: {}", (3, 6))
    rows = case.numbers(case.inputs[0])
    case.check([[a * sigmoid(b) for a, b in zip(row[:3], row[3:], strict=True)] for row in rows])


JOINS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "sub": lambda a, b: a - b,
    "div": lambda a, b: a / b,
    "remainder": lambda a, b: a - Number((a / b).value // 1, a.counts) * b,
    "fmod": lambda a, b: a - Number((a / b).value // 1, a.counts) * b,
    "pow": lambda a, b: a.made("exp", a.value**b.value),
}


@pytest.mark.parametrize("name", JOINS)
def test_joins(name: str) -> None:
    case = Case(f"{name}: [x0, x1]", (2, 3), (3,), low=0.5, high=1)
    second = case.numbers(case.inputs[1])
    rows = case.numbers(case.inputs[0])
    case.check([[JOINS[name](a, b) for a, b in zip(row, second, strict=True)] for row in rows])


BESIDE: dict[str, Callable[[Any], Any]] = {
    "add: 3": lambda a: a + 3,
    "mul: 0.5": lambda a: a * 0.5,
    "sub: 1": lambda a: a - 1,
    "sub: [1, []]": lambda a: 1 - a,
    "div: 4": lambda a: a / 4,
    "div: [2, []]": lambda a: 2 / a,
    "pow: 2": lambda a: a.of(lambda x: x**2),
    "pow: [2, []]": lambda a: a.of(lambda x: 2**x),
}
"""A number beside a tensor."""


@pytest.mark.parametrize("step", BESIDE)
def test_numbers_beside_tensors(step: str) -> None:
    case = Case(step, (2, 3), low=0.5, high=1)
    case.check([[BESIDE[step](a) for a in row] for row in case.numbers(case.inputs[0])])


def test_joins_of_several_come_one_after_another() -> None:
    """The first two make 3 elements, the third makes 6 of them."""
    analysis = shapecalc.analyse(shapecalc.parse("input: {a: 3, b: 1, c: 2x3}\nlayers: [{add: [a, b, c]}]"))
    assert analysis.rows[0].ops == Operations(add=3 + 6)


def test_distances() -> None:
    case = Case("PairwiseDistance: {}, from: [x0, x1]", (2, 5), (2, 5))
    made = []
    for first, second in zip(*map(case.numbers, case.inputs), strict=True):
        apart = [a - b + 1e-6 for a, b in zip(first, second, strict=True)]
        made.append(root(total([abs(x).of(lambda value: value**2) for x in apart])))
    case.check(made)


def test_cosine() -> None:
    case = Case("CosineSimilarity: {}, from: [x0, x1]", (2, 5), (2, 5))
    made = []
    for first, second in zip(*map(case.numbers, case.inputs), strict=True):
        products = ((first, second), (first, first), (second, second))
        ab, aa, bb = (total([a * b for a, b in zip(*pair, strict=True)]) for pair in products)
        made.append(ab / counting.greater(root(aa) * root(bb), 1e-8))
    case.check(made)


def test_linear() -> None:
    case = Case("Linear: 4", (3, 5))
    weight, bias = case.module.weight.tolist(), case.module.bias.tolist()
    rows = case.numbers(case.inputs[0])
    case.check([[dot(w, row) + b for w, b in zip(weight, bias, strict=True)] for row in rows])


def test_convolution() -> None:
    case = Case("Conv1d: {out_channels: 2, kernel_size: 3}", (1, 3, 6))
    weight, bias = case.module.weight.flatten(1).tolist(), case.module.bias.tolist()
    (image,) = case.numbers(case.inputs[0])
    seen = [[x for channel in image for x in channel[i : i + 3]] for i in range(4)]
    case.check([[dot(w, window) + b for window in seen] for w, b in zip(weight, bias, strict=True)])


Gate: TypeAlias = "tuple[list[float], float, list[float], float]"


def gates_of(module: Any, place: str = "") -> list[Gate]:
    """Of each row of the matrices: the weights and the bias for the input, and for the state."""
    names = (f"{name}{place}" for name in ("weight_ih", "bias_ih", "weight_hh", "bias_hh"))
    return list(zip(*(getattr(module, name).tolist() for name in names), strict=True))


def gate(of: Gate, x: Any, h: Any) -> Number:
    """W_ih·x + b_ih + W_hh·h + b_hh."""
    return dot(of[0], x) + of[1] + dot(of[2], h) + of[3]


def test_rnn_cell() -> None:
    case = Case("RNNCell: 3, from: [x0, x1]", (1, 4), (1, 3))
    (x,), (h,) = map(case.numbers, case.inputs)
    case.check([tanh(gate(of, x, h)) for of in gates_of(case.module)])


def test_gru_cell() -> None:
    case = Case("GRUCell: 2, from: [x0, x1]", (1, 4), (1, 2))
    (x,), (h,) = map(case.numbers, case.inputs)
    gates = gates_of(case.module)
    reset, update = ([sigmoid(gate(of, x, h)) for of in part] for part in (gates[:2], gates[2:4]))
    new = [
        tanh(dot(of[0], x) + of[1] + r * (dot(of[2], h) + of[3]))
        for of, r in zip(gates[4:], reset, strict=True)
    ]
    case.check([(1 - z) * n + z * old for z, n, old in zip(update, new, h, strict=True)])


def test_lstm() -> None:
    """Two steps of one layer in two directions."""
    case = Case("LSTM: {hidden_size: 2, bidirectional: true}", (2, 1, 3))
    steps = [sample for (sample,) in case.numbers(case.inputs[0])]
    made: dict[tuple[int, str], list[Number]] = {}
    for place, order in (("_l0", (0, 1)), ("_l0_reverse", (1, 0))):
        gates = gates_of(case.module, place)
        h = c = [Number(0, case.counts)] * 2
        for step in order:
            found = [gate(of, steps[step], h) for of in gates]
            i, f, o = ([sigmoid(x) for x in found[a : a + 2]] for a in (0, 2, 6))
            g = [tanh(x) for x in found[4:6]]
            c = [f[k] * c[k] + i[k] * g[k] for k in range(2)]
            h = made[step, place] = [o[k] * tanh(c[k]) for k in range(2)]
    case.check([[*made[step, "_l0"], *made[step, "_l0_reverse"]] for step in (0, 1)])


def test_attention() -> None:
    case = Case("scaled_dot_product_attention: [x0, x1, x2]", (3, 4), (2, 4), (2, 5))
    queries, keys, values = map(case.numbers, case.inputs)
    made = []
    for query in queries:
        scores = [dot([k.value for k in key], query) / 2 for key in keys]
        weights = counting.softmax(scores)
        made.append([dot([value[e].value for value in values], weights) for e in range(5)])
    case.check(made)


def test_multihead_attention() -> None:
    """That of one head, whose mean of weights is a division of each."""
    case = Case("MultiheadAttention: {num_heads: 1, batch_first: true}", (1, 3, 4))
    module = case.module
    (rows,) = case.numbers(case.inputs[0])
    weight, bias = module.in_proj_weight.tolist(), module.in_proj_bias.tolist()
    mapped = [[dot(w, row) + b for w, b in zip(weight, bias, strict=True)] for row in rows]
    queries, keys, values = ([row[a : a + 4] for row in mapped] for a in (0, 4, 8))
    made = []
    for query in queries:
        weights = counting.softmax([dot([k.value for k in key], query) / 2 for key in keys])
        [share / 1 for share in weights]  # the mean of one head
        seen = [dot([value[e].value for value in values], weights) for e in range(4)]
        out = zip(module.out_proj.weight.tolist(), module.out_proj.bias.tolist(), strict=True)
        made.append([dot(w, seen) + b for w, b in out])
    case.check(made)


def test_a_transformer_is_its_parts() -> None:
    """The multiply-accumulates of the parts, which torch counts in all, are those of the whole."""
    for name in LAYERS:
        shown = LAYERS[name].example
        layer = LAYERS[name](**shown.arguments) if shown else None
        parts = layer.parts(*shown.inputs) if layer and shown else ()
        if layer and shown and parts:
            macs = sum(part.times * number(part.layer.figures(part.inputs).macs) for part in parts)
            assert macs == layer.figures(shown.inputs).macs
            assert isinstance(layer.costs(shown.inputs).ops, Operations)


# Taps.


def adds_up(drawn: Drawn, layer: Any) -> None:
    """A convolution of ones with ones is what its windows read, added up."""
    arguments = {**layer.arguments(drawn.inputs), "bias": False}
    module = getattr(torch.nn, drawn.layer_type.__name__)(**arguments, dtype=torch.float64)
    with torch.inference_mode():
        module.weight.fill_(1)
        measured = module(torch.ones(drawn.inputs[0].shape, dtype=torch.float64)).sum()
    assert int(measured) == layer.costs(drawn.inputs).macs_without_padding


def has_formula(drawn: Drawn, layer: Any) -> None:
    """With symbols for all sizes, taps are a formula of the same number, if the layer takes symbols."""
    (x,) = drawn.inputs
    sizes = {f"n{axis}": number(size) for axis, size in enumerate(x.shape)}
    try:
        formula = layer.costs((Tensor(tuple(map(symbol, sizes)), x.dtype),)).macs_without_padding
    except ArchitectureError:
        return
    assert at(formula, sizes) == layer.costs(drawn.inputs).macs_without_padding


@st.composite
def padded(draw: st.DrawFn, name: str) -> Drawn:
    """A convolution whose windows mostly reach into its padding; wrong ones too."""
    layer_type = LAYERS[name]

    def each(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=layer_type.axes, max_size=layer_type.axes))

    groups = draw(st.integers(1, 2))
    transposed = name.startswith("ConvT")
    stride, dilation = each(1, 4), each(1, 3)
    arguments = {
        "out_channels": 2 * groups,
        "kernel_size": each(1, 4),
        "stride": stride,
        "padding": each(0, 3 if transposed else 5),
        "dilation": dilation,
        "groups": groups,
    }
    if transposed:
        highest = map(max, stride, dilation)  # of which the padding of the output must be less
        arguments["output_padding"] = [min(n, high - 1) for n, high in zip(each(0, 2), highest, strict=True)]
    return Drawn(layer_type, arguments, (Tensor((2, 3 * groups, *each(1, 7))),))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_taps(name: str) -> None:
    found: Counter[str] = Counter()

    @settings(max_examples=count(130, 3_000))  # one in two or more is a layer
    @given(padded(name))
    def check(drawn: Drawn) -> None:
        try:
            layer = LAYERS[name](**drawn.arguments)
            macs = layer.figures(drawn.inputs).macs
        except ArchitectureError:
            return
        adds_up(drawn, layer)
        has_formula(drawn, layer)
        found["less" if layer.costs(drawn.inputs).macs_without_padding != macs else "all"] += 1

    check()
    assert found["less"] >= 40, found


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("kernel", [3, 4])
def test_taps_of_padding_in_words(mode: str, kernel: int) -> None:
    arguments = {"out_channels": 2, "kernel_size": kernel, "padding": "same", "padding_mode": mode}
    layer = LAYERS["Conv2d"](**arguments)
    drawn = Drawn(LAYERS["Conv2d"], arguments, (Tensor((2, 3, 6, 7)),))
    adds_up(drawn, layer)
    assert (layer.costs(drawn.inputs).macs_without_padding == layer.figures(drawn.inputs).macs) is (
        mode != "zeros"
    )


def test_a_kernel_too_large_to_look_at() -> None:
    text = "input: 1x1x300000\nlayers: [{Conv1d: {out_channels: 1, kernel_size: 200000}}]"
    (row,) = shapecalc.analyse(shapecalc.parse(text)).rows
    reason = "a kernel of 200,000 elements along an axis is not looked at one by one"
    assert row.macs_without_padding == Unknown(reason)
    assert Work.of([row]).macs_without_padding == Unknown(f"Conv1d[0]: {reason}")


# All types.

NO_COUNT = {
    *(name for name in LAYERS if "Loss" in name),
    *("Fold", "AdaptiveLogSoftmaxWithLoss", "NLLLoss2d"),
    *("grid_sample", "DeformConv2d"),  # which read between elements, as values say
    *(name for name in LAYERS if "fft" in name),  # which hang on the algorithm that a library takes
    "opaque",  # of which what was measured is known
    *("sort", "argsort"),  # how many comparisons it takes is for the values and the algorithm to say
}
"""The types of which no operations are declared."""


def test_which_types_declare_operations() -> None:
    for name in LAYERS:
        shown = LAYERS[name].example or example(
            *[SHAPES.get(name, (2, 8, 6, 6))] * LAYERS[name].inputs_range[0]
        )
        ops = LAYERS[name](**shown.arguments).costs(shown.inputs).ops
        assert isinstance(ops, Unknown) is (name in NO_COUNT), name
        if isinstance(ops, Unknown):
            algorithm = "how many operations a transform takes depends on its algorithm"
            measured = "the operations of torch.foo were not measured"
            assert ops.reason in (f"no count of the operations of {name} is declared", algorithm, measured)


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_the_zoo_as_formulas(name: str) -> None:
    """Operations and taps of every row, with symbols, are those of numbers."""
    analysis = shapecalc.analyse(shapecalc.load(name))
    general = in_general(analysis.architecture, analysis.inputs, analysis.parameters, batch=True)
    sizes = sizes_of(analysis.inputs, general.inputs)
    for row, formula in zip(analysis.rows, general.rows, strict=True):
        assert isinstance(row.ops, Operations)
        assert isinstance(formula.ops, Operations)
        assert not isinstance(formula.macs_without_padding, Unknown)
        assert at(formula.macs_without_padding, sizes) == row.macs_without_padding
        kinds = {kind: at(getattr(formula.ops, kind), sizes) for kind in KINDS}
        assert Operations(**kinds) == row.ops


def test_what_moves_elements_computes_nothing() -> None:
    for name in (
        "Flatten",
        "reshape",
        "permute",
        "concat",
        "Embedding",
        "Dropout",
        "expand",
        "Unfold",
        "pad",
    ):
        shown = LAYERS[name].example or example((2, 8, 6, 6))
        assert LAYERS[name](**shown.arguments).costs(shown.inputs).ops == NOTHING


@st.composite
def causal(draw: st.DrawFn) -> tuple[int, ...]:
    """Sizes of attention: sequences, heads of queries for each of keys, heads of keys, T, S, E and E_v."""
    return tuple(draw(st.integers(1, most)) for most in (3, 3, 2, 6, 6, 5, 5))


@given(causal())
def test_keys_that_is_causal_hides_are_left_out(sizes: tuple[int, ...]) -> None:
    """Held to torch: a score that is seen has a weight above 0, where queries and keys are zeros."""
    n, each, heads, length, keys, width, out = sizes
    inputs = [Tensor((n, each * heads, length, width))]
    inputs += [Tensor((n, heads, keys, features)) for features in (width, out)]
    layer = LAYERS["scaled_dot_product_attention"](is_causal=True, enable_gqa=True)
    values = torch.eye(keys).expand(n, heads, keys, keys)
    zeros = [torch.zeros(tuple(map(number, x.shape))) for x in inputs[:2]]
    weights = torch.nn.functional.scaled_dot_product_attention(
        *zeros, values, is_causal=True, enable_gqa=True
    )
    seen = int((weights > 0).sum())
    assert layer.costs(tuple(inputs)).macs_without_padding == seen * (width + out)
    named = [Tensor((symbol("N"), *inputs[0].shape[1:2], symbol("T"), width))]
    named += [Tensor((symbol("N"), heads, symbol("S"), x.shape[-1])) for x in inputs[1:]]
    formula = layer.costs(tuple(named)).macs_without_padding
    assert not isinstance(formula, Unknown)
    assert at(formula, {"N": n, "T": length, "S": keys}) == seen * (width + out)
    plain = LAYERS["scaled_dot_product_attention"](enable_gqa=True)
    assert plain.costs(tuple(inputs)).macs_without_padding == plain.figures(tuple(inputs)).macs


def test_what_is_left_out_is_said() -> None:
    """Of two kinds both, of a mask that is given nothing: what it hides stands in its values."""
    attention = "scaled_dot_product_attention: {{branches: [[], [], {}], is_causal: {}}}"
    conv = "Conv1d: {out_channels: 4, kernel_size: 3, padding: 1}"
    masked = "input: {x: 1x4x4, m: 4x4}\nlayers: [scaled_dot_product_attention: [x, x, x, m]]"
    both = f"input: 1x4x4\nlayers: [{conv}, {attention.format('[]', 'true')}]"
    for text, told in ((both, ("the zeros of padding", "what is_causal hides")), (masked, ())):
        work = Work.of_all(shapecalc.analyse(shapecalc.parse(text)))
        assert work.left_out == told
        assert (work.macs_without_padding != work.macs) is bool(told)
