"""A picture as one standalone SVG: text as text, its own ground, no script and nothing from elsewhere.

The same picture has the same bytes every time; coordinates have one decimal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from shapecalc.errors import visible
from shapecalc.render.drawing.parts import Box, Figure, Part, Stack, boxes, stacks
from shapecalc.render.drawing.placing import FONT, PAD, SMALL, TITLE, Placing
from shapecalc.render.drawing.routing import Points, Router, ways

MARGIN = 12
BETWEEN = 28
"""Between figures side by side."""
_RADIUS = 5
_COLOURS = {
    "convolution": ("#dbe9f9", "#3b74b4", "#1d3550", "#7fb2ea"),
    "linear": ("#e6e0f5", "#6a55a8", "#2f2750", "#b3a1ea"),
    "normalization": ("#e4f1dc", "#5b8c3e", "#24391a", "#9ccf7d"),
    "activation": ("#fcefd2", "#a97b1f", "#40310f", "#e6bd66"),
    "pooling": ("#fadfdb", "#b4503f", "#4a221c", "#f0998a"),
    "join": ("#ffffff", "#444444", "#101418", "#d0d0d0"),
    "block": ("#e9edf2", "#52606f", "#29323c", "#aebccb"),
    "other": ("#f3f3f3", "#777777", "#26292d", "#b0b0b0"),
}
"""By the part in a network: ground and edge on white, and on dark."""
_HEAT = ("#ffffff", "#fde9d6", "#fbc99a", "#f39a55", "#d4641b")
_STYLE = """
.{id} text{{font-family:Helvetica,Arial,"DejaVu Sans",sans-serif;font-size:{font}px}}
.{id} text{{fill:#1a1a1a;text-anchor:middle}}
.{id} .s{{font-size:{small}px;fill:#404040}}
.{id} .t{{font-size:{small}px;fill:#404040;text-anchor:start;font-weight:bold}}
.{id} .g{{fill:#ffffff}}
.{id} .f{{fill:none;stroke:#8a94a0;stroke-dasharray:4 3}}
.{id} .e{{fill:none;stroke:#404040;stroke-width:1.2}}
.{id} .a{{fill:#404040}}
.{id} .port{{fill:none;stroke:none}}
"""
_DARK = """
.{id} text{{fill:#f0f0f0}}
.{id} .s,.{id} .t{{fill:#c8ccd0}}
.{id} .g{{fill:#14171a}}
.{id} .f{{stroke:#7a8590}}
.{id} .e{{stroke:#c0c4c8}}
.{id} .a{{fill:#c0c4c8}}
"""


@dataclass(frozen=True)
class Placed:
    """A figure with a place in the picture: where its corner is."""

    figure: Figure
    placing: Placing
    routes: Sequence[tuple[Points, Box, Box]]
    down: bool
    x: float = 0
    y: float = 0

    @property
    def width(self) -> float:
        return self.placing.across if self.down else self.placing.along

    @property
    def height(self) -> float:
        return self.placing.along if self.down else self.placing.across

    def at(self, x: float, y: float) -> Placed:
        return Placed(self.figure, self.placing, self.routes, self.down, x, y)

    def point(self, across: float, along: float) -> tuple[float, float]:
        return (self.x + across, self.y + along) if self.down else (self.x + along, self.y + across)

    def rectangle(self, part: Part) -> tuple[float, float, float, float]:
        """Left, top, width and height of a part."""
        place = self.placing.of(part)
        left, top = self.point(place.axis - place.before, place.main)
        across = place.before + place.after
        return left, top, *((across, place.length) if self.down else (place.length, across))


def placed(figure: Figure, down: bool) -> Placed:
    """A figure with all its parts and lines in place."""
    found, tracks = ways(figure)
    placing = Placing(figure.root, tracks, down)
    router = Router(placing)
    return Placed(figure, placing, [(router.points(w), w.link.source, w.link.target) for w in found], down)


def svg(figures: Sequence[Figure], down: bool, title: str, description: str) -> str:
    """Figures in one picture: the first, and beside it the others, in columns as high."""
    made = [placed(figure, down) for figure in figures]
    places = corners([(each.width, each.height) for each in made], BETWEEN)
    made = [each.at(MARGIN + x, MARGIN + y) for each, (x, y) in zip(made, places, strict=True)]
    width = max(each.x + each.width for each in made) + MARGIN
    height = max(each.y + each.height for each in made) + MARGIN
    inside = "\n".join(line for each in made for line in _figure(each))
    return document(width, height, title, description, inside)


def corners(sizes: Sequence[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    """Corners for figures of these widths and heights: the first by itself, others in columns as high."""
    (width, height), *others = sizes
    tallest = max([height, *[h for _, h in others]])
    found, x, y, wide = [(0.0, 0.0)], width + gap, 0.0, 0.0
    for w, h in others:
        if y and y + h > tallest:
            x, y, wide = x + wide + gap, 0.0, 0.0
        found.append((x, y))
        y, wide = y + h + gap, max(wide, w)
    return found


def document(
    width: float,
    height: float,
    title: str,
    description: str,
    inside: str,
    light: str = "",
    dark: str = "",
) -> str:
    """An SVG around what is drawn; its class keeps its style apart from that of others on the same page.

    `light` and `dark` are rules of its own, on white and on dark, with `{id}` where the class stands.
    """
    name = "s" + hashlib.sha256((title + inside).encode()).hexdigest()[:8]
    size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} class="{name}" role="img"'
            f' aria-labelledby="{name}t {name}d">',
            f'<title id="{name}t">{text(title)}</title>',
            f'<desc id="{name}d">{text(description)}</desc>',
            f"<style>{_style(name, light, dark)}</style>",
            '<rect class="g" width="100%" height="100%" rx="6"/>',
            inside,
            "</svg>\n",
        ]
    )


def _style(name: str, own: str, own_dark: str) -> str:
    light = _STYLE.format(id=name, font=FONT, small=SMALL)
    light += "".join(f".{name} .{role}{{fill:{g};stroke:{e}}}\n" for role, (g, e, _, _) in _COLOURS.items())
    light += "".join(f".{name} .h{n}{{fill:{colour};stroke:#8a4a1b}}\n" for n, colour in enumerate(_HEAT))
    light += own.format(id=name)
    dark = _DARK.format(id=name)
    dark += "".join(f".{name} .{role}{{fill:{g};stroke:{e}}}\n" for role, (_, _, g, e) in _COLOURS.items())
    dark += "".join(f".{name} .h{n}+text,.{name} .h{n}~text{{fill:#1a1a1a}}\n" for n in range(len(_HEAT)))
    dark += own_dark.format(id=name)
    return f"{light}@media (prefers-color-scheme:dark){{{dark}}}\n"


def _figure(figure: Placed) -> Iterator[str]:
    for stack in stacks(figure.figure.root):
        if stack.title:
            yield from _frame(figure, stack)
    for points, source, target in figure.routes:
        yield _line([figure.point(*point) for point in points], source, target)
    for box in boxes(figure.figure.root):
        yield from _box(box, *figure.rectangle(box))


def _frame(figure: Placed, stack: Stack) -> Iterator[str]:
    x, y, width, height = figure.rectangle(stack)
    yield f'<rect class="f" {_place(x, y, width, height)} rx="8"/>'
    yield label(stack.title, x + PAD, y + TITLE - 5, "t")


def _box(box: Box, x: float, y: float, width: float, height: float) -> Iterator[str]:
    rows = f' data-rows="{_ranges(box.rows)}"' if box.rows else ""
    kind = box.role if box.share is None else f"h{_step(box.share)}"
    yield f'<g class="b"{rows}>'
    if box.path:
        yield f"<title>{text(box.path)}</title>"
    yield f'<rect class="{kind}" {_place(x, y, width, height)} rx="5"/>'
    middle, first = x + width / 2, y + height / 2 - 7 * (len(box.lines) - 1) + 4
    for row, line in enumerate(filter(None, box.lines)):
        yield label(line, middle, first + 14 * row, "s" if row else "")
    yield "</g>"


def _step(share: float) -> int:
    """Which of the steps of the colour a share has: those of a network's parts are mostly small."""
    return sum(share >= least for least in (0.0005, 0.01, 0.05, 0.2))


def _line(points: Points, source: Box, target: Box) -> str:
    (x0, y0), (x, y) = points[-2:]
    arrow = _arrow(x0, y0, x, y)
    names = f' data-from="{_ranges(source.rows[-1:])}" data-to="{_ranges(target.rows[:1])}"'
    return f'<path class="e"{names} d="{_curve(points)}"/><path class="a" d="{arrow}"/>'


def _curve(points: Points) -> str:
    """A line through the points, its corners rounded."""
    (x, y), *others = points
    drawn = f"M{point(x, y)}"
    for (ax, ay), (bx, by), (cx, cy) in zip(points, points[1:], points[2:], strict=False):
        short = min(_RADIUS, abs(bx - ax + by - ay) / 2, abs(cx - bx + cy - by) / 2)
        sx, sy = bx - short * _sign(bx - ax), by - short * _sign(by - ay)
        ex, ey = bx + short * _sign(cx - bx), by + short * _sign(cy - by)
        drawn += f"L{point(sx, sy)}Q{point(bx, by)} {point(ex, ey)}"
    return f"{drawn}L{point(*others[-1])}"


def _arrow(x0: float, y0: float, x: float, y: float) -> str:
    dx, dy = _sign(x - x0), _sign(y - y0)
    a, b = (x - 6 * dx - 3 * dy, y - 6 * dy - 3 * dx), (x - 6 * dx + 3 * dy, y - 6 * dy + 3 * dx)
    return path((x, y), a, b) + "Z"


def _sign(value: float) -> int:
    return (value > 0.01) - (value < -0.01)


def _place(x: float, y: float, width: float, height: float) -> str:
    return f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'


def label(said: str, x: float, y: float, style: str = "") -> str:
    """A line of text at a point."""
    of_style = f' class="{style}"' if style else ""
    return f'<text{of_style} x="{number(x)}" y="{number(y)}">{text(said)}</text>'


def path(*points: tuple[float, float]) -> str:
    """A line from point to point."""
    return f"M{'L'.join(point(*each) for each in points)}"


def point(x: float, y: float) -> str:
    return f"{number(x)} {number(y)}"


def number(value: float) -> str:
    """With one decimal at most."""
    return f"{value:z.1f}".removesuffix(".0")


def _ranges(rows: Sequence[int]) -> str:
    """Numbers as `0-5,8`."""
    found: list[list[int]] = []
    for row in rows:
        if found and row == found[-1][1] + 1:
            found[-1][1] = row
        else:
            found.append([row, row])
    return ",".join(f"{a}-{b}" if b > a else f"{a}" for a, b in found)


def text(said: str) -> str:
    """A text that is no markup, without what a screen would obey."""
    return escape(visible(said), quote=False)
