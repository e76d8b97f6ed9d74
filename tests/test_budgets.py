"""The largest values within bounds: to all values one by one, to `show` and `memory`, and the refusals."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import shapecalc
from shapecalc import ShapecalcError
from shapecalc.analysis.budgets.budgets import exact
from shapecalc.analysis.memory.memory import memory
from shapecalc.analysis.sweep.pareto import dominates
from shapecalc.errors import UsageError
from tests.command import Command
from tests.dice import SEED, count


class Case(NamedTuple):
    """A network with a variable, in whose input `{}` is a number for it, and the values that are tried."""

    network: str
    input: str | None
    variable: str
    last: int
    figures: tuple[str, ...]


CASES = [
    Case("lenet-maxpool", "1x1x{H}x{H}", "H", 60, ("params", "macs", "memory", "training-memory")),
    Case("imagenet/resnet50", None, "width", 12, ("params", "macs", "memory")),
    Case("vgg11", "1x1x{S}x48", "S", 72, ("params", "macs", "memory", "training-memory")),
    Case("unet", "1x3x{S}x{S}", "S", 90, ("macs", "memory")),
    Case("gpt2", "{N}x5:int64", "N", 9, ("macs", "memory", "training-memory")),
    Case("gpt2", "1x{L}:int64", "L", 60, ("macs",)),
    Case("nin", None, "classes", 40, ("params", "flops")),
]


load = cache(shapecalc.load)


@cache
def figures(case: Case, value: int) -> dict[str, int] | None:
    """The figures at one value, of a network that has no letters; None where there is none."""
    network = load(case.network)
    given = case.input and case.input.format(**{case.variable: value})
    try:
        analysis = shapecalc.analyse(network, given, {} if given else {case.variable: value}, brief=True)
        totals: dict[str, object] = {"params": analysis.totals.params, "macs": analysis.totals.macs}
        totals["flops"] = analysis.totals.flops
        if {"memory", "training-memory"} & {*case.figures}:
            needed = memory(analysis)
            totals |= {"memory": needed.prediction.bytes, "training-memory": needed.training.bytes}
    except ShapecalcError:
        return None
    return {name: found for name in case.figures if isinstance(found := totals[name], int)}


def solve(case: Case, within: Mapping[str, object]) -> shapecalc.Budget:
    given = case.input and case.input.format(**{case.variable: case.variable})
    return shapecalc.solve(load(case.network), given, within=within, variables=case.variable)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.network}-{case.variable}")
def test_the_largest_value_is_that_of_all_values_one_by_one(case: Case) -> None:
    dice = random.Random(f"{SEED} {case}")
    known = {value: there for value in range(1, case.last + 1) if (there := figures(case, value))}
    for _ in range(count(4, 200)):
        names = dice.sample(case.figures, dice.randint(1, min(2, len(case.figures))))
        bounds = {name: dice.choice([*known.values()])[name] + dice.randint(-3, 3) for name in names}
        fitting = [v for v, there in known.items() if all(there[name] <= b for name, b in bounds.items())]
        found = solve(case, bounds)
        expected = max(fitting, default=None)
        if expected == max(known):  # then larger ones may fit as well
            continue
        assert [dict(best.point.values) for best in found.best] == [{case.variable: v} for v in fitting[-1:]]
        assert found.formulas is not None
        for best in found.best:
            assert {n: best.point.figures[f] for n, f in zip(bounds, found.limits, strict=True)} == {
                name: known[fitting[-1]][name] for name in bounds
            }
            above = best.above[case.variable].values[case.variable]
            assert above == min((value for value in known if value > fitting[-1]), default=above)
            below = best.below.get(case.variable)
            before = max((value for value in known if value < fitting[-1]), default=None)
            assert (below and below.values[case.variable]) == before
        if not fitting:
            assert found.smallest
            assert found.smallest.values[case.variable] == min(known)
            assert found.exceeded == [
                figure
                for (name, bound), figure in zip(bounds.items(), found.limits, strict=True)
                if known[min(known)][name] > bound
            ]


def test_the_largest_value_ends_where_the_network_does() -> None:
    """GPT-2 has positions for 1,024 tokens: more is no network, whatever the bound."""
    found = shapecalc.solve(shapecalc.load("gpt2"), "1xL:int64", within={"macs": "900T"}, variables="L")
    (best,) = found.best
    assert best.point.values == {"L": 1024}
    assert best.above["L"].error


AROUND = [
    ("imagenet/resnet50", [], ["--macs", "600M", "--params", "30M", "--for", "width"], "--set width={}"),
    ("vgg11", ["--input", "1x1xSxS"], ["--memory", "600MiB", "--for", "S"], "--input 1x1x{0}x{0}"),
    ("unet", [], ["--training-memory", "1.5GiB", "--for", "batch"], "--input {}x3x256x256"),
    ("imagenet/mobilenet_v2", [], ["--macs", "90M", "--for", "width", "--step", "0.05"], "--set width={}"),
]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("network", "input", "words", "there"), AROUND)
def test_figures_on_both_sides_are_those_of_show_and_memory(
    network: str, input: list[str], words: list[str], there: str, run: Command
) -> None:
    found = json.loads(run("solve", network, *input, *words, "--format", "json").out)
    (best,) = found["best"]
    ((name, step),) = found["step"].items()
    ((_, below),), ((_, above),) = best["below"].items(), best["above"].items()
    assert [round(point[name] / step - best[name] / step) for point in (below, best, above)] == [-1, 0, 1]
    for point in (below, best, above):
        at = there.format(point[name]).split()
        shown = json.loads(run("show", network, *at, "--format", "json").out)["totals"]
        needed = json.loads(run("memory", network, *at, "--format", "json").out)
        known = {**shown, "peak": needed["inference_peak"], "training": needed["training_peak"]}
        assert {figure: point[figure] for figure in found["bounds"]} == {f: known[f] for f in found["bounds"]}
    assert best["left"] == {figure: bound - best[figure] for figure, bound in found["bounds"].items()}
    assert min(best["left"].values()) >= 0
    assert any(above[figure] > bound for figure, bound in found["bounds"].items())


SEVERAL = [
    ("lenet-maxpool", "1x1xHxW", {"macs": 200_000}, {"H": 1, "W": 1}, (60, 60)),
    ("imagenet/resnet50", "1x3xSxS", {"macs": "1G", "params": "12M"}, {"width": 4, "S": 32}, (64, 352)),
    ("imagenet/mobilenet_v2", "1x3xSxS", {"macs": "60M"}, {"width": 0.25, "S": 32}, (5, 352)),
]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("network", "input", "bounds", "steps", "last"), SEVERAL)
def test_the_largest_pairs_are_those_of_all_pairs(
    network: str,
    input: str,
    bounds: Mapping[str, object],
    steps: Mapping[str, Any],
    last: tuple[Any, Any],
) -> None:
    architecture = shapecalc.load(network)
    found = shapecalc.solve(architecture, input, within=bounds, variables=[*steps], step=steps)
    first, second = steps
    numbers = {name: round(end / steps[name]) for name, end in zip(steps, last, strict=True)}
    axes = {name: [steps[name] * n for n in range(1, number + 1)] for name, number in numbers.items()}
    points = shapecalc.sweep(
        architecture,
        input,
        set={name: values for name, values in axes.items() if name not in input},
        vary={name: values for name, values in axes.items() if name in input},
        columns=[*found.limits],
        where=[f"{figure} <= {limit}" for figure, limit in found.limits.items()],
    )
    fitting = [
        (exact(point.values[first]), exact(point.values[second])) for point in points if not point.error
    ]
    goals = {(-row, -max(v for u, v in fitting if u == row)) for row, _ in fitting}
    expected = {goal for goal in goals if not any(dominates(rival, goal) for rival in goals)}
    assert len(expected) > 3
    assert min(u for u, _ in expected) > -last[0]
    assert min(v for _, v in expected) > -last[1]
    found_values = [best.point.values for best in found.best]
    assert {(-exact(there[first]), -exact(there[second])) for there in found_values} == expected


FAMILY = """
input: 1x3x16x16
parameters: {width: 1.0, depth: 1.0}
layers:
  - Conv2d: {out_channels: "divisible(8*width, 4)", kernel_size: 3, padding: 1}
  - Conv2d times ceil(2*depth): {out_channels: channels, kernel_size: 3, padding: 1}
"""


def test_pairs_of_multipliers_are_those_of_all_pairs() -> None:
    """No letter stands for a multiplier or a number of copies: both are tried."""
    network = shapecalc.parse(FAMILY)
    within = {"macs": 900_000, "params": 9_000}
    found = shapecalc.solve(network, within=within, variables=["width", "depth"], step=0.5)
    values = [place / 2 for place in range(1, 36)]
    points = shapecalc.sweep(
        network,
        set={"width": values, "depth": values},
        where=[f"{figure} <= {limit}" for figure, limit in within.items()],
    )
    pairs = {(-exact(point.values["width"]), -exact(point.values["depth"])) for point in points}
    expected = {pair for pair in pairs if not any(dominates(rival, pair) for rival in pairs)}
    assert len(expected) > 3
    assert min(v for pair in expected for v in pair) > -values[-1]
    assert {
        (-exact(b.point.values["width"]), -exact(b.point.values["depth"])) for b in found.best
    } == expected
    assert [tried.name for tried in found.tried] == ["width"]


HUMP = """
input: 1x3x32x32
parameters: {k: 3}
layers: [Conv2d: {out_channels: 8, kernel_size: k}]
"""


def test_a_figure_that_falls_again_is_searched(tmp_path: Path) -> None:
    """Without padding a larger kernel has fewer places: (33 − k)²·k² MACs for each pair of channels."""
    file = tmp_path / "hump.yaml"
    file.write_text(HUMP)
    network = shapecalc.load(str(file))
    for bound in (20_000, 400_000, 2_000_000):
        found = shapecalc.solve(network, within={"macs": bound}, variables="k")
        fitting = [k for k in range(1, 33) if 24 * (33 - k) ** 2 * k**2 <= bound]
        assert found.formulas is None
        assert [best.point.values["k"] for best in found.best] == fitting[-1:]
    assert found.tried[0].last > 32


def test_a_figure_that_falls_is_followed_to_its_end() -> None:
    """Twice as many groups are half as many products, up to a group for each of 64 channels."""
    network = shapecalc.parse(
        "input: 1x64x8x8\nparameters: {g: 1}\n"
        "layers: [Conv2d: {out_channels: 64, kernel_size: 3, groups: g, bias: false}]\n"
    )
    for bound in (36 * 9 * 64, 36 * 9 * 64 * 4, 10**9):
        found = shapecalc.solve(network, within={"macs": bound}, variables="g")
        assert [dict(best.point.values) for best in found.best] == [{"g": 64}]
        assert found.formulas is None


def test_a_number_of_copies_is_searched(run: Command) -> None:
    done = run("solve", "gpt2", "--params", "200M", "--for", "depth")
    assert done.code == 0
    assert "Largest     depth = 22" in done.out
    assert "By          search: no formula shows it" in done.out
    totals = [
        shapecalc.analyse(shapecalc.load("gpt2"), parameters={"depth": depth}).totals.params
        for depth in (22, 23)
    ]
    assert isinstance(totals[0], int)
    assert isinstance(totals[1], int)
    assert totals[0] <= 200_000_000 < totals[1]


REFUSED = [
    ("--macs 1G --for widht", "did you mean width?"),
    ("--macs 1G --for H", "--for 'H': ResNet-18 has no such parameter, nor its input such a letter"),
    ("--for width", "there is no bound to stay within"),
    ("--macs 1G", "there is nothing to seek"),
    ("--macs wide --for width", "--macs 'wide' is no count"),
    ("--params 5MB --for width", "--params '5MB' is no count"),
    ("--macs -1 --for width", "--macs '-1' is no count"),
    ("--memory 24X --for width", "--memory '24X' is no size in bytes"),
    ("--macs 1G --for width --step 0", "--step of width is a number above 0, not 0"),
    ("--macs 1G --for width --step 0.5", "--step of width is a whole number"),
    ("--macs 1G --for width --step S=8", "--step is of 'S', which --for does not have"),
    ("--macs 1G --for width --set width=3", "width is sought, and --set gives it a value"),
    ("--macs 1G --for width,width", "--for has 'width' twice"),
    ("--macs 1G --for units", "--for units: its values are no numbers, but such as ["),
    ("--macs 1G --for width --input 1x3xSxS", "ResNet-18 has the letters S, too"),
    ("--macs 1G --for width --output 1x10", "--macs, --for can't go with --output"),
    ("--macs 1G --for width --at conv", "--at can't go with bounds"),
    ("", "solve needs what is wanted"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_refusals(words: str, message: str, run: Command) -> None:
    done = run("solve", "imagenet/resnet", *words.split())
    assert done.code == 2
    assert message in done.err
    assert not done.out


def test_no_value_is_within_the_bounds(run: Command) -> None:
    done = run("solve", "imagenet/resnet50", "--macs", "100M", "--params", "1G", "--for", "width")
    assert done.code == 1
    assert "None at the smallest, width = 1, MACs are 507,671,552, 407,671,552 above" in " ".join(
        done.out.split()
    )
    assert "params are" not in done.out


def test_every_value_is_within_the_bounds(run: Command) -> None:
    words = ["--input", "1x3xSxS", "--params", "100M", "--for", "S"]
    done = run("solve", "imagenet/resnet50", *words)
    assert done.code == 1
    assert "No largest  every S is within the bounds" in done.out
    found = json.loads(run("solve", "imagenet/resnet50", *words, "--format", "json").out)
    assert (found["endless"], found["by"], found["best"]) == ("S", "formula", [])


ENDS = """
input: 1x16
parameters: {n: 3, f: 0.5}
layers: [Linear times n: 16, Linear: "floor(8*f)"]
"""


def test_a_search_ends_where_the_network_does_or_says_what_it_tried(tmp_path: Path, run: Command) -> None:
    file = tmp_path / "ends.yaml"
    file.write_text(ENDS)
    done = run("solve", str(file), "--params", "100G", "--for", "n")
    assert "Largest     n = 999,999" in done.out  # with the last Linear, a million layers
    assert "no such network (1)" in done.out
    assert "the network has 1,000,001 layers" in done.out
    done = run("solve", str(file), "--params", "100G", "--for", "f")
    assert done.code == 1
    assert "No largest  up to f = 10485.76, each twice the last, all are within the bounds" in done.out
    found = shapecalc.solve(
        shapecalc.load(str(file)), within={"params": 1000}, variables=["f", "n"], step={"f": 0.125}
    )
    pairs = [tuple(best.point.values.values()) for best in found.best]
    assert pairs == [(1.25, 3), (3.25, 2), (5.25, 1)]  # 272 for each copy, then 17 for each of 10, 26 and 42


def test_a_bound_of_what_is_not_known_is_refused(tmp_path: Path, run: Command) -> None:
    file = tmp_path / "known.yaml"
    file.write_text("input: 1x8\nparameters: {n: 4}\nlayers: [Linear: n, {opaque: {output: 1x4, call: f}}]\n")
    done = run("solve", str(file), "--macs", "100", "--for", "n")
    assert done.code != 0
    assert "error:" in done.err


def test_bounds_from_python() -> None:
    network = shapecalc.load("nin")
    with pytest.raises(UsageError, match="there is no bound of 'mac'"):
        shapecalc.solve(network, within={"mac": 1}, variables="classes")
    with pytest.raises(UsageError, match="a whole number or text"):
        shapecalc.solve(network, within={"macs": 1.5}, variables="classes")
    found = shapecalc.solve(network, within={"macs": 762_297_352}, variables=["classes"])
    assert found.best[0].point.values == {"classes": 10}
    assert found.to_dict()["best"][0]["left"] == {"macs": 0}
