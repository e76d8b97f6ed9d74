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
from shapecalc.importing.network import imported
from shapecalc.importing.onnx_equality import differences
from shapecalc.importing.onnx_file.reader import read_onnx
from shapecalc.torch_check import onnx_model as onnx_model_
from shapecalc.torch_check.onnx_model import _module, onnx_model
from tests.command import Command
from tests.dice import DRAWS
from tests.networks import settings_of, typed

NETWORKS = {
    "imagenet/shufflenet_v2_x0_5": "Nx3xHxW",
    "nin": "Nx1xHxW",
    "imagenet/mobilenet_v3_small": "Nx3xHxW",
    "unet": "1x3xHxW",
    **dict.fromkeys(["bert-base", "transformer", "wavenet"], None),
}
LONG = {
    **dict.fromkeys(
        ["googlenet", "densenet", "resnet18", "imagenet/inception_v3", "imagenet/resnet50"], None
    ),
    **dict.fromkeys(["imagenet/swin_t", "imagenet/convnext_tiny", "detection/yolov8n", "dla34"], None),
    **dict.fromkeys(["vit-b-16", "llm/gpt2", "dcgan", "cnn3d", "dpn68", "imagenet/deeplabv3_resnet50"], None),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("name", "input"), [*NETWORKS.items(), *(LONG.items() if DRAWS == "long" else ())])
def test_a_model_has_the_figures_of_the_network(
    name: str, input: str | None, run: Command, tmp_path: Path
) -> None:
    """In formulas, where the input has letters; valid for onnx's checker and its strict inference."""
    file = tmp_path / "net.onnx"
    words = ["--input", input] if input else []
    done = run("export", *typed(name), "--to", "onnx", "-o", str(file), *words)
    assert (done.code, done.out) == (0, ""), done.errors
    assert "read again as data, equal" in done.err
    analysis = shapecalc.analyse(shapecalc.load(name), input, settings_of(name)[1])
    assert list(differences(file, analysis)) == []
    assert [*tmp_path.iterdir()] == [file]


def test_axes_are_named_as_in_the_input(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    run("export", *typed("unet"), "--to", "onnx", "-o", str(file), "--input", "Nx3xHxW")
    graph = onnx.load(file).graph
    (given,) = ([d.dim_param or d.dim_value for d in x.type.tensor_type.shape.dim] for x in graph.input)
    assert given == ["N", 3, "H", "W"]
    assert [x.name for x in (*graph.input, *graph.output)] == ["input", "output"]


PARTS = {
    "RMSNorm": "input: 2x5x8\nlayers: [RMSNorm, RMSNorm: {eps: 0.25}, RMSNorm: {elementwise_affine: false}]",
    "several": "input: 2x5x8\nlayers: [RMSNorm: {normalized_shape: [5, 8]}]",
    "ChannelShuffle": "input: 2x12x3x5\nlayers: [ChannelShuffle: 3, ChannelShuffle: 4]",
    "line": "input: 2x6x7\nlayers: [ChannelShuffle: 2]",
    "letters": "input: 2x6xH\nparameters: {H: 7}\nlayers: [pad: [0, -H % 4], ChannelShuffle: 3]",
    "attention": """
input: {q: 2x6x3x4, k: 2x2x5x4, v: 2x2x5x4}
layers:
  - scaled_dot_product_attention: {branches: [q, k, v], enable_gqa: true}
""",
}


JOINED = {
    "GroupNorm": "input: 2x12x3x12\nlayers: [GroupNorm: 4, GroupNorm: {num_groups: 3, eps: 0.25}]",
    "norms without scales": """
input: 2x6x4x4
layers:
  - BatchNorm2d: {affine: false}
  - InstanceNorm2d
  - BatchNorm2d
  - InstanceNorm2d: {affine: true}
""",
    "LSTM": "input: 5x2x8\nlayers: [LSTM: {hidden_size: 6}, Linear: 3]",
    "an LSTM beside shared weights": """
input: 5x2x8
layers: [Linear as same: 8, LSTM: {hidden_size: 8, bias: false}, Linear share same: 8]
""",
    "GRU": "input: 5x2x8\nlayers: [GRU: {hidden_size: 6, batch_first: true}, Linear: 3]",
    "RNN": "input: 5x2x8\nlayers: [RNN: {hidden_size: 6, batch_first: true}, Linear: 3]",
    "attention by a mask": """
input: {q: 2x3x5x4, k: 2x3x5x4, v: 2x3x5x4}
layers:
  - ge as mask: [[arange: 5, unsqueeze: 1], [arange: 5]]
  - scaled_dot_product_attention: {branches: [q, k, v, mask]}
""",
    "a parameter without axes": "input: 2x3\nlayers: [mul: [[], [parameter: []]], Linear: 2]",
}
"""What the exporter takes apart, with constants and parts of torch's weights: it is read as it was."""


@pytest.mark.parametrize("name", [*PARTS, *JOINED])
def test_what_the_exporter_lacks_is_written_of_what_there_is(name: str, tmp_path: Path) -> None:
    """Equal in value to torch's own layer, by onnx's reference; torch's exporter refuses each of `PARTS`."""
    analysis = shapecalc.analyse(shapecalc.parse({**PARTS, **JOINED}[name]))
    source = torch_source(analysis)
    file = tmp_path / "net.onnx"
    file.write_bytes(onnx_model(analysis, (source.text, source.name), {}, "data"))
    assert list(differences(file, analysis)) == []
    given = {key: torch.randn(x.shape) for key, x in analysis.inputs.items()}
    with torch.no_grad():
        expected = _module(source.text, source.name)(*given.values())
    (found,) = ReferenceEvaluator(str(file)).run(
        None, {key: np.array(x.tolist(), "f4") for key, x in given.items()}
    )
    assert torch.allclose(torch.tensor(found.tolist()), expected, atol=1e-6)


RECURRENT = """
input: 5x2x8
layers:
  - LSTM: {hidden_size: 8, bidirectional: true}
  - GRU: {hidden_size: 4, bidirectional: true, bias: false}
  - LSTM: {hidden_size: 4, bias: false}
  - RNN: {hidden_size: 4, bidirectional: true}
  - Linear: 3
"""


def test_weights_of_recurrent_layers_are_torchs_own(tmp_path: Path) -> None:
    """Which ONNX has in another order of the gates, both directions in one: by their names, as a whole."""
    analysis = shapecalc.analyse(shapecalc.parse(RECURRENT))
    source = torch_source(analysis)
    file = tmp_path / "net.onnx"
    file.write_bytes(onnx_model(analysis, (source.text, source.name), {}, "data"))
    assert list(differences(file, analysis)) == []
    names = imported(read_onnx(file, None)).names
    assert sorted(names.values()) == sorted(_module(source.text, source.name).state_dict())
    assert all(theirs.endswith(ours.rpartition(".")[2]) for ours, theirs in names.items())


def test_all_outputs_are_compared(tmp_path: Path) -> None:
    """Those of a last step that gives several, in the order in which torch gives them."""
    analysis = shapecalc.analyse(shapecalc.parse("input: Nx6\nlayers:\n  - topk as values, places: 2"))
    source = torch_source(analysis)
    file = tmp_path / "net.onnx"
    file.write_bytes(onnx_model(analysis, (source.text, source.name), {"N": 3}, "data"))
    assert list(differences(file, analysis)) == []
    three = shapecalc.analyse(shapecalc.parse("input: Nx6\nlayers:\n  - topk as values, places: 3"))
    assert list(differences(file, three)) == ["outputs: N, 3, N, 3 in the network, N, 2, N, 2 in the file"]


LARGE = """
input: Nx4
layers: [Linear times 4: 60, RMSNorm, Linear: 3]
"""


def test_weights_that_are_too_large_for_a_file_are_left_outside(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file that has none of them, in which each has its place one after the other."""
    monkeypatch.setattr(onnx_model_, "LARGEST", 40_000)
    (tmp_path / "large.yaml").write_text(LARGE)
    file = tmp_path / "net.onnx"
    done = run("export", str(tmp_path / "large.yaml"), "--to", "onnx", "-o", str(file))
    assert done.code == 0, done.err
    assert "the weights are left to a file net.onnx.data beside it, which is not written" in done.err
    assert file.stat().st_size < 10_000
    assert not (tmp_path / "net.onnx.data").exists()
    model = onnx.load(file, load_external_data=False)
    assert [x.name for x in model.graph.input] == ["input"]
    analysis = shapecalc.analyse(shapecalc.load(tmp_path / "large.yaml"))
    end = 0
    for weight in model.graph.initializer:
        place = {entry.key: entry.value for entry in weight.external_data}
        assert (place["location"], int(place["offset"])) == ("net.onnx.data", end)
        end += int(place["length"])
    assert end == 4 * analysis.totals.params
    again = run("import", str(file))
    assert again.code == 0, again.err
    assert f"{analysis.totals.params:,} parameters" in again.err


def test_another_network_is_told(tmp_path: Path) -> None:
    """What is compared can differ: a file of three classes beside the network of ten."""
    file = tmp_path / "net.onnx"
    three = shapecalc.analyse(shapecalc.load("lenet"), parameters={"classes": 3})
    source = torch_source(three)
    file.write_bytes(onnx_model(three, (source.text, source.name), {}, "data"))
    found = list(differences(file, shapecalc.analyse(shapecalc.load("lenet"))))
    assert [line.split(":")[0] for line in found] == ["parameters", "MACs", "outputs"]
    file.write_bytes(file.read_bytes()[:-1000])
    (told,) = differences(file, three)
    assert "the file" in told


def test_the_model_computes_what_the_module_computes() -> None:
    """By onnx's reference, in float32: the products are summed in another order."""
    analysis = shapecalc.analyse(shapecalc.load("lenet"))
    source = torch_source(analysis)
    made = onnx_model(analysis, (source.text, source.name), {}, "data")
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
    first, second = (onnx_model(analysis, (source.text, source.name), {}, "data") for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["lenet"], 2, "an ONNX model is no text for a screen"),
        (["llm/mixtral-8x7b", "-o", "FILE"], 1, "experts"),
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
