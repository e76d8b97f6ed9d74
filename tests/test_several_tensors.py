"""Blocks that take and give several tensors: the rows of the network written out, and what is refused."""

from __future__ import annotations

from textwrap import dedent

import pytest
import torch

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.torch_check.verify import verify


def analyse(text: str, *, brief: bool = False) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(dedent(text), "net.yaml"), brief=brief)


def wiring(analysis: Analysis) -> list[object]:
    """All that the rows do, whatever their paths."""
    return [(row.layer, row.edges, row.figures.outputs, row.shares) for row in analysis.rows]


def alike(text: str, written_out: str) -> Analysis:
    """The analysis of a text whose rows are those of another, and that torch agrees with."""
    analysis, other = analyse(text), analyse(written_out)
    assert wiring(analysis) == wiring(other)
    assert analysis.output_edges == other.output_edges
    assert verify(analysis, torch.device("meta"), "net").mismatches == ()
    return analysis


WRITTEN_OUT = """
    input: 2x4
    layers:
      - Linear as a: 3
      - Linear as b: 5
      - Linear from a: 5
      - add as c: [[], b]
"""
CELL = "cell(left, right; width): [Linear from left: width, add: [[], right]]"


@pytest.mark.parametrize(
    "use",
    [
        "cell from a, b: 5",
        "cell from [a, b]: {width: 5}",
        "cell: {left: a, right: b, width: 5}",
        "cell from b: {left: a, width: 5}",
        "cell: {left: a, width: 5}",  # what is before it is b
        "cell as c: {left: a, width: 5}",
        "seq from a, b: [cell: 5]",
        "seq from a, b: [seq: [cell: 5]]",
        "{cell: 5, from: [a, b]}",
    ],
)
def test_a_use_takes_its_tensors_in_order_or_by_name(use: str) -> None:
    text = f"""
        input: 2x4
        blocks:
          {CELL}
        layers:
          - Linear as a: 3
          - Linear as b: 5
          - {use}
    """
    alike(text, WRITTEN_OUT)


def test_a_parameter_that_names_the_block_takes_them_too() -> None:
    text = f"""
        input: 2x4
        parameters: {{unit: cell}}
        blocks:
          {CELL}
        layers: [Linear as a: 3, Linear as b: 5, "unit from a, b": 5]
    """
    alike(text, WRITTEN_OUT)


def test_all_outputs_of_the_step_before_are_taken_in_order() -> None:
    text = """
        input: 3x2x4
        blocks:
          both(output, state;): [Linear from state: 3, add: [[], [Linear from output: 3]]]
          swapped(state, output;) -> output, state: [Identity]
        layers: [GRU: {hidden_size: 3}, swapped, both]
    """
    out = """
        input: 3x2x4
        layers:
          - GRU as output, state: {hidden_size: 3}
          - Identity
          - Linear from output: 3
          - add: [[], [Linear from state: 3]]
    """
    alike(text, out)


def test_a_layer_and_the_empty_branch_take_the_first_alone() -> None:
    text = """
        input: 3x2x4
        blocks:
          both(output, state;): [add: [state, []]]
        layers: [GRU: {hidden_size: 4}, add: [[], [both], [Identity]]]
    """
    out = """
        input: 3x2x4
        layers: ["GRU as output, state": {hidden_size: 4}, add: [[], [add: [state, output]], [Identity]]]
    """
    alike(text, out)


def test_copies_feed_the_next_position_by_position() -> None:
    text = """
        input: 2x4
        blocks:
          cell(cur, prev; width) -> new, cur:
            - add as new: [[Linear: width], [Linear from prev: width]]
        layers:
          - Linear as a: 3
          - Linear as b: 5
          - cell from b, a as last, before times 3: 6
          - concat: [last, before]
    """
    out = """
        input: 2x4
        layers:
          - Linear as a: 3
          - Linear as b: 5
          - add as c: [[Linear from b: 6], [Linear from a: 6]]
          - add as d: [[Linear from c: 6], [Linear from b: 6]]
          - add as e: [[Linear from d: 6], [Linear from c: 6]]
          - concat: [e, d]
    """
    analysis = alike(text, out)
    assert [row.path for row in analysis.rows if row.type == "add"] == [f"cell[{n}].new" for n in range(3)]


def test_a_tensor_that_is_named_among_the_arguments_goes_into_every_copy() -> None:
    text = """
        input: 2x4
        blocks:
          step(x, state; out) -> x: [add as y: [[Linear: out], state]]
          again(x, state;): [add: [[], state]]
        layers: [Linear as s: 4, Linear: 4, again times 2: {state: s}]
    """
    out = "input: 2x4\nlayers: [Linear as s: 4, Linear: 4, add: [[], s], add: [[], s]]"
    alike(text, out)


def test_the_first_tensor_is_the_channels_of_the_block() -> None:
    text = """
        input: 2x4
        blocks:
          double(x, y; out=2*channels): [Linear: out, add: [[], [Linear from y: out]]]
        layers: [Linear as a: 3, Linear as b: 5, "double from a, b"]
    """
    assert analyse(text).outputs[0].shape == (2, 6)
    assert analyse(text.replace("from a, b", "from b, a")).outputs[0].shape == (2, 10)


def test_a_name_in_a_block_hides_one_outside_for_share_too() -> None:
    text = """
        input: 2x4
        blocks:
          own(x, y;): [Linear share y: 4]
        layers: [Linear as y: 4, "own from input, input"]
    """
    with pytest.raises(ArchitectureError) as caught:
        analyse(text)
    assert caught.value.message == "share: y is another: it has 0 layers, this one 1"


NASNET_CELL = """
    input: 1x6
    blocks:
      cell(cur, prev; width) -> new, cur:
        - Linear from prev as p: width
        - Linear from cur as h: width
        - concat as new: [[add: [[ReLU from h], p]], [ReLU from p], [Sigmoid from h]]
    layers: [Linear as stem: 6, "cell from stem, stem times 100": 6]
"""


@pytest.mark.parametrize("times", [1, 2, 14, 400])
def test_a_brief_analysis_of_copies_with_two_tensors_has_the_same_figures(
    times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shapecalc.engine.run.MOST_WHOLE", 0)
    text = NASNET_CELL.replace("100", str(times))
    whole, brief = analyse(text), analyse(text, brief=True)
    assert (brief.totals, brief.outputs, brief.layers) == (whole.totals, whole.outputs, len(whole.rows))


def test_what_copies_hand_on_unread_is_not_lost_where_copies_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A register of 13 tensors, wider ones at first, whose last is read behind all copies."""
    monkeypatch.setattr("shapecalc.engine.run.MOST_WHOLE", 0)
    register = [f"r{n}" for n in range(13)]
    text = f"""
        input: 1x8
        blocks:
          shift({", ".join(register)};) -> {", ".join(["new", *register[:-1]])}: [Linear as new: 4]
          last({", ".join(register)};): [Identity from r12]
        layers:
          - Linear as x: 4
          - shift from {", ".join(["x", *["input"] * 12])} times 40
          - last
    """
    whole, brief = analyse(text), analyse(text, brief=True)
    assert (brief.totals, brief.outputs) == (whole.totals, whole.outputs)
    short = text.replace("times 40", "times 4")
    assert analyse(short, brief=True).outputs == analyse(short).outputs != whole.outputs


def refusal(text: str) -> ArchitectureError:
    with pytest.raises(ArchitectureError) as caught:
        analyse(text)
    return caught.value


def in_use(use: str, header: str = "cell(cur, prev; width=4) -> new, cur") -> str:
    return dedent(f"""\
        input: 2x4
        blocks:
          {header}: [Linear as new: 4]
        layers:
          - Linear as a: 4
          - {use}
        """)


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        (
            in_use("cell"),
            "6:5",
            "cell: prev is missing: it takes cur, prev, and is given 1",
            "name it: {cell: {prev: name}}, or give as many by from",
        ),
        (
            in_use("cell from a, a times 2", "cell(cur, prev; width=4)"),
            "6:5",
            "cell: prev is missing: it takes cur, prev, and is given 1",
            "a copy gives its tensors to the next: name them in the block's header, after ->",
        ),
        (
            in_use("cell times 2"),
            "6:5",
            "cell: prev is missing: it takes cur, prev, and is given 1",
            "name it: {cell: {prev: name}}, or give as many by from",
        ),
        (
            in_use("cell from a, a", "cell(cur, prev, width=4)"),
            "6:5",
            "cell: cur is missing",
            "cell takes cur, prev, width, all of them values; "
            "tensors stand before a semicolon in its header: cell(cur, prev; width)",
        ),
        (
            in_use("cell: {from: [a, a]}", "cell(cur, prev)").replace("cell: {from", "{cell: , from"),
            "6:6",
            "cell: cur is missing",
            "cell takes cur, prev, all of them values; "
            "tensors stand before a semicolon in its header: cell(cur, prev;)",
        ),
        (
            in_use("cell: {cur: 4}", "cell(cur) -> new, cur"),
            "3:21",
            "the block cell gives cur, and no tensor in it is named so",
            "cur is a value: tensors stand before a semicolon in the head: cell(cur;)",
        ),
        (
            in_use("ReLU as a when 1 < 2"),
            "6:13",
            "the name 'a' is taken by a step on line 5",
            "each tensor of a body has a name of its own; "
            "of one or the other: seq as a: [first when norm, second when not norm]",
        ),
        (
            in_use("cell from a, a, a"),
            "6:21",
            "cell: it takes cur, prev, and from gives it 3 tensors",
            None,
        ),
        (
            in_use("cell from a, a: {prev: a}"),
            "6:18",
            "cell: it takes cur, and from gives it 2 tensors",
            None,
        ),
        (
            in_use("cell: {prev: aa}"),
            "6:18",
            "no tensor above is named 'aa'",
            "did you mean a?",
        ),
        (
            in_use("cell: {prev: [a]}"),
            "6:18",
            "cell: prev must be a name, not a list",
            None,
        ),
        (
            in_use("cell: {prv: a}"),
            "6:12",
            "cell: there is no argument 'prv'",
            "did you mean prev?",
        ),
        (
            in_use("cell: a", "cell(cur, prev;)"),
            "6:11",
            "cell: no argument takes a single value",
            "write each argument by its name: {name: value}",
        ),
        (
            in_use("cell from a, a as x, y, z"),
            "6:29",
            "as: 3 names for 2 outputs",
            None,
        ),
        (
            in_use("cell from a, a as x, y", "cell(cur, prev;)"),
            "6:26",
            "as: 2 names for 1 output",
            "the header of cell names what it gives after an arrow: cell(x) -> new, old",
        ),
        (
            in_use("seq from a, a: [ReLU]"),
            "6:5",
            "seq: it takes one tensor, not 2",
            "name the tensors outside, and read them by their names inside",
        ),
        (
            in_use("seq from a, a: []"),
            "6:5",
            "seq: it takes one tensor, not 2",
            None,
        ),
        (
            in_use("ReLU", "cell(cur, prev;) -> nem"),
            "3:23",
            "the block cell gives nem, and no tensor in it is named so",
            "did you mean new?",
        ),
        (
            in_use("ReLU", "cell(cur, prev;) ->"),
            "3:3",
            "nothing stands after the arrow of cell",
            "write the names of the tensors that the block gives: -> new, cur",
        ),
        (
            in_use("ReLU", "cell(cur, cur;)"),
            "3:13",
            "the tensor cur of the block cell needs a name of its own",
            None,
        ),
        (
            in_use("ReLU", "cell(cur, seq;)"),
            "3:13",
            "the tensor seq of the block cell needs a name of its own",
            None,
        ),
        (
            in_use("ReLU", "cell(cur; cur)"),
            "3:3",
            "'cur' is no new parameter of the block cell",
            None,
        ),
        (
            in_use("ReLU", "cell(cur; prev; width)"),
            "3:3",
            "'cell(cur; prev; width)' is no block header",
            "tensors stand before the one semicolon, values after it: cell(cur, prev; width)",
        ),
        (
            in_use("ReLU", "cell(cur, 1;)"),
            "3:13",
            "a tensor must be a name, not 1",
            None,
        ),
        (
            in_use("ReLU", "cell(cur, prev;) -> a.b"),
            "3:25",
            "the name 'b' is unknown",
            None,
        ),
        (
            in_use("ReLU", "cell(new, prev;)"),
            "3:32",
            "the name 'new' is taken by a tensor of the block",
            "each tensor of a body has a name of its own",
        ),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(text: str, place: str, message: str, hint: str | None) -> None:
    error = refusal(text)
    assert (error.message, str(error.place)) == (message, f"net.yaml:{place}")
    assert hint in (None, error.hint)


def test_a_name_is_bound_once_in_a_scope_and_again_in_another() -> None:
    text = """
        input: 2x4
        blocks:
          cell(x, y;): [Linear as z: 4, add as z: [[], y]]
        layers: [ReLU]
    """
    assert refusal(text).message == "the name 'z' is taken by a step on line 4"
    assert len(analyse(text.replace("add as z", "add")).rows) == 1
