"""Which input sizes a network takes, which is the smallest, and at which sizes windows read every element."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from itertools import islice
from typing import NamedTuple

from shapecalc.analysis.domain.boxes import Box, both, smallest_first, within
from shapecalc.analysis.domain.fewer_terms import fewer_terms, in_multiples
from shapecalc.analysis.domain.own_weights import keeping
from shapecalc.analysis.domain.residues import MOST_BANDS, Unwieldy, residues
from shapecalc.analysis.domain.sizesets import EVERY, SizeSet
from shapecalc.analysis.domain.solving import solve, where_remainder
from shapecalc.analysis.domain.stretches import Effort, shifted
from shapecalc.engine.results import Analysis
from shapecalc.shown import Shown
from shapecalc.symbolic import Dim, at, symbols_in
from shapecalc.symbolic.conditions import Condition
from shapecalc.symbolic.implied import decisive
from shapecalc.window import Window

MOST_TRIED = 40_000
_MOST_STRETCHES = 50_000
_MOST_COMPARED = 64  # boxes


class Solved(NamedTuple):
    """A condition with its solution, a union of boxes; None where it has no closed form."""

    condition: Condition
    boxes: Sequence[Box] | None

    def __str__(self) -> str:
        return self._closed(SizeSet.text) or " or ".join(map(str, self.condition.permitted))

    @property
    def box(self) -> Box:
        """The first box of its solution."""
        return self.boxes[0] if self.boxes else {}

    def ascii(self) -> str:
        return self._closed(SizeSet.ascii) or " or ".join(one.ascii() for one in self.condition.permitted)

    def _closed(self, text: Callable[[SizeSet, str], str]) -> str | None:
        """The solution in words, where it is of one symbol and short."""
        symbols = self.condition.symbols
        if not self.boxes or len(symbols) != 1:
            return None
        ((name, found),) = self.box.items()
        return text(found, name) if found.readable else None


class AxisWindow(NamedTuple):
    """A layer's window, the size of the axis that it slides along, and the name of that axis' elements."""

    path: str
    unit: str
    size: Dim
    window: Window


@dataclass(frozen=True)
class Domain(Shown):
    """The inputs that a network takes: sizes in `boxes` that meet the `open` conditions besides."""

    analysis: Analysis
    solved: tuple[Solved, ...]
    own: Mapping[str, int] = field(default_factory=dict)
    """Symbol → its size in the input that was given, if that has numbers."""

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of the inputs and parameters, in the order of the inputs' axes."""
        sizes = [size for tensor in self.analysis.inputs.values() for size in tensor.shape]
        ordered = [name for size in sizes for name in sorted(symbols_in(size))]
        return tuple(dict.fromkeys([*ordered, *self.analysis.symbols]))

    @cached_property
    def _left(self) -> tuple[Sequence[Box], tuple[Condition, ...]]:
        return narrowed([{}], self.solved)

    @cached_property
    def boxes(self) -> Sequence[Box]:
        """The solution of all conditions with a closed form; a box with the given input comes first."""
        return sorted(self._left[0], key=lambda box: not _has(box, self.own))

    @property
    def open(self) -> tuple[Condition, ...]:
        """Conditions without a closed form, which an input has to meet besides."""
        return self._left[1]

    @cached_property
    def _plain(self) -> tuple[Solved, ...]:
        plain = set(self.analysis.decisive_conditions)
        return tuple([one for one in self.solved if one.condition in plain])

    @cached_property
    def decisive(self) -> tuple[Solved, ...]:
        """The conditions that do not follow from others; of several that say the same, the last."""
        return needed_of(self._plain)

    @cached_property
    def apart(self) -> tuple[Box, tuple[Solved, ...]]:
        """The limits of each symbol by itself, and the decisive conditions on several symbols together."""
        single = _single(self._plain)
        boxes, _ = narrowed([{}], single)
        if len(boxes) != 1:
            return {}, self.decisive
        return boxes[0], tuple([one for one in self.decisive if one not in single])

    def fewer_terms(self, size: Dim) -> Dim:
        """A formula that is equal to `size` for all inputs of the domain, in fewer terms if it has such."""
        return fewer_terms(size, *self._met)

    def in_multiples(self, size: Dim) -> Dim:
        """A formula in other symbols, to compare it with others of these for inputs of the domain alone."""
        return in_multiples(size, *self._met)

    @property
    def _met(self) -> tuple[Box, list[Condition]]:
        box, others = self.apart
        return box, [one.condition for one in others]

    @cached_property
    def smallest(self) -> Mapping[str, int] | None:
        """The sizes of the input with the fewest elements, or the squarest of them; None: none was found."""
        return next(self.in_order(self.boxes, self.open), None)

    def in_order(self, boxes: Sequence[Box], conditions: Sequence[Condition]) -> Iterator[dict[str, int]]:
        """The sizes in boxes that meet conditions, fewest elements first; at most `MOST_TRIED` are tried."""
        elements = [tensor.elements for tensor in self.analysis.inputs.values()]
        tried = MOST_TRIED // max(1, len(self.symbols))  # each looks at all of them
        for sizes in islice(smallest_first(boxes, self.symbols, elements), max(1, tried)):
            if all(condition.permits(sizes) for condition in conditions):
                yield sizes

    @cached_property
    def windows(self) -> tuple[AxisWindow, ...]:
        """Every window of the network."""
        found = []
        for row in self.analysis.rows:
            windows = row.layer.window
            sizes = row.inputs[0].shape[-len(windows) :] if windows else ()
            units = ("slice", "row", "column")[-len(windows) :] if len(windows) > 1 else ("element",)
            for unit, size, window in zip(units[: len(sizes)], sizes, windows, strict=True):
                found.append(AxisWindow(row.path, unit, size, window))
        return tuple(found)

    def losses(self, sizes: Mapping[str, int]) -> Iterator[tuple[AxisWindow, int]]:
        """The windows that leave elements unread at the end of their axis at these sizes, and how many.

        An axis is left out whose size depends on further symbols, as on a parameter that is a letter.
        """
        for sliding in self.windows:
            size = at(sliding.size, sizes)
            unread = sliding.window.unread(size) if isinstance(size, int) else 0
            if unread:
                yield sliding, unread

    @cached_property
    def lossless(self) -> Sequence[Box] | None:
        """The sizes at which every window reads its axis to the end; None where that has no closed form."""
        reading: list[Box | None] = []
        effort = Effort(_MOST_STRETCHES)
        for size, window in dict.fromkeys((sliding.size, sliding.window) for sliding in self.windows):
            names = symbols_in(size)
            try:
                found = _read_to_the_end(size, window, effort) if len(names) == 1 else None
            except Unwieldy:
                return None
            if names and found is None:
                return None
            reading.append(dict.fromkeys(names, EVERY if found is None else found))
        boxes = self.boxes[:_MOST_COMPARED]
        known = [read for box in boxes if (read := reduce(within, [box, *reading])) is not None]
        return known if len(known) == len(boxes) else None


def _has(box: Box, sizes: Mapping[str, int]) -> bool:
    return all(n in box.get(name, EVERY) for name, n in sizes.items())


def needed_of(solved: Sequence[Solved]) -> tuple[Solved, ...]:
    """The conditions that do not follow from the others; of several that say the same, the last."""
    single = _single(solved)
    needed = {*map(id, _needed(single)), *map(id, _beside(solved, single))}
    return tuple([one for one in solved if id(one) in needed])


def _beside(solved: Sequence[Solved], single: Sequence[Solved]) -> Iterator[Solved]:
    """The other conditions that do not follow from those with one box each."""
    boxes: list[Box | None] = [{}, *(one.box for one in single)]
    within_all = reduce(within, boxes)
    for one in solved:
        if one not in single and not any(_holds_in(box, within_all) for box in one.boxes or ()):
            yield one


def _holds_in(box: Box, narrower: Box | None) -> bool:
    return narrower is not None and within(narrower, box) == narrower


def _single(solved: Sequence[Solved]) -> list[Solved]:
    """The conditions whose solution is one box."""
    return [one for one in solved if one.boxes is not None and len(one.boxes) == 1]


def _needed(solved: Sequence[Solved]) -> Iterator[Solved]:
    """Of conditions with one box each, those that do not follow from the others together.

    Of two that say the same, the first one is left out.
    """
    after: list[Box | None] = [{}]  # what each number of conditions from the end leaves together
    for one in reversed(solved):
        after.append(within(after[-1], one.box))
    before: Box | None = {}
    for one, further in zip(solved, reversed(after[:-1]), strict=True):
        if not _follows(one, before, further):
            yield one
            before = within(before, one.box)


def _follows(one: Solved, before: Box | None, further: Box | None) -> bool:
    rest = within(before or {}, further)
    return rest is not None and within(rest, one.box) == rest


def _read_to_the_end(size: Dim, window: Window, effort: Effort) -> SizeSet | None:
    """The sizes that a window reads to the end, which depends on the remainder of the size by its stride."""
    stride, edge = window.stride, window.after + 1
    # From one of these remainders to the next, all sizes are read to the end, or none; more with dilation.
    steps = {0, edge, stride - window.extent + edge}
    cuts = sorted(n for n in (steps if window.dilation == 1 else range(stride)) if 0 <= n < stride)
    if len(cuts) > MOST_BANDS:
        return None
    padding = window.before + window.after
    large = window.extent + stride * (2 * window.extent + 2 * padding)
    ends = zip(cuts, [*(cut - 1 for cut in cuts[1:]), stride - 1], strict=True)
    read = [ends for ends in ends if window.unread(large + ends[0] - padding) == 0]
    return where_remainder(size, shifted(residues(stride, read), window.extent - padding), effort)


def domain(analysis: Analysis, own: Mapping[str, int] | None = None, any_weights: bool = False) -> Domain:
    """The domain of a network that was analysed with symbols in its inputs.

    Unless `any_weights`, inputs count only that leave the shapes of weights as they are at the file's own
    input. Conditions under which a figure alone holds are left out: the network takes other inputs too.
    """
    conditions = analysis.conditions if any_weights else keeping(analysis)
    return _domain(analysis, [c for c in conditions if not c.of_figures], own)


def where_formulas_hold(analysis: Analysis, conditions: Sequence[Condition]) -> Domain:
    """The inputs for which formulas that hold under these conditions are the network's figures."""
    return _domain(analysis, decisive([c.strict for c in conditions]))


def _domain(
    analysis: Analysis, conditions: Sequence[Condition], own: Mapping[str, int] | None = None
) -> Domain:
    return Domain(replace(analysis, conditions=tuple(conditions)), solved_each(conditions), own or {})


def solved_each(conditions: Sequence[Condition]) -> tuple[Solved, ...]:
    """Each condition with its solution."""
    effort = Effort(_MOST_STRETCHES)
    return tuple(Solved(one, solve(one, effort)) for one in conditions)


def narrowed(boxes: Sequence[Box], solved: Sequence[Solved]) -> tuple[Sequence[Box], tuple[Condition, ...]]:
    """The boxes within the solutions of conditions, and the conditions for which that has no short form."""
    left_open: list[Condition] = []
    for one in sorted(solved, key=lambda one: len(one.boxes or ())):
        narrower = None if one.boxes is None else both(boxes, one.boxes)
        if narrower is None:
            left_open.append(one.condition)
        else:
            boxes = narrower
    return boxes, tuple(left_open)
