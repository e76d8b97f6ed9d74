"""LoRA by `memory --train --lora`: against the network written out, torch with adapters, peft's counts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import Analysis, UsageError
from shapecalc.analysis.memory.fitting import fitting
from shapecalc.analysis.memory.lora import Lora, adapted, read_lora
from shapecalc.analysis.memory.memory import AT_LEAST, EXACT, Memory, memory
from shapecalc.analysis.memory.training import Training
from shapecalc.analysis.roles import roles_of
from shapecalc.symbolic import number
from shapecalc.torch_check.memory import compare
from shapecalc.torch_check.startup import without_compiler
from tests.command import Command
from tests.kernels import compiled_kernels
from tests.networks import short


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with without_compiler(), compiled_kernels(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


PLAIN = """
input: 2x6x16
blocks:
  attention(width):
    - {Linear: width, as: q}
    - {Linear: {out_features: width, bias: false}, from: x, as: k}
    - {Linear: width, from: x, as: v}
    - scaled_dot_product_attention: [q, k, v]
    - Linear: width
layers:
  - LayerNorm as x
  - attention: 16
  - add: [x, []]
  - Linear: 40
  - GELU
  - Linear: 16
"""
WRITTEN = """
input: 2x6x16
blocks:
  narrow(out): [Linear: {out_features: 3, bias: false}, Linear: {out_features: out, bias: false}, mul: 1]
layers:
  - LayerNorm frozen as x
  - add as q: [[Linear frozen from x: 16], [narrow from x: 16]]
  - {Linear: {out_features: 16, bias: false}, frozen: true, from: x, as: k}
  - add as v: [[Linear frozen from x: 16], [narrow from x: 16]]
  - scaled_dot_product_attention: [q, k, v]
  - Linear frozen: 16
  - add: [x, []]
  - Linear frozen: 40
  - GELU
  - add: [[Linear frozen: 16], [narrow: 16]]
"""
LORA = Lora(3, ("query", "v", "down"))


def plain() -> Analysis:
    return shapecalc.analyse(shapecalc.parse(PLAIN))


def all_figures(found: Memory) -> list[Any]:
    passes = [size for size, _ in found.passes.alternatives]
    return [
        *(
            found.parameters,
            found.frozen,
            found.gradients,
            found.optimizer,
            found.saved,
            found.prediction.bytes,
        ),
        *(found.training.bytes, passes, [x for x in found.saved_by_row if x]),
    ]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_as_if_the_file_had_it(dtype: str, optimizer: str) -> None:
    written = memory(shapecalc.analyse(shapecalc.parse(WRITTEN)), dtype, optimizer)
    found = memory(plain(), dtype, Training(optimizer, lora=LORA))
    assert all_figures(found) == all_figures(written)
    assert found.training_status == EXACT


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", ["llm/llama-2-7b", "llm/gpt2", "vit-b-16", "llm/smollm2-135m"])
def test_torch_with_adapters(name: str) -> None:
    """What hooks see kept and what is alive at once, of the network with its adapters built in torch."""
    found = adapted(short(name), Lora(4, ("down", "Linear")))
    for compared in compare(found):
        assert compared.agrees, compared


class Adapted(torch.nn.Module):  # type: ignore[misc]
    """peft's Linear without dropout: the frozen layer, then what the adapter adds."""

    def __init__(self, base: Any, r: int) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = torch.nn.Linear(base.in_features, r, bias=False)
        self.up = torch.nn.Linear(r, base.out_features, bias=False)

    def forward(self, x: Any) -> Any:
        result = self.base(x)
        return result + self.up(self.down(x)) * 2.0


def test_adapters_written_in_torch() -> None:
    """Storages that autograd keeps, of a module of torch's own with modules put in the place of others."""
    text = "input: 5x16\nlayers: [Linear: 24, ReLU, Linear: 32, Sigmoid, Linear: 7]"
    found = memory(
        shapecalc.analyse(shapecalc.parse(text)), how=Training(lora=Lora(4, ("Linear[1]", "Linear[2]")))
    )
    first, *others = [torch.nn.Linear(16, 24), torch.nn.Linear(24, 32), torch.nn.Linear(32, 7)]
    second, third = [Adapted(layer, 4) for layer in others]
    net = torch.nn.Sequential(first.requires_grad_(False), torch.nn.ReLU(), second, torch.nn.Sigmoid(), third)
    weights = {p.untyped_storage()._cdata for p in net.parameters()}
    kept: dict[int, Any] = {}

    def pack(x: Any) -> Any:
        if x.untyped_storage()._cdata not in weights:
            kept[x.untyped_storage()._cdata] = x.untyped_storage()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        y = net(torch.rand(5, 16))
    y.sum().backward()
    assert number(found.saved) == sum(x.nbytes() for x in kept.values())
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    assert number(found.gradients) == sum(g.nbytes for g in gradients)
    assert number(found.analysis.totals.params) == sum(p.numel() for p in net.parameters())


def test_as_many_as_peft_prints() -> None:
    """`trainable params: 4,194,304 || all params: 6,742,609,920` of LLaMA 7B, r=8 on q_proj and v_proj."""
    analysis = shapecalc.analyse(shapecalc.load("llama-7b"), parameters={"L": 2})
    for names in (("q_proj", "v_proj"), ("query", "value")):
        totals = adapted(analysis, Lora(8, names)).totals
        assert (totals.trainable_params, totals.params) == (4_194_304, 6_742_609_920)


def test_what_layers_are_for() -> None:
    analysis = plain()
    found = {analysis.rows[number].path: sorted(roles) for number, roles in roles_of(analysis).items()}
    assert found == {
        "attention[0].q": ["query"],
        "attention[0].k": ["key"],
        "attention[0].v": ["value"],
        "attention[0].Linear[3]": ["output"],
        "Linear[0]": ["up"],
        "Linear[1]": ["down"],
    }


@pytest.mark.parametrize("name", ["llm/llama-2-7b", "llm/gemma-2b", "llm/phi-3-mini", "llm/qwen2-0.5b"])
def test_all_of_a_decoder_are_for_something(name: str) -> None:
    """Each of its matrices but the last, and a fused one for all that it gives."""
    analysis = short(name)
    roles = roles_of(analysis)
    linear = [n for n, row in enumerate(analysis.rows) if row.type == "Linear"]
    assert set(roles) == set(linear[:-1])
    fused = {frozenset(["query", "key", "value"]), frozenset(["gate", "up"])}
    several = {frozenset(own) for own in roles.values() if len(own) > 1}
    assert several == (fused if name == "llm/phi-3-mini" else set())


def test_the_largest_batch_with_adapters() -> None:
    found = memory(plain(), how=Training("adam", lora=LORA))
    best = fitting(found, 100_000)
    assert best.needed <= 100_000
    batch = shapecalc.analyse(shapecalc.parse(PLAIN), f"{best.batch + 1}x6x16")
    assert number(memory(batch, how=Training("adam", lora=LORA)).training.bytes) > 100_000


@pytest.mark.parametrize(
    "words",
    [("r=0", "on=a"), ("r=2", "on="), ("r=2", "on=a,"), ("on=a", "on=b"), ("r=2", "r=3"), ("r=x", "a")],
)
def test_what_is_no_rank_with_names(words: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="is no rank with names") as caught:
        read_lora(words)
    assert caught.value.hint == "--lora r=16 on=query,value; the rank is from 1 to 999,999,999"


@pytest.mark.parametrize(
    ("name", "on", "message", "hint"),
    [
        ("llama-3.2-1b", "quary", "--lora on='quary' names no step of Llama 3.2 1B", "did you mean query?"),
        (
            "llama-3.2-1b",
            "embedding",
            "there is no Linear layer in it",
            "query, key, value, output, gate, up, down",
        ),
        (
            "gpt2",
            "query",
            "no Linear layer of GPT-2 small is the query of anything",
            "has its matrices within",
        ),
        (
            "nin",
            "query",
            "no Linear layer of NiN is the query of anything",
            "the network has no Linear layer",
        ),
        ("nin", "nin", "there is no Linear layer in it", "hint: the network has no Linear layer"),
        ("nin", "Linear", "names no step of NiN", "the network has no Linear layer"),
    ],
)
def test_names_that_adapt_nothing(name: str, on: str, message: str, hint: str, run: Command) -> None:
    done = run("memory", name, "--train", "--lora", "r=8", f"on={on}", columns=200)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert hint in done.err


STORED = Lora(3, ("query", "value", "down"))
"""Adapters beside matrices that are stored in int4."""


def test_stored_matrices_keep_what_frozen_ones_keep() -> None:
    """Adapters, gradients, state and what is kept are those of frozen floats; the bytes are int4's."""
    plain, small = (
        memory(
            shapecalc.analyse(shapecalc.parse(weights + PLAIN)), "bfloat16", Training("adamw", lora=STORED)
        )
        for weights in ("", "weights: int4:8")
    )
    same = ("gradients", "optimizer", "saved")
    assert [getattr(small, what) for what in same] == [getattr(plain, what) for what in same]
    elements = 16 * 16 * 4 + 2 * 16 * 40
    assert plain.held.parameters - small.held.parameters == 2 * elements - elements // 2 - elements // 8 * 2
    assert (plain.training_status, small.training_status) == (EXACT, AT_LEAST)


def test_the_command_stores_the_matrices(run: Command) -> None:
    words = [
        "memory",
        "llm/llama-3.2-1b",
        "--train",
        "--dtype",
        "bfloat16",
        "--lora",
        "r=16",
        "on=query,value",
    ]
    done = run(*words, "--weights", "int4:64", columns=200)
    assert (done.code, done.err) == (0, "")
    assert "Training     peak of at least 13.70 GiB" in done.out
    assert "  997.38 MiB  parameters         exact" in done.out
    other = run("memory", "nin", "--weights", "int4")
    assert other.err == "error: --weights int4: NiN has no Linear layer to store so\n"
    split = run(*words, "--weights", "int4:64", "--tensor", "2")
    assert "error: --tensor does not split weights in int4:64" in split.err
