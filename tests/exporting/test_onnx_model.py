"""`export --to onnx`: a valid model that is read again as data, with the network's figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator

import shapecalc
from shapecalc.exporting.torch_source import torch_source
from shapecalc.importing.onnx_equality import differences
from shapecalc.torch_check.onnx_model import _module, onnx_model
from tests.command import Command
from tests.dice import DRAWS

NETWORKS = {
    "nin": "Nx1xHxW",
    "imagenet/mobilenet_v3_small": "Nx3xHxW",
    "unet": "1x3xHxW",
    "bert-base": None,
    "transformer": None,
    "wavenet": None,
}
LONG = {
    **dict.fromkeys(
        ["googlenet", "densenet", "resnet18", "imagenet/inception_v3", "imagenet/resnet50"], None
    ),
    **dict.fromkeys(["imagenet/swin_t", "imagenet/convnext_tiny", "detection/yolov8n", "dla34"], None),
    **dict.fromkeys(["vit-b-16", "llm/gpt2", "dcgan", "cnn3d", "dpn68", "imagenet/deeplabv3_resnet50"], None),
}


@pytest.mark.parametrize(("name", "input"), [*NETWORKS.items(), *(LONG.items() if DRAWS == "long" else ())])
def test_a_model_has_the_figures_of_the_network(
    name: str, input: str | None, run: Command, tmp_path: Path
) -> None:
    """In formulas, where the input has letters; valid for onnx's checker and its strict inference."""
    file = tmp_path / "net.onnx"
    done = run("export", name, "--to", "onnx", "-o", str(file), *(["--input", input] if input else []))
    assert (done.code, done.out) == (0, ""), done.errors
    assert "read again as data, equal" in done.err
    assert list(differences(file, shapecalc.analyse(shapecalc.load(name), input))) == []
    assert [*tmp_path.iterdir()] == [file]


def test_axes_are_named_as_in_the_input(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    run("export", "unet", "--to", "onnx", "-o", str(file), "--input", "Nx3xHxW")
    graph = onnx.load(file).graph
    (given,) = ([d.dim_param or d.dim_value for d in x.type.tensor_type.shape.dim] for x in graph.input)
    assert given == ["N", 3, "H", "W"]
    assert [x.name for x in (*graph.input, *graph.output)] == ["input", "output"]


def test_another_network_is_told(tmp_path: Path) -> None:
    """What is compared can differ: a file of three classes beside the network of ten."""
    file = tmp_path / "net.onnx"
    three = shapecalc.analyse(shapecalc.load("lenet"), parameters={"classes": 3})
    source = torch_source(three)
    file.write_bytes(onnx_model(three, (source.text, source.name), {}))
    found = list(differences(file, shapecalc.analyse(shapecalc.load("lenet"))))
    assert [line.split(":")[0] for line in found] == ["parameters", "MACs", "outputs"]
    file.write_bytes(file.read_bytes()[:-1000])
    (told,) = differences(file, three)
    assert "the file" in told


def test_the_model_computes_what_the_module_computes() -> None:
    """By onnx's reference, in float32: the products are summed in another order."""
    analysis = shapecalc.analyse(shapecalc.load("lenet"))
    source = torch_source(analysis)
    made = onnx_model(analysis, (source.text, source.name), {})
    x = torch.rand(1, 1, 28, 28)
    with torch.no_grad():
        expected = _module(source.text, source.name)(x)
    (found,) = ReferenceEvaluator(onnx.load_from_string(made)).run(
        None, {"input": np.array(x.tolist(), "f4")}
    )
    assert torch.allclose(torch.tensor(found.tolist()), expected, atol=1e-5)


def test_the_same_bytes_every_time() -> None:
    analysis = shapecalc.analyse(shapecalc.load("lenet"))
    source = torch_source(analysis)
    first, second = (onnx_model(analysis, (source.text, source.name), {}) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["lenet"], 2, "an ONNX model is no text for a screen"),
        (["imagenet/shufflenet_v2_x0_5", "-o", "FILE"], 1, "ChannelShuffle has no counterpart in ONNX"),
        (["llm/smollm2-135m", "--set", "L=16", "-o", "FILE"], 1, "RMSNorm has no counterpart in ONNX"),
        (["llm/llama-2-7b", "-o", "FILE"], 1, "an ONNX file holds at most"),
        (["lenet", "--set", "classes=K", "-o", "FILE"], 1, "code has numbers"),
        (["vit-b-16", "--input", "Nx3x224x224", "-o", "FILE"], 1, "sizes depends on N"),
        (["lenet", "-o", "none/net.onnx"], 2, "can't be written"),
    ],
)
def test_what_can_not_be_is_refused_and_leaves_the_file(
    words: list[str], code: int, told: str, run: Command, tmp_path: Path
) -> None:
    file = tmp_path / "net.onnx"
    file.write_text("what was there")
    done = run(
        "export", "--to", "onnx", *(str(file) if word == "FILE" else word for word in words), columns=200
    )
    assert (done.code, done.out) == (code, "")
    assert told in done.errors
    assert file.read_text() == "what was there"
    assert [*tmp_path.iterdir()] == [file]
