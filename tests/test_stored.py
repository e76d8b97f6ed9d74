"""`weights` in a file: which matrices it stores as int8 and int4, what follows, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import shapecalc
from shapecalc import Analysis
from shapecalc.analysis.memory.memory import memory
from shapecalc.analysis.memory.prediction import predicted
from shapecalc.analysis.quantized import Quantized, quantized, scheme_of, stored_as
from shapecalc.engine import run as engine
from shapecalc.errors import ArchitectureError
from shapecalc.layers.schemes import read_scheme
from shapecalc.torch_check.stored import bytes_in_torch
from shapecalc.torch_check.verify import verify
from tests.command import Command

ONE = "input: 1x128x4096\nlayers:\n  - Linear: {out_features: 4096, bias: false, dtype: int4}\n"
LANGUAGE_MODEL = """
input: 1x16:int64
parameters: {quant: int4:32}
weights: quant
blocks:
  mlp(hidden): [add: [[LayerNorm: 64, Linear: hidden, GELU, Linear as down: 64], []]]
layers:
  - Embedding as table: {num_embeddings: 100, embedding_dim: 64}
  - mlp times 3: 256
  - mlp weights int8: 128
  - mlp weights float32: 32
  - Linear share table: {out_features: 100, bias: false}
"""


def analyse(text: str, **values: object) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text), parameters=values)


def counted(text: str) -> Quantized:
    return quantized(analyse(text))


def test_a_matrix_of_4096_by_4096_as_its_layer_says() -> None:
    """8,388,608 B in 4 bits, and a scale of two bytes for each output feature."""
    found = analyse(ONE)
    assert (found.totals.params, found.totals.trainable_params) == (16_777_216, 0)
    assert quantized(found).weight_bytes == 8_388_608
    assert found.weight_bytes() == 8_388_608 + 2 * 4096
    assert found.totals.macs == analyse(ONE.replace(", dtype: int4", "")).totals.macs


@pytest.mark.parametrize("scheme", ["int4", "int4:128", "int4:128+zeros", "int8", "int8:64+zeros"])
def test_the_file_says_what_the_option_says(scheme: str) -> None:
    plain = ONE.replace(", dtype: int4", "")
    by_option = quantized(stored_as(analyse(plain), scheme_of(scheme)))
    texts = [
        ONE.replace("int4", scheme),
        plain.replace("Linear:", f"Linear weights {scheme}:"),
        f"weights: {scheme}\n{plain}",
        f"parameters: {{q: {scheme}}}\nweights: q\n{plain}",
        plain.replace(
            "layers:", f"blocks: {{own: [Linear: 4096]}}\nlayers:\n  - {{own: , weights: {scheme}}}"
        ),
    ]
    for text in texts[:4]:
        assert counted(text) == by_option
    assert counted(texts[4]).parts[0].params == by_option.params


def test_a_step_is_as_what_it_is_part_of_unless_it_says_otherwise() -> None:
    found = counted(LANGUAGE_MODEL)
    assert [(str(part.scheme), part.params) for part in found.parts] == [
        ("int4:32", 3 * 2 * 256 * 64),
        ("int8", 2 * 128 * 64),
    ]
    assert found.bytes == analyse(LANGUAGE_MODEL).weight_bytes()
    frozen = {row.path for row in analyse(LANGUAGE_MODEL).rows if row.frozen}
    assert frozen == {f"mlp[{n}].add[0].0.{end}" for n in range(4) for end in ("Linear[0]", "down")}


@pytest.mark.parametrize("scheme", ["int4:32", "int8", "int8:16+zeros"])
def test_a_parameter_decides(scheme: str) -> None:
    text = LANGUAGE_MODEL.replace("int4:32", scheme)
    assert quantized(analyse(LANGUAGE_MODEL, quant=scheme)) == counted(text)


def test_without_any_all_is_as_it_was() -> None:
    plain = LANGUAGE_MODEL.replace("weights: quant\n", "").replace(" weights int8", "")
    found = analyse(LANGUAGE_MODEL.replace("weights int8", "weights float32"), quant="float32")
    assert found.weight_bytes() == analyse(plain).weight_bytes()
    assert found.totals == analyse(plain).totals


def test_a_matrix_that_steps_share_is_stored_so_where_all_of_them_say_so() -> None:
    text = "input: 1x8\nlayers:\n  - Linear as up{}: 8\n  - Linear share up{}: 8\n"
    assert counted(text.format(" weights int8", " weights int8")).params == 64
    assert counted(text.format(" weights int8", "")).params == 0
    assert counted(text.format(" weights int8", " weights int4")).params == 0


def test_experts_are_stored_too() -> None:
    text = "input: 1x4x8\nlayers: [{experts: {num_experts: 3, top_k: 1, expert: [Linear: 8]}, weights: int8}]"
    assert counted(text).params == 3 * 8 * 8 + 3 * 8


@pytest.mark.parametrize("shape", [(7, 5), (5, 6), (3, 4, 6), (1, 2)])
@pytest.mark.parametrize(
    "text", ["int4", "int4+zeros", "int8:2+zeros", "int8", "int4:1+zeros", "fp8", "fp8:2"]
)
def test_bytes_are_those_of_packed_tensors(shape: tuple[int, ...], text: str) -> None:
    scheme = read_scheme(text)
    assert scheme is not None
    if scheme.group and shape[-1] % scheme.group:
        pytest.skip("groups do not divide it")
    elements = torch.Size(shape).numel()
    groups = elements // (scheme.group or shape[-1])
    each = {"int4": 2, "int8": 1, "fp8": 1}[scheme.dtype]  # that share a byte
    needed = -(-elements // each) + 2 * groups + scheme.zeros * -(-groups // each)
    assert bytes_in_torch(shape, scheme) == needed


@pytest.mark.parametrize("text", [ONE.replace("4096", "32"), LANGUAGE_MODEL])
def test_torch_agrees(text: str) -> None:
    found = verify(analyse(text), torch.device("cpu"), "one", memory=True)
    assert (found.mismatches, found.status) == ((), "ok")
    assert set(found.schemes) <= {"int4", "int4:32", "int8"} != set()
    assert found.figures()["stored"]


def test_a_wrong_size_is_a_mismatch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shapecalc.torch_check.stored.bytes_in_torch", lambda *_: 3)
    (mismatch,) = verify(analyse(ONE.replace("4096", "32")), torch.device("meta"), "one").mismatches
    assert (mismatch.what, mismatch.expected, mismatch.found) == ("bytes of weight in int4", 512 + 64, 3)


def test_memory_counts_the_bytes_and_is_a_bound() -> None:
    found = predicted(analyse(ONE))
    plain = predicted(analyse(ONE.replace(", dtype: int4", "")))
    assert found.parameters == 8_388_608 + 8_192
    assert found.activations == plain.activations
    assert found.bounded == {"Linear": "depends on the tool that reads weights in int4"}
    assert "can't be trained: no output depends on a trainable parameter" in str(memory(analyse(ONE)).refusal)


def test_copies_that_are_not_executed_are_stored_as_the_others() -> None:
    text = "input: 1x8\nlayers: [{seq: [Linear weights int4:8: 8], times: 15000}]"
    brief = engine.analyse(shapecalc.parse(text), brief=True)
    assert brief.brief
    assert brief.weight_bytes() == 15_000 * (32 + 8 * 2 + 8 * 4)


def test_of_letters_groups_are_a_condition() -> None:
    found = analyse("input: 1xK\nlayers: [Linear weights int4:4: {out_features: 6, bias: false}]")
    assert [c.ascii() for c in found.conditions] == ["K % 4 == 0"]
    assert str(found.weight_bytes()) == "5⋅K + 2⋅⌊K/2⌋"  # 3⋅K, and 2 for each 4 of 6⋅K


def test_what_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = Command(monkeypatch, capsys)
    file = tmp_path / "lm.yaml"
    file.write_text(LANGUAGE_MODEL)
    shown = run("show", str(file), "--depth", "1", columns=200).out
    assert "Weights     118.75 KiB in int4:32, int8 with scales, others in float32\n" in shown
    rows = json.loads(run("show", str(file), "--format", "json").out)["layers"]
    assert [row["stored"] for row in rows if "stored" in row][:1] == [{"weight": "int4:32"}]
    done = run("diff", str(file), f"{file} --set quant=int8", "--format", "json")
    changed = [layer["changes"] for layer in json.loads(done.out)["layers"] if layer.get("changes")]
    assert len(changed) == 6
    assert all("weights" in change for change in changed)
    verified = run("verify", str(file), columns=200).out
    assert "matrices in int4:32, int8 are packed in torch for their bytes, and run as float32" in verified
    nothing = run("params", str(file), "--weights", "float32").out
    assert "Quantized   nothing: only matrices of Linear layers are\n" in nothing


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "input: 1x8\nlayers: [Linear weights int3: 4]",
            "2:25: weights: 'int3' is no dtype of weights",
            "int8, int4 or fp8, by groups as in int4:128, with zero points as in int4:128+zeros",
        ),
        (
            "input: 1x8\nlayers: [{Linear: 4, weights: 4}]",
            "weights: 4 is no dtype of weights",
            "int8, int4 or fp8",
        ),
        ("input: 1x8\nlayers: [{Linear: 4, weights: [int4]}]", "is no dtype of weights", "int8, int4 or fp8"),
        (
            "input: 1x8\nweights: int4:0\nlayers: [Linear: 4]",
            "2:10: weights: 'int4:0' is no dtype",
            "int8, int4 or fp8",
        ),
        (
            "input: 1x8\nlayers: [Linear: {out_features: 4, dtype: float16}]",
            "2:43: weights: 'float16' is no dtype of weights",
            "int8, int4 or fp8",
        ),
        (
            "input: 1x8\nlayers: [{Linear: {out_features: 4, dtype: int4}, weights: int4}]",
            "2:37: dtype says what weights beside the step says",
            "write it once",
        ),
        (
            "input: 1x8x5x5\nlayers: [Conv2d weights int4: {out_channels: 4, kernel_size: 3}]",
            "2:25: weights: nothing in Conv2d is stored so: only matrices of Linear layers are",
            "leave it out here",
        ),
        (
            "input: 1x8\nweights: int4\nlayers: [ReLU]",
            "2:10: weights: nothing in the file is stored so",
            "leave",
        ),
        (
            "input: 1x8x5x5\nlayers: [Conv2d: {out_channels: 4, kernel_size: 3, dtype: int4}]",
            "2:52: Conv2d: there is no argument 'dtype'",
            "memory --dtype says what float32 is; weights: int4 stores matrices of Linear layers",
        ),
        (
            "input: 1x8\nweights: int4:3\nlayers: [Linear: 4]",
            "3:10: Linear: groups of 3 do not divide the 8 input features of the weight",
            "another group, or weights: float32 beside what stays",
        ),
        (
            "input: 1x8\nlayers: [Linear: {out_features: 4, weights: int4}]",
            "'weights'",
            "write it beside the step",
        ),
    ],
)
def test_what_is_refused(text: str, message: str, hint: str) -> None:
    with pytest.raises(ArchitectureError) as error:
        analyse(text)
    assert message in str(error.value)
    assert f"hint: {hint}" in str(error.value)


def test_a_sweep_has_no_peak_where_a_tool_has_its_own(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("input: 1x8\nparameters: {n: 8}\nlayers: [Linear weights int4: n, Linear: 4]\n")
    done = run("sweep", str(file), "--set", "n=8,16", "--columns", "params,training,saved", columns=200)
    assert done.code == 0, done.err
    assert [line.split() for line in done.out.splitlines()[3:5]] == [
        ["8", "108", "unknown", "unknown"],
        ["16", "212", "unknown", "unknown"],
    ]
