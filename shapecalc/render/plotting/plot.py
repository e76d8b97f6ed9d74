"""A plot: series of points on two axes, lines through them, lines beside them, and a legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from shapecalc.errors import UsageError
from shapecalc.render.drawing.svg import document, label, path, point, text
from shapecalc.render.drawing.text_width import text_width
from shapecalc.render.plotting.labels import SIZE, Label, Rectangle, along, around, written
from shapecalc.render.plotting.scale import AxisScale, PlotAxis, refuse_far

_WIDTH, _HEIGHT = 520.0, 340.0
"""Of the field between the axes."""
_MARGIN = 14.0
_TOP = 46.0
_LEGEND = 16.0
"""From one line of the legend to the next."""
_SWATCH = 22.0
_REACH = 4.0
MOST_DOTS = 10_000
_MOST_LABELS = 120
ROLES = ("convolution", "pooling", "normalization", "activation", "linear", "block", "join")
"""The colours of series, one after the other."""
_SHAPES = ("circle", "square", "diamond", "triangle", "down")
_LIGHT = """
.{id} .l,.{id} .r{{font-size:10px;fill:#404040;text-anchor:start}}
.{id} .r{{text-anchor:end}}
.{id} .head{{font-weight:bold;text-anchor:start}}
.{id} .q{{fill:none;stroke:#dfe3e8}}
.{id} .w{{fill:none;stroke:#404040}}
.{id} .w2{{fill:none;stroke:#1a1a1a;stroke-width:1.6;stroke-dasharray:6 3}}
.{id} .roof{{fill:none;stroke:#1a1a1a;stroke-width:1.6}}
.{id} path.through{{fill:none;stroke-width:1.4}}
.{id} .dim{{opacity:.5}}
.{id} .best{{stroke-width:2.4}}
"""
_DARK = """
.{id} .l,.{id} .r{{fill:#c8ccd0}}
.{id} .q{{stroke:#2b3138}}
.{id} .w{{stroke:#c0c4c8}}
.{id} .w2,.{id} .roof{{stroke:#f0f0f0}}
"""


class Dot(NamedTuple):
    """A point, what stands beside it, and what is said of it where it is pointed at."""

    x: Fraction
    y: Fraction
    label: str = ""
    about: str = ""
    best: bool = False
    dim: bool = False


class DotSeries(NamedTuple):
    """Points that belong together; `joined` by a line in their order."""

    name: str
    dots: Sequence[Dot]
    joined: bool = False
    role: str = ""
    """Its colour, where that has a meaning of its own."""


class Guide(NamedTuple):
    """A line that is no series, with what is said of it where it begins; `solid` or in strokes."""

    points: Sequence[tuple[Fraction, Fraction]]
    name: str = ""
    solid: bool = False


@dataclass(frozen=True)
class Plot:
    """What is plotted."""

    title: str
    description: str
    x: PlotAxis
    y: PlotAxis
    series: Sequence[DotSeries]
    guides: Sequence[Guide] = field(default=())

    def svg(self) -> str:
        """The plot as one standalone SVG, the same bytes each time.

        Raises:
            UsageError: there is nothing to draw, or too much.
        """
        return _Drawn(self).svg()


class _Drawn:
    """A plot with its places."""

    def __init__(self, plot: Plot) -> None:
        self.plot = plot
        self.dots = [dot for series in plot.series for dot in series.dots]
        _refuse(self.dots)
        corners = [point for guide in plot.guides for point in guide.points]
        xs = [*(dot.x for dot in self.dots), *(x for x, _ in corners)]
        ys = [*(dot.y for dot in self.dots), *(y for _, y in corners)]
        refuse_far(xs, plot.x.title)
        refuse_far(ys, plot.y.title)
        upright = AxisScale(plot.y, ys, _TOP + _HEIGHT, _TOP)
        self.left = _MARGIN + 8 + max(text_width(tick.text, SIZE) for tick in upright.ticks)
        self.x = AxisScale(plot.x, xs, self.left, self.left + _WIDTH)
        self.y = upright
        self.named = [series for series in plot.series if series.name]
        self.field = Rectangle(self.left, _TOP, self.left + _WIDTH, _TOP + _HEIGHT)

    def svg(self) -> str:
        names = [text_width(series.name, SIZE) for series in self.named]
        legend = _SWATCH + max(names) + 16 if names else 0.0
        head = self.left + text_width(self.plot.title, 13) * 1.1
        width = max(self.field.right + legend, head) + _MARGIN + 6
        height = max(self.field.bottom + 48, _TOP + _LEGEND * len(self.named) + _MARGIN)
        inside = [
            *self._axes(),
            *self._guides(),
            *self._lines(),
            *self._dots(),
            *self._labels(),
            *self._legend(),
        ]
        plot = self.plot
        return document(width, height, plot.title, plot.description, "\n".join(inside), _LIGHT, _DARK)

    def place(self, x: Fraction, y: Fraction) -> tuple[float, float]:
        return self.x.place(x), self.y.place(y)

    def _axes(self) -> Iterator[str]:
        left, top, right, bottom = self.field
        yield label(self.plot.title, left, 18, "head")
        yield label(self.plot.y.title, _MARGIN, top - 10, "l")
        yield label(self.plot.x.title, (left + right) / 2, bottom + 36, "s")
        for tick in self.x.ticks:
            x = self.x.place(tick.value)
            yield _stroke("q" if tick.text else "w", (x, top if tick.text else bottom - 4), (x, bottom))
            if tick.text:
                yield label(tick.text, x, bottom + 15, "s")
        for tick in self.y.ticks:
            y = self.y.place(tick.value)
            yield _stroke("q" if tick.text else "w", (left, y), (right if tick.text else left + 4, y))
            if tick.text:
                yield label(tick.text, left - 6, y + 3.5, "r")
        yield _stroke("w", (left, top), (left, bottom), (right, bottom))

    def _guides(self) -> Iterator[str]:
        for guide in self.plot.guides:
            yield _stroke("roof" if guide.solid else "w2", *[self.place(*point) for point in guide.points])

    def _lines(self) -> Iterator[str]:
        for series, role, _ in self._styles():
            if series.joined and len(series.dots) > 1:
                yield _stroke(f"{role} through", *[self.place(dot.x, dot.y) for dot in series.dots])

    def _styles(self) -> Iterator[tuple[DotSeries, str, str]]:
        """Each series with its colour and the shape of its marks: never the colour alone tells."""
        for n, series in enumerate(self.plot.series):
            role = series.role or ROLES[n % len(ROLES)]
            yield series, role, _SHAPES[(n + n // len(ROLES)) % len(_SHAPES)]

    def _dots(self) -> Iterator[str]:
        for series, role, shape in self._styles():
            for dot in series.dots:
                style = f"{role}{' best' * dot.best}{' dim' * dot.dim}"
                about = f"<title>{text(dot.about)}</title>" if dot.about else ""
                yield f'<path class="{style}" d="{_mark(shape, *self.place(dot.x, dot.y))}">{about}</path>'

    def _labels(self) -> Iterator[str]:
        """Those of the best points find their places first."""
        marks = [around(*self.place(dot.x, dot.y), _REACH) for dot in self.dots]
        lines = [
            piece for guide in self.plot.guides for piece in along([self.place(*p) for p in guide.points])
        ]
        for series in self.plot.series:
            if series.joined:
                lines += along([self.place(dot.x, dot.y) for dot in series.dots])
        wanted = [
            Label(guide.name, *self.place(*guide.points[-1])) for guide in self.plot.guides if guide.name
        ]
        ordered = sorted(self.dots, key=lambda dot: not dot.best)
        wanted += [Label(dot.label, *self.place(dot.x, dot.y)) for dot in ordered if dot.label]
        for said, x, y in written(wanted[:_MOST_LABELS], self.field, marks, lines):
            yield label(said, x, y, "l")

    def _legend(self) -> Iterator[str]:
        x, y = self.field.right + 18, _TOP + 6
        for series, role, shape in self._styles():
            if not series.name:
                continue
            yield f'<path class="{role}" d="{_mark(shape, x, y)}"/>'
            yield label(series.name, x + 12, y + 3.5, "l")
            y += _LEGEND


def _refuse(dots: Sequence[Dot]) -> None:
    if not dots:
        raise UsageError("there is no point to draw: none has a number on both axes")
    if len(dots) > MOST_DOTS:
        raise UsageError(f"a plot has {MOST_DOTS:,} points at most: here are {len(dots):,}")


def _stroke(style: str, *points: tuple[float, float]) -> str:
    return f'<path class="{style}" d="{path(*points)}"/>'


def _mark(shape: str, x: float, y: float) -> str:
    """The outline of a mark around a point."""
    if shape == "circle":
        return f"M{point(x - 4, y)}a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z"
    ways = {
        "square": "m-3.5-3.5h7v7h-7Z",
        "diamond": "m0-5l5 5l-5 5l-5-5Z",
        "triangle": "m0-4.5l4.5 8h-9Z",
        "down": "m0 4.5l4.5-8h-9Z",
    }
    return f"M{point(x, y)}{ways[shape]}"
