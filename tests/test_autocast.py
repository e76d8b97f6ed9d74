"""What a network allocates under torch.autocast, against torch's own casts for CUDA, on fake tensors."""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.allocation import autocast, footprint, trace
from shapecalc.allocation.footprint import record
from shapecalc.allocation.mode import Mode
from shapecalc.analysis.memory.backward import Backward
from shapecalc.analysis.memory.batch import with_batch
from shapecalc.analysis.memory.forward import Forward
from shapecalc.engine.results import Analysis
from shapecalc.errors import UnknownError
from shapecalc.layers import LAYERS, Layer
from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from shapecalc.torch_check.memory import Alive, attributes, kept
from shapecalc.torch_check.network import Network, build, tie
from tests.autocast import casting, like, pretended, put
from tests.command import Command
from tests.dice import count
from tests.families.base import Drawn
from tests.kernels import compiled_kernels
from tests.networks import ONE_OF_EACH, OWN, ROUTED, covering, is_brief, short
from tests.strategies import each_layer
from tests.test_layers import NAMES, REFUSALS, call
from tests.test_saved import computed
from tests.test_saved import in_torch as trained_in_torch

PREDICTION, TRAINING = Mode(autocast=True), Mode(grad=True, training=True, autocast=True)
UNKNOWN = {
    **dict.fromkeys(["lstm-lm", "seq2seq-gru"], "cuDNN"),
    **dict.fromkeys(
        ["llm/mamba-130m", "llm/mamba2-130m"],
        "what it keeps for the backward pass depends on the kernel that scans",
    ),
    **dict.fromkeys(
        ROUTED, "what it keeps for the backward pass depends on how many tokens go to each expert"
    ),
}
"""Networks whose training under autocast is not known, with the reason that is said."""
FUSED = {name for name in OWN if name.startswith(("llm/", "diffusion/"))} - {"llm/gpt2"}
"""Networks with attention that a CPU computes in bfloat16 by a kernel of its own; predicted is CUDA's."""
CPU_LISTS = {
    "LOWER": "bfloat16",
    "LOWERED": {
        *("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        *("linear", "matmul", "bmm", "scaled_dot_product_attention", "prelu"),
    },
    "RAISED": {"max_pool3d", "avg_pool3d", "adaptive_avg_pool3d", "replication_pad2d", "reflection_pad2d"},
    "GIVING_FLOAT32": set(),
    "WIDEST": {"cat", "stack"},
}
"""The part of the lists for CPUs that the networks come to, where a way back can be run."""
OTHERWISE = {"cnn3d"}
"""Networks with poolings that are cast on a CPU alone: these have no name on the lists for CUDA."""


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with compiled_kernels():
        yield


def measured(run: Callable[[], Any], owned: Iterable[Any], given: Iterable[Any]) -> tuple[int, int, Any]:
    """Bytes kept for the backward pass, and the most alive at once, as `run` runs; and what it returns."""
    owned = list(owned)
    with kept(owned) as found, Alive(owned, given) as alive:
        made = run()
    return sum((found | attributes(made)).values()), alive.peak, made


# The lists


def registered(name: str) -> set[str]:
    """The operations of a list in torch's own header."""
    text = (Path(torch.__file__).parent / "include/ATen/autocast_mode.h").read_text()
    block = re.search(rf"#define {name}\(_\)(.*?[^\\])\n", text, re.DOTALL)
    assert block
    return set(re.findall(r"_\((\w+)[,)]", block[1])) - {"ADD_NS"}


def test_the_lists_are_those_of_torch() -> None:
    cudnn = {"cudnn_convolution", "cudnn_convolution_transpose"}
    assert registered("AT_FORALL_LOWER_PRECISION_FP") | cudnn == autocast.LOWERED
    assert registered("AT_FORALL_FP32") == autocast.RAISED
    assert registered("AT_FORALL_FP32_SET_OPT_DTYPE") | {"norm"} == autocast.GIVING_FLOAT32
    assert registered("AT_FORALL_PROMOTE") == autocast.WIDEST


def test_nothing_else_is_cast_on_a_gpu() -> None:
    names = torch._C._dispatch_get_registrations_for_dispatch_key("AutocastCUDA")
    known = autocast.LOWERED | autocast.RAISED | autocast.GIVING_FLOAT32 | autocast.WIDEST | autocast.REFUSED
    assert {name.removeprefix("aten::").partition(".")[0] for name in names} == known


NORMED = torch.ones(3, 4, dtype=torch.bfloat16), torch.ones(4), torch.zeros(4)
NORMS: dict[str, Callable[..., tuple[torch.Tensor, ...]]] = {
    "batch": lambda x, w, b: torch.native_batch_norm(x, w, b, b.clone(), w.clone(), True, 0.1, 1e-5),
    "group": lambda x, w, b: torch.native_group_norm(x, w, b, 3, 4, 1, 2, 1e-5),
    "layer": lambda x, w, b: torch.native_layer_norm(x, [4], w, b, 1e-5),
}


@pytest.mark.parametrize("name", NORMS)
def test_statistics_are_those_of_a_true_cpu(name: str) -> None:
    """The judge of networks on the lists of the CPU has the dtypes that its kernels have."""
    with pretended():
        fakes = NORMS[name](*[like(x, "cpu") for x in NORMED])
        assert [y.dtype for y in fakes] == [torch.bfloat16, torch.float32, torch.float32]
    assert [y.dtype for y in NORMS[name](*NORMED)] == [y.dtype for y in fakes]


# Layers


BY_CUDNN = ("GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNCell")
TRANSFORMS = ("fft", "ifft", "rfft", "irfft", "fft2", "ifft2", "rfft2", "irfft2")
NOT_COMPARED = {
    "AdaptiveLogSoftmaxWithLoss": "aten.nonzero",  # the values of the target decide
    "BCELoss": "are unsafe to autocast",
    "CTCLoss": "Torch not compiled with CUDA",
    **dict.fromkeys(TRANSFORMS, "depends on the library that transforms"),
    "DeformConv2d": "depends on torchvision's kernel",
    "selective_scan": "depends on the kernel that scans",
    **dict.fromkeys(BY_CUDNN, "for cuDNN to say"),
}
"""Types of which no draw is compared, and a part of the message that says why."""
FIRST = ("Sigmoid", "PReLU")
"""Layers before the one that is compared: of float32 one gives that, the other float16."""


def in_torch(drawn: Drawn, mode: Mode, before: str = "Sigmoid") -> tuple[int, int]:
    """Bytes kept, and the most alive on the way forward, after a layer `before` of each float32 input.

    The kernels are those of `meta`, but for a mode that asks for those of a GPU.
    """
    arguments = drawn.layer_type(**drawn.arguments).arguments(drawn.inputs)
    casts: AbstractContextManager[None] = casting("cuda") if mode.autocast else nullcontext()
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        module, run = call(drawn, arguments)
        firsts = [getattr(torch.nn, before if x.dtype == "float32" else "Sigmoid")() for x in drawn.inputs]
    with warnings.catch_warnings(), pretended(mode.cuda), torch.set_grad_enabled(mode.grad):
        warnings.simplefilter("ignore")
        whole = put(torch.nn.ModuleList([module, *firsts]), "cuda").train(mode.training)
        inputs: list[Any] = [
            torch.zeros(x.shape, dtype=getattr(torch, x.dtype), device="cuda") for x in drawn.inputs
        ]
        if mode.grad:
            inputs = [x.requires_grad_() if x.is_floating_point() else x for x in inputs]
        owned = [*whole.parameters(), *whole.buffers()]

        def under_autocast() -> Any:
            with casts:
                pairs = zip(firsts, inputs, strict=True)
                return run(*[first(x) if x.is_floating_point() else x for first, x in pairs])

        saved, peak, _ = measured(under_autocast, owned, inputs)
    return saved, peak


def compared(drawn: Drawn, mode: Mode, before: str) -> str:
    """Whether a draw could be compared, or why not. Without autocast a GPU may have another kernel."""
    plain = mode._replace(autocast=False)
    try:
        expected = computed(drawn, mode, before=before)[:2]
    except UnknownError as error:
        return error.message
    try:
        there = in_torch(drawn, mode, before)
        if expected != there and computed(drawn, plain)[:2] != in_torch(drawn, plain):
            return "another kernel"
    # An AssertionError is torch's where a kernel asks for a GPU that is not there.
    except REFUSALS as error:
        return str(error)
    assert expected == there, (drawn, mode, before)
    return "compared"


def distinct(drawn: Drawn, ways: Sequence[tuple[Mode, str]]) -> Sequence[tuple[Mode, str]]:
    """Of inputs of other dtypes than float32, the layer before is the same in all ways."""
    if len(ways) == 1 or any(x.dtype == "float32" for x in drawn.inputs):
        return ways
    return [(mode, before) for mode, before in ways if before == FIRST[0]]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", NAMES)
def test_a_layer_is_cast_as_in_torch(name: str) -> None:
    found: Counter[str] = Counter()

    def check(drawn: Drawn, ways: Sequence[tuple[Mode, str]]) -> None:
        try:
            drawn.layer_type(**drawn.arguments).figures(drawn.inputs)
        except ArchitectureError:
            return
        found.update(compared(drawn, *way) for way in distinct(drawn, ways))

    ways = [*product((PREDICTION, TRAINING), FIRST)]
    each_layer(LAYERS[name], ways, count(5, 200), check)  # fake tensors are slow
    if name in NOT_COMPARED:
        assert not found["compared"]
        assert any(NOT_COMPARED[name] in reason for reason in found), found
    else:
        assert found["compared"], found


@pytest.mark.parametrize("mode", [Mode(cuda=True), TRAINING._replace(autocast=False, cuda=True)])
@pytest.mark.parametrize("name", ["Dropout", "LogSigmoid", "MultiLabelSoftMarginLoss"])
def test_kernels_that_are_other_ones_on_a_gpu(name: str, mode: Mode) -> None:
    """Of a multiple of 128 elements, so that memory in blocks is that of fake tensors."""
    x = Tensor((128, 128))
    drawn = Drawn(LAYERS[name], {}, (x,) * LAYERS[name].inputs_range[0])
    expected = [size - size % -512 for size in in_torch(drawn, mode)]
    assert [*computed(drawn, mode)[:2]] == expected


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, -1])
@pytest.mark.parametrize("shapes", [((3, 5), (3, 5)), ((4, 1, 3), (5, 1)), ((), ())])
def test_norms_of_float16_go_back_as_in_torch(
    p: float, shapes: tuple[tuple[int, ...], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Autocast has the norm give float32; the same without it, where torch goes back."""
    case = Drawn(LAYERS["PairwiseDistance"], {"p": p}, tuple(Tensor(shape, "float16") for shape in shapes))

    def distance(x: Any, other: Any, p: float, eps: float, keepdim: bool) -> Any:
        apart = x - other
        moved = apart + eps
        return torch.ops.aten.norm(moved, p, [-1], keepdim, dtype=torch.float32)

    monkeypatch.setattr(torch.nn.functional, "pairwise_distance", distance)
    for mode, turned in product((PREDICTION, TRAINING), (False, True)):
        assert computed(case, mode, turned) == trained_in_torch(case, mode, turned), (mode, turned)


# Networks


def taught(name: str) -> Analysis:
    """A network of the zoo on two items, for statistics that need more than one value."""
    return with_batch(short(name), 2)


FOLLOWED = {*covering([name for name in ONE_OF_EACH if name in {*OWN} - {*UNKNOWN} and is_brief(name)])}


def run_in_torch(analysis: Analysis, mode: Mode, device: str, back: bool = False) -> tuple[int, int, int]:
    """Bytes kept, the most alive on the way forward, and on a way forward and back."""
    network = build(analysis)
    with pretended(), torch.set_grad_enabled(mode.grad):
        put(network, device)
        tie(network)
        network.train(mode.training)
        tensors = analysis.inputs.values()
        inputs = [torch.zeros(x.shape, dtype=getattr(torch, x.dtype), device=device) for x in tensors]
        owned = [*network.parameters(), *network.buffers()]
        saved, peak, made = measured(lambda: forward(network, inputs, device), owned, inputs)
        del made
        return saved, peak, step(network, inputs, owned, device) if back else 0


def forward(network: Network, inputs: list[Any], device: str) -> tuple[Any, ...]:
    with casting(device):
        return network(*inputs, observe=lambda *_: None)  # type: ignore[no-any-return]


def step(network: Network, inputs: list[Any], owned: list[Any], device: str) -> int:
    with Alive(owned, inputs) as alive:
        outputs = [y for y in forward(network, inputs, device) if y.requires_grad]
        torch.autograd.backward(outputs, [torch.empty_like(y) for y in outputs])
    return int(alive.peak)


def followed(analysis: Analysis, mode: Mode, back: bool = False) -> tuple[int, int, int]:
    forward = Forward(analysis, mode)
    saved = number(sum(forward.ledger.saved().values()))
    peak = number(forward.ledger.peak.size())
    if back:
        Backward(forward)
    return saved, peak, number(forward.ledger.peak.size()) if back else 0


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", sorted(FOLLOWED | {"llm/mamba-130m"}))
def test_a_network_predicts_under_autocast(name: str) -> None:
    """What is known from below alone is: of what a scan makes on its way, nothing is."""
    analysis = taught(name)
    expected, measured = followed(analysis, PREDICTION)[1], run_in_torch(analysis, PREDICTION, "cuda")[1]
    if Forward(analysis, PREDICTION).bounded:
        assert name == "llm/mamba-130m"
        assert 0 < expected <= measured
    else:
        assert expected == measured


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", sorted(FOLLOWED))
def test_a_network_is_trained_under_autocast(name: str) -> None:
    analysis = taught(name)
    assert followed(analysis, TRAINING) == run_in_torch(analysis, TRAINING, "cuda")


@pytest.fixture
def _lists_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes are made anew: layers keep those that they have made by other lists."""
    for name, names in CPU_LISTS.items():
        for module in (trace, footprint):
            monkeypatch.setattr(module, name, names, raising=module is trace)
    monkeypatch.setattr(Layer, "footprint", lambda layer, *given: record(layer.run, *given))


@pytest.mark.one_in(2)
@pytest.mark.usefixtures("_lists_of_the_cpu")
@pytest.mark.parametrize("name", sorted(FOLLOWED - FUSED - OTHERWISE))
def test_the_way_back_through_casts(name: str) -> None:
    """torch goes back on no GPU that is not there: the lists of the CPU take the place of those of CUDA."""
    analysis = taught(name)
    assert followed(analysis, TRAINING, back=True) == run_in_torch(analysis, TRAINING, "cpu", back=True)


SHARING = (
    "input: 4x8\nlayers: [Linear as a: 8, ReLU, {Linear: 8, share: a}, ReLU, {Linear: 8, share: a}]",
    "input: 4x8\nlayers: [Linear as a: 8, ReLU, {Linear: 8, share: a, frozen: true}]",
    "input: 4x8\nlayers: [Linear as a frozen: 8, ReLU, {Linear: 8, share: a}, Linear: 4]",
    """input: 4x8
layers: [add: [[Linear as a: 8], [Linear: 8]], {Linear: 8, share: a}, PReLU as p, {PReLU: , share: p}]""",
    """input: {x: 4x8, y: 3x8}
layers:
  - seq as s: [Linear from x as a: 8, Sigmoid]
  - seq as t: [Linear from y share a: 8, Sigmoid]
  - concat: {branches: [s, t], dim: 0}""",
    """input: 2x5:int64
layers:
  - Embedding as e: {num_embeddings: 7, embedding_dim: 8}
  - LayerNorm
  - Linear share e: {out_features: 7, bias: false}""",
    """input: {x: 2x3x8x8, y: 2x3x4x4}
layers:
  - seq as u: [Conv2d from x as c: {out_channels: 4, kernel_size: 3}, BatchNorm2d as b, ReLU, mean: [2, 3]]
  - seq as v: [Conv2d from y share c: {out_channels: 4, kernel_size: 3}, BatchNorm2d share b, mean: [2, 3]]
  - add: [u, v]""",
    """input: 2x6x8
layers:
  - MultiheadAttention as m: {num_heads: 2, batch_first: true}
  - MultiheadAttention share m: {num_heads: 2, batch_first: true}""",
)
"""Networks whose layers have weights in common: the copy that the first of them casts serves the others."""


@pytest.mark.parametrize("text", SHARING)
def test_the_copy_of_a_weight_that_layers_share(text: str) -> None:
    analysis = shapecalc.analyse(shapecalc.parse(text))
    for mode in (TRAINING, PREDICTION):
        assert followed(analysis, mode) == run_in_torch(analysis, mode, "cuda"), mode


@pytest.mark.usefixtures("_lists_of_the_cpu")
@pytest.mark.parametrize("text", SHARING)
def test_the_way_back_through_a_copy_that_layers_share(text: str) -> None:
    analysis = shapecalc.analyse(shapecalc.parse(text))
    assert followed(analysis, TRAINING, back=True) == run_in_torch(analysis, TRAINING, "cpu", back=True)


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_is_said(name: str, run: Command) -> None:
    done = run("memory", name, "--dtype", "amp", "--train")
    assert done.code == 1
    assert UNKNOWN[name] in " ".join(done.err.split())


# The command


def test_weights_gradients_and_optimizer_are_float32(run: Command) -> None:
    words = ("memory", "lenet", "--train", "--optimizer", "adam", "--format", "json")
    found, plain = (json.loads(run(*words, *more).out) for more in (["--dtype", "amp"], []))
    for figure in ("parameters", "buffers", "gradients", "optimizer"):
        assert found[figure] == plain[figure]


def test_the_text_says_what_is_cast(run: Command) -> None:
    done = run("memory", "lenet", "--dtype", "amp", "--train", columns=120)
    assert done.code == 0
    assert done.out.count("in float32, under autocast in float16 on CUDA") == 2


def test_the_largest_batch_under_autocast(run: Command) -> None:
    """The batch that fits does, and one more does not."""
    words = ("memory", "lenet", "--dtype", "amp", "--train", "--format", "json")
    batch = json.loads(run(*words, "--fit", "1MiB").out)["fit"]["batch"]
    peaks = [json.loads(run(*words, "--batch", str(n)).out)["training_peak"] for n in (batch, batch + 1)]
    assert peaks[0] <= 2**20 < peaks[1]
