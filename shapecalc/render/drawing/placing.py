"""Where everything of a picture stands: by recursion over its parts, so that chains are straight.

Positions are along the way of the data (`main`) and across it; a picture from left to right is the same with
the two exchanged. A stack is centred on one axis; branches stand side by side between two channels, which
the lines to and from them use; to the right of each stack is a lane for lines that skip parts of it, and
between branches a corridor for those that lead out of one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from shapecalc.render.drawing.parts import Box, Part, Split, Stack
from shapecalc.render.drawing.text_width import text_width

FONT = 12
SMALL = 10
GAP = 18
"""Between parts that follow one another; a line with its arrow fits."""
BESIDE = 14
"""Between branches."""
CHANNEL = 12
TRACK = 8
"""Between lines that run side by side."""
PAD = 10
TITLE = 18
_EMPTY = 12
_LEAST = 26


@dataclass(eq=False)
class Placement:
    """Of a part, how far it reaches before and after its axis, its length, and where it stands."""

    before: float = 0
    after: float = 0
    length: float = 0
    axis: float = 0
    main: float = 0

    @property
    def end(self) -> float:
        return self.main + self.length


@dataclass(eq=False)
class Tracks:
    """How many lines run side by side in each lane, corridor and channel, by part and branch."""

    lanes: Counter[int] = field(default_factory=Counter)
    corridors: Counter[tuple[int, int]] = field(default_factory=Counter)
    tops: Counter[int] = field(default_factory=Counter)
    bottoms: Counter[int] = field(default_factory=Counter)
    used: set[tuple[int, int]] = field(default_factory=set)
    """The empty branches that a line passes."""


class Placing:
    """The places of all parts of a stack, from 0, 0."""

    def __init__(self, root: Stack, tracks: Tracks, down: bool = True) -> None:
        self.root = root
        self.tracks = tracks
        self.down = down
        self.places: dict[int, Placement] = {}
        whole = self._measure(root)
        self._place(root, whole.before, 0)
        self.across = whole.before + whole.after
        self.along = whole.length

    def of(self, part: Part) -> Placement:
        return self.places[id(part)]

    def size(self, box: Box) -> tuple[float, float]:
        """The width and the height of a box, which its text needs."""
        widths = [text_width(line, FONT if n == 0 else SMALL) for n, line in enumerate(box.lines)]
        if box.role == "port":
            return max(widths) + 4, 14 * len(box.lines) if any(box.lines) else 0
        return max(_LEAST, max(widths) + 18), 12 + 14 * len(box.lines)

    def frame(self, stack: Stack) -> tuple[float, float, float, float]:
        """What a frame adds: before and after along the main way, before and after across it."""
        if not stack.title:
            return 0, 0, 0, 0
        return (TITLE, PAD, PAD, PAD) if self.down else (PAD, PAD, TITLE, PAD)

    def channels(self, split: Split) -> tuple[float, float]:
        """The lengths of the channels before and after the branches."""
        top, bottom = self.tracks.tops[id(split)], self.tracks.bottoms[id(split)]
        return CHANNEL + TRACK * top, (2 * CHANNEL if split.join else CHANNEL) + TRACK * bottom

    def shown(self, split: Split) -> list[int]:
        """The branches that have a column."""
        used = self.tracks.used
        return [n for n, branch in enumerate(split.branches) if branch.parts or (id(split), n) in used]

    def _measure(self, part: Part) -> Placement:
        if isinstance(part, Box):
            width, height = self.size(part)
            across, length = (width, height) if self.down else (height, width)
            place = Placement(across / 2, across / 2, length)
        elif isinstance(part, Stack):
            place = self._measure_stack(part)
        else:
            place = self._measure_split(part)
        self.places[id(part)] = place
        return place

    def _measure_stack(self, stack: Stack) -> Placement:
        inner = [self._measure(part) for part in stack.parts]
        first, last, before, after = self.frame(stack)
        lane = self.tracks.lanes[id(stack)]
        place = Placement(
            max([p.before for p in inner], default=_EMPTY / 2) + before,
            max([p.after for p in inner], default=_EMPTY / 2)
            + (TRACK * lane + PAD / 2 if lane else 0)
            + after,
            sum(p.length for p in inner) + GAP * max(0, len(inner) - 1) + first + last,
        )
        if stack.title:
            self._make_room(place, 1.2 * text_width(stack.title, SMALL) + 2 * PAD)
        return place

    def _make_room(self, place: Placement, needed: float) -> None:
        """Let the title of a frame have its width, before the line that comes in on the axis."""
        if self.down:
            place.before = max(place.before, needed)
        else:
            place.length = max(place.length, needed)

    def _measure_split(self, split: Split) -> Placement:
        inner = [self._measure(split.branches[n]) for n in self.shown(split)]
        _, begin, end = self._columns(split)
        place = Placement(-begin, end, sum(self.channels(split)) + max(p.length for p in inner))
        if split.join:
            joined = self._measure(split.join)
            place.before, place.after = max(place.before, joined.before), max(place.after, joined.after)
            place.length += joined.length
        return place

    def _columns(self, split: Split) -> tuple[dict[int, float], float, float]:
        """From the split's axis: the axis of each branch, where the first begins, and where the last ends.

        A branch that alone has boxes is on the axis, and of several the middle; of inputs, which nothing
        joins, the first.
        """
        axes, at = {}, 0.0
        for number in self.shown(split):
            place, tracks = self.of(split.branches[number]), self.tracks.corridors[id(split), number]
            axes[number] = at + place.before
            at += place.before + place.after + TRACK * tracks + BESIDE
        filled = [n for n in axes if split.branches[n].parts]
        own = (min(axes.values()) + max(axes.values())) / 2
        if len(filled) == 1 or not split.join:
            own = axes[filled[0]]
        return {n: axis - own for n, axis in axes.items()}, -own, at - BESIDE - own

    def _place(self, part: Part, axis: float, main: float) -> None:
        place = self.of(part)
        place.axis, place.main = axis, main
        if isinstance(part, Stack):
            main += self.frame(part)[0]
            for inner in part.parts:
                self._place(inner, axis, main)
                main += self.of(inner).length + GAP
        elif isinstance(part, Split):
            self._place_split(part, place)

    def _place_split(self, split: Split, place: Placement) -> None:
        top, bottom = self.channels(split)
        axes, *_ = self._columns(split)
        room = max(self.of(split.branches[n]).length for n in axes)
        for number, axis in axes.items():
            branch = split.branches[number]
            begin = place.main + top + (room - self.of(branch).length) / 2
            self._place(branch, place.axis + axis, begin)
        if split.join:
            self._place(split.join, place.axis, place.main + top + room + bottom)
