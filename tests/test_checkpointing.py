"""Activation checkpointing by `memory --train --checkpoint`, against torch.utils.checkpoint on `meta`."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch.utils.checkpoint import checkpoint, set_checkpoint_early_stop
from torch.utils.flop_counter import FlopCounterMode

import shapecalc
from shapecalc import Analysis
from shapecalc.analysis.memory.lora import Lora, adapted
from shapecalc.analysis.memory.memory import AT_MOST, memory
from shapecalc.analysis.memory.segments import segments_of
from shapecalc.analysis.memory.training import Training
from shapecalc.engine.results import Edge
from shapecalc.engine.run import abridged
from shapecalc.symbolic import at, number
from shapecalc.torch_check.memory import Alive, Told, attributes, kept
from shapecalc.torch_check.network import Network, sample
from shapecalc.torch_check.startup import without_compiler
from tests.command import Command
from tests.kernels import compiled_kernels
from tests.networks import short


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with without_compiler(), compiled_kernels(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Checkpointed(Network):
    """A network whose steps of a name are called by torch.utils.checkpoint, with all that they read."""

    name: str | None = None

    def execute(self, inputs: Sequence[Any], observe: Any) -> tuple[Any, ...]:
        tensors = {Edge(-1, port): tensor for port, tensor in enumerate(inputs)}
        starts = {segment.start: segment for segment in segments_of(self.analysis, self.name)}
        number = 0
        while number < len(self.analysis.rows):
            segment = starts.get(number)
            if segment is None:
                self.row(number, tensors, -1)
                number += 1
                continue
            tensors.update(
                self.again(number, segment.stop, segment.edges, [tensors[e] for e in segment.edges])
            )
            for row in range(number, segment.stop):
                for edge in self.releases[row]:
                    tensors.pop(edge, None)
            number = segment.stop
        return tuple(tensors[edge] for edge in self.analysis.output_edges)

    def again(self, start: int, stop: int, edges: Sequence[Edge], given: Sequence[Any]) -> Mapping[Edge, Any]:
        def part(*xs: Any) -> Mapping[Edge, Any]:
            tensors = dict(zip(edges, xs, strict=True))
            for row in range(start, stop):
                self.row(row, tensors, start)
            return {edge: tensor for edge, tensor in tensors.items() if edge.row >= start}

        found: Mapping[Edge, Any] = checkpoint(part, *given, use_reentrant=False, preserve_rng_state=False)
        return found

    def row(self, number: int, tensors: dict[Edge, Any], first: int) -> None:
        """Run a row, and let go of what nothing needs any more, of what rows from `first` on have made."""
        row = self.analysis.rows[number]
        with torch.device("meta"):
            outputs = self.run(row, self.layers[number], [tensors[edge] for edge in row.edges])
        tensors.update({Edge(number, port): tensor for port, tensor in enumerate(outputs)})
        for edge in self.releases[number]:
            if edge.row >= first:
                tensors.pop(edge, None)


def prepared(analysis: Analysis, name: str | None, dtype: str = "float32") -> tuple[Any, list[Any]]:
    """The network in training, and its inputs."""
    with torch.device("meta"):
        network = Checkpointed(analysis)
    network.converted(dtype).train()
    network.name = name
    return network, [sample(x, "meta", dtype) for x in analysis.inputs.values()]


def forward(network: Any, inputs: Sequence[Any]) -> list[Any]:
    return [y for y in network(*inputs, observe=lambda *_: None) if y.requires_grad]


def step(network: Any, inputs: Sequence[Any]) -> None:
    outputs = forward(network, inputs)
    torch.autograd.backward(outputs, [torch.ones_like(y) for y in outputs])


def measured(analysis: Analysis, name: str, dtype: str = "float32") -> tuple[int, int]:
    """Bytes that autograd keeps, and the most that are alive at once, by torch."""
    network, inputs = prepared(analysis, name, dtype)
    owned = [*network.parameters(), *network.buffers()]
    with set_checkpoint_early_stop(False), Told():
        with kept(owned) as found:
            made = forward(network, inputs)
            found.update(attributes(made))
            del made
        with Alive(owned, inputs) as alive:
            step(network, inputs)
    return sum(found.values()), alive.peak


def flops(analysis: Analysis, name: str | None) -> int:
    network, inputs = prepared(analysis, name)
    with set_checkpoint_early_stop(False), Told(), FlopCounterMode(display=False) as counter:
        step(network, inputs)
    return int(counter.get_total_flops())


BLOCKS = [
    ("nin", "nin"),
    ("unet", "double"),
    ("resnet18", "residual"),
    ("resnet18", "conv_bn"),
    ("googlenet", "inception"),
    ("dpn68", "unit"),
    ("alexnet", "Linear"),
    ("lstm-lm", "LSTM"),
    ("bert-base", "TransformerEncoderLayer"),
    ("vit-b-16", "attention"),
    ("vit-b-16", "seq[1]"),
    ("swin_v2_t", "block"),
    ("llm/gpt2", "seq"),
    ("llm/gpt2", "feedforward"),
    ("llm/llama-2-7b", "rotary_decoder"),
    ("llm/qwen2-0.5b", "grouped_query_attention"),
]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("name", "block"), BLOCKS)
def test_torch_keeps_inputs_and_computes_again(name: str, block: str) -> None:
    """What hooks see kept, and what is alive at once."""
    analysis = short(name)
    found = memory(analysis, how=Training(checkpoint=block))
    assert (number(found.saved), number(found.passes.bytes)) == measured(analysis, block)
    assert found.training_status == AT_MOST


@pytest.mark.parametrize(
    ("name", "block", "on"),
    [
        ("llm/llama-2-7b", "rotary_decoder", "down"),
        ("llm/llama-2-7b", "rotary_decoder", "up"),
        ("vit-b-16", "seq", "up"),
    ],
)
def test_in_bfloat16_and_with_adapters(name: str, block: str, on: str) -> None:
    lora = Lora(2, (on,))
    found = memory(short(name), "bfloat16", Training(checkpoint=block, lora=lora))
    expected = measured(adapted(short(name), lora), block, "bfloat16")
    assert (number(found.saved), number(found.passes.bytes)) == expected


@pytest.mark.parametrize(
    ("name", "block"), [("nin", "nin"), ("bert-base", "Linear"), ("llm/llama-2-7b", "swiglu")]
)
def test_products_that_torch_does_again(name: str, block: str) -> None:
    analysis = short(name)
    found = memory(analysis, how=Training(checkpoint=block))
    assert 2 * number(found.recomputed) == flops(analysis, block) - flops(analysis, None) > 0


FROZEN = [
    "Conv2d: {out_channels: 8, kernel_size: 1}",
    "BatchNorm2d: {}",
    "GroupNorm: 2",
    "RMSNorm: [16, 16]",
    "PReLU: {}",
]


@pytest.mark.parametrize("layer", FROZEN)
def test_weights_that_are_not_trained(layer: str) -> None:
    """Their layers need what is computed again all the same, each at the same moment as in torch."""
    name, _, arguments = layer.partition(": ")
    unit = f"[add: [[], 1], {name} frozen: {arguments}, add: [[], 1]]"
    layers = "[Conv2d: {out_channels: 8, kernel_size: 1}, unit times 3, Flatten, Linear: 4]"
    analysis = shapecalc.analyse(
        shapecalc.parse(f"input: 2x3x16x16\nblocks: {{unit: {unit}}}\nlayers: {layers}")
    )
    found = memory(analysis, how=Training(checkpoint="unit"))
    assert (number(found.saved), number(found.passes.bytes)) == measured(analysis, "unit")


def test_less_is_kept_the_more_is_computed_again() -> None:
    analysis = short("llm/llama-2-7b")
    found = [memory(analysis, how=Training(checkpoint=x)) for x in (None, "swiglu", "rotary_decoder")]
    assert [number(x.saved) for x in found] == sorted([number(x.saved) for x in found], reverse=True)
    assert [number(x.recomputed) for x in found] == sorted([number(x.recomputed) for x in found])


@pytest.mark.parametrize("copies", [40, 41])
def test_many_copies_are_as_each_by_itself(copies: int) -> None:
    text = f"""
input: 2x8
blocks:
  inner: [add: [[Linear: 24, GELU, Linear: 8], []]]
  outer: [LayerNorm, inner times 2]
layers: [outer times {copies}]
"""
    brief = abridged(shapecalc.parse(text))
    assert brief.brief
    for block in ("outer", "inner"):
        found = memory(brief, how=Training("adam", checkpoint=block))
        whole = memory(shapecalc.analyse(shapecalc.parse(text)), how=Training("adam", checkpoint=block))
        assert found.training.bytes == whole.training.bytes
        assert (found.saved, found.recomputed) == (whole.saved, whole.recomputed)


def test_formulas_hold_for_numbers() -> None:
    text = "input: Nx8\nblocks: {unit: [Linear: 24, GELU, Linear: 8]}\nlayers: [unit times 3, Linear: 5]"
    general = memory(shapecalc.analyse(shapecalc.parse(text)), how=Training(checkpoint="unit"))
    for batch in (1, 7, 1000):
        own = memory(shapecalc.analyse(shapecalc.parse(text), f"{batch}x8"), how=Training(checkpoint="unit"))
        assert at(general.training.bytes, {"N": batch}) == own.training.bytes
        assert at(general.saved, {"N": batch}) == own.saved


def test_what_is_written_over_can_not_be_computed_again(run: Command, tmp_path: Any) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(
        "input: 2x8\nblocks: {unit: [ReLU: true, Linear: 8]}\nlayers: [Linear: 8, unit times 2]\n"
    )
    done = run("memory", str(file), "--train", "--checkpoint", "unit")
    assert (done.code, done.out) == (1, "")
    assert "writes over what" in done.err
    analysis = shapecalc.analyse(shapecalc.load(str(file)))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        measured(analysis, "unit")


REFUSED = [
    ("nin --checkpoint nim", "--checkpoint 'nim' is no step of NiN", "did you mean nin?"),
    ("nin --checkpoint xyz", "--checkpoint 'xyz' is no step of NiN", "blocks and steps: nin"),
    ("nin --checkpoint nin --dtype amp", "--checkpoint is not followed under autocast", "--dtype bfloat16"),
]


@pytest.mark.parametrize(("words", "message", "hint"), REFUSED)
def test_steps_that_are_not_there(words: str, message: str, hint: str, run: Command) -> None:
    done = run("memory", *words.split(), "--train")
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert hint in done.err


def test_json_has_what_is_computed_again(run: Command) -> None:
    found = json.loads(run("memory", "nin", "--train", "--checkpoint", "nin", "--format", "json").out)
    assert found["terms"]["checkpoint"] == "nin"
    assert (found["recomputed_macs"], found["training_peak_status"]) == (762_297_352, AT_MOST)
