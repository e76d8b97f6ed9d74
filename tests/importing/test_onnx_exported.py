"""What torch's exporter writes of a module becomes a file that is equal to it and computes the same."""

from __future__ import annotations

import io
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

import shapecalc
from shapecalc.importing.network import Imported
from tests.importing.modules import MODULES
from tests.importing.onnx_models import making
from tests.importing.onnx_models.making import computed, expected, sample

FREE = {name: {0: "batch"} for name in ("x", "y", "image", "tokens", "words", "weights")}


@cache
def made(name: str, opset: int, free: bool) -> tuple[Any, bytes]:
    """The module, in evaluation, of weights that are drawn; and what the exporter writes of it."""
    make, specs = MODULES[name]
    torch.manual_seed(0)
    module = make().eval()
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    inputs = {key: torch.from_numpy(sample(*spec)) for key, spec in specs.items()}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            file,
            dynamo=False,
            opset_version=opset,
            input_names=[*inputs],
            dynamic_axes={key: FREE[key] for key in inputs} if free else None,
        )
    return module, file.getvalue()


def exported(name: str, path: Path, opset: int = 18, free: bool = True) -> Any:
    """The module of what is written to a file."""
    module, model = made(name, opset, free)
    path.write_bytes(model)
    return module


_READ: dict[tuple[bytes, bool], Imported] = {}


def read(path: Path, plain: bool = False) -> Imported:
    """What a file becomes, once for all that is asked of it."""
    key = path.read_bytes(), plain
    if key not in _READ:
        _READ[key] = making.read(path, plain=plain)
    return _READ[key]


UNREAD = {
    "TwoInputs",
    "Written",
    "Positions",
    "Aside",
    "Unread",
    "Learned",
    "Filled",
    "Frozen",
    "Unasked",
    "Laters",
}
"""Modules with what torch's exporter lacks, Bilinear, or writes as ScatterND, which no layer does, one with a
constant that is cast, whose values are stored under another name, and those with inputs, layers and weights
that no output needs, which it leaves out."""


@pytest.fixture(params=[name for name in MODULES if name not in UNREAD])
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def test_the_file_computes_the_same(tmp_path: Path, name: str) -> None:
    exported(name, tmp_path / "model.onnx")
    found = read(tmp_path / "model.onnx")
    assert found.differences == ()
    model = onnx.load(tmp_path / "model.onnx")
    inputs = {key: sample((3, *shape[1:]), dtype) for key, (shape, dtype) in MODULES[name][1].items()}
    # Constants that nodes make of others, as masks, are among what is computed.
    stored = ReferenceEvaluator(model).run(None, inputs, intermediate=True)
    stored |= {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    given = ["x".join(map(str, array.shape)) for array in inputs.values()]
    at: Any = dict(zip(found.architecture.inputs, given, strict=True)) if len(given) > 1 else given[0]
    (ours,) = computed(found, stored, [*inputs.values()], at)
    (theirs,) = expected(model, inputs)
    numpy.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_the_file_has_the_parameters_of_the_module(tmp_path: Path, name: str) -> None:
    """But for those of BatchNorm, which the exporter folds into convolutions; tied ones are there twice."""
    module = exported(name, tmp_path / "model.onnx")
    norms = [part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    folded = sum(len(part.weight) for part in norms)  # what is left is a bias of the convolution
    tied = module.table.weight.numel() if name == "Tied" else 0
    counted = sum(weight.numel() for weight in module.parameters())
    assert read(tmp_path / "model.onnx").totals.params == counted - folded + tied


@pytest.mark.parametrize("opset", [9, 11, 13, 17, 20])
def test_each_opset_is_read(tmp_path: Path, opset: int) -> None:
    for name in ("Residual", "Gated", "Pooled"):
        exported(name, tmp_path / "model.onnx", opset, free=False)
        found = read(tmp_path / "model.onnx")
        assert found.differences == ()


LINES = {"Residual": 25, "UNet": 19, "VisionTransformer": 28}


@pytest.mark.parametrize("name", LINES)
def test_the_file_is_short(tmp_path: Path, name: str) -> None:
    exported(name, tmp_path / "model.onnx")
    text = read(tmp_path / "model.onnx").text
    assert len(text.splitlines()) <= LINES[name], text


def test_a_free_batch_stays_free(tmp_path: Path) -> None:
    exported("VisionTransformer", tmp_path / "model.onnx")
    found: Imported = read(tmp_path / "model.onnx")
    for batch in (1, 5):
        analysis = shapecalc.analyse(found.architecture, f"{batch}x3x32x32")
        assert str(analysis.outputs[0]) == f"{batch}×10"


def test_blocks_are_the_modules(tmp_path: Path) -> None:
    exported("Residual", tmp_path / "model.onnx")
    text = read(tmp_path / "model.onnx").text
    assert "layer as layer1 times 3" in text
    assert "seq as layer2: [layer_2: 16, layer: 16]" in text


def without_names(path: Path) -> Any:
    """The model of a file, the names of its nodes and the modules beside them left out."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.ClearField("name")
        node.ClearField("metadata_props")
    return model


def test_without_names_of_modules_the_file_is_equal(tmp_path: Path, name: str) -> None:
    exported(name, tmp_path / "model.onnx")
    named = read(tmp_path / "model.onnx")
    (tmp_path / "flat.onnx").write_bytes(without_names(tmp_path / "model.onnx").SerializeToString())
    flat = read(tmp_path / "flat.onnx")
    assert flat.differences == ()
    assert flat.totals == named.totals
    assert set(flat.names.values()) == set(named.names.values())


@pytest.mark.parametrize("name", LINES)
def test_a_flat_file_has_no_blocks_whether_modules_are_named_or_not(tmp_path: Path, name: str) -> None:
    exported(name, tmp_path / "model.onnx")
    totals = read(tmp_path / "model.onnx").totals
    (tmp_path / "flat.onnx").write_bytes(without_names(tmp_path / "model.onnx").SerializeToString())
    for file in ("model.onnx", "flat.onnx"):
        found = read(tmp_path / file, plain=True)
        assert (found.differences, found.totals) == ((), totals)
        assert "blocks:" not in found.text
        assert " times " not in found.text


FLAT = {"Residual": 30, "UNet": 32, "VisionTransformer": 28, "Dense": 10}


@pytest.mark.parametrize("name", FLAT)
def test_without_names_of_modules_what_comes_again_is_a_block(tmp_path: Path, name: str) -> None:
    exported(name, tmp_path / "model.onnx")
    (tmp_path / "flat.onnx").write_bytes(without_names(tmp_path / "model.onnx").SerializeToString())
    text = read(tmp_path / "flat.onnx").text
    assert len(text.splitlines()) <= FLAT[name], text
