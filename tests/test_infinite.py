"""Infinite numbers in files: `.inf` and `-.inf`, where torch takes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import shapecalc
from shapecalc import Analysis
from shapecalc.errors import ArchitectureError
from shapecalc.layers import LAYERS
from shapecalc.tensors import BYTES, Tensor, is_complex
from tests.command import Command

MASKED = """
input: {x: 1x2x8x8, mask: 8x8:bool}
parameters: {fill: -.inf}
layers:
  - masked_fill: {branches: [x, mask], value: fill}
  - Softmax: -1
"""


def analyse(text: str, **values: object) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text), parameters=values)


@pytest.mark.parametrize("text", [".inf", "+.inf", "-.inf", ".Inf", "-.INF"])
@pytest.mark.parametrize(
    "step",
    [
        "full: {size: [2], fill_value: VALUE}",
        "clamp: {min: VALUE}",
        "ConstantPad1d: {padding: 1, value: VALUE}",
        "pad: {pad: [1, 1], value: VALUE}",
        "gt: VALUE",
        "where: [mask, [], VALUE]",
    ],
)
def test_where_it_is_taken(step: str, text: str) -> None:
    found = analyse(f"input: {{x: 1x8, mask: 1x8:bool}}\nlayers: [{step.replace('VALUE', text)}]")
    values = found.rows[0].layer.arguments(found.rows[0].inputs).values()
    assert (float("-inf") if "-" in text else float("inf")) in values


@pytest.mark.parametrize("dtype", [dtype for dtype in BYTES if not is_complex(dtype)])
def test_dtypes_that_hold_it_are_torchs(dtype: str) -> None:
    tensor = torch.zeros(2, dtype=getattr(torch, dtype))
    mask = torch.zeros(2, dtype=torch.bool)
    layer = LAYERS["masked_fill"](value=float("inf"))
    inputs = (Tensor((2,), dtype), Tensor((2,), "bool"))
    try:
        tensor.masked_fill(mask, float("inf"))
    except RuntimeError:
        with pytest.raises(ArchitectureError, match=r"value inf is beyond"):
            layer.figures(inputs)
    else:
        layer.figures(inputs)


def test_a_parameter_may_be_infinite() -> None:
    for value in (float("inf"), 3, 0.5, -1e9):
        assert analyse(MASKED, fill=value).rows[0].layer.arguments(())["value"] == value


def test_json_has_it_as_a_file_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = Command(monkeypatch, capsys)
    file = tmp_path / "masked.yaml"
    file.write_text(MASKED)
    shown = run("show", str(file), "--format", "json").out
    assert json.loads(shown, parse_constant=pytest.fail)["layers"][0]["arguments"] == {"value": "-.inf"}
    assert "value -.inf" in run("show", str(file), "--columns", "layer,arguments").out
    assert run("show", str(file), "--set", "fill=.inf", "--columns", "arguments").out.count("value .inf") == 1
    assert run("verify", str(file)).code == 0


def test_import_writes_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "model.py").write_text(
        "import torch\n\n\nclass Net(torch.nn.Module):\n    def forward(self, x):\n"
        '        return x.masked_fill(x > 0, float("-inf")).softmax(-1)\n'
    )
    done = Command(monkeypatch, capsys)("import", f"{tmp_path}/model.py:Net", "--input", "2x8")
    assert "value: -.inf" in done.out, done.err
    assert analyse(done.out).outputs[0].shape == (2, 8)


@pytest.mark.parametrize(
    ("steps", "message", "hint"),
    [
        ("Dropout: .inf", "p must be a number from 0 to 1, not .inf", "masked_fill, where, full, clamp,"),
        (
            "mul: -.inf",
            "must be a number, in the place of a tensor, or null, not -.inf",
            "masked_fill, where",
        ),
        ("Linear: .inf", "out_features must be a whole number of at least 1, not .inf", "masked_fill, where"),
        ("{Linear: 3, times: .inf}", "times must be a whole number of at least 0, not .inf", ""),
        ("{Linear: 3, when: f < 3}", ".inf is no number to calculate with", "it stands alone"),
        ("clamp: {max: -f}", ".inf is no number to calculate with", "it stands alone"),
        ("clamp: {max: inf}", "the name 'inf' is unknown", "infinite numbers are .inf and -.inf"),
        ("clamp: {max: .nan}", "'.nan'", ""),
    ],
)
def test_what_is_refused(steps: str, message: str, hint: str) -> None:
    with pytest.raises(ArchitectureError) as error:
        analyse(f"input: 1x8\nparameters: {{f: .inf}}\nlayers: [{steps}]")
    assert message in str(error.value)
    assert hint in str(error.value)
