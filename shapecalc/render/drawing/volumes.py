"""The picture of volumes: for each change of shape a glyph, as high as its resolution, as wide as channels.

It is drawn along the way from the input to the output, on which a join stands for its branches; tensors that
are read again further on are lines above. Heights and widths grow with the square roots of the sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import sqrt
from typing import NamedTuple

from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis
from shapecalc.errors import UsageError
from shapecalc.render.drawing.building import is_join
from shapecalc.render.drawing.svg import MARGIN, label, path
from shapecalc.render.drawing.text_width import text_width
from shapecalc.render.tree import own_row
from shapecalc.symbolic.notation import shape_text
from shapecalc.tensors import Shape

_HIGHEST, _WIDEST = 150.0, 84.0
_LEAST = 7.0
_DEPTH = 0.3
"""How much of the width of an image the picture shows behind its front."""
_BETWEEN = 26.0
_SMALL = 10
_ARC = 12.0
_LONGEST = 400
"""Glyphs in a picture, of which no more can be told apart."""


class Volume(NamedTuple):
    """A run of layers on the way whose tensors have one shape, of which the batch is left out."""

    shape: Shape
    rows: tuple[int, ...]


class Glyph(NamedTuple):
    """A volume with its place: the front's left and top, its width and height, and the depth behind it."""

    volume: Volume
    x: float
    y: float
    width: float
    height: float
    depth: float


def volumes(analysis: Analysis) -> list[Volume]:
    """The volumes on the way from the first input to the output.

    Raises:
        UsageError: a size is a formula, or there are too many.
    """
    made = _made_of_input(analysis)
    shapes = [(-1, next(iter(analysis.inputs.values())).shape)]
    shapes += [(n, analysis.rows[n].output.shape) for n in _way(analysis, analysis.tree) if n in made]
    if any(not isinstance(size, int) for _, shape in shapes for size in shape):
        raise UsageError("the view volumes draws sizes, and there are letters", hint="--input 1x3x224x224")
    found: list[Volume] = []
    for row, shape in shapes:
        rows = (row,) if row >= 0 else ()
        if found and found[-1].shape == shape[1:]:
            found[-1] = Volume(shape[1:], found[-1].rows + rows)
        else:
            found.append(Volume(shape[1:], rows))
    if len(found) > _LONGEST:
        raise UsageError(f"the view volumes shows {_LONGEST} changes of shape at most: here are {len(found)}")
    return found


def _made_of_input(analysis: Analysis) -> set[int]:
    """The rows that see something of the first input, which tables of positions do not."""
    made: set[int] = set()
    for n, row in enumerate(analysis.rows):
        if any(edge.row in made or edge == (-1, 0) for edge in row.edges):
            made.add(n)
    return made


def _way(analysis: Analysis, nodes: Sequence[Node]) -> Iterator[int]:
    """The numbers of the rows on the way: of a join its own alone."""
    for node in nodes:
        if node.children and not is_join(node):
            yield from _way(analysis, node.children)
            if own_row(analysis, node):
                yield node.stop - 1
        elif node.stop > node.start:
            yield node.stop - 1


def skips(analysis: Analysis, found: Sequence[Volume]) -> list[tuple[int, int]]:
    """The volumes that are read again after the next one, each with the volume that is made of it there."""
    way = [row for volume in found for row in volume.rows]
    of_row = {row: n for n, volume in enumerate(found) for row in volume.rows}
    owner: dict[int, int] = {}
    begin = 0
    for row in way:
        owner.update(dict.fromkeys(range(begin, row + 1), row))
        begin = row + 1
    place = {row: n for n, row in enumerate(way)}
    pairs: dict[tuple[int, int], None] = {}
    for row in range(begin):
        for edge in analysis.rows[row].edges:
            if owner.get(edge.row, row) == owner[row] or edge.row not in place:
                continue
            source, target = owner[edge.row], owner[row]
            a, b = of_row[source], of_row[target]
            if place[target] > place[source] + 1 and b > a and of_row[way[place[target] - 1]] != a:
                pairs[a, b] = None
    return [*pairs]


def _channels_first(analysis: Analysis) -> bool:
    """Whether sequences have their channels before their length, as convolutions on one axis take them."""
    return any(row.layer.axes == 1 for row in analysis.rows)


def _parts(shape: Shape, channels_first: bool) -> tuple[int, list[int]]:
    """The channels of a volume, and its other sizes."""
    sizes = [int(str(size)) for size in shape]
    if not sizes:
        return 1, []
    if len(sizes) == 2 and not channels_first:
        return sizes[1], sizes[:1]
    return sizes[0], sizes[1:]


def glyphs(analysis: Analysis, found: Sequence[Volume], arcs: int) -> list[Glyph]:
    """The volumes in a row, centred on one line."""
    first = _channels_first(analysis)
    parts = [_parts(volume.shape, first) for volume in found]
    most = max(channels for channels, _ in parts)
    largest = max([size for _, sizes in parts for size in sizes[-2:]], default=1)
    middle = MARGIN + _ARC * (arcs + 1) + _HIGHEST * (1 + _DEPTH) / 2
    x, made = float(MARGIN), []
    for volume, (channels, sizes) in zip(found, parts, strict=True):
        width = max(_LEAST, _WIDEST * sqrt(channels / most))
        height = (
            max(_LEAST, _HIGHEST * sqrt(sizes[-2 if len(sizes) > 1 else -1] / largest)) if sizes else _LEAST
        )
        depth = _DEPTH * max(_LEAST, _HIGHEST * sqrt(sizes[-1] / largest)) if len(sizes) > 1 else 0.0
        room = max(width + depth, *[text_width(line, _SMALL) for line in _label(volume)])
        made.append(
            Glyph(
                volume, x + (room - width - depth) / 2, middle - height / 2 + depth / 2, width, height, depth
            )
        )
        x += room + _BETWEEN
    return made


def _label(volume: Volume) -> list[str]:
    """The shape, in two lines where it is of an image."""
    if len(volume.shape) < 3:
        return [shape_text(volume.shape)]
    return [shape_text(volume.shape[:1]), shape_text(volume.shape[1:])]


def drawn(analysis: Analysis) -> tuple[float, float, str]:
    """Width, height and the inside of the SVG."""
    found = volumes(analysis)
    lines = sorted(skips(analysis, found), key=lambda pair: pair[1] - pair[0])
    made = glyphs(analysis, found, len(lines))
    below = max(glyph.y + glyph.height for glyph in made) + 16
    inside = [line for glyph in made for line in _glyph(glyph, below)]
    inside += [_arrow_between(a, b) for a, b in pairwise(made)]
    inside += [_arc(made[a], made[b], n, made) for n, (a, b) in enumerate(lines)]
    last = made[-1]
    right = max(
        g.x + max(g.width + g.depth, text_width(max(_label(g.volume), key=len), _SMALL)) for g in made
    )
    return max(right, last.x + last.width + last.depth) + MARGIN, below + 14 + MARGIN, "\n".join(inside)


def _glyph(glyph: Glyph, below: float) -> Iterator[str]:
    x, y, w, h, d = glyph.x, glyph.y, glyph.width, glyph.height, glyph.depth
    rows = glyph.volume.rows
    yield f'<g class="b" data-rows="{rows[0]}-{rows[-1]}">' if rows else '<g class="b">'
    front = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
    top = [(x, y), (x + d, y - d), (x + w + d, y - d), (x + w, y)]
    side = [(x + w, y), (x + w + d, y - d), (x + w + d, y + h - d), (x + w, y + h)]
    for face in (top, side, front) if d else (front,):
        yield f'<path class="convolution" d="{path(*face)}Z"/>'
    for n, line in enumerate(_label(glyph.volume)):
        yield label(line, x + (w + d) / 2, below + 13 * n, "s" if n else "")
    yield "</g>"


def _middle(glyph: Glyph) -> float:
    return glyph.y + (glyph.height - glyph.depth) / 2


def _arrow_between(a: Glyph, b: Glyph) -> str:
    y = _middle(a)
    begin, end = a.x + a.width + a.depth / 2 + 3, b.x + b.depth / 2 - 3
    return _arrow(path((begin, y), (end, y)), path((end, y), (end - 5, y - 3), (end - 5, y + 3)))


def _arrow(line: str, head: str) -> str:
    return f'<path class="e" d="{line}"/><path class="a" d="{head}Z"/>'


def _arc(a: Glyph, b: Glyph, track: int, made: Sequence[Glyph]) -> str:
    """A line above all that is between."""
    top = min(g.y - g.depth for g in made) - 8 - _ARC * track
    begin, end = a.x + (a.width + a.depth) / 2 + 3, b.x + (b.width + b.depth) / 2 - 3
    foot, last = a.y - a.depth, b.y - b.depth
    line = path((begin, foot), (begin, top), (end, top), (end, last))
    return _arrow(line, path((end, last), (end - 3, last - 6), (end + 3, last - 6)))
