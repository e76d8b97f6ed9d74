"""`when` beside a step, and conditions as values: what is there, what is not, and what can't be decided."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shapecalc
from shapecalc import Analysis, ArchitectureError
from tests.command import Command
from tests.test_expressions import SCOPE, conditions, larger, leaves, printed_trees, value

TEXT = "text is compared with text, in single quotes: act == 'ReLU'"
FLAG = "a flag is a condition itself: norm, not norm"


def analyse(text: str, **parameters: Any) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(dedent(text)), parameters=parameters)


def paths(text: str, **parameters: Any) -> list[str]:
    return [row.path for row in analyse(text, **parameters).rows]


def refusal(text: str, **parameters: Any) -> ArchitectureError:
    with pytest.raises(ArchitectureError) as caught:
        analyse(text, **parameters)
    return caught.value


RESIDUAL = """
    input: 1x4x8x8
    parameters: {out: 4, stride: 1}
    blocks:
      conv(kernel=3):
        - Conv2d: {out_channels: out, kernel_size: kernel, stride: stride, padding: kernel//2}
    layers:
      - add: [[conv, ReLU], [{conv: {kernel: 1}, when: stride != 1 or channels != out}]]
"""


@pytest.mark.parametrize(
    ("out", "stride", "projects"), [(4, 1, False), (8, 1, True), (4, 2, True), (8, 2, True)]
)
def test_a_residual_unit_projects_where_it_must(out: int, stride: int, projects: bool) -> None:
    found = paths(RESIDUAL, out=out, stride=stride)
    assert ("add[0].1.conv[0].Conv2d[0]" in found) is projects


def test_a_branch_without_steps_is_its_input() -> None:
    analysis = analyse(RESIDUAL)
    assert analysis.rows[-1].sources[1].row == -1
    assert [node.type for node in analysis.tree[0].children] == ["branch", "input"]


@pytest.mark.parametrize("when", [True, False])
@pytest.mark.parametrize("times", [0, 1, 3])
def test_when_and_times_stand_together(when: bool, times: int) -> None:
    text = """
        input: 1x4
        parameters: {flag: true, n: 1}
        layers: [Tanh, {ReLU: , when: flag, times: n}]
    """
    assert len(paths(text, flag=when, n=times)) == 1 + when * times


def test_a_step_that_is_not_there_has_no_index_and_evaluates_nothing() -> None:
    text = """
        input: 1x4
        parameters: {n: 0, act: same}
        layers:
          - {ReLU: , when: n > 0}
          - {ReLU: , when: n > 0, times: 8//n}
          - {act: , when: act != 'same'}
          - {Linear: 8//n, when: n != 0 and 8//n > 1}
          - ReLU
    """
    assert paths(text) == ["ReLU[0]"]
    assert paths(text, n=1, act="ReLU") == [*[f"ReLU[{i}]" for i in range(10)], "Linear[0]", "ReLU[10]"]


def test_a_name_that_is_not_bound_is_not_known() -> None:
    text = """
        input: 1x4
        parameters: {n: 0}
        layers: [{ReLU: , when: n > 0, as: early}, Tanh, {add: [[], early], when: n > 0}]
    """
    assert paths(text) == ["Tanh[0]"]
    assert paths(text, n=1) == ["early", "Tanh[0]", "add[0]"]


def test_a_flag_takes_a_condition() -> None:
    text = """
        input: 1x4
        parameters: {norm: BatchNorm1d, biased: false}
        blocks:
          linear(out, bias=norm != 'BatchNorm1d'): [Linear: {out_features: out, bias: bias or biased}]
        layers: [linear: 4, norm, Linear: {out_features: 4, bias: not biased}]
    """
    assert [set(row.weights) for row in analyse(text).rows[::2]] == [{"weight"}, {"weight", "bias"}]
    assert "bias" in analyse(text, norm="ReLU").rows[0].weights
    assert "bias" in analyse(text, biased=True).rows[0].weights


@pytest.mark.parametrize(
    ("condition", "message", "hint"),
    [
        ("n", "when: 3 is no condition", "write x != 0"),
        ("n - 1", "when: 2 is no condition", "write x != 0"),
        ("act", "when: 'ReLU' is no condition", None),
        ("n and flag", "'n and flag': 3 is no condition", "write x != 0"),
        ("flag or act", None, None),
        ("not n", "'not n': 3 is no condition", "write x != 0"),
        (
            "act == n",
            "'act == n': it compares text, 'ReLU', with a number, 3",
            TEXT,
        ),
        (
            "n != 'ReLU'",
            "\"n != 'ReLU'\": it compares a number, 3, with text, 'ReLU'",
            TEXT,
        ),
        (
            "act < n",
            "'act < n': it compares text, 'ReLU', with a number, 3",
            TEXT,
        ),
        ("act < 'Tanh'", "\"act < 'Tanh'\": text has no order", "text is compared by == and != alone"),
        ("flag == n", "'flag == n': it compares true or false, true, with a number, 3", FLAG),
        ("flag < flag", "'flag < flag': true is no number", None),
        ("list == list", "'list == list': lists are not compared", "compare their values: widths.0 == 64"),
        ("list.n == 1", "'list.n == 1': list has 2 values", "the first is list.0, the last list.1"),
        ("list.flag == 1", "'list.flag == 1': an index is a whole number, not true", None),
        ("wrong > 1", "the name 'wrong' is unknown", "known here: n, act, flag, list, channels"),
        (
            "act != Tanh",
            "the name 'Tanh' is unknown",
            "text in an expression stands in single quotes: 'Tanh'; known here: n, act, flag, list, channels",
        ),
        (
            "list == 1",
            "'list == 1': it compares a list, [1, 2], with a number, 1",
            "compare one value of the list: widths.0 == 64",
        ),
        (
            "flag == true",
            "the name 'true' is unknown",
            "true and false stand alone; in an expression a flag is a condition itself: norm, not norm",
        ),
    ],
)
def test_what_is_no_condition(condition: str, message: str | None, hint: str | None) -> None:
    text = f"""
        input: 1x4
        parameters: {{n: 3, act: ReLU, flag: true, list: [1, 2]}}
        layers: [{{ReLU: , when: {condition}}}]
    """
    if message is None:  # what decides is on the left
        assert paths(text) == ["ReLU[0]"]
        return
    error = refusal(text)
    assert error.message == message
    assert error.hint == hint or hint is None
    assert error.place is not None
    assert (error.place.line, error.place.column) == (4, 25)


@pytest.mark.parametrize("condition", ["out == 4", "4 != out", "out < 5", "5 >= out", "out*out > 16"])
def test_what_depends_on_a_letter_is_refused(condition: str) -> None:
    text = f"""
        input: 1x4
        parameters: {{out: 4}}
        layers: [{{Linear: out, when: {condition}}}]
    """
    error = refusal(text, out="K")
    assert "holds depends on K: give a number" in error.message
    assert error.place is not None
    assert (error.path, error.place.line, error.place.column) == ("Linear[0]", 4, 30)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("out >= 1", True),
        ("2*out > out", True),
        ("out < 1", False),
        ("(out + 1)*(out + 1) == out*out + 2*out + 1", True),
        ("2*out == 2*out + 1", False),
        ("out/2 < out", True),
        ("max(out, 3) >= 3", True),
        ("divisible(out, 8) >= out", None),
    ],
)
def test_what_holds_for_all_numbers_is_decided(condition: str, holds: bool | None) -> None:
    text = f"""
        input: 1x4
        parameters: {{out: 4}}
        layers: [Tanh, {{Linear: out, when: "{condition}"}}]
    """
    if holds is None:
        assert "depends on K" in refusal(text, out="K").message
    else:
        assert len(paths(text, out="K")) == 1 + holds


MANY = """
    input: 1x4
    parameters: {n: 300}
    blocks:
      unit(out): [{Linear: out, when: channels != out}]
      many(out): [{unit: out, times: 3000}]
    layers: [Tanh, {many: 4, times: n}, {many: 5, times: n}]
"""


def test_a_large_network_may_have_few_layers_that_are_there() -> None:
    analysis = shapecalc.analyse(shapecalc.parse(dedent(MANY)), brief=True)
    assert analysis.layers == 2
    assert analysis.totals.params == 5 * (4 + 1)


@pytest.mark.parametrize("brief", [True, False])
def test_what_is_counted_as_if_it_were_there_is_counted_again(brief: bool) -> None:
    large = MANY.replace("channels != out", "channels != 3")
    with pytest.raises(ArchitectureError, match="the network has 1,800,001 layers; at most 1,000,000"):
        shapecalc.analyse(shapecalc.parse(dedent(large)), brief=brief)
    larger = large.replace("many(out): [", "many(out): [{unit: 3, times: 2000}, ")
    with pytest.raises(ArchitectureError, match=r"the network has .* layers"):
        shapecalc.analyse(shapecalc.parse(dedent(larger)), parameters={"n": 900_000}, brief=brief)


def test_a_condition_in_the_head_of_a_step() -> None:
    text = """
        input: 1x4
        parameters: {n: 2, act: Tanh}
        layers:
          - ReLU when n > 1 and act == 'Tanh' times n
          - Linear when not n > 1: 8
    """
    assert paths(text) == ["ReLU[0]", "ReLU[1]"]
    assert paths(text, n=1) == ["Linear[0]"]
    error = refusal(text.replace("n > 1 and", "n and"))
    assert error.message == "\"n and act == 'Tanh'\": 2 is no condition"
    assert error.place is not None
    assert (error.place.line, error.place.column) == (5, 15)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{input: 1x4, parameters: {not: 1}, layers: [ReLU]}", "a parameter"),
        ("{input: 1x4, layers: [ReLU as or]}", "as"),
        ("{input: {and: 1x4}, layers: [ReLU]}", "an input"),
    ],
)
def test_a_word_of_conditions_is_no_name(text: str, what: str) -> None:
    error = refusal(text)
    assert error.message.startswith(f"{what} must be a name, not the text")
    assert error.hint == "and, or, not join conditions: choose another name"


LARGE = """
    input: 1x3xHxW
    parameters: {H: 64, W: 64}
    layers:
      - Conv2d: {out_channels: 4, kernel_size: 3}
      - MaxPool2d when H > 32: 2
"""


@pytest.mark.parametrize("command", [["domain"], ["solve", "--output", "1x4x8x8"]])
def test_inputs_of_a_network_that_hangs_on_its_input_are_refused(
    command: list[str], tmp_path: Path, run: Command
) -> None:
    """Which layers there are hangs on the height, so no one formula is that of all inputs."""
    file = tmp_path / "large.yaml"
    file.write_text(dedent(LARGE))
    done = run(command[0], str(file), *command[1:])
    assert (done.code, done.out) == (1, "")
    assert "'H > 32': whether H > 32 holds depends on H: give a number" in done.err


def test_its_layers_are_explained_at_the_given_input(tmp_path: Path, run: Command) -> None:
    file = tmp_path / "large.yaml"
    file.write_text(dedent(LARGE))
    done = run("explain", str(file), "MaxPool2d[0]")
    assert done.code == 0
    assert "No formula for every input: 'H > 32': whether H > 32 holds depends on H" in done.out
    small = run("show", str(file), "--input", "1x3x32x64", "--format", "csv")
    assert "MaxPool2d" not in small.out


STEPS = ("ReLU", "Tanh", "Linear: 4", "add: [[], [Linear: 4, ReLU]]", "seq: [Tanh, Linear: 4]")
CONDITIONS = printed_trees(conditions(st.recursive(leaves, larger, max_leaves=3)))


@given(st.lists(st.tuples(st.sampled_from(STEPS), CONDITIONS), max_size=4))
def test_a_network_with_conditions_is_the_one_without_what_is_false(drawn: list[tuple[str, Any]]) -> None:
    """Each condition is decided by Python's fractions, and the steps that remain are written out."""
    head = f"input: 1x4\nparameters: {json.dumps(SCOPE)}\nlayers:\n- ReLU\n"
    lines, kept, refused = "", "", False
    for step, (tree, condition) in drawn:
        key, _, argument = step.partition(": ")
        lines += f"- {{{key}: {argument}, when: {json.dumps(condition)}}}\n"
        try:
            refused = refused or len(condition) > 500
            kept += f"- {step}\n" if value(tree) else ""
        except ArithmeticError:
            refused = True
    if refused:
        refusal(head + lines)
        return
    assert analyse(head + lines).to_dict() == analyse(head + kept).to_dict()
