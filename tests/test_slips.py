"""The slips of those who write their first files: a missing colon, a list, a name that is taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import shapecalc
from shapecalc import ArchitectureError, ShapecalcError, UsageError
from shapecalc.language import document
from shapecalc.language.schema import schema
from shapecalc.language.yaml_nodes import Source
from shapecalc.layers import LAYERS
from tests.command import Command


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


def refused(text: str) -> ShapecalcError:
    with pytest.raises(ShapecalcError) as found:
        shapecalc.parse(text, "net.yaml")
    return found.value


def test_a_block_of_a_library_that_is_not_used_is_led_to_it() -> None:
    error = refused("input: 1x8\nlayers: [swi_glu: 4]\n")
    assert (error.message, str(error.place)) == ("the step 'swi_glu' is unknown", "net.yaml:2:10")
    assert error.hint is not None
    assert error.hint.endswith(
        "; blocks of a library come by the key use, and `shapecalc list --blocks` shows them"
    )


# A colon.


@pytest.mark.parametrize(
    ("text", "line", "column", "name", "below"),
    [
        ("input: 1x8\nlayers:\n  - ReLU\n    times: 3\n", 3, 5, "ReLU", "times"),
        ("input: 1x8\nlayers:\n  - decoder\n    times: 32\n", 3, 5, "decoder", "times"),
        ("input: 1x8\nlayers:\n- ReLU\n  as: x\n", 3, 3, "ReLU", "as"),
        ("input: 1x8\nlayers:\n  - ReLU\n    from: input\n    as: x\n", 3, 5, "ReLU", "from"),
        ("input: 1x8\nlayers:\n  - ReLU # three times\n    times: 3\n", 3, 5, "ReLU", "times"),
        ("input: 1x8\nlayers:\n  - ReLU\n\n    # three times\n    times: 3\n", 3, 5, "ReLU", "times"),
        ("input: 1x8\nlayers:\n  - Linear\n      out_features: 3\n", 3, 5, "Linear", "out_features"),
        ("input: 1x8\nlayers:\n  - seq:\n      - ReLU\n        times: 3\n", 4, 9, "ReLU", "times"),
        ("input: 1x8\nlayers:\n  - - ReLU\n      times: 3\n", 3, 7, "ReLU", "times"),
        ("input: 1x8\nlayers\n  - ReLU\n  - Linear: 2\n", 2, 1, "layers", "Linear"),
        ("input: 1x8\nexpect\n  params: 3\nlayers: [ReLU]\n", 2, 1, "expect", "params"),
        ("input\n  a: 1x8\nlayers: [ReLU]\n", 1, 1, "input", "a"),
        (
            "input: 1x8\nblocks:\n  nin(out, k=3)\n    - Linear: 2\nlayers: [ReLU]\n",
            3,
            3,
            "nin(out, k=3)",
            "Linear",
        ),
        ("input: 1x8\nparameters:\n  a\n    b: 2\nlayers: [ReLU]\n", 3, 3, "a", "b"),
    ],
)
def test_a_missing_colon_is_named_in_its_place(
    text: str, line: int, column: int, name: str, below: str
) -> None:
    error = refused(text)
    assert isinstance(error, UsageError)
    assert error.message == f"a colon is missing after {name}, below which {below} is indented"
    assert error.hint == f"write {name}: with a colon"
    assert error.place is not None
    assert (error.place.line, error.place.column, error.place.width) == (line, column, len(name))
    lines = text.splitlines()
    lines[line - 1] = lines[line - 1].replace(name, f"{name}:", 1)
    document.read(Source("net.yaml", "\n".join(lines)))  # whatever else is wrong, it is YAML


@pytest.mark.parametrize(
    "text",
    [
        "name: a: b\ninput: 1x8\nlayers: [ReLU]\n",
        "input: 1x8\nsource: some\n  text\n    a: b\nlayers: [ReLU]\n",
        "input: 1x8\nlayers:\n  - Linear: 2\n      as: x\n",
        "input: 1x8\nlayers: [ReLU\n  as: x\n",
        "input: 1x8\nlayers:\n  - ReLU\n   times: 3\n" + "x: [",
    ],
)
def test_what_lacks_no_colon_is_not_said_to(text: str) -> None:
    assert "a colon is missing" not in refused(text).message or "times" in text


def test_a_list_below_a_bare_name() -> None:
    error = refused("input: 1x8\nlayers:\n  - add\n    - [ReLU]\n    - []\n")
    assert error.hint == "write add: with a colon: more is indented below it"


# Lists.


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("transpose: [1, 2]", "transpose: {dim0: 1, dim1: 2}"),
        ("transpose: [-1, k]", "transpose: {dim0: -1, dim1: 2}"),
        ("narrow: [1, 0, 4]", "narrow: {dim: 1, start: 0, length: 4}"),
        ("select: [2, k]", "select: {dim: 2, index: 2}"),
        ("unfold: [1, 3, k]", "unfold: {dimension: 1, size: 3, step: 2}"),
    ],
)
def test_a_list_for_several_arguments_of_one_value(short: str, long: str) -> None:
    head = "input: 2x8x3\nparameters: {k: 2}\nlayers: [{}]\n"
    texts = [head.replace("{}", step) for step in (short, long)]
    one, other = (shapecalc.analyse(shapecalc.parse(text, "a.yaml")) for text in texts)
    assert [row.to_dict() for row in one.rows] == [row.to_dict() for row in other.rows]
    name, _, values = short.partition(": ")
    items = [int(v) if v.lstrip("-").isdecimal() else v for v in values.strip("[]").split(", ")]
    file = {"input": "2x8x3", "parameters": {"k": 2}, "layers": [{name: items}]}
    judge = Draft202012Validator(schema())
    assert judge.is_valid(file)
    assert not judge.is_valid({**file, "layers": [{name: items[:1]}]})


def test_which_types_take_such_a_list() -> None:
    """Those that need several arguments, none of which can be a list itself, and no more."""
    taken = {name for name, t in LAYERS.items() if t.listed_arguments()}
    assert taken == {"transpose", "narrow", "select", "select_scatter", "unfold"}


def test_a_list_of_another_length() -> None:
    error = refused("input: 2x8x3\nlayers: [transpose: [1, 2, 0]]\n")
    assert error.message == "transpose: a list of 2 values is needed, not of 3"
    assert error.hint == "transpose: [dim0, dim1]"
    error = refused("input: 2x8x3\nlayers: [transpose: [1, x]]\n")
    assert error.message.startswith("transpose: dim1: the name 'x' is unknown")
    assert error.place is not None
    assert error.place.column == 25


# Names.


@pytest.mark.parametrize("branch", ["[from: x]", "{from: x}", "from: x"])
def test_a_branch_that_only_reads_a_name(branch: str) -> None:
    error = refused(f"input: 1x8\nlayers: [{{ReLU: , as: x}}, Linear: 8, add: [{branch}, []]]\n")
    assert (
        error.hint == "a branch is the bare name: [x, …]; a step has a layer, a block or a join beside from"
    )
    shapecalc.parse("input: 1x8\nlayers: [{ReLU: , as: x}, Linear: 8, add: [x, []]]\n")


OWN = """
input: 2x8
blocks:
  stack(n):
    - Linear: n
    - Softmax: {dim: 1}
  add:
    - Linear: 5
layers:
  - {stack: 4, times: 2}
  - add
"""


def test_a_block_comes_before_the_layer_type_of_its_name(run: Command) -> None:
    analysis = shapecalc.analyse(shapecalc.parse(OWN))
    assert [row.path for row in analysis.rows] == [
        "stack[0].Linear[0]",
        "stack[0].Softmax[0]",
        "stack[1].Linear[0]",
        "stack[1].Softmax[0]",
        "add[0].Linear[0]",
    ]
    assert analysis.totals.params == (8 * 4 + 4) + (4 * 4 + 4) + (4 * 5 + 5)
    Path("own.yaml").write_text(OWN)
    note = "note: in own.yaml, stack, add: a block of the file's own, not the layer type of that name\n"
    for words in (("show", "own"), ("explain", "own", "add[0].Linear[0]"), ("diff", "own", "./own.yaml")):
        assert run(*words).err == note
    done = run("show", "own", "--format", "json")
    assert json.loads(done.out)["totals"]["params"] == 81
    assert done.err == note


def test_the_note_is_said_once_for_a_file(run: Command) -> None:
    Path("own.yaml").write_text(OWN + "parameters: {k: 1}\nvariants: {a: , b: {k: 2}, c: {k: 3}}\n")
    assert run("check", "own").err.count("\n") == 1
    assert run("verify", "own", "--device", "meta").err.count("\n") == 1


def test_such_a_block_as_a_parameter() -> None:
    text = "input: 2x8\nparameters: {unit: ReLU}\nblocks: {ReLU: [Linear: 3]}\nlayers: [unit]\n"
    assert shapecalc.analyse(shapecalc.parse(text)).totals.params == 27
    text = "input: 2x8\nparameters: {unit: add}\nblocks: {add: [Linear: 3]}\nlayers: [unit]\n"
    assert shapecalc.analyse(shapecalc.parse(text)).totals.params == 27


def test_such_a_block_that_means_the_layer_type() -> None:
    error = refused("input: 2x8\nblocks: {ReLU: [ReLU]}\nlayers: [ReLU]\n")
    assert isinstance(error, ArchitectureError)
    assert error.message == "a block can't use itself: ReLU → ReLU"
    assert error.hint == "ReLU is the block's name, inside of it too: give the block another name"


# A comma, a bracket and a tensor's name.


CUT = "inside of [ ] and { } a head with a comma is quoted: "
TENSOR = "h is a tensor, read by from or in a branch; this is a value"


@pytest.mark.parametrize(
    ("steps", "message", "hint"),
    [
        ("[Linear as a, b: 3]", "Linear: out_features is missing", f'{CUT}"Linear as a, b"'),
        ("[add: [[Linear as a, b: 3], []]]", "Linear: out_features is missing", f'{CUT}"Linear as a, b"'),
        ("[ReLU as a, b]", "the step 'b' is unknown", f'{CUT}"ReLU as a, b"'),
        ("[add from x, y as z]", "the step 'y' is unknown", f'{CUT}"add from x, y as z"'),
        ("[ReLU as h, Linear: h]", "Linear: out_features: the name 'h' is unknown", TENSOR),
        ("[ReLU as a, relo]", "the step 'relo' is unknown", "did you mean relu"),
        (
            "[{Linear as a, b: 3}]",
            "one step can't be both Linear as a and b",
            'inside of { } a head with a comma is quoted: "Linear as a, b": …',
        ),
        (
            "[Linear for i in [1, 2]: 3]",
            "this is not YAML: did not find expected ',' or ']'",
            "inside of [ ] and { } a head with a bracket is quoted",
        ),
        ("\n- ReLU as h\n- Linear: 2*h", "Linear: out_features: the name 'h' is unknown", TENSOR),
        ("\n- ReLU as h\n- Linear when h: 3", "the name 'h' is unknown", TENSOR),
        (
            "\n- ReLU as h\n- h",
            "the step 'h' is unknown",
            "h is a tensor: from reads it beside a step, and a branch is its bare name",
        ),
    ],
)
def test_a_comma_a_bracket_and_a_tensors_name(steps: str, message: str, hint: str) -> None:
    error = refused(f"input: {{x: 1x8, y: 1x8}}\nlayers: {steps}\n")
    assert error.message.startswith(message)
    assert (error.hint or "").startswith(hint)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("blocks/nothing", "`shapecalc list --blocks` shows what there is"),
        ("blocks/conv_bm", "did you mean blocks/conv_bn or blocks/mbconv?"),
        ("block/conv_bn", "did you mean blocks/conv_bn"),
        ("rotery", "did you mean rotary"),
    ],
)
def test_libraries_that_are_near(name: str, hint: str, run: Command, tmp_path: Path) -> None:
    """The folder that all of them have in common makes no name near."""
    (tmp_path / "net.yaml").write_text(f"input: 1x8\nuse: {name}\nlayers: [ReLU]\n")
    done = run("show", "net.yaml")
    assert f"there is no library '{name}'" in done.err
    assert f"hint: {hint}" in done.err
