"""What a tool counts by a fault is said beside its figure; what is unknown is said once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import training
from shapecalc.analysis.counting.tools.torch import too_many
from tests.command import Command


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


def network(*layers: Any) -> shapecalc.Analysis:
    first = {"Conv2d": {"out_channels": 8, "kernel_size": 1}}
    return shapecalc.analyse(shapecalc.parse(json.dumps({"input": "2x3x9x9", "layers": [first, *layers]})))


def by_torch(analysis: shapecalc.Analysis) -> Any:
    return training(CONVENTIONS["torch"], analysis)


@pytest.mark.parametrize("kind", ["Conv2d", "ConvTranspose2d"])
@pytest.mark.parametrize("groups", [1, 2, 4, 8])
def test_groups_are_counted_too_often_by_what_layers_beside_each_other_are_not(
    kind: str, groups: int
) -> None:
    """A convolution with groups is so many convolutions of a part of the channels each."""
    grouped = network({kind: {"out_channels": 16, "kernel_size": 3, "groups": groups}})
    apart = []
    for i in range(groups):
        part = {"narrow": {"dim": 1, "start": 8 // groups * i, "length": 8 // groups}}
        apart.append([part, {kind: {"out_channels": 16 // groups, "kernel_size": 3}}])
    beside = network({"concat": apart}) if groups > 1 else network(apart[0][1])
    assert too_many(beside) == 0
    assert by_torch(grouped) - too_many(grouped) == by_torch(beside)
    assert (too_many(grouped) > 0) == (groups > 1)  # type: ignore[operator]


@pytest.mark.parametrize("convention", [[], ["--convention", "torch"], ["--convention", "all"]])
def test_it_is_said_where_the_figure_is_printed(convention: list[str], run: Command) -> None:
    done = run("flops", "mobilenet_v2", "--backward", *convention)
    assert " ".join(done.out.split()).count("torch counts 10,496,731,392 FLOPs too many: ") == 1
    assert "too many" not in run("flops", "mobilenet_v2", *convention).out
    assert "too many" not in run("flops", "vgg11", "--backward", *convention).out


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ["transformer", "lstm-lm", "vit-b-16", "imagenet/swin_t", "unet"])
@pytest.mark.parametrize("convention", [[], ["torch"], ["fvcore"], ["calflops"], ["all"]])
@pytest.mark.parametrize("backward", [[], ["--backward"]])
def test_each_note_stands_once(name: str, convention: list[str], backward: list[str], run: Command) -> None:
    words = ["flops", name, "--depth", "1", *(["--convention", *convention] if convention else []), *backward]
    if convention == ["all"]:
        words.remove("--depth")
        words.remove("1")
    notes = run(*words, columns=200).out.rpartition("\n\n")[2].splitlines()
    reasons = [
        line[12:].removeprefix("unknown: ") for line in notes if line.startswith(("Unknown", "Training"))
    ]
    assert len(reasons) == len(set(reasons))


@pytest.mark.parametrize(("value", "word"), [(0, "false"), (1, "true")])
def test_a_flag_is_no_number(value: int, word: str) -> None:
    with pytest.raises(ArchitectureError) as found:
        shapecalc.parse(f"input: 1x8\nlayers: [Linear: {{out_features: 2, bias: {value}}}]\n")
    assert found.value.message == f"Linear: bias must be true or false, not {value}"
    assert found.value.hint == f"a flag is no number: write {word}"
