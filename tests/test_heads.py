"""What is written in the head of a step, `encoder times 12 as memory`, in place of keys beside it."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.language.arguments import BESIDE, PARAMETRIZATIONS

BLOCKS = "blocks: {grow(out=4): [Linear: out], plain: [ReLU]}"


def analyse(step: str, after: str = "") -> Analysis:
    """Of a named layer, then `step`, then what is `after`."""
    lines = [f"  - {line}" for line in ("Linear as first: 4", *step.splitlines(), *after.splitlines())]
    text = "\n".join(["input: 2x4", "parameters: {n: 3, flag: true}", BLOCKS, "layers:", *lines])
    return shapecalc.analyse(shapecalc.parse(text, "net.yaml"))


def refusal(step: str, after: str = "") -> ArchitectureError:
    with pytest.raises(ArchitectureError) as caught:
        analyse(step, after)
    return caught.value


def rows(analysis: Analysis) -> list[object]:
    return [
        (row.path, row.layer, row.edges, row.figures.outputs, row.frozen, row.shares) for row in analysis.rows
    ]


@pytest.mark.parametrize(
    ("head", "keys"),
    [
        ("ReLU times 3", "{ReLU: , times: 3}"),
        ("plain times n - 1", "{plain: , times: n - 1}"),
        ("grow times n: 4", "{grow: 4, times: n}"),
        ("Linear as y: 5", "{Linear: 5, as: y}"),
        ("Linear  as  y : 5", "{Linear: 5, as: y}"),
        ("'Linear as y': 5", "{Linear: 5, as: y}"),
        ("{Linear as y: 5}", "{Linear: 5, as: y}"),
        ("LSTM as output, state: {hidden_size: 3}", "{LSTM: {hidden_size: 3}, as: [output, state]}"),
        ("LSTM as [output, state]: {hidden_size: 3}", "{LSTM: {hidden_size: 3}, as: [output, state]}"),
        ("LSTM as output ,state: {hidden_size: 3}", "{LSTM: {hidden_size: 3}, as: [output, state]}"),
        ("add from first, first", "{add: , from: [first, first]}"),
        ("ReLU from input", "{ReLU: , from: input}"),
        ("Linear frozen: 4", "{Linear: 4, frozen: true}"),
        ("Linear frozen as y: 4", "{Linear: 4, frozen: true, as: y}"),
        ("Linear frozen flag: 4", "{Linear: 4, frozen: flag}"),
        ("Linear share first: 4", "{Linear: 4, share: first}"),
        ("seq times 2 as twice: [ReLU, plain]", "{seq: [ReLU, plain], times: 2, as: twice}"),
        ("Linear from input as y frozen: 4", "{Linear: 4, from: input, as: y, frozen: true}"),
        ("add as total: [[ReLU as left], first]", "{add: [[{ReLU: , as: left}], first], as: total}"),
        ("{Linear as y: 4, from: input}", "{Linear: 4, as: y, from: input}"),
        ("plain times\n    n", "{plain: , times: n}"),
    ],
)
def test_a_head_means_what_keys_beside_the_step_mean(head: str, keys: str) -> None:
    assert rows(analyse(head.replace("\n    ", " "))) == rows(analyse(keys))


def test_a_head_over_two_lines_is_one() -> None:
    folded = shapecalc.parse("input: 2x4\nlayers:\n  - ReLU\n    times\n    3\n")
    assert [row.path for row in shapecalc.analyse(folded).rows] == ["ReLU[0]", "ReLU[1]", "ReLU[2]"]
    with pytest.raises(ArchitectureError) as caught:
        shapecalc.analyse(shapecalc.parse("input: 2x4\nlayers:\n  - ReLU\n    times\n    -3\n"))
    assert str(caught.value.place) == "<text>:3:5"


def test_what_a_head_names_is_there_for_later_steps() -> None:
    analysis = analyse("Linear as a: 7\nLinear as b: 4\nadd as c: [first, b]\nLinear from c: 2")
    assert [row.path for row in analysis.rows] == ["first", "a", "b", "c", "Linear[3]"]


@pytest.mark.parametrize(
    ("step", "line", "column", "width", "message", "hint"),
    [
        ("Linear as : 4", 6, 12, 2, "nothing stands after as", "write as name"),
        ("plain times", 6, 11, 5, "nothing stands after times", "write times 3"),
        ("ReLU from as y", 6, 10, 4, "nothing stands after from", "write from name"),
        ("Linear as a as b: 4", 6, 17, 2, "as stands in the head twice", "write it once"),
        (
            "{Linear as a: 4, as: b}",
            *(6, 13, 2),
            "as stands in the head and beside the step too",
            "write it once",
        ),
        (
            "plain times -2",
            *(6, 17, 2),
            "times must be a whole number of at least 0, not -2",
            None,
        ),
        ("plain times m", 6, 17, 1, "the name 'm' is unknown", "known here: n, flag, channels"),
        (
            "ReLU as experts",
            *(6, 13, 7),
            "as: experts means something already",
            "another name",
        ),
        (
            "ReLU as first",
            *(6, 13, 5),
            "the name 'first' is taken by a step on line 5",
            "each tensor of a body has a name of its own",
        ),
        ("LSTM as a, 1b: {hidden_size: 3}", 6, 16, 2, "as must be a name, not the text '1b'", None),
        ("ReLU from fist", 6, 15, 4, "no tensor above is named 'fist'", "did you mean first?"),
        ("'ReLU from fist'", 6, 16, 4, "no tensor above is named 'fist'", "did you mean first?"),
        ("Linear share fist: 4", 6, 18, 4, "share: no step above is named 'fist'", "did you mean first?"),
        ("Linear frozen 3: 4", 6, 19, 1, "frozen must be true or false, not 3", None),
        ("Linaer as y: 4", 6, 5, 6, "the step 'Linaer' is unknown", "did you mean Linear or Bilinear?"),
        (
            "from x as y",
            *(6, 5, 11),
            "a step must be a name, not the text 'from x as y'",
            "from stands after a layer, a block, a join or seq",
        ),
        ("Linear as x 5", 6, 15, 3, "as must be a name, not the text 'x 5'", None),
        (
            "plain tims 3",
            *(6, 5, 12),
            "a step must be a name, not the text 'plain tims 3'",
            "did you mean times?",
        ),
        (
            "Linear 10 as y",
            *(6, 5, 14),
            "a step must be a name, not the text 'Linear 10 as y'",
            "write Linear as y: 10, with a colon and a space",
        ),
    ],
)
def test_what_is_wrong_in_a_head_is_shown_there(
    step: str, line: int, column: int, width: int, message: str, hint: str | None
) -> None:
    error = refusal(step)
    assert error.message == message
    assert error.place is not None
    assert (error.place.line, error.place.column, error.place.width) == (line, column, width)
    if hint is not None:
        assert error.hint == hint


@pytest.mark.parametrize("key", BESIDE)
def test_nothing_after_a_key_is_what_it_means_alone_or_an_error(key: str) -> None:
    if key in ("frozen", *PARAMETRIZATIONS):
        written = analyse(f"{{Linear: 4, {key}: true}}")
        assert rows(analyse(f"Linear {key}: 4")) == rows(written) != rows(analyse("Linear: 4"))
    else:
        error = refusal(f"Linear {key}: 4")
        assert error.message == f"nothing stands after {key}"
        assert error.hint
        assert error.hint.startswith(f"write {key} ")


def test_more_heads_than_are_read_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shapecalc.language.yaml_nodes.MOST_PARTS", 2_000)
    text = "input: 2x4\nlayers:\n" + "  - ReLU as x.0 when 1 < 2\n" * 600
    with pytest.raises(ArchitectureError) as caught:
        shapecalc.parse(text)
    assert caught.value.message == "more than 2,000 words are written in heads and lists"
    assert caught.value.hint == "repeated layers are shorter with times and blocks"
