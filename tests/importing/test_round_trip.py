"""Networks of the zoo become torch modules and files again: every total is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

import shapecalc
from shapecalc.exporting.torch_source import torch_source
from shapecalc.importing.network import imported
from shapecalc.importing.runs import read_at_sizes
from shapecalc.importing.targets import build
from shapecalc.importing.torch_module import sample_inputs
from shapecalc.tensors import Tensor
from tests.networks import short

NETWORKS = ["bert-base", "detection/yolov8n", "lstm-lm", "seq2seq-gru", "imagenet/mobilenet_v3_small"]


def written(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) + f":{tensor.dtype}"


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", NETWORKS)
def test_there_and_back_nothing_changes(name: str, tmp_path: Path) -> None:
    there = short(name)
    source = torch_source(there)
    file = tmp_path / "there.py"
    file.write_text(source.text, encoding="utf-8")
    inputs, keywords = sample_inputs({key: written(x) for key, x in there.inputs.items()})
    if len(keywords) == 1:
        inputs, keywords = [*keywords.values()], {}
    module = build(f"{file}:{source.name}", {})
    found = imported(read_at_sizes(module, inputs, keywords, source.name))
    back = shapecalc.analyse(found.architecture)
    assert found.differences == ()
    assert (back.totals, back.outputs) == (there.totals, there.outputs)
