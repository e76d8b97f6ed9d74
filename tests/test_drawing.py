"""Pictures: each layer in one box, each connection one line, nothing over anything else, always the same."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import NamedTuple

import pytest

import shapecalc
from shapecalc import Analysis
from shapecalc.render.drawing.draw import draw
from tests.command import Command
from tests.dice import one_way
from tests.networks import ONE_OF_EACH, OWN, analysed
from tests.pictures import FOLDER, PICTURES
from tests.pictures import draw as drawn_anew
from tests.stopwatch import timed

NETWORKS = sorted({*ONE_OF_EACH, *OWN})
CHAINS = ["nin", "googlenet", "resnet18", "imagenet/resnet50", "imagenet/densenet121", "vgg11", "alexnet"]
"""Networks that are series and branches alone."""
SVG = "{http://www.w3.org/2000/svg}"
Point = tuple[float, float]


class Rectangle(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Rectangle, by: float = 0.5) -> bool:
        across = min(self.right, other.right) - max(self.left, other.left)
        return across > by and min(self.bottom, other.bottom) - max(self.top, other.top) > by


class Drawn(NamedTuple):
    """A picture as it is read again."""

    boxes: list[tuple[set[int], Rectangle]]
    lines: list[tuple[str, str, list[Point]]]

    def box(self, row: int) -> int:
        (found,) = [n for n, (rows, _) in enumerate(self.boxes) if row in rows]
        return found


def picture(analysis: Analysis, view: str, **options: object) -> ET.Element:
    return ET.fromstring(draw(analysis, view, **options).text)  # type: ignore[arg-type]


def read(root: ET.Element) -> Drawn:
    boxes = []
    for group in root.iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        x, y, w, h = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        boxes.append((numbers(group.attrib.get("data-rows", "")), Rectangle(x, y, x + w, y + h)))
    lines = []
    for path in root.iter(f"{SVG}path"):
        if path.attrib["class"] == "e":
            points = re.findall(r"(-?[\d.]+) (-?[\d.]+)(?=[MLQ]|$)", path.attrib["d"])
            ends = path.attrib["data-from"], path.attrib["data-to"]
            lines.append((*ends, [(float(a), float(b)) for a, b in points]))
    return Drawn(boxes, lines)


def numbers(text: str) -> set[int]:
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def segments(points: list[Point]) -> Iterator[tuple[Point, Point]]:
    yield from pairwise(points)


def passes(a: Point, b: Point, box: Rectangle) -> bool:
    line = Rectangle(
        min(a[0], b[0]) - 0.3, min(a[1], b[1]) - 0.3, max(a[0], b[0]) + 0.3, max(a[1], b[1]) + 0.3
    )
    return line.overlaps(Rectangle(box.left + 1, box.top + 1, box.right - 1, box.bottom - 1), by=0)


def touches(point: Point, box: Rectangle) -> bool:
    return box.left - 1 <= point[0] <= box.right + 1 and box.top - 1 <= point[1] <= box.bottom + 1


def layout(drawn: Drawn) -> None:
    """No two boxes overlap, each line begins and ends at a box, and passes no other."""
    for (_, one), (_, other) in combinations(drawn.boxes, 2):
        assert not one.overlaps(other)
    for _, _, points in drawn.lines:
        ends = [
            n for n, (_, box) in enumerate(drawn.boxes) if touches(points[0], box) or touches(points[-1], box)
        ]
        assert len(ends) >= 2
        for a, b in segments(points):
            for n, (_, box) in enumerate(drawn.boxes):
                assert n in ends or not passes(a, b, box), (points, box)


@pytest.mark.one_in(6)
@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("name", NETWORKS)
def test_each_layer_has_one_box_and_each_connection_one_line(name: str, direction: str) -> None:
    analysis = analysed(name)
    for depth in one_way(name, (None, 1, 2)) if direction == "TB" else (2,):
        drawn = read(picture(analysis, "graph", depth=depth, direction=direction))
        rows = [row for numbers_, _ in drawn.boxes for row in numbers_]
        assert sorted(rows) == [*range(len(analysis.rows))]
        of = {row: n for n, (numbers_, _) in enumerate(drawn.boxes) for row in numbers_}
        wanted = {
            (of[edge.row], of[number])
            for number, row in enumerate(analysis.rows)
            for edge in row.edges
            if edge.row >= 0 and of[edge.row] != of[number]
        }
        lines = [(of[int(a.split("-")[-1])], of[int(b.split("-")[0])]) for a, b, _ in drawn.lines if a and b]
        assert len(lines) == len({*lines})
        assert {*lines} <= wanted
        first = {n: min(numbers_) for n, (numbers_, _) in enumerate(drawn.boxes) if numbers_}
        back = {(a, b) for a, b in wanted - {*lines}}
        assert all(
            first[a] > first[b] for a, b in back
        )  # from one copy to the next, which is drawn as the same
        if len(drawn.boxes) < 250:
            layout(drawn)


@pytest.mark.one_in(12)
@pytest.mark.parametrize("name", NETWORKS)
def test_blocks_are_drawn_side_by_side(name: str) -> None:
    layout(read(picture(analysed(name), "blocks")))


@pytest.mark.parametrize("name", CHAINS)
def test_series_and_branches_have_no_crossing(name: str) -> None:
    drawn = read(picture(analysed(name), "graph"))
    for (a, b, one), (c, d, other) in combinations(drawn.lines, 2):
        if a == c or b == d:
            continue
        for p, q in segments(one):
            for r, s in segments(other):
                assert not cross(p, q, r, s), (a, b, c, d)


def cross(p: Point, q: Point, r: Point, s: Point) -> bool:
    """Whether two lines along the axes cross inside of both."""
    if (p[0] == q[0]) == (r[0] == s[0]):
        return False
    upright, level = ((p, q), (r, s)) if p[0] == q[0] else ((r, s), (p, q))
    x, y = upright[0][0], level[0][1]
    across = min(level[0][0], level[1][0]) + 1 < x < max(level[0][0], level[1][0]) - 1
    return across and min(upright[0][1], upright[1][1]) + 1 < y < max(upright[0][1], upright[1][1]) - 1


def test_a_picture_is_the_same_each_time_and_needs_nothing() -> None:
    analysis = analysed("googlenet")
    text = draw(analysis, "blocks").text
    assert text == draw(analysis, "blocks").text
    root = ET.fromstring(text)
    assert root.attrib["viewBox"] == f"0 0 {root.attrib['width']} {root.attrib['height']}"
    assert root.findtext(f"{SVG}title") == "GoogLeNet"
    assert "5,977,530" in (root.findtext(f"{SVG}desc") or "")
    assert not re.search(r"<script|<image|href|url\(|@import", text)


HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.mark.parametrize("form", ["svg", "mermaid", "dot"])
@pytest.mark.parametrize("view", ["blocks", "graph"])
def test_a_name_is_text_and_never_markup(form: str, view: str) -> None:
    file = f"name: {HOSTILE!r}\ninput: 1x3\nlayers: [Linear as l: 4, ReLU]\n"
    text = draw(shapecalc.analyse(shapecalc.parse(file)), view, form=form).text
    assert "<img" not in text or form == "dot"  # in whose strings it means nothing
    if form == "svg":
        root = ET.fromstring(text)
        assert root.findtext(f"{SVG}title") == HOSTILE


def test_letters_are_drawn_as_formulas() -> None:
    analysis = shapecalc.analyse(shapecalc.load("nin"), "Nx1xHxW")
    assert "N×96×⌊(H − 7)/4⌋×⌊(W − 7)/4⌋" in draw(analysis, "graph", show="shapes").text


def test_figures_add_up_in_the_boxes() -> None:
    analysis = analysed("bert-base")
    text = draw(analysis, "graph", show="params", depth=1).text
    counts = [int(count.replace(",", "")) for count in re.findall(r">([\d,]+) params<", text)]
    assert sum(counts) == analysis.totals.params
    assert "TransformerEncoderLayer × 12" in text


def test_mermaid_has_each_line_once() -> None:
    analysis = analysed("resnet18")
    text = draw(analysis, "graph", form="mermaid", direction="LR").text
    assert text.startswith("flowchart LR\n")
    drawn = read(picture(analysis, "graph"))
    assert len(re.findall(r"^  n\d+ --> n\d+$", text, re.MULTILINE)) == len(drawn.lines)
    names = re.findall(r"^ +(n\d+)(?=\[|\()", text, re.MULTILINE)
    assert len(names) == len({*names}) == len(drawn.boxes)


def test_dot_has_each_line_once() -> None:
    text = draw(analysed("resnet18"), "graph", form="dot").text
    assert text.count("{") == text.count("}")
    assert len(re.findall(r" -> ", text)) == len(read(picture(analysed("resnet18"), "graph")).lines)


def test_volumes_have_a_glyph_for_each_change_of_shape() -> None:
    root = picture(analysed("alexnet"), "volumes")
    labels = [[text.text for text in group.iter(f"{SVG}text")] for group in root.iter(f"{SVG}g")]
    assert labels[:3] == [["1", "224×224"], ["96", "54×54"], ["96", "26×26"]]
    assert labels[-3:] == [["6400"], ["4096"], ["10"]]


def test_volumes_show_what_a_decoder_reads_again() -> None:
    from shapecalc.render.drawing.volumes import skips, volumes

    analysis = analysed("unet")
    found = volumes(analysis)
    ends = [(found[a].shape, found[b].shape) for a, b in skips(analysis, found)]
    assert ends == [
        ((512, 32, 32), (1024, 32, 32)),
        ((256, 64, 64), (512, 64, 64)),
        ((128, 128, 128), (256, 128, 128)),
        ((64, 256, 256), (128, 256, 256)),
    ]


def test_a_block_is_drawn_once_with_what_differs_at_its_uses() -> None:
    text = draw(analysed("nin"), "blocks").text
    assert text.count(">nin<") == 5  # four uses, and the frame
    assert "96 channels, 11×11, stride 4" in text
    assert ">Conv<" in text  # whose window differs


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nin", "--show", "shape"), "error: --show: there is no 'shape'\n  hint: did you mean shapes?"),
        (("nin", "--depth", "2"), "error: --depth is for the graph"),
        (("nin", "--view", "volumes", "-f", "dot"), "error: the view volumes is SVG, of shapes alone"),
        (
            ("nin", "--view", "volumes", "-i", "1x1xHxW"),
            "error: the view volumes draws sizes, and there are letters",
        ),
        (("imagenet/densenet201", "--view", "graph", "-f", "mermaid"), "error: Mermaid draws 500 lines"),
        (("imagenet/densenet201", "--view", "graph", "-f", "mermaid"), "hint: --view graph --depth 2 fits"),
        (("nin", "-o", "no/such/folder.svg"), "error: no/such/folder.svg can't be written"),
        (
            ("nin", "-o", "nin.png"),
            "error: nin.png: a picture is SVG, or text for Mermaid and graphviz\n  hint: -o nin.svg",
        ),
    ],
)
def test_refusals(run: Command, words: tuple[str, ...], message: str) -> None:
    done = run("draw", *words)
    assert done.code == 2
    assert message in done.err


@pytest.mark.parametrize("wrong", [{"view": "x"}, {"form": "png"}, {"direction": "RL"}, {"colour": "red"}])
def test_what_there_is_none_of_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(shapecalc.UsageError, match="is none of"):
        draw(analysed("lenet"), **wrong)  # type: ignore[arg-type]


def test_many_layers_are_folded_or_refused_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shapecalc.render.drawing.graph.MOST_BOXES", 500)
    same = shapecalc.parse("input: 1x8\nlayers: [seq times 50000: [Linear: 8, ReLU]]\n")
    assert "× 50,000" in draw(shapecalc.analyse(same, brief=True), "graph").text
    file = "input: 1x8\nlayers: [Linear for i in range(600): i + 1]\n"
    with pytest.raises(shapecalc.UsageError, match=r"a picture of 6\d\d boxes is too large: 500 are"):
        draw(shapecalc.analyse(shapecalc.parse(file)), "graph")


def test_a_large_network_is_drawn_at_once() -> None:
    analysis = analysed("imagenet/densenet201")
    _, seconds = timed(lambda: draw(analysis, "graph"), enough=0.2)
    assert seconds < 1


@pytest.mark.parametrize("file", PICTURES)
def test_the_pictures_of_the_documentation_are_those_that_are_drawn(file: str) -> None:
    assert (FOLDER / file).read_text(encoding="utf-8") == drawn_anew(file)
