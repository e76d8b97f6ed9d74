"""Which inputs a network takes, and which of them give a wanted output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from heapq import heappop, heappush
from itertools import islice
from typing import NamedTuple

from shapecalc.analysis.domain.course import Effort, shifted
from shapecalc.analysis.domain.own_weights import keeping
from shapecalc.analysis.domain.residues import MOST_BANDS, Unwieldy, residues
from shapecalc.analysis.domain.sizesets import EVERY, SizeSet
from shapecalc.analysis.domain.solving import Box, both, solve, where_remainder, within
from shapecalc.engine.results import Analysis
from shapecalc.errors import ArchitectureError, UsageError, quoted
from shapecalc.language.inputs import parse_input
from shapecalc.symbolic import Dim, at, number, symbol, symbols_in
from shapecalc.symbolic.conditions import EQUAL, Condition
from shapecalc.symbolic.implied import decisive
from shapecalc.tensors import Shape
from shapecalc.window import Window

_MOST_TRIED = 40_000
_MOST_STRETCHES = 50_000
_MOST_COMPARED = 64  # boxes


class Solved(NamedTuple):
    """A condition and what it says of single symbols; None where it has no closed form."""

    condition: Condition
    boxes: Sequence[Box] | None

    def __str__(self) -> str:
        return self._closed(SizeSet.text) or " or ".join(map(str, self.condition.permitted))

    def ascii(self) -> str:
        return self._closed(SizeSet.ascii) or " or ".join(one.ascii() for one in self.condition.permitted)

    def _closed(self, text: Callable[[SizeSet, str], str]) -> str | None:
        """The condition on its one symbol, if that is short; one on several is said best by itself."""
        symbols = self.condition.symbols
        if not self.boxes or len(symbols) != 1:
            return None
        ((name, found),) = self.boxes[0].items()
        return text(found, name) if found.readable else None


class Sliding(NamedTuple):
    """A window of a layer, the size of the axis that it slides along, and what its elements are called."""

    path: str
    unit: str
    size: Dim
    window: Window


@dataclass(frozen=True)
class Domain:
    """The inputs that a network in general takes: those in one of the boxes that meet the open conditions."""

    analysis: Analysis
    solved: tuple[Solved, ...]
    own: Mapping[str, int] = field(default_factory=dict)
    """What the symbols stand for in the input that was given, if that has numbers."""

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of the inputs and parameters, in the order of the inputs' axes."""
        sizes = [size for tensor in self.analysis.inputs.values() for size in tensor.shape]
        ordered = [name for size in sizes for name in sorted(symbols_in(size))]
        return tuple(dict.fromkeys([*ordered, *self.analysis.symbols]))

    @cached_property
    def _left(self) -> tuple[Sequence[Box], tuple[Condition, ...]]:
        return _narrowed([{}], self.solved)

    @cached_property
    def boxes(self) -> Sequence[Box]:
        """What all conditions that have a closed form leave; first, where the given input is."""
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
        """The conditions without those that follow from others, of several alike the last ones."""
        needed = set(map(id, _needed(self._single)))
        return tuple([one for one in self._plain if one not in self._single or id(one) in needed])

    @cached_property
    def _single(self) -> list[Solved]:
        """Those that are one box, as all that have a closed form and are on one symbol."""
        return [one for one in self._plain if one.boxes is not None and len(one.boxes) == 1]

    @cached_property
    def apart(self) -> tuple[Box, tuple[Solved, ...]]:
        """What is said of each symbol by itself, and the decisive conditions that are on several together."""
        boxes, _ = _narrowed([{}], self._single)
        if len(boxes) != 1:
            return {}, self.decisive
        return boxes[0], tuple([one for one in self._plain if one not in self._single])

    @cached_property
    def smallest(self) -> Mapping[str, int] | None:
        """The input of the fewest elements, of several such the squarest; None where none was found."""
        return next(self.in_order(self.boxes, self.open), None)

    def in_order(self, boxes: Sequence[Box], conditions: Sequence[Condition]) -> Iterator[dict[str, int]]:
        """The inputs in boxes that meet conditions, by their elements; of many, the first ones."""
        elements = [tensor.elements for tensor in self.analysis.inputs.values()]
        tried = _MOST_TRIED // max(1, len(self.symbols))  # each looks at all of them
        for sizes in islice(_in_order(boxes, self.symbols, elements), max(1, tried)):
            if all(condition.permits(sizes) for condition in conditions):
                yield sizes

    @cached_property
    def windows(self) -> tuple[Sliding, ...]:
        """Every window of the network."""
        found = []
        for row in self.analysis.rows:
            windows = row.layer.window
            sizes = row.inputs[0].shape[-len(windows) :] if windows else ()
            units = ("slice", "row", "column")[-len(windows) :] if len(windows) > 1 else ("element",)
            for unit, size, window in zip(units[: len(sizes)], sizes, windows, strict=True):
                found.append(Sliding(row.path, unit, size, window))
        return tuple(found)

    def losses(self, sizes: Mapping[str, int]) -> Iterator[tuple[Sliding, int]]:
        """The windows that leave elements unread at the end of an axis of these sizes, and how many.

        Not those along an axis whose size other symbols decide: a parameter that is a letter.
        """
        for sliding in self.windows:
            size = at(sliding.size, sizes)
            unread = sliding.window.unread(size) if isinstance(size, int) else 0
            if unread:
                yield sliding, unread

    @cached_property
    def lossless(self) -> Sequence[Box] | None:
        """The sizes of which every window reads all up to the end; None where that has no closed form."""
        reading, effort = [], Effort(_MOST_STRETCHES)
        for size, window in dict.fromkeys((sliding.size, sliding.window) for sliding in self.windows):
            names = symbols_in(size)
            try:
                found = _read_to_the_end(size, window, effort) if len(names) == 1 else None
            except Unwieldy:
                return None
            if names and found is None:
                return None
            reading.append(dict.fromkeys(names, EVERY if found is None else found))
        try:
            return [reduce(within, reading, box) for box in self.boxes[:_MOST_COMPARED]]
        except Unwieldy:
            return None


def _has(box: Box, sizes: Mapping[str, int]) -> bool:
    return all(n in box.get(name, EVERY) for name, n in sizes.items())


def _needed(solved: Sequence[Solved]) -> Iterator[Solved]:
    """Of conditions that are one box each, those without which more would be left than with them.

    Of two that say the same, the first one is left out.
    """
    after: list[Box | None] = [{}]  # what all further ones leave together
    for one in reversed(solved):
        after.append(_common(after[-1], one))
    before: Box | None = {}
    for one, further in zip(solved, reversed(after[:-1]), strict=True):
        if not _follows(one, before, further):
            yield one
            before = _common(before, one)


def _follows(one: Solved, before: Box | None, further: Box | None) -> bool:
    try:
        rest = within(before or {}, further or {})
        return further is not None and within(rest, (one.boxes or [{}])[0]) == rest
    except Unwieldy:
        return False


def _common(box: Box | None, one: Solved) -> Box | None:
    """What a box and a condition leave; None where that has no short form."""
    try:
        return None if box is None else within(box, (one.boxes or [{}])[0])
    except Unwieldy:
        return None


def _read_to_the_end(size: Dim, window: Window, effort: Effort) -> SizeSet | None:
    """Where a window reads all of a size: a matter of the size's remainder by the stride."""
    stride, edge = window.stride, window.after + 1
    # Whether all is read changes with what is left after the last window at few remainders, without gaps.
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

    Unless any weights will do, they are those at the file's own input. A condition of a figure alone is none
    of an input.
    """
    conditions = analysis.conditions if any_weights else keeping(analysis)
    return _domain(analysis, [c for c in conditions if not c.of_figures], own)


def where_formulas_hold(analysis: Analysis, conditions: Sequence[Condition]) -> Domain:
    """The inputs for which formulas with these conditions give the figures of a network."""
    return _domain(analysis, decisive([c.strict for c in conditions]))


def _domain(
    analysis: Analysis, conditions: Sequence[Condition], own: Mapping[str, int] | None = None
) -> Domain:
    return Domain(replace(analysis, conditions=tuple(conditions)), solved_each(conditions), own or {})


def solved_each(conditions: Sequence[Condition]) -> tuple[Solved, ...]:
    """Conditions with what each says of single symbols."""
    effort = Effort(_MOST_STRETCHES)
    return tuple(Solved(one, solve(one, effort)) for one in conditions)


def _narrowed(boxes: Sequence[Box], solved: Sequence[Solved]) -> tuple[Sequence[Box], tuple[Condition, ...]]:
    """The boxes with conditions, and the conditions that could not be made part of them."""
    left_open: list[Condition] = []
    for one in sorted(solved, key=lambda one: len(one.boxes or ())):
        narrower = None if one.boxes is None else both(boxes, one.boxes)
        if narrower is None:
            left_open.append(one.condition)
        else:
            boxes = narrower
    return boxes, tuple(left_open)


def _in_order(
    boxes: Sequence[Box], names: Sequence[str], elements: Sequence[Dim]
) -> Iterator[dict[str, int]]:
    """The inputs in the boxes by their elements, fewest first: a network's input grows with its symbols."""
    queue: list[tuple[int, int, tuple[int, ...], int, tuple[int, ...]]] = []
    known: list[list[list[int]]] = [[[] for _ in names] for _ in boxes]
    sources = [[iter(box.get(name, EVERY)) for name in names] for box in boxes]
    seen = set()

    def push(which: int, place: tuple[int, ...]) -> None:
        for axis, index in enumerate(place):
            have = known[which][axis]
            have.extend(islice(sources[which][axis], max(0, index + 1 - len(have))))
            if len(have) <= index:
                return
        if (which, place) in seen:
            return
        seen.add((which, place))
        values = tuple(known[which][axis][index] for axis, index in enumerate(place))
        sizes = dict(zip(names, values, strict=True))
        total = sum(number(at(size, sizes)) for size in elements)
        heappush(queue, (total, max(values, default=0), values, which, place))

    for which in range(len(boxes)):
        push(which, (0,) * len(names))
    while queue:
        _, _, values, which, place = heappop(queue)
        yield dict(zip(names, values, strict=True))
        for axis in range(len(names)):
            push(which, (*place[:axis], place[axis] + 1, *place[axis + 1 :]))


@dataclass(frozen=True)
class Solutions:
    """The inputs that give a wanted output; `reason` says why none does."""

    domain: Domain
    boxes: tuple[Box, ...]
    open: tuple[Condition, ...]
    reason: str | None


def wanted_shape(domain: Domain, text: str) -> list[Dim | None]:
    """The sizes of a wanted output, written as an input is; None for a letter that no input has.

    Raises:
        UsageError: it is not written so.
    """
    try:
        spec = parse_input(text)
    except ArchitectureError as error:
        raise UsageError(f"--output: {error.message}", hint=error.hint) from None
    if spec.dtype:
        raise UsageError(f"--output is sizes alone, without the dtype {spec.dtype}")
    names = {name: symbol(name) for name in domain.symbols}
    free = [size.text for size in spec.sizes if not size.names <= names.keys()]
    if len(set(free)) < len(free) or not all(text.isidentifier() for text in free):
        hint = f"a letter of the input ({', '.join(names) or 'it has none'}) is its size"
        raise UsageError(
            f"--output: any other letter stands alone for any size, in {quoted(text)}", hint=hint
        )
    return [size(names) if size.names <= names.keys() else None for size in spec.sizes]


def inputs_that_give(domain: Domain, output: Shape, wanted: Sequence[Dim | None]) -> Solutions:
    """The inputs in a domain for which `output`, a shape in its symbols, is `wanted`; None is any size."""
    if len(output) != len(wanted):
        return _none(domain, f"it has {len(output)} axes, not {len(wanted)}")
    boxes, left_open = list(domain.boxes), list(domain.open)
    for axis, (size, value) in enumerate(zip(output, wanted, strict=True)):
        if value is None or size == value:
            continue
        if isinstance(size, int) and isinstance(value, int):
            return _none(domain, f"axis {axis} is {size} whatever the input, not {value}")
        condition = Condition(size, EQUAL, value, "")
        narrower, more = _narrowed(boxes, [Solved(condition, solve(condition))])
        left_open += more
        if not narrower:
            return _none(domain, f"axis {axis} is {size}{_nearest(boxes, size, value)}")
        boxes = list(narrower)
    return Solutions(domain, tuple(boxes), tuple(left_open), None)


def _none(domain: Domain, reason: str) -> Solutions:
    return Solutions(domain, (), (), reason)


def _nearest(boxes: Sequence[Box], size: Dim, wanted: Dim) -> str:
    """The values that a size has in the boxes, next to one that it never has."""
    if not isinstance(wanted, int):
        return f": of the inputs that work, none makes it {wanted}"
    below, above, tried = None, None, 0
    names = sorted(symbols_in(size))
    most = _MOST_TRIED // len(names)
    for sizes in islice(_in_order(boxes, names, [size]), most):
        value, tried = number(at(size, sizes)), tried + 1
        if value > wanted:
            above = value
            break
        below = value
    if tried == most:
        return f": of the inputs that work, none makes it {wanted}"  # what is next to it was not reached
    found = " or ".join(str(value) for value in (below, above) if value is not None)
    return f": of the inputs that work, none makes it {wanted}{f', but {found}' if found else ''}"
