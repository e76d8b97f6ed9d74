"""Names of layer types that a file has for a tensor or a parameter of its own, which comes first."""

from __future__ import annotations

from pathlib import Path

import pytest

import shapecalc
from shapecalc import Analysis
from shapecalc.errors import ArchitectureError
from tests.command import Command

ROTARY = """
input: 1x8x16
blocks:
  rotate(x, {a}, {b};): [add: [[mul: [x, {a}]], [mul: [x, {b}]]]]
  outer: [add: [{a}, []]]
  pair(x;) -> {a}, {b}: [ReLU as {a}, GELU as {b}]
layers:
  - Sigmoid as {a}
  - Tanh from {a} as {b}
  - add: [{a}, {b}]
  - rotate from {a}, {a}, {b} as {c}
  - outer
  - sub: [[], {c}]
  - pair as p, q
  - add: [p, q, {b} when true]
  - add: [{c} for i in range(3)]
"""


def analyse(text: str, **values: object) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text), parameters=values)


def rows(text: str, **values: object) -> list[object]:
    return [(row.type, row.edges, row.figures.outputs) for row in analyse(text, **values).rows]


@pytest.mark.parametrize(
    "names", [("cos", "sin", "sum"), ("ReLU", "add", "Linear"), ("outer", "rotate", "pair")]
)
def test_tensors_may_bear_the_names_of_types_and_blocks(names: tuple[str, str, str]) -> None:
    """The network is that with other names, whatever types there are."""
    plain = ROTARY.format(a="first", b="second", c="third")
    assert rows(ROTARY.format(**dict(zip("abc", names, strict=True)))) == rows(plain)


def test_an_input_may() -> None:
    assert analyse("input: {cos: 1x8, sin: 1x8}\nlayers: [add: [cos, sin]]").outputs[0].shape == (1, 8)


def test_a_step_in_a_branch_is_a_step_still() -> None:
    """With steps of their own, a condition and a loop, where no tensor has the name."""
    steps = "add: [ReLU when n > 1, [], GELU for i in range(n)]"
    text = f"input: 1x8\nparameters: {{n: 2}}\nblocks: {{b: [{steps}]}}\nlayers: [b]"
    assert [row.type for row in analyse(text).rows] == ["ReLU", "GELU", "GELU", "add"]


@pytest.mark.parametrize(
    ("act", "types"), [("ReLU", ["ReLU"]), ("own", ["Tanh", "Tanh"]), (3, ["cos"]), ("replicate", ["cos"])]
)
def test_a_parameter_that_names_a_step_comes_before_the_type(act: object, types: list[str]) -> None:
    """What names none is a value, as ever, and the step is that of the type."""
    text = "input: 1x8\nblocks:\n  own: [Tanh, Tanh]\n  unit(cos): [cos]\nlayers: [unit: {cos: ACT}]"
    text = text.replace("ACT", str(act))
    assert [row.type for row in analyse(text).rows] == types


def test_a_parameter_of_the_file_and_of_a_loop_too() -> None:
    steps = "cos, sin, mul: sin, 'abs for abs in [GELU, Tanh]'"
    text = f"input: 1x8\nparameters: {{cos: ReLU, sin: 3}}\nlayers: [{steps}]"
    assert [row.type for row in analyse(text).rows] == ["ReLU", "sin", "mul", "GELU", "Tanh"]
    assert next(row.type for row in analyse(text, cos="SiLU").rows) == "SiLU"


def test_a_parameter_comes_before_a_block() -> None:
    text = "input: 1x8\nblocks:\n  norm: [LayerNorm: 8]\n  unit(norm): [norm]\nlayers: [unit: %s, norm]"
    assert [row.type for row in analyse(text % "BatchNorm1d").rows] == ["BatchNorm1d", "LayerNorm"]
    assert [row.type for row in analyse(text % "3").rows] == ["LayerNorm", "LayerNorm"]


def test_arguments_may_be_those_of_what_the_parameter_names() -> None:
    text = "input: 1x8\nblocks:\n  unit(sum): [sum: {out_features: 4}]\nlayers: [unit: Linear]"
    assert analyse(text).outputs[0].shape == (1, 4)
    with pytest.raises(ArchitectureError, match=r"sum: there is no argument 'out_features'"):
        analyse(text.replace("unit: Linear", "unit: 3"))


def test_a_block_of_such_a_name_may_not_use_itself() -> None:
    text = "input: 1x8\nblocks:\n  a(b=ReLU): [b]\n  b: [a: 3]\nlayers: [b]"
    with pytest.raises(ArchitectureError, match="a block can't use itself"):
        analyse(text)


def test_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "input: 1x8\nblocks:\n  unit(cos): [cos, cos]\nlayers:\n  - Sigmoid as sin\n  - unit: ReLU\n"
        "  - add: [sin, sin]\n"
    )
    done = Command(monkeypatch, capsys)("show", str(file))
    assert done.err == (
        f"note: in {file}, sin: a tensor, in a branch, not the layer type of that name\n"
        f"note: in {file}, cos: the step that a parameter names, not the layer type of that name\n"
    )


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "input: 1x8\nlayers: [add: [ReLU, []]]",
            "add: a branch is a list of steps or the name of a tensor, not the text 'ReLU'",
            "put the step into a list of its own: [step]",
        ),
        (
            "input: 1x8\nblocks: {b: [add: [ReLU, []]]}\nlayers: [b]",
            "no tensor above is named 'ReLU'",
            "a step is a branch in a list of its own: [ReLU]",
        ),
        ("input: 1x8\nlayers: [ReLU as seq]", "as: seq means something already", "another name"),
        (
            "input: 1x8\nlayers: [ReLU as cos, GELU as cos]",
            "the name 'cos' is taken by a step on line 2",
            "each",
        ),
    ],
)
def test_what_is_refused(text: str, message: str, hint: str) -> None:
    with pytest.raises(ArchitectureError) as error:
        analyse(text)
    assert message in str(error.value)
    assert f"hint: {hint}" in str(error.value)
