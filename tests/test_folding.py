"""Layers and blocks in a row that are alike are one line of a table, whose figures are those of all."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

import shapecalc
from shapecalc.render.tree import folding, outline
from shapecalc.symbolic import number
from tests.command import Command
from tests.networks import analysed

REPEATED = [
    "imagenet/resnet152",
    "imagenet/swin_t",
    "llm/llama-2-7b",
    "llm/mixtral-8x7b",
    "bert-base",
    "unet",
]


def lines(text: str, depth: int | None = None) -> list[str]:
    analysis = shapecalc.analyse(shapecalc.parse(text))
    return [node.label for _, _, node in outline(analysis.tree, depth, folding(analysis))]


@pytest.mark.parametrize("name", REPEATED)
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_what_is_printed_adds_up(name: str, depth: int) -> None:
    """The lines with nothing below them, and of a join its own layer, are all of the network."""
    analysis = analysed(name)
    macs = params = 0
    for _, _, node in outline(analysis.tree, depth, folding(analysis)):
        if not node.children or node.path.count(".") + 1 >= depth:
            totals = analysis.totals_of(node)
            macs, params = macs + number(totals.macs), params + number(totals.params)
        elif node.children[-1].stop < node.stop:
            macs += node.copies * number(analysis.rows[node.stop - 1].macs)
    assert (macs, params) == (analysis.totals.macs, analysis.totals.params)


def test_two_are_as_quickly_read() -> None:
    assert lines("input: 1x4\nlayers: [Linear times 2: 4]") == ["Linear[0]", "Linear[1]"]
    assert lines("input: 1x4\nlayers: [Linear times 3: 4]") == ["Linear[0…2] × 3"]


def test_only_what_does_the_same_is_folded() -> None:
    text = "input: 1x4\nlayers: [Linear times 3: 4, Linear times 3: {out_features: 4, bias: false}]"
    assert lines(text) == ["Linear[0…2] × 3", "Linear[3…5] × 3"]
    frozen = "input: 1x4\nlayers: [Linear times 2: 4, Linear frozen: 4, Linear times 2: 4]"
    assert len(lines(frozen)) == 5


def test_elements_of_a_loop_are_folded_where_they_are_numbered_on() -> None:
    text = "input: 1x4\nlayers: ['Linear as x.i for i in {}': 4]"
    assert lines(text.format("range(4)")) == ["x[0…3] × 4"]
    assert lines(text.format("reversed(range(4))")) == ["x[3]", "x[2]", "x[1]", "x[0]"]
    assert lines(text.format("[0, 1, 2, 7, 8]")) == ["x[0…2] × 3", "x[7]", "x[8]"]


def test_a_block_is_folded_within_others() -> None:
    text = "input: 1x4\nblocks: {unit: [Linear times 3: 4, ReLU]}\nlayers: [unit times 5]"
    assert lines(text) == ["unit[0…4] × 5", "Linear[0…2] × 3", "ReLU[0]"]


@pytest.mark.parametrize("command", ["show", "params", "memory", "flops", "receptive"])
def test_a_line_for_each_if_asked(command: str, run: Command) -> None:
    """All of BERT's twelve layers, or one line for them; with one, a note says what × means."""
    name = "llm/gpt2" if command != "receptive" else "imagenet/resnet152"
    folded, whole = run(command, name, "--depth", "2"), run(command, name, "--depth", "2", "--unfold")
    assert not re.search("…|Folded", whole.out)
    if command == "receptive":  # what each sees is larger than what the one before does
        assert folded.out == whole.out
    else:
        assert re.search("× 12.*Folded      × n are alike", folded.out, re.DOTALL)
        assert len(whole.out.splitlines()) > len(folded.out.splitlines()) + 10


def test_programs_get_each_layer(run: Command) -> None:
    table = csv.DictReader(io.StringIO(run("show", "llm/gpt2", "--format", "csv").out))
    assert len(list(table)) == len(analysed("llm/gpt2").rows)


def test_what_is_too_long_is_not_unfolded(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "long.yaml"
    file.write_text("input: 1x4\nlayers: [ReLU times 100000]")
    done = run("show", str(file), "--unfold")
    assert done.code == 2
    assert re.search("--unfold .*100,000", done.err)
