"""Matrices that devices share, and stages of a pipeline: against shards built in torch, and laws of sums."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import Analysis
from shapecalc.analysis.memory.memory import MODEL, memory
from shapecalc.analysis.memory.splitting import COLUMNS, ROWS, VOCABULARY, splits_of
from shapecalc.analysis.memory.stages import stages_of
from shapecalc.analysis.memory.training import Training
from shapecalc.symbolic import number
from shapecalc.torch_check.network import build
from tests.command import Command
from tests.networks import short

SPLIT = ["llm/llama-2-7b", "llm/qwen2-0.5b", "llm/gpt2", "bert-base", "vit-b-16", "llm/phi-3-mini"]


def shards(analysis: Analysis, devices: int) -> list[Any]:
    """The parameters of one device: of each module the shard that Megatron's of its kind would have."""
    splits = splits_of(analysis, devices)
    made = []
    for number_of, (row, module) in enumerate(zip(analysis.rows, build(analysis).layers, strict=True)):
        by = {name: splits[number_of, name].by for name in row.own_weights if (number_of, name) in splits}
        if isinstance(module, torch.nn.Linear) and by.get("weight") in (COLUMNS, ROWS):
            columns = by["weight"] == COLUMNS
            size = (module.in_features, module.out_features // devices)
            size = size if columns else (module.in_features // devices, module.out_features)
            made += torch.nn.Linear(*size, bias=module.bias is not None, device="meta").parameters()
            continue
        for name, parameter in module.named_parameters():
            axis = 1 if by.get(name) == ROWS else 0
            if name in row.own_weights:
                made.append(parameter.chunk(devices, axis)[0].clone() if name in by else parameter)
    return made


@pytest.mark.parametrize("name", SPLIT)
def test_shards_of_matrices(name: str) -> None:
    analysis = short(name)
    found = memory(analysis, how=Training("adam", tensor=2))
    own = sum(x.numel() * x.element_size() for x in shards(analysis, 2))
    assert number(found.held.parameters) == number(found.gradients) == own
    assert number(found.optimizer) == 2 * own
    assert found.training_status == MODEL
    assert own < number(found.parameters)


@pytest.mark.parametrize("name", SPLIT)
def test_parts_make_up_the_whole(name: str) -> None:
    """Along the axis that is split all parts add up; what every device has whole is counted as often."""
    analysis = short(name)
    splits = splits_of(analysis, 2)
    for split in splits.values():
        axis = 1 if split.by == ROWS else 0
        assert 2 * split.part[axis] - split.shape[axis] in ((0, 1) if split.by == "vocabulary" else (0,))
        assert [n for i, n in enumerate(split.part) if i != axis] == [
            n for i, n in enumerate(split.shape) if i != axis
        ]
    kinds = {split.by for split in splits.values()}
    assert {COLUMNS, ROWS} <= kinds


@pytest.mark.parametrize(
    ("name", "tables"),
    [("bert-base", []), ("llm/clip-vit-b-32", []), ("llm/gpt2", ["embedding.weight"])],
)
def test_a_table_alone_is_split_by_vocabulary(name: str, tables: list[str]) -> None:
    """BERT's pooler has as many outputs as its norms have numbers, and CLIP's scale no axis at all."""
    splits = splits_of(short(name), 2).values()
    assert [split.path for split in splits if split.by == VOCABULARY] == tables


def test_shards_compute_what_the_whole_does() -> None:
    """Outputs of columns side by side, and products of rows added up, in whole numbers."""
    text = (
        "input: 3x8\nlayers: [Linear: 12, ReLU, Linear: {out_features: 6, bias: false}, LayerNorm, Linear: 2]"
    )
    analysis = shapecalc.analyse(shapecalc.parse(text))
    splits = splits_of(analysis, 4)
    first, second = torch.randint(-9, 9, (12, 8)).double(), torch.randint(-9, 9, (6, 12)).double()
    bias, x = torch.randint(-9, 9, (12,)).double(), torch.randint(-9, 9, (3, 8)).double()
    assert [(splits[n, name].by, splits[n, name].part) for n, name in splits] == [
        (COLUMNS, (3, 8)),
        (COLUMNS, (3,)),
        (ROWS, (6, 3)),
    ]
    parts = zip(first.chunk(4, 0), bias.chunk(4), second.chunk(4, 1), strict=True)
    summed = sum(torch.relu(x @ a.T + b) @ c.T for a, b, c in parts)
    assert torch.equal(summed, torch.relu(x @ first.T + bias) @ second.T)


def test_copies_that_are_left_out_are_split_too(run: Command) -> None:
    done = run("memory", "llama-3-70b", "--train", "--dtype", "bfloat16", "--tensor", "8", columns=200)
    assert "8192×28672 → 8192×3584 × 80  rotary_decoder[*].swiglu[*].Linear[*].weight" in done.out
    found = json.loads(run("memory", "llama-3-70b", "--train", "--tensor", "8", "--format", "json").out)
    parameters = next(x["bytes"] for x in found["device"] if x["what"] == "parameters")
    whole = (2 * 80 + 1) * 8192  # norms
    assert parameters == 4 * ((found["parameters"] // 4 - whole) // 8 + whole)


@pytest.mark.parametrize("stages", [1, 2])
@pytest.mark.parametrize("name", ["llm/llama-2-7b", "llm/gpt2", "vit-b-16"])
def test_stages_add_up(name: str, stages: int) -> None:
    """To the network, but for a table that the last one shares with the first."""
    analysis = short(name) if name != "vit-b-16" else shapecalc.analyse(shapecalc.load(name))
    found = memory(analysis, how=Training("adam", pipeline=stages, accumulate=1))
    made = stages_of(found)
    assert len(made) == (stages if stages > 1 else 0)
    if not made:
        return
    twice = 100 * 768 * 4 if name == "llm/gpt2" else 0
    assert sum(number(x.parameters) for x in made) == number(found.parameters) + twice
    assert sum(number(x.optimizer) for x in made) == 2 * (number(found.parameters) + twice)
    assert sum(number(x.saved) for x in made) == number(found.saved)
    assert [x.blocks.stop for x in made[:-1]] == [x.blocks.start for x in made[1:]]


def test_stages_of_split_matrices_add_up() -> None:
    """To what one of the devices has that split those of the whole network."""
    found = memory(short("llm/llama-2-7b"), how=Training("adam", pipeline=2, tensor=4))
    alone = memory(short("llm/llama-2-7b"), how=Training("adam", tensor=4))
    made = stages_of(found)
    assert sum(number(x.parameters) for x in made) == number(alone.held.parameters)
    assert sum(number(x.optimizer) for x in made) == number(alone.held.optimizer)


def test_the_ranks_of_a_stage_have_its_state_in_parts() -> None:
    """As many elements each, of which the last may be filling."""
    hows = Training("adam", pipeline=2), Training("adam", pipeline=2, zero=1, ranks=3)
    whole, parts = (stages_of(memory(short("llm/llama-2-7b"), how=how)) for how in hows)
    for one, part in zip(whole, parts, strict=True):
        elements = number(one.parameters) // 4
        filled = next(n for n in range(elements, elements + 6) if n % 6 == 0)
        assert 3 * number(part.optimizer) == 2 * 4 * filled
        assert part.gradients == one.gradients
        assert part.parameters == 4 * filled


def test_the_first_stage_has_most_batches_under_way() -> None:
    analysis = shapecalc.analyse(shapecalc.load("vit-b-16"))
    found = [memory(analysis, how=Training(pipeline=4, accumulate=n)) for n in (8, 2)]
    assert [[stage.batches for stage in stages_of(x)] for x in found] == [[4, 3, 2, 1], [2, 2, 2, 1]]
    first = stages_of(found[0])[1]
    assert number(first.saved) == 3 * sum(number(found[0].saved_by_row[row]) for row in first.rows)


REFUSED = [
    ("llama-3.2-1b --tensor 16", "--tensor 16 does not divide the 8 heads of keys", "--tensor 8 does"),
    (
        "gpt2 --tensor 5",
        "--tensor 5 does not divide the 12 heads of attention[0].MultiheadAttention[0], the 2,304 outputs",
        "--tensor 4 does",
    ),
    (
        "llama-3.2-1b --tensor 999999999999",
        "does not divide the 32 heads of queries, the 8 heads of keys, the 2,048 outputs of _heads[0]",
        "--tensor 8 does",
    ),
    ("llm/qwen2-0.5b --tensor 4", "divide the 14 heads of queries, the 2 heads of keys\n", "--tensor 2 does"),
    ("llm/whisper-tiny --tensor 7", "divide the 6 heads of queries, the 6 heads of keys", "--tensor 6 does"),
    ("nin --tensor 2", "has no attention and no perceptron to split", "take any network"),
    ("llama-3.2-1b --pipeline 17", "has 16 rotary_decoder", "at least one of the steps"),
    ("lenet --pipeline 2", "has 0 block in a row", "at least one of the steps"),
    ("gpt2 --pipeline 2 --zero 2 --ranks 2", "--pipeline is not beside --zero 2", "--zero 1 partitions"),
    ("gpt2 --tensor 0", "0", ""),
]


@pytest.mark.parametrize(("words", "message", "hint"), REFUSED)
def test_what_does_not_divide(words: str, message: str, hint: str, run: Command) -> None:
    done = run("memory", *words.split(), "--train", columns=200)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert hint in done.err


def test_json_lists_what_is_split_and_the_stages(run: Command) -> None:
    words = ("memory", "gpt2", "--train", "--format", "json")
    split = json.loads(run(*words, "--tensor", "2").out)["split"]
    assert {part["by"] for part in split} == {"columns", "rows", "vocabulary"}
    stages = json.loads(run(*words, "--pipeline", "2").out)["stages"]
    assert [stage["blocks"] for stage in stages] == [[0, 6], [6, 12]]
