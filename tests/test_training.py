"""Training on one device and on several: optimizers, master weights, batches that are added up, ZeRO."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import Analysis
from shapecalc.analysis.memory.memory import AT_MOST, EXACT, MODEL, UPDATE, Memory, memory
from shapecalc.analysis.memory.optimizers import OPTIMIZERS
from shapecalc.analysis.memory.training import Training
from shapecalc.symbolic import number
from shapecalc.torch_check.memory import Alive, Told
from shapecalc.torch_check.network import Network, build, sample
from shapecalc.torch_check.startup import without_compiler
from tests.command import Command
from tests.dice import one_way
from tests.kernels import compiled_kernels
from tests.networks import short
from tests.tools.quiet import quiet


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with without_compiler(), compiled_kernels(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


DTYPES = ("float32", "bfloat16")
NETWORKS = ["nin", "llm/gpt2", "llm/llama-2-7b", "resnet18", "lstm-lm"]
FROZEN = """
input: 4x16
layers: [Linear frozen: 40, ReLU, Linear: 33, add: [[Linear frozen: 33], [Linear: 3, Linear: 33]], PReLU]
"""


def analysed(name: str) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(FROZEN)) if name == "frozen" else short(name)


def trained_of(network: Network) -> list[Any]:
    return [p for p in network.parameters() if p.requires_grad]


def with_gradients(network: Network) -> list[Any]:
    trained = trained_of(network)
    for parameter in trained:
        parameter.grad = torch.zeros_like(parameter)
    return trained


def nbytes(tensors: Sequence[Any]) -> int:
    return sum(x.untyped_storage().nbytes() for x in tensors)


def state_of(*optimizers: Any) -> list[Any]:
    states = [state for optimizer in optimizers for state in optimizer.state.values()]
    return [x for state in states for x in state.values() if getattr(x, "is_meta", False)]


def lion(trained: Sequence[Any], patch: pytest.MonkeyPatch) -> Any:
    """DeepSpeed's FusedLion without its kernel, which is for a GPU, and writes in place."""
    with quiet():
        module = import_module("deepspeed.ops.lion.fused_lion")
    kernel = SimpleNamespace(load=lambda: SimpleNamespace(multi_tensor_lion=None))
    patch.setattr(module, "FusedLionBuilder", lambda: kernel)
    patch.setattr(module, "multi_tensor_applier", lambda *_: None)
    return module.FusedLion(trained)


def made(name: str, network: Network, trained: Sequence[Any], patch: pytest.MonkeyPatch) -> list[Any]:
    """The optimizers of that name, for what each is for."""
    if name == "adafactor":
        return [torch.optim.Adafactor(trained)]
    if name == "lion":
        return [lion(trained, patch)]
    tables = {id(m.weight) for m in network.modules() if isinstance(m, torch.nn.Embedding)}
    tables |= {id(p) for m in network.layers if type(m) is torch.nn.Module for p in m.parameters()}
    modules = [m for m in network.layers if any(p.ndim > 1 for p in m.parameters())]
    last = {id(p) for p in modules[-1].parameters()}
    hidden = [p for p in trained if p.ndim == 2 and id(p) not in tables | last]
    rest = [p for p in trained if all(p is not other for other in hidden)]
    return [torch.optim.Muon(hidden), torch.optim.AdamW(rest, foreach=True)]


OPTIMIZED = product(
    ("adafactor", "lion", "muon"), ("llm/gpt2", "llm/llama-2-7b", "lstm-lm", "vit-b-16", "frozen")
)


@pytest.mark.parametrize(
    ("optimizer", "name", "dtype"), [(*case, dtype) for case in OPTIMIZED for dtype in one_way(case, DTYPES)]
)
def test_what_optimizers_keep_and_make(
    optimizer: str, name: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state to the byte; what the second step makes is at most what is said, and not far below."""
    analysis = analysed(name)
    network = build(analysis).converted(dtype)
    found = memory(analysis, dtype, optimizer)
    trained = with_gradients(network)
    methods = made(optimizer, network, trained, monkeypatch)
    most = 0
    for method in methods:
        with Told():
            method.step()
        with Told(), Alive([*network.parameters(), *(p.grad for p in trained), *state_of(*methods)], []) as a:
            method.step()
        most = max(most, a.peak)
    assert number(found.optimizer) == nbytes(state_of(*methods))
    update = found.held.update
    assert most <= number(update.bytes)
    if optimizer == "lion":
        return
    assert update.at_most
    assert number(update.bytes) <= 3 * most + 64


def test_8_bits_as_bitsandbytes_keeps_them() -> None:
    """Of 4,095 elements float32, from there on bytes, with a float32 for each block of 256 of both moments.

    bitsandbytes 0.50.2 keeps these 43,776 B, of which the two tables are there once.
    """
    layers = "input: 1x63\nlayers: [Linear: {out_features: 65, bias: false}, Linear: {out_features: 64}]"
    found = memory(shapecalc.analyse(shapecalc.parse(layers)), how="adam8bit")
    tables = 2 * 256 * 4
    few = 2 * 4 * (63 * 65 + 64)  # 4,095 and a bias
    many = 2 * (64 * 65 + 17 * 4)  # 16 blocks of 256, and one of 64
    assert found.optimizer == tables + few + many == 43_776
    assert found.held.update.bytes == 0


@pytest.mark.parametrize(
    ("name", "dtype"), [(name, dtype) for name in NETWORKS for dtype in one_way(name, DTYPES)]
)
def test_gradients_that_are_added_up(name: str, dtype: str) -> None:
    """The second pass in torch, with the gradients of the first there."""
    analysis = short(name)
    found = memory(analysis, dtype, Training(accumulate=2))
    network = build(analysis).converted(dtype)
    network.train()

    def passes() -> None:
        outputs = network(*inputs, observe=lambda *_: None)
        torch.autograd.backward(outputs, [torch.ones_like(y) for y in outputs])

    inputs = [sample(x, "meta", dtype) for x in analysis.inputs.values()]
    with Told():
        passes()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    with Told(), Alive([*network.parameters(), *network.buffers()], [*inputs, *gradients]) as alive:
        passes()
    expected = number(found.training.bytes) - number(found.parameters) - number(found.buffers)
    assert alive.peak == expected
    assert found.training_status == EXACT
    assert number(found.gradients) == nbytes(gradients)


@pytest.mark.parametrize("name", ["nin", "llm/gpt2"])
def test_master_weights(name: str) -> None:
    """An update on a float32 copy, with float32 gradients, as torch alone would write it."""
    analysis = short(name)
    found = memory(analysis, "bfloat16", Training("adamw", master=True))
    network = build(analysis).converted("bfloat16")
    trained = with_gradients(network)
    copies = [p.detach().float().requires_grad_() for p in trained]
    optimizer = torch.optim.AdamW(copies, foreach=True)

    def update() -> None:
        for copy, parameter in zip(copies, trained, strict=True):
            copy.grad = parameter.grad.float()
        optimizer.step()
        with torch.no_grad():
            torch._foreach_copy_(trained, copies)
        optimizer.zero_grad()

    update()
    kept = state_of(optimizer)
    assert (nbytes(copies), nbytes(kept)) == (number(found.held.master), number(found.optimizer))
    gradients = [p.grad for p in trained]
    with Alive([*network.parameters(), *gradients, *copies, *kept], []) as alive:
        update()
    assert alive.peak == number(found.held.update.bytes)


@pytest.mark.parametrize("ranks", [2, 3, 8])
@pytest.mark.parametrize("name", [*NETWORKS, "frozen"])
def test_parts_of_ranks_are_those_of_deepspeed(name: str, ranks: int) -> None:
    """Each rank's tensors, made as DeepSpeed makes them, and what an optimizer keeps for them."""
    analysis = analysed(name)
    network = build(analysis)
    trained, buffers = trained_of(network), nbytes(list(network.buffers()))
    fixed = nbytes([p for p in network.parameters() if not p.requires_grad])
    with quiet():
        aligned = import_module("deepspeed.runtime.utils").align_dense_tensors
    flat = torch.cat([x.reshape(-1) for x in aligned([p.detach() for p in trained], 2 * ranks)])
    part = list(flat.chunk(ranks))
    assert {x.numel() for x in part} == {flat.numel() // ranks}
    for stage in (1, 2):
        found = memory(analysis, how=Training("adam", zero=stage, ranks=ranks))
        assert number(found.held.parameters) == flat.nbytes + fixed
        assert number(found.gradients) == (nbytes(trained) if stage == 1 else part[0].nbytes)
        assert number(found.optimizer) == adam_of([part[0]])
        assert number(found.buffers) == buffers
    cut = [torch.cat([x.reshape(-1) for x in aligned([p.detach()], ranks)]).chunk(ranks)[0] for p in trained]
    others = [aligned([p.detach().reshape(-1)], ranks) for p in network.parameters() if not p.requires_grad]
    found = memory(analysis, how=Training("adam", zero=3, ranks=ranks))
    own = sum(x.nbytes for x in cut)
    fixed = sum(sum(x.numel() for x in parts) // ranks * 4 for parts in others)
    assert (number(found.held.parameters), number(found.gradients)) == (own + fixed, own)
    assert number(found.optimizer) == adam_of(cut)
    largest = max(nbytes(list(module.parameters())) for module in network.layers)
    assert number(found.held.gathered) == largest


def adam_of(parameters: Sequence[Any]) -> int:
    """Bytes of the state of torch's Adam for tensors like these."""
    own = [torch.nn.Parameter(torch.empty(x.numel(), device="meta")) for x in parameters]
    for x in own:
        x.grad = torch.zeros_like(x)
    optimizer = torch.optim.Adam(own, foreach=True)
    optimizer.step()
    return nbytes(state_of(optimizer))


def test_zero_of_the_paper() -> None:
    """Table 1 of arXiv:1910.02054: 7.5 billion parameters in 16 bits, Adam, on 64 ranks, in GB."""
    text = "input: 1x50000\nlayers: [Linear: {out_features: 150000, bias: false}]"
    analysis = shapecalc.analyse(shapecalc.parse(text))

    def states(found: Memory) -> float:
        own = found.held
        return sum(map(number, (own.parameters, own.gradients, own.master, own.optimizer))) / 1e9

    one = memory(analysis, "float16", Training("adam", master=True))
    assert states(one) == 120
    known = [states(memory(analysis, "float16", Training("adam", True, 1, n, 64))) for n in (1, 2, 3)]
    assert [f"{size:.1f}" for size in known] == ["31.4", "16.6", "1.9"]


def test_at_stage_0_each_rank_has_all(run: Command) -> None:
    words = ("memory", "nin", "--train", "--optimizer", "adam", "--format", "json")
    plain = json.loads(run(*words).out)
    found = json.loads(run(*words, "--zero", "0", "--ranks", "8").out)
    same = ("parameters", "gradients", "optimizer", "saved", "training_peak")
    assert [found[name] for name in same] == [plain[name] for name in same]
    assert (found["training_peak_status"], found["terms"]["ranks"]) == (MODEL, 8)
    assert "on each of 8 ranks under ZeRO 0" in run(*words[:-2], "--zero", "0", "--ranks", "8").out


def test_more_is_partitioned_from_stage_to_stage() -> None:
    analysis = short("llm/llama-2-7b")
    found = [memory(analysis, how=Training("adamw", zero=n, ranks=4)) for n in (1, 2, 3)]
    parts = [number(x.held.parameters + x.held.gradients + x.held.optimizer) for x in found]
    assert parts == sorted(parts, reverse=True)
    assert {x.training_status for x in found} == {MODEL}
    plain = memory(analysis, "float32", "adamw")
    assert number(found[0].training.bytes) < number(plain.training.bytes)
    assert plain.training_status == EXACT


def test_an_update_that_may_make_less_is_at_most() -> None:
    analysis = shapecalc.analyse(
        shapecalc.parse("input: 1x512\nlayers: [Linear: 512, Linear: 512, Linear: 4]")
    )
    found = memory(analysis, how="adafactor")
    assert [path for _, path in found.training.alternatives] == [UPDATE]
    assert found.training_status == AT_MOST


REFUSED = [
    ("--zero 3", "--zero partitions over ranks, and there is 1"),
    ("--ranks 8", "--ranks is for --zero"),
    ("--zero 1 --ranks 4 --optimizer muon", "needs matrices as they are"),
    ("--master", "with --dtype float32 the parameters are in float32 themselves"),
    ("--master --dtype amp", "with --dtype amp"),
    ("--zero 4 --ranks 2", "4"),
    ("--zero 1 --ranks 0", "0"),
    ("--accumulate 0", "0"),
    ("--optimizer adagrad", "adagrad"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_what_does_not_go_together(options: str, message: str, run: Command) -> None:
    done = run("memory", "lenet", "--train", *options.split())
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_options_are_for_training(run: Command) -> None:
    done = run("memory", "lenet", "--zero", "1", "--ranks", "2")
    assert done.code == 2
    assert done.err == "error: --zero, --ranks are for a step in training\n  hint: --train shows it\n"
    done = run("memory", "lenet", "--zero", "0")
    assert done.err == "error: --zero is for a step in training\n  hint: --train shows it\n"


def test_8_bits_of_sizes_that_are_letters(run: Command) -> None:
    done = run("memory", "lenet", "--train", "--optimizer", "adam8bit", "--set", "classes=K")
    assert done.code == 1
    assert "adam8bit keeps 8 bits from 4,096 elements on" in done.err


def test_every_optimizer_has_a_formula_where_it_can(run: Command) -> None:
    words = ("memory", "lenet", "--train", "--set", "classes=K", "--format", "json", "--optimizer")
    for name in OPTIMIZERS.keys() - {"adam8bit", "sgd"}:
        assert "K" in str(json.loads(run(*words, name).out)["optimizer"])


def test_json_says_what_each_device_has(run: Command) -> None:
    words = "memory nin --train --optimizer adam --zero 2 --ranks 4 --format json"
    found = json.loads(run(*words.split()).out)
    assert found["terms"] | {"zero": 2, "ranks": 4, "accumulate": 1} == found["terms"]
    assert found["training_peak_status"] == MODEL
    device = {figure["what"]: figure for figure in found["device"]}
    assert device["optimizer state"] == {
        "what": "optimizer state",
        "bytes": 2 * 4 * 498_042,
        "status": EXACT,
        "rule": "1/4 of all, in multiples of 8",
    }
    assert device["kept for backward"]["bytes"] == found["saved"]


def test_a_formula_of_the_batch_holds_on_ranks_too(run: Command) -> None:
    words = "memory nin --train --optimizer adam --zero 3 --ranks 4 --fit 1GiB --format json"
    fit = json.loads(run(*words.split()).out)["fit"]
    again = json.loads(run(*words.split(), "--batch", str(fit["batch"])).out)
    assert again["training_peak"] == fit["needed"] <= 2**30 < fit["needed"] + fit["per_sample"]


def test_passes_let_go_of_gradients_that_others_keep() -> None:
    analysis = short("nin")
    plain, several = memory(analysis), memory(analysis, how=Training(zero=2, ranks=2))
    assert number(several.passes.bytes) < number(plain.passes.bytes)
