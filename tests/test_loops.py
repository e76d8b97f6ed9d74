"""`for` beside a step, elements such as `skip.i`, and fans of branches: the rows of what is written out."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.language.loops import MOST_TURNS
from shapecalc.torch_check.verify import verify


def analyse(text: str, **how: Any) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(dedent(text), "net.yaml"), **how)


def wiring(analysis: Analysis) -> list[object]:
    """All that the rows do, whatever their paths."""
    rows = analysis.rows
    return [(row.layer, row.edges, row.figures.outputs, row.shares, row.frozen) for row in rows]


def alike(text: str, written_out: str) -> Analysis:
    """The analysis of a text whose rows are those of another, and that torch agrees with."""
    analysis, other = analyse(text), analyse(written_out)
    assert wiring(analysis) == wiring(other)
    assert analysis.output_edges == other.output_edges
    assert verify(analysis, torch.device("meta"), "net").mismatches == ()
    return analysis


def layers(*steps: str, parameters: str = "{n: 3, widths: [3, 5, 7], table: [[3, true], [5, false]]}") -> str:
    listed = "".join(f"  - {step}\n" for step in steps)
    return f"input: 2x4\nparameters: {parameters}\nlayers:\n{listed}"


@pytest.mark.parametrize(
    ("step", "steps"),
    [
        ("Linear for w in widths: w", ["Linear: 3", "Linear: 5", "Linear: 7"]),
        ("Linear for w in [3, 2 + 3, widths.2]: w", ["Linear: 3", "Linear: 5", "Linear: 7"]),
        ("{Linear: w, for: 'w in [3, 5]'}", ["Linear: 3", "Linear: 5"]),
        ("Linear for i in range(n): widths.i", ["Linear: 3", "Linear: 5", "Linear: 7"]),
        ("Linear for i in range(1, n): i", ["Linear: 1", "Linear: 2"]),
        ("Linear for w in reversed(widths): w", ["Linear: 7", "Linear: 5", "Linear: 3"]),
        ("Linear for i, w in enumerate(widths): i + w", ["Linear: 3", "Linear: 6", "Linear: 9"]),
        ("Linear for i, w in reversed(enumerate(widths)): i + w", ["Linear: 9", "Linear: 6", "Linear: 3"]),
        (
            "Linear for a, b in zip(widths, reversed(widths)): a + 2*b",
            ["Linear: 17", "Linear: 15", "Linear: 13"],
        ),
        (
            "Linear for w, b in table: {out_features: w, bias: b}",
            ["Linear: {out_features: 3, bias: true}", "Linear: {out_features: 5, bias: false}"],
        ),
        ("Linear for pair in table: pair.0", ["Linear: 3", "Linear: 5"]),
        ("unit for unit in [ReLU, Sigmoid]", ["ReLU", "Sigmoid"]),
        ("Linear for w in []: w", []),
        ("Linear for i in range(0): i", []),
        ("Linear for i in range(2, 1): i", []),
        ("Linear for w in widths when w != 5: w", ["Linear: 3", "Linear: 7"]),
        ("Linear for w in widths frozen w > 4: w", ["Linear: 3", "Linear frozen: 5", "Linear frozen: 7"]),
        (
            "seq for w in widths: [Linear: w, ReLU]",
            ["Linear: 3", "ReLU", "Linear: 5", "ReLU", "Linear: 7", "ReLU"],
        ),
        ("seq for w in [3, 5]: [Linear times 2: w]", ["Linear: 3", "Linear: 3", "Linear: 5", "Linear: 5"]),
        (
            "seq for w in [3, 5]: ['Linear for v in [w, w + 1]': v]",
            ["Linear: 3", "Linear: 4", "Linear: 5", "Linear: 6"],
        ),
    ],
)
def test_a_loop_makes_a_copy_for_each_value(step: str, steps: list[str]) -> None:
    alike(layers("Tanh", step), layers("Tanh", *steps))


def test_copies_continue_the_index_and_a_name_numbers_them() -> None:
    analysis = analyse(
        layers("Linear: 4", "Linear for w in widths: w", "Linear: 4", "Linear as y for w in [3, 5]: w")
    )
    paths = [row.path for row in analysis.rows]
    assert paths == [f"Linear[{n}]" for n in range(5)] + ["y[0]", "y[1]"]


def test_a_variable_hides_a_parameter_within_the_loop_alone() -> None:
    alike(
        layers("Linear for n in [n, n + 1]: n", "Linear: n"),
        layers("Linear: 3", "Linear: 4", "Linear: 3"),
    )


def test_a_loop_over_letters_and_over_a_list_that_is_given() -> None:
    text = layers("Linear for w in widths: w", parameters="{K: 9, widths: [3, K]}")
    assert str(analyse(text, parameters={"K": "K"}).outputs[0]) == "2×K"
    text = layers("Linear for a, b in table: a + b", parameters="{table: [[1, 2]]}")
    assert [row.output.shape[1] for row in analyse(text, parameters={"table": [[1, 1], [2, 5]]}).rows] == [
        2,
        7,
    ]


# Elements.


def test_elements_are_read_by_their_index() -> None:
    alike(
        layers("Linear as x.i for i in range(n): i + 1", "concat: [x.2, x.0, x.1]"),
        layers("Linear as a: 1", "Linear as b: 2", "Linear as c: 3", "concat: [c, a, b]"),
    )


def test_an_index_may_be_an_expression() -> None:
    alike(
        layers(
            "Linear as x.i for i in range(2): 4", "add as x.(i + 2) for i in range(2): [x.(i + 1), x.(i)]"
        ),
        layers("Linear as a: 4", "Linear as b: 4", "add as c: [b, a]", "add: [c, b]"),
    )
    alike(
        layers("Linear as x.i for i in range(4): 4", "add: [x.(3 - i) for i in range(3)]"),
        layers(*(f"Linear as {name}: 4" for name in "abcd"), "add: [d, c, b]"),
    )


def test_a_path_shows_elements_by_their_index() -> None:
    analysis = analyse(layers("Linear as x.i for i in [2, 0]: 4", "seq: [Linear as x.5: 4]", "ReLU as x.0"))
    assert [row.path for row in analysis.rows] == ["x[2]", "x[0]", "seq[0].x[5]", "ReLU[0]"]


def test_an_element_is_bound_again_and_read_as_it_is_then() -> None:
    alike(
        layers(
            "Linear as x.0: 4",
            "Linear as x.1: 4",
            "add as x.0 for i in range(2): [x.0, x.1]",
            "ReLU from x.0",
        ),
        layers("Linear as a: 4", "Linear as b: 4", "add as c: [a, b]", "add as d: [c, b]", "ReLU"),
    )


def test_each_copy_reads_an_element_of_its_own_or_what_is_before_it() -> None:
    alike(
        layers("Linear as x.i for i in range(2): 4", "Linear from x.i as y.i for i in range(2): 5"),
        layers("Linear as a: 4", "Linear as b: 4", "Linear from a: 5", "Linear from b: 5"),
    )
    alike(
        layers("Linear as x.i for i in range(2): 4", "Linear from x.0 for i in range(2): 5"),
        layers("Linear as a: 4", "Linear as b: 4", "Linear from a: 5", "Linear: 5"),
    )


def test_the_first_copy_that_is_there_reads_what_from_names() -> None:
    alike(
        layers("Linear as a: 4", "ReLU", "Linear from a for i in range(3) when i > 0: 5"),
        layers("Linear as a: 4", "ReLU", "Linear from a: 5", "Linear: 5"),
    )


def test_a_step_that_an_anchor_repeats_sees_the_loop_that_it_stands_in() -> None:
    alike(
        layers("&unit {Linear: n}", "Linear for n in [5, 6]: n", "seq for n in [7, 8]: [*unit]", "*unit"),
        layers("Linear: 3", "Linear: 5", "Linear: 6", "Linear: 7", "Linear: 8", "Linear: 3"),
    )


def test_the_weights_of_an_element_are_shared() -> None:
    alike(
        layers("Linear as x.i for i in range(2): 4", "Linear share x.i for i in reversed(range(2)): 4"),
        layers("Linear as a: 4", "Linear as b: 4", "Linear share b: 4", "Linear share a: 4"),
    )


def test_a_block_reads_and_gives_elements() -> None:
    text = """
        input: 2x4
        blocks:
          fork(x; n) -> out.0, out.1: [Linear from x as out.i for i in range(n): 4]
          join(a, b;): [add: [a, b]]
        layers:
          - fork: 2
          - join as y
          - Linear as skip.0: 4
          - join: {b: skip.0, a: y}
    """
    alike(
        text, layers("Linear as a: 4", "Linear as b: 4", "add as y: [a, b]", "Linear as c: 4", "add: [y, c]")
    )


# Fans.


@pytest.mark.parametrize(
    ("branches", "written_out"),
    [
        ("[x.i for i in range(n)]", "[a, b, c]"),
        ("[[], x.i for i in reversed(range(n))]", "[[], c, b, a]"),
        ("[x.i for i in range(n) when i != 1]", "[a, c]"),
        ("[x.0, x.1, x.2 when n > 5]", "[a, b]"),
        ("[[], ReLU from x.i for i in range(n)]", "[[], [ReLU from a], [ReLU from b], [ReLU from c]]"),
        (
            "[[], {Linear: 4, from: x.i, for: i in range(n)}]",
            "[[], [Linear from a: 4], [Linear from b: 4], [Linear from c: 4]]",
        ),
        (
            "[[], {Linear from x.i for i in range(n): 4}]",
            "[[], [Linear from a: 4], [Linear from b: 4], [Linear from c: 4]]",
        ),
        (
            "[x.0, {seq: [ReLU, Tanh], from: x.i, for: i in range(2)}]",
            "[a, [ReLU from a, Tanh], [ReLU from b, Tanh]]",
        ),
        ("[[], {ReLU: , from: x.1}]", "[[], [ReLU from b]]"),
        ("[[], [Tanh], {ReLU: , when: n > 5}]", "[[], [Tanh]]"),
        ("[[], [ReLU when n > 5]]", "[[], []]"),
        ("[[], {ReLU: , times: 2, from: x.1}]", "[[], [ReLU from b, ReLU]]"),
        (
            "[[], {seq: [Linear: 4, Linear when i > 0: 4], for: i in range(2)}]",
            "[[], [Linear: 4], [Linear: 4, Linear: 4]]",
        ),
    ],
)
def test_a_fan_is_a_branch_for_each_turn(branches: str, written_out: str) -> None:
    fan = layers("Linear as x.i for i in range(3): 4", f"add: {branches}")
    out = layers("Linear as a: 4", "Linear as b: 4", "Linear as c: 4", f"add: {written_out}")
    alike(fan, out)


def test_the_branches_of_a_fan_are_numbered_on() -> None:
    analysis = analyse(
        layers(
            "Linear as x.i for i in range(2): 4",
            "add: [[ReLU], Tanh from x.i for i in range(2)]",
            "add: [x.i for i in range(2)]",
        )
    )
    assert [row.path for row in analysis.rows] == [
        "x[0]",
        "x[1]",
        "add[0].0.ReLU[0]",
        "add[0].1.Tanh[0]",
        "add[0].2.Tanh[0]",
        "add[0]",
        "add[1]",
    ]
    assert [(node.label, node.type) for node in analysis.tree[3].children] == [("0", "x"), ("1", "x")]


# What is wrong.


@pytest.mark.parametrize(
    ("step", "place", "message", "hint"),
    [
        (
            "Linear for w in n: w",
            "5:21",
            "for: n is 3, which is no list",
            "range(n) counts up to it",
        ),
        ("Linear for w in widths.0: w", "5:21", "for: widths.0 is 3, which is no list", None),
        ("Linear for w in ReLU: w", "5:21", "for: ReLU is ReLU, which is no list", None),
        ("Linear for w in width: w", "5:21", "the name 'width' is unknown", "did you mean widths?"),
        (
            "Linear for w in range(widths): w",
            "5:21",
            "for: range(widths): [3, 5, 7] is no whole number",
            None,
        ),
        (
            "Linear for w in range(widths.0/2): w",
            "5:21",
            "for: range(widths.0/2): 1.5 is no whole number",
            "floor(…), ceil(…) and round(…) make it whole",
        ),
        (
            "Linear for w in range(1, 2, 3): w",
            "5:21",
            "for: range(1, 2, 3) has 3 arguments",
            "range takes a number of copies, or the first number and the one after the last",
        ),
        (
            "Linear for w in zip(widths, [1]): w",
            "5:21",
            "for: zip(widths, [1]): the lists have 3, 1 items, and each needs as many",
            None,
        ),
        (
            "seq: [Linear for a, b in table: a]",
            "5:22",
            "for must be names in a list, not the text 'a'",
            'inside of [ ] and { } a head with a comma is quoted: "Linear for a, b in table"',
        ),
        ("Linear for w in enumerate(n): w", "5:21", "for: n is 3, which is no list", None),
        ("Linear for a, b in widths: a", "5:24", "for: a, b are 2 names, and an item has one value, 3", None),
        (
            "Linear for a, b, c in table: a",
            "5:27",
            "for: a, b, c are 3 names, and an item has 2 values",
            None,
        ),
        (
            "concat: [t.0, t.0 for i in range(1, 2)]",
            "5:32",
            "for: a bracket of range(1 is not closed",
            "in { } and [ ], where a comma ends a value, the loop is quoted, or the head that it is in",
        ),
        (
            "Linear for w: w",
            "5:16",
            "for must be names in a list, not the text 'w'",
            "write for: width in widths, for: i in range(4) or for: width in [64, 128]",
        ),
        ("Linear for w in: w", "5:16", "for must be names in a list, not the text 'w in'", None),
        ("Linear for in widths: 3", "5:16", "for must be names in a list, not the text 'in widths'", None),
        ("{Linear: 3, for: [w, widths]}", "5:22", "for must be names in a list, not a list", None),
        ("Linear for 3 in widths: 3", "5:16", "for: '3' is no new name of a variable", None),
        ("Linear for w, w in table: 3", "5:19", "for: 'w' is no new name of a variable", None),
        (
            "Linear for w in widths times 2: w",
            "5:16",
            "for and times can't stand beside one step",
            "put one of them into a seq: {seq: [{step: …, times: n}], for: …}",
        ),
        (
            "Linear for w in range(10000000): w",
            "5:21",
            "for: the loop has 10,000,000 copies; at most 40,000 are executed",
            "copies that do the same are written with times",
        ),
        (
            "Linear for w in reversed(range(2, 10000002)): w",
            "5:21",
            "for: the loop has 10,000,000 copies; at most 40,000 are executed",
            None,
        ),
        (
            "Linear for w in range(K): w",
            "5:21",
            "for: range(K): K is no whole number",
            "the number of copies decides which layers there are: give a number",
        ),
        ("Linear as x.i for w in widths: w", "5:17", "the name 'i' is unknown", None),
        ("Linear as x.-1: 3", "5:15", "as must be a name, not the text 'x.-1'", None),
        (
            "Linear as x.w for w in [-1]: 3",
            "5:15",
            "the index of x must be a whole number of at least 0, not -1",
            None,
        ),
        (
            "Linear as x.w for w in table: 3",
            "5:15",
            "the index of x must be a whole number of at least 0, not [3, true]",
            None,
        ),
        ("ReLU from x.(n", "5:15", "from must be a name, not the text 'x.(n'", None),
        ("ReLU from t.(n - 4)", "5:15", "the index of t must be a whole number of at least 0, not -1", None),
        ("ReLU from t.(m)", "5:17", "the name 'm' is unknown", None),
        ("ReLU from x.0", "5:15", "no tensor above is named 'x.0'", None),
        ("ReLU from t.4", "5:15", "no tensor above is named 't.4'", "did you mean t.0?"),
        ("ReLU from t", "5:15", "no tensor above is named 't'", "it has elements: t.0"),
        (
            "ReLU as t",
            "5:13",
            "the name 't' is taken by the elements of a step on line 4",
            "each tensor of a body has a name of its own",
        ),
        ("add: [[], x.i for i in range(2)]", "5:15", "no tensor above is named 'x.0'", None),
        ("add: [t.0 for i in range(0)]", "5:5", "add: at least 2 branches are needed, and here are 0", None),
        (
            "sub: [t.0, t.0 for i in range(2)]",
            "5:5",
            "sub: at most 2 branches are needed, and here are 3",
            None,
        ),
        (
            "add: [[], t.0 as y]",
            "5:22",
            "as stands beside a step, not beside a name",
            "put a step into a list of its own: [step]",
        ),
        (
            "add: [[], {Linear: 4, times: 2}]",
            "5:15",
            "add: a branch is a list of steps or the name of a tensor, not a mapping",
            "put the step into a list of its own: [step]",
        ),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(step: str, place: str, message: str, hint: str | None) -> None:
    text = layers(
        "Linear as t.0: 4", step, parameters="{n: 3, widths: [3, 5, 7], table: [[3, true], [5, false]], K: 1}"
    )
    with pytest.raises(shapecalc.ShapecalcError) as caught:
        analyse(text, parameters={"K": "K"} if "K" in step else None)
    assert (caught.value.message, str(caught.value.place)) == (message, f"net.yaml:{place}")
    assert hint in (None, caught.value.hint)


def test_the_longest_loop_is_executed_and_one_more_refused() -> None:
    text = layers("seq for i in range(n): []", parameters=f"{{n: {MOST_TURNS}}}")
    assert analyse(text).rows == ()
    with pytest.raises(ArchitectureError, match="the loop has 40,001 copies"):
        analyse(text, parameters={"n": MOST_TURNS + 1})


@pytest.mark.parametrize("around", [("[", "]"), ("reversed(", ")")])
def test_a_list_is_not_nested_too_deep(around: tuple[str, str]) -> None:
    text = layers(f"ReLU for i in {around[0] * 3000}1{around[1] * 3000}")
    with pytest.raises(ArchitectureError, match="more than 20 levels of lists"):
        analyse(text)


def test_loops_within_loops_are_counted_before_they_are_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a hundredth of the steps that are looked at; files that reach all are among the hostile ones."""
    monkeypatch.setattr("shapecalc.engine.limits._MOST_STEPS", 3_000)
    nested = "seq for i in range(90): [seq for j in range(90): [ReLU times 2]]"
    with pytest.raises(ArchitectureError, match="the network has more than 3,000 steps"):
        analyse(layers(nested))
    with pytest.raises(ArchitectureError, match="the network has 2,000,000 layers; at most 1,000,000"):
        analyse(layers("seq for i in range(200): [ReLU times 10000]"))


def test_copies_within_a_loop_are_left_out_of_a_brief_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shapecalc.engine.run.MOST_WHOLE", 0)
    text = layers(
        "seq for w in widths: [Linear as x.w: w, Linear times 100: w, add as x.w times 30: [x.w, []]]"
    )
    whole, brief = analyse(text), analyse(text, brief=True)
    assert (brief.totals, brief.outputs, brief.layers) == (whole.totals, whole.outputs, len(whole.rows))
    assert len(brief.rows) < 100 < len(whole.rows)
