"""The language of the files: each form of a step and each thing beside it, as a few lines of YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import dedent
from typing import Any

import pytest

import shapecalc
from shapecalc import Analysis, ArchitectureError, ShapecalcError, UsageError
from shapecalc.engine import limits
from shapecalc.symbolic import symbol


def analyse(text: str, **how: Any) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(dedent(text)), **how)


def paths(text: str, **how: Any) -> list[str]:
    return [row.path for row in analyse(text, **how).rows]


def shapes(text: str, **how: Any) -> list[str]:
    """The output of each row, as it is printed."""
    return [str(row.output) for row in analyse(text, **how).rows]


def refusal(text: str, **how: Any) -> ShapecalcError:
    with pytest.raises(ShapecalcError) as caught:
        analyse(text, **how)
    return caught.value


def feeds(analysis: Analysis) -> dict[str, list[str]]:
    """Where the inputs of each row come from: the path of a row, or the name of a network input."""
    names = list(analysis.inputs)
    return {
        row.path: [analysis.rows[e.row].path if e.row >= 0 else names[e.port] for e in row.edges]
        for row in analysis.rows
    }


# Layers and their arguments.


@pytest.mark.parametrize(
    ("layer", "arguments"),
    [
        ("ReLU", {}),
        ("ReLU: {}", {}),
        ("ReLU:", {}),
        ("{ReLU: }", {}),
        ('"ReLU"', {}),
        ("Linear: 10", {"in_features": 8, "out_features": 10}),
        ("Linear: {out_features: 10}", {"in_features": 8, "out_features": 10}),
        ("Linear: {in_features: 8, out_features: 10}", {"in_features": 8, "out_features": 10}),
        ("MaxPool2d: 2", {"kernel_size": (2, 2)}),
        ("MaxPool2d: [2, 3]", {"kernel_size": (2, 3)}),
        ("MaxPool2d: {kernel_size: [2, 3], stride: null}", {"kernel_size": (2, 3), "stride": None}),
        ("Dropout: 0.25", {"p": 0.25}),
        ("Dropout: 0", {"p": 0}),
        ("Dropout: 1e-1", {"p": 0.1}),
        ("AdaptiveAvgPool2d: [null, 1]", {"output_size": (None, 1)}),
        ("Flatten: 2", {"start_dim": 2}),
        ("Softmax: -1", {"dim": -1}),
        ("reshape: [-1, 8]", {"shape": (-1, 8)}),
        ("GELU: tanh", {"approximate": "tanh"}),
        ("Linear: {out_features: 2, bias: false}", {"in_features": 8, "out_features": 2, "bias": False}),
    ],
)
def test_forms_of_a_layer(layer: str, arguments: dict[str, object]) -> None:
    (row,) = analyse(f"input: 1x4x8x8\nlayers:\n  - {layer}\n").rows
    assert row.arguments == arguments


def test_a_single_value_skips_what_is_inferred_from_the_input() -> None:
    (row,) = analyse("{input: 1x3x8x8, layers: [{Unflatten: {dim: 1, unflattened_size: [3, -1]}}]}").rows
    assert row.output.shape == (1, 3, 1, 8, 8)
    (row,) = analyse("{input: 1x3, layers: [{Linear: 5}]}").rows
    assert row.weights["weight"].shape == (5, 3)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("BatchNorm2d: {num_features: 64}", "num_features is written as 64, but the input has 4"),
        ("Linear: {in_features: 4, out_features: 2}", "in_features is written as 4, but the input has 8"),
        ("Conv2d: {in_channels: 8, out_channels: 2, kernel_size: 1}", "in_channels is written as 8"),
    ],
)
def test_what_is_inferred_may_be_written_and_is_checked(layer: str, message: str) -> None:
    assert message in refusal(f"input: 1x4x8x8\nlayers: [{{{layer}}}]").message


@pytest.mark.parametrize("written", ["'2*3'", '"6"', "2*3", "6"])
def test_quoted_text_where_a_number_is_wanted_is_an_expression(written: str) -> None:
    assert shapes(f"input: 1x4\nlayers: [Linear: {written}]") == ["1×6"]


# Blocks.


def test_a_block_in_all_its_forms() -> None:
    text = """
        input: 1x4
        blocks:
          pair(width, hidden=7):
            - Linear: hidden
            - Linear: width
          plain:
            - ReLU
          also_plain():
            - ReLU
        layers:
          - pair: 3
          - pair: {width: 2}
          - pair: {width: 2, hidden: 5}
          - plain
          - also_plain
          - plain: {}
    """
    assert shapes(text) == ["1×7", "1×3", "1×7", "1×2", "1×5", "1×2", "1×2", "1×2", "1×2"]


def test_a_list_goes_to_the_first_parameter_of_a_block() -> None:
    text = """
        input: 1x1x9x9
        blocks:
          pool(kernel, stride=[1, 2]):
            - MaxPool2d: {kernel_size: kernel, stride: stride}
        layers:
          - pool: [3, 5]
    """
    assert shapes(text) == ["1×1×7×3"]


def test_defaults_use_earlier_parameters_and_those_of_the_file() -> None:
    text = """
        input: 1x4
        parameters: {base: 10}
        blocks:
          three(a, b=2*a, c=b + base):
            - Linear: a
            - Linear: b
            - Linear: c
        layers:
          - three: 3
          - three: {a: 3, b: 1}
          - three: {a: 3, c: 5}
    """
    expected = ["1×3", "1×6", "1×16", "1×3", "1×1", "1×11", "1×3", "1×6", "1×5"]
    assert shapes(text) == expected
    raised = shapes(text, parameters={"base": 20})
    assert [raised[2], raised[5], raised[8]] == ["1×26", "1×21", "1×5"]


@pytest.mark.parametrize(
    ("default", "width"),
    [("min(7, 3)", 3), ("(1+2)*4", 12), ("max(1, min(5, 2))", 2), ("min(max(1, 6), max(2, 9))", 6)],
)
def test_commas_of_a_default_divide_no_parameters(default: str, width: int) -> None:
    text = f"""
        input: 1x4
        blocks:
          one(a={default}, b=a):
            - Linear: a
            - Linear: b
        layers: [one]
    """
    assert shapes(text) == [f"1×{width}"] * 2


def test_a_block_uses_blocks_before_and_after_it() -> None:
    text = """
        input: 1x4
        blocks:
          outer(n): [{inner: n+1}, {last: n}]
          inner(n): [{Linear: n}, {last: 2*n}]
          last(n): [{Linear: n}]
        layers: [{outer: 5}]
    """
    assert shapes(text) == ["1×6", "1×12", "1×5"]
    assert paths(text) == [
        "outer[0].inner[0].Linear[0]",
        "outer[0].inner[0].last[0].Linear[0]",
        "outer[0].last[0].Linear[0]",
    ]


def test_a_parameter_of_a_block_hides_the_files() -> None:
    text = """
        input: 1x4
        parameters: {width: 9}
        blocks:
          own(width): [{Linear: width}]
          files: [{Linear: width}]
          both(width): [{own: width + 1}, files]
        layers: [{own: 2}, files, {both: 5}]
    """
    assert shapes(text) == ["1×2", "1×9", "1×6", "1×9"]


def test_words_flags_lists_and_null_are_handed_through() -> None:
    text = """
        input: 1x4x8x8
        blocks:
          outer(padding, bias, stride=null):
            - inner: {padding: padding, bias: bias, kernel: [3, 5], stride: stride}
          inner(padding, bias, kernel, stride, mode=zeros):
            - Conv2d: {out_channels: 2, kernel_size: kernel, padding: padding, bias: bias, padding_mode: mode}
            - MaxPool2d: {kernel_size: 2, stride: stride}
        layers:
          - outer: {padding: same, bias: false}
          - inner: {padding: valid, bias: true, kernel: 1, stride: 1, mode: circular}
          - inner: {padding: [1, 0], bias: true, kernel: 1, stride: 1}
    """
    rows = analyse(text).rows
    assert [str(row.output) for row in rows] == [
        "1×2×8×8",
        "1×2×4×4",
        "1×2×4×4",
        "1×2×3×3",
        "1×2×5×3",
        "1×2×4×2",
    ]
    convolutions = [row for row in rows if row.type == "Conv2d"]
    assert ["bias" in row.weights for row in convolutions] == [False, True, True]
    assert [row.arguments["padding_mode"] for row in convolutions] == ["zeros", "circular", "zeros"]


def test_a_word_as_a_default() -> None:
    text = """
        input: 1x4x9x9
        blocks:
          conv(padding=same):
            - Conv2d: {out_channels: 2, kernel_size: 3, padding: padding}
        layers: [conv, {conv: valid}, {conv: 0}]
    """
    assert shapes(text) == ["1×2×9×9", "1×2×7×7", "1×2×5×5"]


def test_a_parameter_that_is_called_like_a_word() -> None:
    text = """
        input: 1x4x9x9
        blocks:
          outer(same): [{inner: same}]
          inner(same):
            - Conv2d: {out_channels: 2, kernel_size: 3, padding: same}
        layers: [{outer: 0}]
    """
    assert shapes(text) == ["1×2×7×7"]


# Parameters and expressions.


def test_parameters_by_expressions_over_earlier_ones() -> None:
    text = """
        input: Nx4
        parameters: {N: 2, width: 8, hidden: 4*width, last: 'max(hidden // 3, width) - 1'}
        layers: [{Linear: hidden}, {Linear: last}]
    """
    assert shapes(text) == ["2×32", "2×9"]
    assert shapes(text, parameters={"width": 2, "N": 1}) == ["1×8", "1×1"]
    assert shapes(text, parameters={"hidden": 60}) == ["2×60", "2×19"]
    assert dict(analyse(text, parameters={"hidden": 60}).parameters) == {
        "N": 2,
        "width": 8,
        "hidden": 60,
        "last": 19,
    }


def test_lists_give_their_values_by_index() -> None:
    text = """
        input: Nx4
        parameters: {N: 2, widths: [8, 16], depths: [1, 2]}
        blocks:
          stage(width, depth):
            - {Linear: width, times: depth}
        layers:
          - stage: {width: widths.0, depth: depths.0}
          - stage: {width: 2*widths.1, depth: depths.1}
          - Linear: widths.0 + 1
    """
    assert shapes(text) == ["2×8", "2×32", "2×32", "2×9"]
    assert shapes(text, parameters={"widths": [3, 5], "depths": (0, 1)}) == ["2×10", "2×4"]
    error = refusal(text, parameters={"widths": [3]})
    assert str(error.place) == "<text>:9:20"
    assert error.message == "stage: width: '2*widths.1': widths has 1 value"
    assert error.hint == "the first is widths.0, the last widths.0"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"widht": 3}, "has no parameter 'widht'"),
        ({"width": "w/2"}, "the parameter width must be a whole number, not w/2"),
        ({"width": "w &"}, "the parameter width can't be 'w &': unexpected '&' in 'w &'"),
        ({"rate": "p"}, "the parameter rate must be a number, not p"),
        ({"width": 3.0}, "the parameter width must be a whole number, not 3.0"),
        ({"width": True}, "the parameter width must be a whole number, not true"),
        ({"flag": 1}, "the parameter flag must be true or false, not 1"),
        ({"rate": True}, "the parameter rate must be a number, not true"),
        ({"width": "8/3"}, "the parameter width must be a whole number, not 8/3"),
        ({"rate": "p/2"}, "the parameter rate must be a number, not p/2"),
        ({"flag": "1/2"}, "the parameter flag must be true or false, not 1/2"),
    ],
)
def test_overriding_a_parameter_keeps_its_kind(parameters: dict[str, object], message: str) -> None:
    text = """
        input: 1x4
        parameters: {width: 8, flag: true, rate: 0.5}
        layers: [{Linear: {out_features: width, bias: flag}}, {Dropout: rate}]
    """
    error = refusal(text, parameters=parameters)
    assert isinstance(error, UsageError)
    assert message in error.message


FOLLOWING = """
    input: 1x4
    parameters: {width: 8, hidden: 4*width, widths: [width, 2*width], table: [[1, width]], flag: width > 4}
    layers: [{Linear: hidden}, {Linear: widths.1}]
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["1×4⋅w", "1×2⋅w"]),
        ({"hidden": 7}, ["1×7", "1×2⋅w"]),
        ({"hidden": symbol("h")}, ["1×h", "1×2⋅w"]),
        ({"widths": (3, 5)}, ["1×4⋅w", "1×5"]),
        ({"widths": (symbol("a"), symbol("b"))}, ["1×4⋅w", "1×b"]),
        ({"hidden": 7, "table": ((2, symbol("c")),)}, ["1×7", "1×2⋅w"]),
    ],
)
def test_what_follows_from_a_letter_takes_numbers_and_letters(
    given: dict[str, object], expected: list[str]
) -> None:
    """The default is a formula there: a number is of its kind, and so are lists of both."""
    text = FOLLOWING.replace(", flag: width > 4", "")
    assert shapes(text, parameters={"width": symbol("w"), **given}) == expected


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ({"hidden": 0.5}, "the parameter hidden must be a whole number, not 0.5"),
        ({"hidden": True}, "the parameter hidden must be a whole number, not true"),
        ({"flag": symbol("f")}, "the parameter flag must be true or false, not f"),
    ],
)
def test_what_is_of_another_kind_than_a_formula_is_refused(given: dict[str, object], needed: str) -> None:
    text = FOLLOWING.replace("width > 4", "true")
    error = refusal(text, parameters={"width": symbol("w"), **given})
    assert isinstance(error, UsageError)
    assert error.message == needed


def test_overriding_flags_numbers_and_lists() -> None:
    text = """
        input: 1x4x9x9
        parameters: {flag: true, rate: 0.5, kernel: [3, 5]}
        layers: [{Conv2d: {out_channels: 1, kernel_size: kernel, bias: flag}}, {Dropout: rate}]
    """
    rows = analyse(text, parameters={"flag": False, "rate": 0, "kernel": [1, 2]}).rows
    assert rows[0].output.shape == (1, 1, 9, 8)
    assert set(rows[0].weights) == {"weight"}
    assert rows[1].arguments == {"p": 0}


@pytest.mark.parametrize("rate", [0.25, "0.25", "1/4", "2/8"])
def test_overriding_a_number_by_a_fraction(rate: object) -> None:
    text = "{input: 1x4, parameters: {rate: 0.5, units: 32*rate}, layers: [Dropout: rate, Linear: units]}"
    rows = analyse(text, parameters={"rate": rate}).rows
    assert rows[0].arguments == {"p": 0.25}
    assert rows[1].arguments["out_features"] == 8


def test_a_fraction_as_a_default() -> None:
    text = "{input: 1x4, parameters: {third: 1/3, width: 1}, layers: [Linear: 96*third, Linear: 8*width]}"
    assert shapes(text) == ["1×32", "1×8"]
    assert shapes(text, parameters={"third": 0.5, "width": 2}) == ["1×48", "1×16"]
    assert shapes(text, parameters={"third": 2}) == ["1×192", "1×8"]
    error = refusal(text, parameters={"width": 0.75})
    assert error.hint == "its default is 1; a default of 1.0 takes fractions"


def test_a_fraction_in_a_variant() -> None:
    text = """
        input: 1x4
        parameters: {width: 1.0}
        layers: [{Linear: 24*width}, {Linear: "divisible(33*width, 8)"}]
        variants: {thin: {width: 3/4}, wide: {width: 1.25}}
    """
    networks = [shapecalc.parse(dedent(text)).variant(name) for name in ("thin", "wide")]
    sizes = [[str(row.output) for row in shapecalc.analyse(network).rows] for network in networks]
    assert sizes == [["1×18", "1×24"], ["1×30", "1×40"]]


def test_a_fraction_of_a_letter() -> None:
    text = """
        input: 1x4
        parameters: {width: 0.75, out: 4}
        layers: [{Linear: width*out}]
    """
    assert shapes(text, parameters={"out": "4*K"}) == ["1×3⋅K"]
    assert shapes(text.replace("width*out", "floor(width*out)"), parameters={"out": "K"}) == ["1×⌊3⋅K/4⌋"]
    assert shapes(text.replace("width*out", "ceil(width*out)"), parameters={"out": "K"}) == ["1×⌈3⋅K/4⌉"]
    error = refusal(text, parameters={"out": "K"})
    message = "must be a whole number of at least 1, not 3*K/4: width*out with out K, width 0.75"
    assert error.message == f"Linear: out_features {message}"


@pytest.mark.parametrize(
    ("expression", "size"),
    [
        ("k + 2*k", 12),
        ("(k + 2)*k", 24),
        ("2*k // 3", 2),
        ("10 - k - 1", 5),
        ("max(k, 7) - min(k, 7)", 3),
        ("-k + 5", 1),
        ("-7 // 2 + k + 1", 1),
        ("7 // -2 + 2*k", 4),
        ("k", 4),
    ],
)
def test_expressions(expression: str, size: int) -> None:
    text = f"""
        input: 1x3
        parameters: {{k: 4}}
        layers: [{{Linear: "{expression}"}}]
    """
    assert shapes(text) == [f"1×{size}"]


def test_expressions_inside_lists() -> None:
    text = """
        input: 1x6x4
        parameters: {k: 2}
        layers: [{reshape: [1, 3*k, k, -1]}]
    """
    assert shapes(text) == ["1×6×2×2"]


# What stands beside a step.


def test_times_makes_copies_with_weights_of_their_own() -> None:
    analysis = analyse("{input: 1x4, layers: [{Linear: 4, times: 3}]}")
    assert [row.path for row in analysis.rows] == ["Linear[0]", "Linear[1]", "Linear[2]"]
    assert analysis.totals.params == 3 * (4 * 4 + 4)
    assert feeds(analysis)["Linear[2]"] == ["Linear[1]"]


@pytest.mark.parametrize("n", [0, 1, 4])
def test_times_as_an_expression(n: int) -> None:
    text = """
        input: 1x4
        parameters: {n: 1}
        blocks:
          tower(copies): [{ReLU: , times: 2*copies - n}]
        layers: [{Linear: 4, times: n}, {tower: n, times: n}, Tanh]
    """
    analysis = analyse(text, parameters={"n": n})
    types = [row.type for row in analysis.rows]
    assert types == ["Linear"] * n + ["ReLU"] * n * n + ["Tanh"]


def test_zero_times_leaves_the_current_tensor_and_the_index() -> None:
    analysis = analyse("{input: 1x4, layers: [Tanh, {ReLU: , times: 0}, ReLU]}")
    assert feeds(analysis) == {"Tanh[0]": ["input"], "ReLU[0]": ["Tanh[0]"]}


def test_a_network_of_nothing_gives_its_input() -> None:
    analysis = analyse("{input: 1x4, layers: [{ReLU: , times: 0}]}")
    assert (analysis.rows, [str(t) for t in analysis.outputs]) == ((), ["1×4"])


@pytest.mark.parametrize("times", ["-1", "1.5", "true", "[2]", "n - 2", "flag"])
def test_times_must_be_a_count(times: str) -> None:
    text = f"""
        input: 1x4
        parameters: {{n: 1, flag: true}}
        layers: [{{ReLU: , times: {times}}}]
    """
    error = refusal(text)
    assert isinstance(error, ArchitectureError)
    assert error.place is not None
    assert (error.place.line, error.place.column) == (4, 26)


def test_as_and_from() -> None:
    text = """
        input: 1x4
        layers:
          - {Linear: 6, as: wide}
          - Linear: 2
          - {Linear: 3, from: wide}
          - {Linear: 5, from: input}
    """
    assert feeds(analyse(text)) == {
        "wide": ["input"],
        "Linear[1]": ["wide"],
        "Linear[2]": ["wide"],
        "Linear[3]": ["input"],
    }


def test_as_with_several_outputs() -> None:
    text = """
        input: 1x2x4x4
        layers:
          - {MaxPool2d: {kernel_size: 2, return_indices: true}, as: [maxima, places]}
          - {Flatten: , from: places}
          - {Flatten: , from: maxima}
    """
    analysis = analyse(text)
    pool, places, maxima = analysis.rows
    assert pool.path == "MaxPool2d[0]"
    assert [(str(t), t.dtype) for t in pool.outputs] == [("1×2×2×2", "float32"), ("1×2×2×2", "int64")]
    assert [tuple(edge) for edge in (*places.edges, *maxima.edges)] == [(0, 1), (0, 0)]
    assert (places.output.dtype, maxima.output.dtype) == ("int64", "float32")


def test_the_first_output_flows_on() -> None:
    text = """
        input: 1x2x4x4
        layers:
          - MaxPool2d: {kernel_size: 2, return_indices: true}
          - Conv2d: {out_channels: 3, kernel_size: 2}
    """
    assert [str(t) for t in analyse(text).outputs] == ["1×3×1×1"]


def test_more_names_than_outputs() -> None:
    error = refusal("{input: 1x4, layers: [{ReLU: , as: [a, b]}]}")
    assert "2 names for 1 output" in error.message


def test_a_name_beside_times_is_the_last_copys() -> None:
    text = """
        input: 1x4
        layers:
          - {Linear: 4, times: 2, as: deep}
          - {ReLU: , from: deep}
    """
    analysis = analyse(text)
    assert feeds(analysis) == {"deep[0]": ["input"], "deep[1]": ["deep[0]"], "ReLU[0]": ["deep[1]"]}


def test_from_beside_times_feeds_the_first_of_the_copies_in_a_row() -> None:
    text = """
        input: {a: 1x4, b: 1x5}
        layers: [{Linear: 3, from: b, times: 3}]
    """
    assert feeds(analyse(text)) == {
        "Linear[0]": ["b"],
        "Linear[1]": ["Linear[0]"],
        "Linear[2]": ["Linear[1]"],
    }


def test_from_beside_blocks_groups_and_joins() -> None:
    text = """
        input: {a: 1x4, b: 1x5}
        blocks:
          head(n): [{Linear: n}]
        layers:
          - {head: 2, from: b}
          - {seq: [ReLU, Tanh], from: a}
          - {add: [[], [Linear: 5]], from: b}
    """
    assert feeds(analyse(text)) == {
        "head[0].Linear[0]": ["b"],
        "seq[0].ReLU[0]": ["a"],
        "seq[0].Tanh[0]": ["seq[0].ReLU[0]"],
        "add[0].1.Linear[0]": ["b"],
        "add[0]": ["b", "add[0].1.Linear[0]"],
    }


@pytest.mark.parametrize("step", ["ReLU: ", "seq: [ReLU]", "one: ", "add: [[], [ReLU]]"])
def test_from_with_more_tensors_than_the_step_takes(step: str) -> None:
    text = f"""
        input: {{a: 1x4, b: 1x5}}
        blocks:
          one: [ReLU]
        layers: [{{{step}, from: [a, b]}}]
    """
    assert isinstance(refusal(text), ArchitectureError)


def test_names_are_seen_in_blocks_that_are_used_later() -> None:
    text = """
        input: 1x4
        blocks:
          back(width):
            - {Linear: width, as: inner}
            - concat: [skip, inner, input]
        layers:
          - {Linear: 6, as: skip}
          - back: 3
          - {back: 5, from: skip}
    """
    analysis = analyse(text)
    assert feeds(analysis) == {
        "skip": ["input"],
        "back[0].inner": ["skip"],
        "back[0].concat[0]": ["skip", "back[0].inner", "input"],
        "back[1].inner": ["skip"],
        "back[1].concat[0]": ["skip", "back[1].inner", "input"],
    }
    assert [str(t) for t in analysis.outputs] == ["1×15"]


def test_names_inside_a_block_stay_inside() -> None:
    text = """
        input: 1x4
        blocks:
          hide: [{ReLU: , as: inner}]
        layers: [hide, {ReLU: , from: inner}]
    """
    assert "no tensor above is named 'inner'" in refusal(text).message


def test_names_inside_groups_and_branches_go_on() -> None:
    text = """
        input: 1x4
        layers:
          - seq: [{Linear: 2, as: a}, Linear: 3]
          - add: [[], [{Linear: 3, as: b}]]
          - concat: [a, b, []]
    """
    assert feeds(analyse(text))["concat[0]"] == ["seq[0].a", "add[0].1.b", "add[0]"]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("[{ReLU: , from: x}, {ReLU: , as: x}]", "no tensor above is named 'x'"),
        ("[{ReLU: , as: x}, {ReLU: , as: x}]", "the name 'x' is taken by a step on line 2"),
        ("[{ReLU: , as: input}]", "the name 'input' is taken by an input"),
        ("[{add: [skip, []]}]", "no tensor above is named 'skip'"),
        ("[{ReLU: , as: 3}]", "as must be a name, not 3"),
    ],
)
def test_names_that_are_wrong(layers: str, message: str) -> None:
    assert message in refusal(f"input: 1x4\nlayers: {layers}").message


# Joins and groups.


def test_branches_are_fed_by_the_current_tensor() -> None:
    text = """
        input: 1x4x8x8
        layers:
          - {Conv2d: {out_channels: 4, kernel_size: 1}, as: skip}
          - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}
          - add:
            - [Conv2d: {out_channels: 4, kernel_size: 1}, ReLU]
            - []
            - skip
    """
    assert feeds(analyse(text)) == {
        "skip": ["input"],
        "Conv2d[1]": ["skip"],
        "add[0].0.Conv2d[0]": ["Conv2d[1]"],
        "add[0].0.ReLU[0]": ["add[0].0.Conv2d[0]"],
        "add[0]": ["add[0].0.ReLU[0]", "Conv2d[1]", "skip"],
    }


@pytest.mark.parametrize(
    ("join", "output"),
    [
        ("concat: [[], [], []]", "2×12×5×6"),
        ("concat: {branches: [[], []]}", "2×8×5×6"),
        ("concat: {branches: [[], []], dim: 1}", "2×8×5×6"),
        ("concat: {branches: [[], []], dim: 2}", "2×4×10×6"),
        ("concat: {branches: [[], []], dim: -1}", "2×4×5×12"),
        ("concat: {branches: [[], []], dim: 0}", "4×4×5×6"),
        ("add: [[], []]", "2×4×5×6"),
        ("mul: {branches: [[], [AdaptiveAvgPool2d: 1]]}", "2×4×5×6"),
        ("add: [[AdaptiveAvgPool2d: [1, null]], [AdaptiveAvgPool2d: [null, 1]]]", "2×4×5×6"),
    ],
)
def test_joins(join: str, output: str) -> None:
    assert shapes(f"input: 2x4x5x6\nlayers: [{{{join}}}]")[-1] == output


@pytest.mark.parametrize(
    ("join", "message"),
    [
        ("add: [[]]", "add: at least two branches are needed"),
        ("add: ", "add: a list of branches or a number is needed"),
        ("concat: 3", "concat: a list of branches is needed"),
        ("add: [[], ReLU]", "add: a branch is a list of steps or the name of a tensor, not the text 'ReLU'"),
        ("add: [[], [Linear: 5]]", "the branches differ on axis 1: 4 and 5"),
        ("add: {branches: [[], []], dim: 1}", "there is no argument 'dim'"),
        ("concat: {branches: [[], []], dim: 2}", "dim is 2, but the input 1×4 has axes 0 to 1"),
    ],
)
def test_joins_that_are_wrong(join: str, message: str) -> None:
    assert message in refusal(f"input: 1x4\nlayers: [{{{join}}}]").message


def test_residual_dense_and_squeeze_and_excite() -> None:
    text = """
        input: 1x8x6x6
        parameters: {growth: 4}
        blocks:
          residual:
            - add: [[], [Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}]]
          dense:
            - concat: [[], [Conv2d: {out_channels: growth, kernel_size: 3, padding: 1}]]
          excite(squeeze, out):
            - mul:
              - []
              - - AdaptiveAvgPool2d: 1
                - Conv2d: {out_channels: squeeze, kernel_size: 1}
                - ReLU
                - Conv2d: {out_channels: out, kernel_size: 1}
                - Sigmoid
        layers:
          - residual
          - {dense: , times: 3}
          - excite: {squeeze: 2, out: 20}
    """
    analysis = analyse(text)
    assert [str(node.output) for node in analysis.tree] == [
        "1×8×6×6",
        "1×12×6×6",
        "1×16×6×6",
        "1×20×6×6",
        "1×20×6×6",
    ]
    assert [row.arguments["in_channels"] for row in analysis.rows if row.type == "Conv2d"] == [
        8,
        8,
        12,
        16,
        20,
        2,
    ]


def test_a_group_is_its_steps_as_one() -> None:
    text = """
        input: 1x4
        layers:
          - {seq: [Linear: 5, seq: [Linear: 4]], times: 2}
          - seq: []
          - {seq: [ReLU], as: stage}
    """
    assert paths(text) == [
        "seq[0].Linear[0]",
        "seq[0].seq[0].Linear[0]",
        "seq[1].Linear[0]",
        "seq[1].seq[0].Linear[0]",
        "stage.ReLU[0]",
    ]


# Inputs.

TWO_INPUTS = """
    input: {image: 1x3x8x8, tokens: "2x16:int64"}
    layers:
      - Conv2d: {out_channels: 4, kernel_size: 3}
      - {Flatten: , from: tokens}
"""


def test_several_inputs_with_dtypes() -> None:
    analysis = analyse(TWO_INPUTS)
    assert {name: (t.shape, t.dtype) for name, t in analysis.inputs.items()} == {
        "image": ((1, 3, 8, 8), "float32"),
        "tokens": ((2, 16), "int64"),
    }
    assert feeds(analysis) == {"Conv2d[0]": ["image"], "Flatten[0]": ["tokens"]}
    assert [tuple(row.edges[0]) for row in analysis.rows] == [(-1, 0), (-1, 1)]
    assert [row.output.dtype for row in analysis.rows] == ["float32", "int64"]


@pytest.mark.parametrize(
    ("given", "shape", "dtype"),
    [
        ("2x6", (2, 6), "int64"),
        ("2×6", (2, 6), "int64"),
        (" 2 x 6 : int32 ", (2, 6), "int32"),
        ((2, 6), (2, 6), "int64"),
        ([2, 6], (2, 6), "int64"),
        ({"input": "2x6"}, (2, 6), "int64"),
        ({"input": [2, 6]}, (2, 6), "int64"),
        ({}, (1, 4), "int64"),
        (None, (1, 4), "int64"),
        ("2xn", (2, 9), "int64"),
    ],
)
def test_an_input_given_in_place_of_the_files(
    given: str | Sequence[int] | Mapping[str, str | Sequence[int]] | None, shape: tuple[int, ...], dtype: str
) -> None:
    """Without a dtype of its own it keeps the file's."""
    text = "{input: '1x4:int64', parameters: {n: 9}, layers: [Identity]}"
    (row,) = analyse(text, input=given).rows
    assert (row.output.shape, row.output.dtype) == (shape, dtype)


def test_inputs_given_by_name() -> None:
    analysis = analyse(TWO_INPUTS, input={"tokens": "3x5"})
    assert [str(row.output) for row in analysis.rows] == ["1×4×6×6", "3×5"]
    first_alone = analyse(TWO_INPUTS, input="2x3x4x4")
    assert [str(row.output) for row in first_alone.rows] == ["2×4×2×2", "2×16"]


@pytest.mark.parametrize(
    "given",
    ["1x0", "1x-4", "1xx4", "", "x", "1x4:float31", "1x4:", "M/2x4", [1, 0], [1, 2.5], {"inptu": "1x4"}],
)
def test_given_inputs_that_are_wrong(given: Any) -> None:
    error = refusal("{input: 1x4, layers: [ReLU]}", input=given)
    assert isinstance(error, UsageError)


def test_sizes_of_an_input_are_expressions() -> None:
    text = "{input: Nx3x4*hx2*(w+1), parameters: {N: 2, h: 5, w: 6}, layers: [ReLU]}"
    assert shapes(text) == ["2×3×20×14"]
    assert shapes(text, parameters={"h": 1}) == ["2×3×4×14"]


def test_sizes_without_a_value_are_symbols() -> None:
    assert shapes("{input: Nx3xHx2*w, layers: [ReLU]}") == ["N×3×H×2⋅w"]
    assert shapes("{input: Nx3xHx2*w, parameters: {w: 4}, layers: [ReLU]}") == ["N×3×H×8"]


# YAML.


def test_anchors_and_aliases() -> None:
    text = """
        input: 1x4x8x8
        blocks:
          twice: &body
            - Conv2d: &same {out_channels: 4, kernel_size: &k 3, padding: 1}
            - Conv2d: *same
          again: *body
        layers:
          - twice
          - again
          - MaxPool2d: *k
          - &step ReLU
          - *step
    """
    assert paths(text) == [
        "twice[0].Conv2d[0]",
        "twice[0].Conv2d[1]",
        "again[0].Conv2d[0]",
        "again[0].Conv2d[1]",
        "MaxPool2d[0]",
        "ReLU[0]",
        "ReLU[1]",
    ]
    assert shapes(text)[-1] == "1×4×2×2"


def test_an_alias_of_a_step_that_names_its_output_names_it_twice() -> None:
    error = refusal("{input: 1x4, layers: [&step {ReLU: , as: a}, *step]}")
    assert "the name 'a' is taken" in error.message


@pytest.mark.parametrize(
    "text",
    [
        "{input: 1x4, layers: [ReLU, {Linear: {out_features: 3, bias: off}}]}",
        "{input: 1x4, input: 1x5, layers: [ReLU]}",
        "{input: 1x4, layers: [{Linear: 3, ReLU: }]}",
        "{input: 1x4, layers: [{Linear: 3, Linear: 4}]}",
        "{input: 1x4, layers: [{Linear: 010}]}",
        "{input: 1x4, layers: []}",
        "{input: 1x4}",
        "{layers: [ReLU]}",
        "{input: 1x4, layers: [[ReLU]]}",
        "{input: 1x4, layers: ReLU}",
        "{input: 1x4, layers: [identity]}",
        "{input: 1x4, blocks: {a: [b], b: [a]}, layers: [a]}",
        "{input: 1x4, blocks: {a: [ReLU, a]}, layers: [ReLU]}",
        "{input: 1x4, blocks: {ReLU: [ReLU]}, layers: [ReLU]}",
        "{input: 1x4, blocks: {f(a): [Linear: a]}, layers: [f]}",
        "{input: 1x4, blocks: {f(a): [Linear: a]}, layers: [{f: {b: 1}}]}",
        "{input: 1x4, blocks: {f: [ReLU]}, layers: [{f: 1}]}",
        "{input: 1x4, blocks: {'f(a, a)': [Linear: a]}, layers: [{f: 1}]}",
        "{input: 1x4, blocks: {'f(a,, b)': [Linear: a]}, layers: [{f: {a: 1, b: 2}}]}",
        "{input: 1x4, blocks: {'f(a=b, b=1)': [Linear: a]}, layers: [f]}",
    ],
)
def test_refused(text: str) -> None:
    assert refusal(text).place is not None


# Rows: their paths, and how many.


def test_paths_as_the_reference_writes_them() -> None:
    assert [row.path for row in shapecalc.analyse(shapecalc.load("nin")).rows][2] == "nin[0].Conv2d[1]"
    text = """
        input: 1x8x32x32
        blocks:
          conv_bn(out, kernel=3, stride=1, padding=0):
            - Conv2d: {out_channels: out, kernel_size: kernel, stride: stride, padding: padding}
            - BatchNorm2d
          down(out):
            - add:
              - - {conv_bn: {out: out, stride: 2, padding: 1}}
                - ReLU
                - {conv_bn: {out: out, padding: 1}}
              - [conv_bn: {out: out, kernel: 1, stride: 2}]
            - ReLU
        layers:
          - {down: 16, times: 2}
          - down: 32
    """
    rows = paths(text)
    assert "down[2].add[0].1.conv_bn[0].Conv2d[0]" in rows
    assert rows[:9] == [
        "down[0].add[0].0.conv_bn[0].Conv2d[0]",
        "down[0].add[0].0.conv_bn[0].BatchNorm2d[0]",
        "down[0].add[0].0.ReLU[0]",
        "down[0].add[0].0.conv_bn[1].Conv2d[0]",
        "down[0].add[0].0.conv_bn[1].BatchNorm2d[0]",
        "down[0].add[0].1.conv_bn[0].Conv2d[0]",
        "down[0].add[0].1.conv_bn[0].BatchNorm2d[0]",
        "down[0].add[0]",
        "down[0].ReLU[0]",
    ]
    assert len(rows) == len(set(rows)) == 27


def test_an_index_counts_the_same_type_in_the_same_list() -> None:
    text = """
        input: 1x4
        layers:
          - ReLU
          - Tanh
          - {ReLU: , times: 2}
          - {Tanh: , as: named}
          - ReLU
          - {ReLU: , as: both, times: 2}
          - Tanh
          - {ReLU: , times: 0}
          - ReLU
    """
    assert paths(text) == [
        "ReLU[0]",
        "Tanh[0]",
        "ReLU[1]",
        "ReLU[2]",
        "named",
        "ReLU[3]",
        "both[0]",
        "both[1]",
        "Tanh[2]",
        "ReLU[6]",
    ]


@pytest.mark.parametrize(
    ("layers", "rows"),
    [
        ("[{ReLU: , times: 101}]", 101),
        ("[{seq: [ReLU, Tanh], times: 51}]", 102),
        ("[{add: [[], [{ReLU: , times: 100}]]}]", 101),
        ("[{group: 1}, {group: 101}]", 102),
        ("[{outer: 1}, {group: 90}, {outer: 3}, {group: 10}]", 106),
        (f"[{', '.join(f'{{group: {n}}}' for n in range(1, 101))}]", 100 * 101 // 2),
    ],
)
def test_a_network_of_too_many_rows_is_refused_before_it_is_run(
    monkeypatch: pytest.MonkeyPatch, layers: str, rows: int
) -> None:
    monkeypatch.setattr(limits, "MOST_ROWS", 100)
    text = f"""
        input: 1x4
        blocks:
          group(n): [{{seq: [{{ReLU: , times: n}}]}}]
          outer(n): [{{group: n}}, {{seq: [ReLU]}}]
        layers: {layers}
    """
    error = refusal(text)
    assert isinstance(error, ArchitectureError)
    assert f"the network has {rows:,} layers; at most 100 are analysed" in error.message
