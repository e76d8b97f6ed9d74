"""Which inputs of a network's domain give a wanted output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from shapecalc.analysis.domain.boxes import Box, smallest_first
from shapecalc.analysis.domain.domain import MOST_TRIED, Domain, Solved, narrowed
from shapecalc.analysis.domain.solving import solve
from shapecalc.errors import ArchitectureError, UsageError, quoted
from shapecalc.language.inputs import parse_input
from shapecalc.symbolic import Dim, at, number, symbol, symbols_in
from shapecalc.symbolic.conditions import EQUAL, Condition
from shapecalc.tensors import Shape


@dataclass(frozen=True)
class Solutions:
    """The inputs that give a wanted output: sizes in `boxes` that meet the `open` conditions besides.

    `reason` says why there is none.
    """

    domain: Domain
    boxes: tuple[Box, ...]
    open: tuple[Condition, ...]
    reason: str | None


def wanted_shape(domain: Domain, text: str) -> list[Dim | None]:
    """The sizes of a wanted output, written as an input is; None, for any size, of a letter of its own.

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
    """The inputs in a domain for which `output`, a shape in its symbols, is `wanted`; None: any size."""
    if len(output) != len(wanted):
        return _none(domain, f"it has {len(output)} axes, not {len(wanted)}")
    boxes, left_open = list(domain.boxes), list(domain.open)
    for axis, (size, value) in enumerate(zip(output, wanted, strict=True)):
        if value is None or size == value:
            continue
        if isinstance(size, int) and isinstance(value, int):
            return _none(domain, f"axis {axis} is {size} whatever the input, not {value}")
        condition = Condition(size, EQUAL, value, "")
        narrower, more = narrowed(boxes, [Solved(condition, solve(condition))])
        left_open += more
        if not narrower:
            return _none(domain, f"axis {axis} is {size}{_nearest(boxes, size, value)}")
        boxes = list(narrower)
    return Solutions(domain, tuple(boxes), tuple(left_open), None)


def _none(domain: Domain, reason: str) -> Solutions:
    return Solutions(domain, (), (), reason)


def _nearest(boxes: Sequence[Box], size: Dim, wanted: Dim) -> str:
    """The end of a reason: the values next to the wanted one that a size has in the boxes."""
    if not isinstance(wanted, int):
        return f": of the inputs that work, none makes it {wanted}"
    below, above, tried = None, None, 0
    names = sorted(symbols_in(size))
    most = MOST_TRIED // len(names)
    for sizes in islice(smallest_first(boxes, names, [size]), most):
        value, tried = number(at(size, sizes)), tried + 1
        if value > wanted:
            above = value
            break
        below = value
    if tried == most:
        return f": of the inputs that work, none makes it {wanted}"  # what is next to it was not reached
    found = " or ".join(str(value) for value in (below, above) if value is not None)
    return f": of the inputs that work, none makes it {wanted}{f', but {found}' if found else ''}"
