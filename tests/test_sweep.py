"""Sweeps: each figure to `show` and `memory` at its point, the best points to all pairs, values, refusals."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice, product
from pathlib import Path

import pytest

import shapecalc
from shapecalc.analysis.sweep.conditions import read_comparison
from shapecalc.analysis.sweep.pareto import dominates, front
from shapecalc.analysis.sweep.ranges import axis_values
from shapecalc.analysis.sweep.sweep import sweep
from shapecalc.engine.run import analyse
from shapecalc.errors import UsageError
from tests.command import Command
from tests.dice import SEED, count

SWEPT = [
    ("lenet-maxpool", "1x1xSxS", "", "16..40:8"),
    ("imagenet/resnet18", "2x3xSxS", "", "33,64,90"),
    ("imagenet/mobilenet_v2", "1x3xSx64", "width=0.5,1.4", "32..96:32"),
    ("vgg11-small", "1x3xSxS", "width=4,6", "32,40,48"),
    ("gpt2", "1xS:int64", "depth=1,2", "3..9:3"),
]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("network", "input", "set", "sizes"), SWEPT)
def test_every_figure_is_that_of_the_other_commands(
    network: str, input: str, set: str, sizes: str, run: Command
) -> None:
    words = ["--input", input, "--vary", f"S={sizes}", *(["--set", set] if set else [])]
    columns = "params,trainable,buffers,macs,flops,output,peak,training,saved"
    done = run("sweep", network, *words, "--columns", columns, "--format", "json")
    rows = json.loads(done.out)
    name, _, values = set.partition("=")
    expected = list(product(axis_values(values, "") if set else [None], axis_values(sizes, "")))
    assert [(row.get(name), row["S"]) for row in rows] == expected
    for row in rows:
        at = ["--input", input.replace("S", str(row["S"])), *([f"--set={name}={row[name]}"] if set else [])]
        shown = json.loads(run("show", network, *at, "--format", "json").out)
        needed = json.loads(run("memory", network, *at, "--format", "json").out)
        assert row["error"] is None
        for column, total in [("params",) * 2, ("trainable", "trainable_params"), ("buffers",) * 2]:
            assert row[column] == shown["totals"][total]
        assert (row["macs"], row["flops"]) == (shown["totals"]["macs"], shown["totals"]["flops"])
        assert row["output"] == "x".join(map(str, shown["outputs"][0]))
        peaks = (needed["inference_peak"], needed["training_peak"], needed["saved"])
        assert (row["peak"], row["training"], row["saved"]) == peaks


def test_a_field_is_that_of_receptive(run: Command) -> None:
    words = ["imagenet/alexnet", "--input", "1x3xSxS", "--vary", "S=128..224:32", "--columns", "receptive"]
    rows = json.loads(run("sweep", *words, "--format", "json").out)
    for row in rows:
        at = ["--input", f"1x3x{row['S']}x{row['S']}"]
        fields = json.loads(run("receptive", "imagenet/alexnet", *at, "--format", "json").out)
        assert row["receptive"] == "x".join(map(str, fields["layers"][-1]["size"]))


@pytest.mark.parametrize(("dtype", "optimizer"), [("bfloat16", "adamw"), ("float32", "adam8bit")])
def test_bytes_are_those_of_a_dtype_and_an_optimizer(dtype: str, optimizer: str, run: Command) -> None:
    terms = ["--dtype", dtype, "--optimizer", optimizer, "--format", "json"]
    words = ["--input", "2x3xSxS", "--vary", "S=32..128:32", "--columns", "weights,peak,training"]
    rows = json.loads(run("sweep", "vgg11-small", *words, *terms).out)
    assert len(rows) == 4
    for row in rows:
        at = ["--input", f"2x3x{row['S']}x{row['S']}"]
        needed = json.loads(run("memory", "vgg11-small", *at, *terms).out)
        assert (row["peak"], row["training"]) == (needed["inference_peak"], needed["training_peak"])
        assert row["weights"] == needed["parameters"] + needed["buffers"]


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is analysed while a sweep goes on."""
    found: list[object] = []

    def counted(*given: object, **options: object) -> object:
        found.append(given)
        return analyse(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("shapecalc.analysis.sweep.computing.analyse", counted)
    return found


def test_a_letter_is_analysed_once_as_far_as_its_formulas_hold(analysed: list[object]) -> None:
    network = shapecalc.load("imagenet/resnet18")
    rows = list(sweep(network, "1x3xSxS", vary={"S": range(64, 1000)}, columns=["macs", "peak"]))
    assert len(rows) == 936
    assert len(analysed) < 10
    assert all(isinstance(row.figures["macs"], int) and isinstance(row.figures["peak"], int) for row in rows)


def test_points_are_computed_as_they_are_asked_for(analysed: list[object]) -> None:
    """Also a number of copies, for which there is no formula."""
    network = shapecalc.load("gpt2")
    found = sweep(network, set={"depth": "1..1000"}, columns=["params"])
    assert [row.values["depth"] for row in islice(found, 3)] == [1, 2, 3]
    assert len(analysed) <= 3 + 1


def _alone(
    network: shapecalc.Architecture, input: str | None, values: dict[str, object]
) -> shapecalc.Analysis | shapecalc.ShapecalcError:
    try:
        return shapecalc.analyse(network, input, values, brief=True)
    except shapecalc.ShapecalcError as error:
        return error


PARAMETERS = [
    ("imagenet/resnet50", "1x3xSxS", {"width": [7, 16, 64]}, {"S": [1, 32, 65]}),
    ("imagenet/resnext50_32x4d", None, {"groups": [1, 2, 6, 32], "width": [4, 5]}, {}),
    ("vgg11-small", None, {"width": [1, 8], "hidden": [3, 512], "classes": [1, 10]}, {}),
    ("bert-base", None, {"heads": [1, 5, 12], "width": [12, 60, 768]}, {}),
    ("densenet", "1x1xSxS", {"growth": [1, 12]}, {"S": [32, 96]}),
    ("transformer", None, {"depth": [1, 2], "heads": [2, 3, 8], "width": [24, 64]}, {}),
]


def test_the_grid_of_mobilenet_is_as_published(run: Command) -> None:
    """Howard et al., MobileNets, arXiv:1704.04861, tables 6 and 7: millions of MACs."""
    words = ["--set", "width=0.5..1:0.25", "--input", "1x3xSxS", "--vary", "S=128..224:32"]
    rows = json.loads(run("sweep", "mobilenet-v1", *words, "--format", "json").out)
    found = {(row["width"], row["S"]): round(row["macs"] / 10**6) for row in rows}
    assert [found[width, 224] for width in (1, 0.75, 0.5)] == [569, 325, 149]
    assert [found[1, size] for size in (224, 192, 128)] == [569, 418, 186]


def _drawn(draw: random.Random, name: str) -> dict[str, list[object]]:
    """Values for some of the parameters of a network that are whole numbers: the file's own, and others."""
    defaults = {n: v for n, v in shapecalc.load(name).scope().items() if type(v) is int and v > 0}
    names = draw.sample(sorted(defaults), draw.randint(0, min(2, len(defaults))))
    others = {own: [n for n in range(1, 2 * defaults[own] + 3) if n != defaults[own]] for own in names}
    return {own: [defaults[own], *draw.sample(others[own], draw.randint(0, 2))] for own in names}


DRAWN = {
    "lenet-maxpool": "1x1xSxS",
    "vgg11-small": "2x3xSxS",
    "densenet": "1x1xSx64",
    "imagenet/resnet18": "1x3xSxS",
    "imagenet/mobilenet_v2": "Sx3x64x64",
    "unet": "1x1xSxS",
    "gpt2": "1xS:int64",
}


def test_figures_of_drawn_points_are_those_of_the_network_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """By formulas, as far as they hold, and by numbers: what `show` and `memory` take their figures of."""
    monkeypatch.setattr("shapecalc.analysis.sweep.computing._MANY", 1)
    draw, compared = random.Random(f"{SEED}/points"), 0
    for _ in range(count(5, 500)):
        name, shape = draw.choice(sorted(DRAWN.items()))
        network, values = shapecalc.load(name), _drawn(draw, name)
        first = draw.randint(1, 60)
        columns = ["params", "buffers", "macs", "output", "weights", "peak", "training", "saved"]
        for row in sweep(
            network, shape, set=values, vary={"S": [64, *range(first, first + 3)]}, columns=columns
        ):
            given = shape.replace("S", str(row.values["S"]))
            alone = _alone(network, given, {own: row.values[own] for own in values})
            if isinstance(alone, shapecalc.ShapecalcError):
                assert str(row.error) == str(alone)
                continue
            memory, totals = shapecalc.memory(alone), alone.totals
            wanted = [totals.params, totals.buffers, totals.macs, alone.outputs[0].shape]
            wanted += [alone.weight_bytes("float32"), memory.prediction.bytes]
            if not memory.refusal:
                wanted += [memory.training.bytes, memory.saved]
            assert list(row.figures.values())[: len(wanted)] == wanted, (name, row.values)
            compared += 1
    assert compared


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("name", "input", "set", "vary"), PARAMETERS)
def test_a_parameter_is_as_by_itself_where_it_was_a_letter(
    name: str,
    input: str | None,
    set: dict[str, list[object]],
    vary: dict[str, list[object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Errors too: what formulas refuse is analysed with the numbers."""
    monkeypatch.setattr("shapecalc.analysis.sweep.computing._MANY", 1)
    network = shapecalc.load(name)
    columns = ["params", "macs", "output", "peak", "training"]
    for row in sweep(network, input, set=set, vary=vary, columns=columns):
        size = row.values.get("S")
        given = input and input.replace("S", str(size))
        values = {own: row.values[own] for own in set}
        alone = _alone(network, given, values)
        if isinstance(alone, shapecalc.ShapecalcError):
            assert str(row.error) == str(alone)
            continue
        memory = shapecalc.memory(alone)
        training = None if memory.refusal else memory.training.bytes
        wanted = (alone.totals.params, alone.totals.macs, alone.outputs[0].shape)
        assert tuple(row.figures.values()) == (*wanted, memory.prediction.bytes, training)


def test_parameters_are_analysed_once_too(analysed: list[object]) -> None:
    network = shapecalc.load("imagenet/resnet50")
    rows = list(sweep(network, "1x3xSxS", set={"width": "8..64:8"}, vary={"S": "64..288:32"}))
    assert [(row.values["width"], row.values["S"]) for row in rows[:9:8]] == [(8, 64), (16, 64)]
    assert len(rows) == 64
    assert len(analysed) <= 2


def test_every_size_is_the_one_that_is_analysed_by_itself() -> None:
    """Also where the formulas do not hold, for the smallest sizes."""
    network = shapecalc.load("imagenet/resnet18")
    for row in sweep(network, "1x3xSxS", vary={"S": range(1, 40)}, columns=["macs", "output", "peak"]):
        size = row.values["S"]
        alone = shapecalc.analyse(network, f"1x3x{size}x{size}", brief=True)
        memory = shapecalc.memory(alone)
        wanted = (alone.totals.macs, alone.outputs[0].shape, memory.prediction.bytes)
        assert tuple(row.figures.values()) == wanted


def _random_goals(draw: random.Random) -> Iterator[tuple[Fraction, ...]]:
    wide, high = draw.randint(1, 4), draw.choice([2, 5, 100])
    for _ in range(draw.randint(0, 30)):
        yield tuple(Fraction(draw.randint(0, high), draw.randint(1, 3)) for _ in range(wide))


def test_the_front_is_what_no_pair_refutes() -> None:
    draw = random.Random(f"{SEED}/front")
    for _ in range(count(200, 20_000)):
        goals = list(_random_goals(draw))
        beaten = {one for one in goals for other in goals if dominates(other, one)}
        assert front(goals) == set(goals) - beaten


def test_pareto_marks_the_best_rows(run: Command) -> None:
    words = ["vgg11-small", "--set", "width=4..12:2", "--input", "1x3xSxS", "--vary", "S=32..96:32"]
    rows = json.loads(run("sweep", *words, "--pareto", "macs,params,S:max", "--format", "json").out)
    goals = [(Fraction(row["macs"]), Fraction(row["params"]), Fraction(-row["S"])) for row in rows]
    best = [not any(dominates(other, goal) for other in goals) for goal in goals]
    assert [row["pareto"] for row in rows] == best
    assert {*best} == {True, False}


VALUES = [
    ("18,34,50", (18, 34, 50)),
    ("32..128:32", (32, 64, 96, 128)),
    ("1..10:4", (1, 5, 9)),
    ("3..5", (3, 4, 5)),
    ("7..7", (7,)),
    ("-2..1", (-2, -1, 0, 1)),
    ("0.5..1:0.25", (0.5, 0.75, 1)),
    ("0.1..0.4:0.1", (0.1, 0.2, 0.3, 0.4)),
    ("8, 16..32:8", (8, 16, 24, 32)),
    ("10..30:10,100", (10, 20, 30, 100)),
    ("[1,2],[3, 4]", ((1, 2), (3, 4))),
    ("3/4,1", ("3/4", 1)),
    ("basic,deep", ("basic", "deep")),
    ("true,false", (True, False)),
]


@pytest.mark.parametrize(("text", "values"), VALUES)
def test_values(text: str, values: tuple[object, ...]) -> None:
    assert axis_values(text, "--set x") == values
    assert list(map(type, axis_values(text, "--set x"))) == list(map(type, values))


NO_VALUES = [
    ("128..32", "--set x: the range '128..32' is empty: 32 is below 128"),
    ("32..", "--set x: the range '32..' has no end: a sweep needs both"),
    ("..32:8", "--set x: the range '..32:8' has no beginning: a sweep needs both"),
    ("1..9:0", "--set x: the range '1..9:0' never ends: its step must be above 0, not 0"),
    ("1..9:-1", "--set x: the range '1..9:-1' never ends: its step must be above 0, not -1"),
    ("a..b", "--set x: the range 'a..b' is none of numbers"),
    ("1...3", "--set x: the range '1...3' is none of numbers"),
    ("1..3..5", "--set x: the range '1..3..5' is none of numbers"),
    ("1..999999999999", "--set x: the range '1..999999999999' has 999,999,999,999 values, at most 100,000"),
    ("1..90000,200000..290000", "has more than 100,000 values"),
    ("1,,3", "--set x: a value is missing in '1,,3'"),
    ("1,2,1", "--set x: the value 1 is given twice"),
    ("1..5,3", "--set x: the value 3 is given twice"),
]


@pytest.mark.parametrize(("text", "message"), NO_VALUES)
def test_no_values(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        axis_values(text, "--set x")
    assert message in error.value.message


COMPARED = [
    ("macs <= 600M", {"macs": 600_000_000}, True),
    ("macs <= 600M", {"macs": 600_000_001}, False),
    ("macs<0.6g", {"macs": 600_000_000}, False),
    ("1.5K < macs", {"macs": 1501}, True),
    ("peak <= 1MiB", {"peak": 1_048_576}, True),
    ("peak <= 1MB", {"peak": 1_000_001}, False),
    ("peak = 2KiB", {"peak": 2048}, True),
    ("S >= width", {"S": 64, "width": 65}, False),
    ("width == 0.1", {"width": 0.1}, True),
    ("width < 3/4", {"width": "3/4"}, None),
    ("width >= 0.75", {"width": "3/4"}, True),
    ("width != basic", {"width": "deep"}, True),
    ("name == nin", {"name": "nin"}, True),
    ("macs > 0", {"macs": None}, None),
]


@pytest.mark.parametrize(("text", "row", "holds"), COMPARED)
def test_comparisons(text: str, row: dict[str, object], holds: bool | None) -> None:
    columns = ("name", "macs", "peak", "S", "width")
    if holds is None and "/" in text:  # a fraction is a value of a parameter, not a number to compare with
        with pytest.raises(UsageError, match="no column '3/4'"):
            read_comparison(text, columns, ("name", "width"))
    else:
        assert read_comparison(text, columns, ("name", "width")).holds(row) is holds


WRONG = [
    ("--where macs", "--where 'macs' is no comparison"),
    ("--where 1<2", "--where '1<2' compares no column"),
    ("--where mcas<2", "--where: there is no column 'mcas'\n  hint: did you mean macs?"),
    ("--where macs<lots", "--where: there is no column 'lots'"),
    ("--where macs<3Q", "--where 'macs<3Q': 'Q' is no suffix of a number"),
    ("--where output==3", "--where: output is a shape, which has no order"),
    ("--where macs.__class__==3", "--where: there is no column 'macs.__class__'"),
    ("--where 1<macs<3", "--where '1<macs<3' is no comparison"),
    ("--columns params,mac", "--columns: there is no column 'mac'\n  hint: did you mean macs?"),
    ("--columns ,", "--columns: at least one is needed"),
    ("--pareto macs", "--pareto 'macs': at least two columns are needed, each once"),
    ("--pareto macs,macs", "at least two columns are needed, each once"),
    ("--pareto macs,params:min", "--pareto 'params:min': after a column stands :max, or nothing"),
    ("--pareto macs,receptive", "--pareto: receptive is a shape, which has no order"),
    ("--sort size", "--sort: there is no column 'size'"),
    ("--sort macs:max", "--sort 'macs:max': after a column stands :desc, or nothing"),
    ("--set width=1..2", "LeNet, max pooling has no parameter 'width'"),
    ("--set classes=ten", "has the letter ten, and a sweep needs numbers for it"),
    ("--set classes=true", "the parameter classes must be a whole number, not true"),
    ("--set classes=1.5,2.5", "the parameter classes must be a whole number, not 1.5"),
    ("--set classes", "--set 'classes' must be of the form NAME=VALUE"),
    ("--set classes=5..1", "--set classes: the range '5..1' is empty"),
    ("--vary S=1..3", "--vary S: the input of LeNet, max pooling has no letter S"),
    ("--input 1x1xHxW --vary H=28", "has the letter W, and a sweep needs numbers for it"),
    ("--input 1x1xSxS --vary S=0..3", "--vary S: a size is a whole number of at least 1, not 0"),
    ("--input 1x1xSxS --vary S=2.5", "--vary S: a size is a whole number of at least 1, not 2.5"),
    ("--input 1x1xSxS --vary S=28,32 --set classes=1..3 --zip", "side by side, and classes has 3, S has 2"),
    (
        "--input 1x1xHxW --vary H=1..5000 --vary W=1..5000",
        "the sweep has 25,000,000 points, at most 10,000,000",
    ),
    ("-o /nowhere/x.csv --format csv", "/nowhere/x.csv can't be written: No such file or directory"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_wrong_use(words: str, message: str, run: Command) -> None:
    done = run("sweep", "lenet-maxpool", *words.split())
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_points_that_can_not_be_are_rows(run: Command) -> None:
    words = ["lenet-maxpool", "--input", "1x1xSxS", "--vary", "S=8..20:4", "--format", "csv"]
    done = run("sweep", *words)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert done.code == 0
    assert [bool(row["error"]) for row in rows] == [True, True, False, False]
    where = "lenet-maxpool.yaml:11:5: Conv2d:"
    assert rows[0]["error"] == f"{where} the kernel of 5 does not fit on an input of 2 (at Conv2d[1])"
    assert (rows[0]["params"], rows[2]["params"]) == ("", "15626")
    assert "note: the sizes of S change the weights of lenet-maxpool" in done.err


def test_the_command_fails_where_all_points_do(run: Command) -> None:
    done = run("sweep", "lenet-maxpool", "--input", "1x1xSxS", "--vary", "S=1..8")
    assert done.code == 1
    assert "Errors      at 8 points:" in done.out


def test_what_training_can_not_be_leaves_the_other_figures(tmp_path: Path, run: Command) -> None:
    file = tmp_path / "frozen.yaml"
    file.write_text("input: 1x4\nparameters: {n: 2}\nlayers: [{Linear: n, frozen: true}]")
    done = run("sweep", str(file), "--set", "n=2,3", "--columns", "params,training", "--format", "json")
    rows = json.loads(done.out)
    assert [(row["params"], row["training"]) for row in rows] == [(10, None), (15, None)]
    assert all("can't be trained" in row["error"] for row in rows)


def test_unknown_counts_are_no_zero_and_not_left_out_in_silence(tmp_path: Path, run: Command) -> None:
    file = tmp_path / "net.yaml"
    step = "{call: some.Thing, inputs: 1x4x8, outputs: [1x4x8], params: {weight: 3}}"
    file.write_text(
        f"input: 1x3x8\nlayers: [{{Conv1d: {{out_channels: 4, kernel_size: 1}}}}, {{opaque: {step}}}]"
    )
    done = run("sweep", str(file), "--format", "csv")
    assert done.out.splitlines()[1] == f"{file},19,unknown,"
    done = run("sweep", str(file), "--where", "macs < 3")
    left_out = "1 more left out: a figure that --where asks for is not known"
    assert left_out in done.out
    assert f"note: {left_out}" in run("sweep", str(file), "--where", "macs < 3", "--format", "csv").err


def test_side_by_side(run: Command) -> None:
    words = ["vgg11-small", "--set", "width=4,8", "--input", "1x3xSxS", "--vary", "S=32,64", "--zip"]
    rows = json.loads(run("sweep", *words, "--set", "classes=7", "--format", "json").out)
    assert [(row["width"], row["S"], row["classes"]) for row in rows] == [(4, 32, 7), (8, 64, 7)]
    for row in rows:
        network = shapecalc.load("vgg11-small")
        alone = shapecalc.analyse(
            network, f"1x3x{row['S']}x{row['S']}", {"width": row["width"], "classes": 7}
        )
        assert (row["params"], row["macs"]) == (alone.totals.params, alone.totals.macs)


def test_variants_are_networks(run: Command) -> None:
    done = run("sweep", "imagenet/vgg", "--variants", "--format", "json", "--sort", "macs:desc")
    rows = json.loads(done.out)
    family = shapecalc.load("imagenet/vgg")
    assert {row["name"] for row in rows} == {f"imagenet/vgg: {name}" for name in family.variants}
    assert [row["macs"] for row in rows] == sorted((row["macs"] for row in rows), reverse=True)
    for row in rows:
        totals = shapecalc.analyse(family.variant(row["name"].partition(": ")[2]), brief=True).totals
        assert (row["params"], row["macs"]) == (totals.params, totals.macs)


def test_the_table_fits_on_80_columns(run: Command) -> None:
    words = ["imagenet/resnet50", "--input", "1x3xSxS", "--vary", "S=1,160,224", "--set", "width=32,64"]
    columns = "params,macs,peak,training,output"
    done = run("sweep", *words, "--columns", columns, "--pareto", "macs,params", "--where", "macs <= 4G")
    assert max(map(len, done.out.splitlines())) <= 80
    assert "left out by --where" in done.out


def test_a_file_has_what_the_screen_has(tmp_path: Path, run: Command) -> None:
    words = ["sweep", "vgg11-small", "--set", "width=4..8:4"]
    for form in ("csv", "json", "markdown"):
        file = tmp_path / form
        done = run(*words, "--format", form, "-o", str(file))
        assert (done.code, done.out) == (0, "")
        assert file.read_text() == run(*words, "--format", form).out


def test_a_value_is_one_of_its_kind_for_python_too() -> None:
    network = shapecalc.load("vgg11-small")
    (point,) = shapecalc.sweep(network, set={"width": [4]}, where=["params > 1K"])
    assert point.to_dict() == {
        "name": network.name,
        "width": 4,
        "params": shapecalc.analyse(network, parameters={"width": 4}).totals.params,
        "macs": shapecalc.analyse(network, parameters={"width": 4}).totals.macs,
        "error": None,
    }
    with pytest.raises(UsageError, match="there is no optimizer 'adamm' to give bytes for"):
        shapecalc.sweep(network, optimizer="adamm")
    with pytest.raises(UsageError, match="there is no dtype 'int8' to give bytes for"):
        shapecalc.sweep(network, dtype="int8")
    with pytest.raises(UsageError, match="--set width has no values"):
        shapecalc.sweep(network, set={"width": []})
    with pytest.raises(UsageError, match="macs is varied, and is a column of its own"):
        shapecalc.sweep(
            shapecalc.parse("input: 1x4\nparameters: {macs: 1}\nlayers: [Linear: macs]"), set={"macs": [1]}
        )


def _joined(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "own.csv"
    file.write_text(text, encoding="utf-8")
    return ["--join", str(file)]


def test_columns_of_a_file_stand_beside_the_figures(tmp_path: Path, run: Command) -> None:
    words = _joined(
        tmp_path, "name,accuracy,by\nvgg11,69.020,a\nimagenet/vgg: vgg13,69.928,\nvgg19,1e999999999,b\n"
    )
    done = run("sweep", "imagenet/vgg", "--variants", *words, "--format", "json")
    rows = {row["name"].partition(": ")[2]: row for row in json.loads(done.out)}
    assert (rows["vgg11"]["accuracy"], rows["vgg11"]["by"]) == (69.02, "a")
    assert (rows["vgg13"]["accuracy"], rows["vgg13"]["by"]) == (69.928, None)
    assert (rows["vgg16"]["accuracy"], rows["vgg16"]["by"]) == (None, None)
    assert rows["vgg19"]["accuracy"] == "1e999999999"  # no number that anything is compared with


def test_columns_of_a_file_decide(tmp_path: Path, run: Command) -> None:
    """Joined by what is varied, as a number however it is written."""
    words = _joined(tmp_path, "width,accuracy\n4.0,50.5\n8,60\n12,55\n")
    ask = ["--where", "accuracy > 50", "--pareto", "params,accuracy:max", "--sort", "accuracy:desc"]
    swept = ["vgg11-small", "--set", "width=4..16:4"]
    done = run("sweep", *swept, *words, "--on", "width", *ask, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    found = [(row["width"], row["accuracy"], row["pareto"]) for row in rows]
    assert found == [("8", "60", "true"), ("12", "55", "false"), ("4", "50.5", "true")]


NO_TABLES = [
    ("", "name", "own.csv:1: there is no column 'name' to join by\n  hint: its columns: none"),
    ("nam,x\n1,2", "name", "own.csv:1: there is no column 'name' to join by\n  hint: did you mean nam?"),
    ("name,x\n1,2", "size", "--on: there is no column 'size'\n  hint: columns: name, classes"),
    ("name,x,x\n", "name", "the column 'x' is nameless, twice there, or one of the sweep's own"),
    ("name,\n", "name", "the column '' is nameless"),
    ("name,macs\n", "name", "the column 'macs' is nameless, twice there, or one of the sweep's own"),
    ("name,x\na,1\nb\n", "name", "own.csv:3: 1 values, for the 2 columns of the first line"),
    ("name,x\na,1\na,2\n", "name", "--join: name is 'a' in two rows"),
    ('name,x\n"a,1\n', "name", "own.csv is no CSV: unexpected end of data"),
]


@pytest.mark.parametrize(("text", "on", "message"), NO_TABLES)
def test_no_table_to_join(text: str, on: str, message: str, tmp_path: Path, run: Command) -> None:
    words = _joined(tmp_path, text)
    done = run("sweep", "lenet-maxpool", "--set", "classes=2,3", *words, "--on", on)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "svg"])
def test_columns_of_a_file_reach_no_terminal_as_they_are(form: str, tmp_path: Path, run: Command) -> None:
    words = _joined(tmp_path, "name,\x1b[31mred\nlenet,3\n")
    drawn = ["--pareto", r"macs,\x1b[31mred"] if form == "svg" else []
    done = run("sweep", "lenet", *words, *drawn, "--format", form)
    assert done.code == 0, done.err
    assert r"\x1b[31mred" in done.out
    assert done.out.replace("\n", "").isprintable()


def test_a_table_that_is_too_large_has_no_layers_to_shorten(tmp_path: Path, run: Command) -> None:
    words = _joined(tmp_path, "name,x\n" + "a,1\n" * 2_000_001)
    assert run("sweep", "lenet", *words).err.endswith("own.csv is larger than 8,000,000 bytes\n")
