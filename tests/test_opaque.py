"""Steps whose figures were measured: what the file says, at its inputs alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import shapecalc
from shapecalc.analysis.compare.expected import check
from shapecalc.errors import ArchitectureError, UsageError
from tests.command import Command

STEP = (
    "{call: torch.foo, inputs: 1x4x8, outputs: [1x4x8, 1x4:int64], params: {weight: 4x4, bias: 4}, macs: 128}"
)
TEXT = f"input: 1x3x8\nlayers: [{{Conv1d: {{out_channels: 4, kernel_size: 1}}}}, {{opaque: {STEP}}}, ReLU]"
"""A convolution of 96 MACs and 16 parameters, what was measured, and an activation."""


def analyse(text: str = TEXT, input: str | None = None) -> shapecalc.Analysis:
    return shapecalc.analyse(shapecalc.parse(text), input)


def test_its_figures_are_those_that_are_written() -> None:
    found = analyse()
    row = found.rows[1]
    assert [str(y) for y in row.outputs] == ["1×4×8", "1×4"]
    assert row.outputs[1].dtype == "int64"
    assert {name: weight.shape for name, weight in row.weights.items()} == {"weight": (4, 4), "bias": (4,)}
    assert (row.params, row.macs, found.totals.params, found.totals.macs) == (20, 128, 36, 224)
    assert found.measured == [row]
    assert row.to_dict()["measured"] is True


def test_buffers_and_dtypes_are_counted_in_bytes() -> None:
    step = "{call: f, inputs: '8', outputs: scalar, params: {w: 8:float16}, buffers: {t: 3:int64}, macs: 0}"
    found = analyse(f"input: 8\nlayers: [opaque: {step}]")
    assert (found.totals.params, found.totals.buffers, found.weight_bytes()) == (8, 3, 8 * 2 + 3 * 8)
    assert found.outputs[0].shape == ()


@pytest.mark.parametrize("size", ["2x3x8", "1x3x9", "1x3xL", "Nx3x8"])
def test_other_sizes_are_refused(size: str) -> None:
    with pytest.raises(
        ArchitectureError, match=r"torch.foo was measured on 1x4x8 alone: on \w+ its figures"
    ) as e:
        analyse(input=size)
    assert e.value.path == "opaque[0]"


def test_several_inputs_are_read_by_name_in_their_order() -> None:
    step = "{call: f, inputs: [1x8, 1x4:int64], outputs: 1x2, macs: 0}"
    inputs = "input: {x: 1x8, y: 1x4:int64}"
    assert analyse(f"{inputs}\nlayers:\n- opaque from x, y: {step}").outputs[0].shape == (1, 2)
    with pytest.raises(ArchitectureError, match="on 1x4:int64, 1x8 its figures are not known"):
        analyse(f"{inputs}\nlayers:\n- opaque from y, x: {step}")
    with pytest.raises(ArchitectureError, match="on 1x8 its figures are not known"):
        analyse(f"{inputs}\nlayers: [opaque from x: {step}]")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{inputs: '8', outputs: '8'}", "call is missing"),
        ("{call: f, outputs: '8'}", "inputs is missing"),
        ("{call: f, inputs: N, outputs: '8'}", r"inputs must be shapes with numbers, .*, not N"),
        ("{call: f, inputs: 1x0, outputs: '8'}", "inputs must be shapes"),
        ("{call: f, inputs: [], outputs: '8'}", "inputs must be shapes"),
        ("{call: f, inputs: '8', outputs: 8:word}", "outputs must be shapes"),
        (f"{{call: f, inputs: '8', outputs: 1{'x1' * 64}}}", "outputs must be shapes"),
        ("{call: f, inputs: '8', outputs: 9999999999999999999}", "outputs must be shapes"),
        ("{call: f, inputs: '8', outputs: '8', params: 8}", r"params must be names with shapes, .*, not 8"),
        ("{call: f, inputs: '8', outputs: '8', params: {w: [8]}}", "params must be names with shapes"),
        ("{call: f, inputs: '8', outputs: '8', params: {w: {v: 8}}}", "a value can't be a mapping"),
        ("{call: f, inputs: '8', outputs: '8', params: {w: 8:int64}}", "w is of 8:int64: what is learned"),
        ("{call: f, inputs: '8', outputs: '8', params: {w: 8}, buffers: {w: 8}}", "a weight is among params"),
        (
            "{call: f, inputs: '8', outputs: '8', macs: -1}",
            "macs must be a whole number of at least 0, or",
        ),
        ("{call: f, inputs: '8', outputs: '8', macs: 1.5}", "macs must be a whole number"),
        ("{call: f, inputs: '8', outputs: '8', flops: 1}", "there is no argument 'flops'"),
        ("{call: f, inputs: '8', outputs: 4611686018427387904}", "more than 2\\*\\*63 - 1 bytes"),
    ],
)
def test_what_is_no_such_step_is_refused(step: str, message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        analyse(f"input: 8\nlayers: [opaque: {step}]")


@pytest.fixture
def net(tmp_path: Path) -> str:
    path = tmp_path / "net.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


@pytest.fixture
def uncounted(tmp_path: Path) -> str:
    path = tmp_path / "uncounted.yaml"
    path.write_text(TEXT.replace(", macs: 128", ""), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("of", ["show", "params", "flops", "memory"])
def test_tables_say_that_it_was_measured(run: Command, net: str, of: str) -> None:
    assert "opaque[0] (torch.foo): at these shapes alone, by no formula" in run(of, net).out


def test_products_that_nobody_counted_are_no_zero(run: Command, uncounted: str, net: str) -> None:
    out = run("show", uncounted).out
    assert "Compute     at least 96 MACs = 192 FLOPs (2 per MAC)" in out
    assert "Unknown     opaque[0]: the products of torch.foo were not counted" in out
    found = json.loads(run("show", uncounted, "--format", "json").out)
    assert [layer["macs"] for layer in found["layers"]] == [96, None, 0]
    assert (found["totals"]["macs"], found["totals"]["flops"]) == (None, None)
    assert "macs        unknown" in run("flops", uncounted, "--convention", "all").out
    assert "at least 96 MACs" in run("memory", uncounted).out
    assert "MACs        224 → unknown" in run("diff", net, uncounted).out
    assert json.loads(run("diff", net, uncounted, "--format", "json").out)["difference"]["macs"] is None


def test_a_bound_on_products_that_nobody_counted_is_refused() -> None:
    found = analyse(f"expect: {{macs: 96}}\n{TEXT.replace(', macs: 128', '')}")
    with pytest.raises(UsageError, match="macs can't be checked: opaque"):
        check(found, "net")
    assert not check(analyse(f"expect: {{macs: 224}}\n{TEXT}"), "net").mismatches


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("memory",), 0, "and what opaque makes on the way, which was not measured"),
        (("memory", "--train"), 1, "opaque: what it keeps for the backward pass was not measured"),
        (("domain",), 1, "torch.foo was measured on 1x4x8 alone: on 1x4xL its figures are not known"),
        (("receptive",), 0, "opaque[0]: what opaque sees is not declared"),
        (("export",), 1, "nothing says how torch computes torch.foo: it was measured alone"),
        (("flops", "--convention", "fvcore"), 0, "opaque[0]: what it counts of opaque has not been measured"),
        (("flops", "--backward"), 0, "unknown: opaque[0]: the gradients of torch.foo were not measured"),
    ],
)
def test_what_was_not_measured_is_told(
    run: Command, net: str, words: tuple[str, ...], code: int, said: str
) -> None:
    found = run(words[0], net, *words[1:])
    assert (found.code, said in " ".join((found.out + found.err).split())) == (code, True), found


def test_explain_says_that_there_is_no_formula(run: Command, net: str, uncounted: str) -> None:
    out = run("explain", net, "opaque[0]", columns=120).out
    assert "measured on 1x4x8: no formula, and no figure at other shapes" in out
    assert "MACs        128" in out
    out = run("explain", uncounted, "opaque[0]", columns=140).out
    assert "no figure at other shapes; the products of torch.foo were not counted" in out


def test_torch_is_not_asked(run: Command, net: str) -> None:
    found = run("verify", net)
    said = "opaque[0]: torch.foo was measured when it was imported, and can't be run again"
    assert (found.code, said in " ".join(found.err.split())) == (3, True)
