"""Plots: each mark stands where its figures are by the axes' own ticks, and no text over anything else."""

from __future__ import annotations

import json
import random
import re
import xml.etree.ElementTree as ET
from fractions import Fraction
from itertools import combinations
from math import exp, log
from pathlib import Path
from typing import NamedTuple

import pytest

from shapecalc.errors import UsageError
from shapecalc.render.drawing.text_width import text_width
from shapecalc.render.plotting.labels import Rectangle
from shapecalc.render.plotting.plot import MOST_DOTS, Dot, DotSeries, Plot
from shapecalc.render.plotting.scale import PlotAxis
from shapecalc.render.plotting.ticks import linear_ticks, log_ticks
from tests.command import Command
from tests.dice import SEED, count
from tests.pictures import FOLDER, PICTURES, plot, plots
from tests.stopwatch import timed

SVG = "{http://www.w3.org/2000/svg}"
UNITS: dict[str, Fraction] = {
    "": Fraction(1),
    "B": Fraction(1),
    **{
        unit: Fraction(1000) ** power
        for unit, power in zip("nµmkMGTPE", [-3, -2, -1, *range(1, 7)], strict=True)
    },
    **{
        unit: Fraction(1024) ** power
        for power, unit in enumerate(("KiB", "MiB", "GiB", "TiB", "PiB"), start=1)
    },
}


def value_of(text: str) -> Fraction:
    """The value that the text of a tick says."""
    number, _, unit = text.replace(",", "").partition(" ")
    return Fraction(number) * UNITS[unit]


def drawn(seed: int) -> tuple[random.Random, Fraction, Fraction]:
    """Two ends of an axis."""
    dice = random.Random(f"{SEED} {seed}")
    low = Fraction(dice.randint(1, 9999)) * Fraction(10) ** dice.randint(-6, 12)
    return dice, low, low * (1 + Fraction(dice.randint(1, 10 ** dice.randint(1, 8)), 100))


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("ticks", [linear_ticks, log_ticks])
def test_a_tick_is_what_it_says_and_there_are_some_but_not_many(ticks: object, binary: bool) -> None:
    for seed in range(count(300, 3000)):
        _, low, high = drawn(seed)
        if binary:
            low, high = Fraction(int(low) + 1), Fraction(int(high) + 9)
        found = [tick for tick in ticks(low, high, binary=binary) if tick.text]  # type: ignore[operator]
        assert 2 <= len(found) <= 10, (low, high)
        assert len({tick.text for tick in found}) == len(found)
        for tick in found:
            assert low <= tick.value <= high
            assert "e" in tick.text or value_of(tick.text) == tick.value, (low, high, tick)


def test_whole_numbers_have_whole_ticks() -> None:
    assert [tick.text for tick in linear_ticks(Fraction(1), Fraction(3), whole=True)] == ["1", "2", "3"]


class Mark(NamedTuple):
    """A mark with the text that tells of it."""

    about: str
    x: float
    y: float


class Read(NamedTuple):
    """A plot as it is read again: its marks, and every text with its style and its place."""

    marks: list[Mark]
    texts: list[tuple[str, str, Rectangle]]
    size: Rectangle

    def axis(self, across: bool) -> list[tuple[float, Fraction]]:
        """The ticks of an axis: pixel and value."""
        if across:
            ticks = [(t, (r.left + r.right) / 2) for style, t, r in self.texts if style == "s"][1:]
        else:
            ticks = [(t, r.bottom - 3.5) for style, t, r in self.texts if style == "r"]
        return [(pixel, value_of(text)) for text, pixel in ticks]


def read(svg: str) -> Read:
    root = ET.fromstring(svg)
    marks = []
    for path in root.iter(f"{SVG}path"):
        about = path.findtext(f"{SVG}title")
        if about is not None:
            x, y = map(float, re.findall(r"-?[\d.]+", path.attrib["d"])[:2])
            marks.append(Mark(about, x + 4 * ("a4" in path.attrib["d"]), y))
    texts = [(e.attrib["class"], e.text or "", taken(e)) for e in root.iter(f"{SVG}text")]
    return Read(marks, texts, Rectangle(0, 0, float(root.attrib["width"]), float(root.attrib["height"])))


def taken(element: ET.Element) -> Rectangle:
    """At least what a text takes: from the top of its capitals to its line."""
    style, text = element.attrib["class"], element.text or ""
    x, y = float(element.attrib["x"]), float(element.attrib["y"])
    width = text_width(text, 12 if style == "head" else 10)
    left = {"l": x, "head": x, "r": x - width}.get(style, x - width / 2)
    return Rectangle(left, y - 7, left + width, y)


def figure(ticks: list[tuple[float, Fraction]], pixel: float, logarithmic: bool) -> float:
    """The value at a pixel, by the first and the last tick of its axis."""
    (a, low), (b, high) = ticks[0], ticks[-1]
    share = (pixel - a) / (b - a)
    if logarithmic:
        return exp(log(low) + share * log(high / low))
    return float(low + Fraction(share) * (high - low))


class Case(NamedTuple):
    """A sweep, what stands on its axes, `--log`, and which axes are logarithmic by it."""

    sweep: str
    x: str
    y: str
    log: str | None = None
    logarithmic: str = ""

    @property
    def words(self) -> list[str]:
        log = [] if self.log is None else ["--log", self.log]
        axes = ["--x", self.x, "--y", self.y, *log]
        return ["sweep", *self.sweep.split(), "--columns", "macs", *axes, "--format", "svg"]


_WIDTHS = "imagenet/mobilenet_v2 --set width=0.25..1.5:0.25 --input 1x3xSxS --vary S=96..384:96"
CASES = [
    Case(_WIDTHS, "S", "peak"),
    Case(_WIDTHS, "macs", "peak", "xy", "xy"),
    Case("imagenet/resnet --variants --pareto macs,params", "macs", "params", "none"),
    Case("imagenet/resnet --variants --pareto macs,training", "macs", "training", "x", "x"),
    Case("lenet-maxpool --input 1x1xSxS --vary S=16..200:4", "S", "macs", None, "y"),
    Case("gpt2 --set depth=1..12", "params", "depth"),
]


_DRAWN: dict[Case, Read] = {}


def drawing(case: Case, run: Command) -> Read:
    """A case's plot, which is made once."""
    if case not in _DRAWN:
        _DRAWN[case] = read(run(*case.words).out)
    return _DRAWN[case]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_marks_stand_where_their_figures_are(case: Case, run: Command) -> None:
    """By the places and the texts of the ticks alone, to the pixel."""
    plot = drawing(case, run)
    columns = ",".join(name for name in (case.x, case.y) if name not in ("S", "depth"))
    rows = json.loads(run("sweep", *case.sweep.split(), "--columns", columns, "--format", "json").out)
    assert len(plot.marks) == len(rows) > 1
    for number, (name, column) in enumerate([("x", case.x), ("y", case.y)]):
        ticks, values = plot.axis(name == "x"), sorted(row[column] for row in rows)
        for value, pixel in zip(values, by(plot, number), strict=True):
            ends = [figure(ticks, pixel + off, name in case.logarithmic) for off in (-1, 1)]
            assert min(ends) <= value <= max(ends), (name, value, ends)


def by(plot: Read, number: int) -> list[float]:
    """The pixels of the marks on an axis, in the order of their values: those of y go downwards."""
    return sorted(((mark.x, mark.y)[number] for mark in plot.marks), reverse=number == 1)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_text_is_over_another_or_outside(case: Case, run: Command) -> None:
    plot = drawing(case, run)
    for (_, one, first), (_, other, second) in combinations(plot.texts, 2):
        assert not first.meets(second), (one, other)
    for _, text, place in plot.texts:
        assert plot.size.holds(place), text
    for _, text, place in plot.texts:
        assert not any(place.meets(Rectangle(x - 3, y - 3, x + 3, y + 3)) for _, x, y in plot.marks), text


def test_crowded_labels_are_left_out_and_none_is_over_another() -> None:
    dice = random.Random(SEED)
    dots = [
        Dot(Fraction(dice.randint(1, 999)), Fraction(dice.randint(1, 999)), f"net {n}") for n in range(100)
    ]
    plot = read(Plot("many", "", PlotAxis("x"), PlotAxis("y"), [DotSeries("", dots)]).svg())
    labels = [text for _, text, _ in plot.texts if text.startswith("net")]
    assert 20 < len(labels) < 100
    assert not any(one.meets(other) for (_, _, one), (_, _, other) in combinations(plot.texts, 2))


def test_many_points_are_drawn_at_once() -> None:
    """Within the two seconds of a command."""
    dice = random.Random(SEED)
    most = 9_999
    dots = [
        Dot(Fraction(dice.randint(1, most)), Fraction(dice.randint(1, most)), f"net {n}" if n < 300 else "")
        for n in range(MOST_DOTS)
    ]
    plot = Plot("many", "", PlotAxis("x"), PlotAxis("y"), [DotSeries("", dots, joined=True)])
    _, seconds = timed(plot.svg, enough=1.0)
    assert seconds < 2


def test_the_line_of_the_best_has_no_point_beyond_it(run: Command) -> None:
    given = "imagenet/resnet --variants --input 1x3xSxS --vary S=96..224:32 --pareto macs,params:max"
    svg = run("sweep", *given.split(), "--x", "macs", "--y", "params", "--format", "svg").out
    root = ET.fromstring(svg)
    (line,) = [path.attrib["d"] for path in root.iter(f"{SVG}path") if path.attrib["class"] == "w2"]
    corners = [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", line)]
    for about, x, y in read(svg).marks:
        left = [corner for corner in corners if corner[0] <= x + 0.05]
        assert left, about
        assert y >= min(corner[1] for corner in left) - 0.05, about  # pixels go downwards


def test_a_plot_is_the_same_each_time_and_needs_nothing(run: Command, tmp_path: Path) -> None:
    text = run(*CASES[1].words).out
    file = tmp_path / "plot.svg"
    assert run(*CASES[1].words, "-o", str(file)).code == 0
    assert file.read_text(encoding="utf-8") == text
    root = ET.fromstring(text)
    assert root.attrib["viewBox"] == f"0 0 {root.attrib['width']} {root.attrib['height']}"
    assert root.findtext(f"{SVG}title") == "Peak by MACs · imagenet/mobilenet_v2 · input 1x3xSxS"
    assert root.findtext(f"{SVG}desc") == "24 points: Peak by MACs."
    assert not re.search(r"<script|<image|href|url\(|@import", text)
    assert {"width 0.25", "width 1.5", "MACs", "Peak (bytes)"} <= {text for _, text, _ in read(text).texts}


ACCURACY = "name,score,word\nresnet18,1,a\nresnet34,0,b\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--x macs", "error: --x is of plots, and --format is table\n  hint: --format svg"),
        ("--log xy", "error: --log is of plots, and --format is table\n  hint: --format svg"),
        ("--x mac -f svg", "error: --x: there is no column 'mac'\n  hint: did you mean macs?"),
        ("--y output -f svg", "error: --y: output is a shape, which has no order"),
        ("--x macs --y macs -f svg", "error: --x and --y are both macs\n  hint: a plot needs two columns"),
        ("--columns macs -f svg", "error: a plot needs two columns\n  hint: --columns params,macs"),
        ("--join own.csv --y word -f svg", "error: there is no point to draw: none has a number on"),
        (
            "--join own.csv --where score>=0 --y score --log y -f svg",
            "error: score has no logarithmic axis: a value is 0\n  hint: leave out its --log",
        ),
        ("--join own.csv --y far -f svg", "error: --y: there is no column 'far'"),
        ("-f svg -o no/such.svg", "error: no/such.svg can't be written: No such file or directory"),
    ],
)  # fmt: skip
def test_refusals(
    options: str, message: str, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.csv").write_text(ACCURACY)
    done = run("sweep", "imagenet/resnet", "--variants", *options.split())
    assert done.code == 2
    assert message in done.err


def test_what_is_too_much_or_too_far_for_a_plot_is_refused() -> None:
    for value, message in ((10**400, "too large"), (Fraction(1, 10**400), "too near to 0")):
        dots = [Dot(Fraction(value), Fraction(1))]
        with pytest.raises(UsageError, match=message):
            Plot("far", "", PlotAxis("x"), PlotAxis("y"), [DotSeries("", dots)]).svg()
    with pytest.raises(UsageError, match="10,000 points at most: here are 10,001"):
        Plot(
            "many",
            "",
            PlotAxis("x"),
            PlotAxis("y"),
            [DotSeries("", [Dot(Fraction(1), Fraction(1))] * 10_001)],
        ).svg()


def test_points_without_a_number_are_told(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text(ACCURACY)
    given = ["imagenet/resnet", "--variants", "--join", str(file), "--y", "score", "-f", "svg"]
    done = run("sweep", *given)
    assert done.code == 0
    assert "note: 8 of 10 points are not drawn: no number on both axes" in done.err
    assert len(read(done.out).marks) == 2


@pytest.mark.parametrize("file", plots())
def test_the_plots_of_the_documentation_are_those_that_their_commands_make(file: str) -> None:
    assert (FOLDER / file).read_text(encoding="utf-8") == plot(*plots()[file])


def test_each_picture_of_the_documentation_is_known() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*PICTURES, *plots()}
