"""`roofline`: operations and bytes of each layer, which of the two binds, and two figures of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import floor, log10
from typing import Any

from shapecalc.analysis.roofline.bound import KernelSum, Roofline
from shapecalc.analysis.roofline.device import Peak
from shapecalc.engine.nodes import Node
from shapecalc.render.cells import PREFIXES, count, duration, hundredths, shape, size
from shapecalc.render.grid import Column, Grid, Line, print_as
from shapecalc.render.show import heading
from shapecalc.render.tree import Display, folded_note, measured_note, named_nodes

_MOST_UNKNOWN = 3
_LARGEST = 15  # the power of 10 with the largest prefix that is printed


def rate(number: Fraction, unit: str) -> str:
    """So many in a second: 19.5 TFLOP/s."""
    power = min(max(3 * (floor(log10(number)) // 3), 0), _LARGEST)
    return f"{float(number / Fraction(10) ** power):.6g} {PREFIXES[power]}{unit}/s"


_FIGURES = (
    Column("operations", "Operations", count),
    Column("bytes", "Bytes", size),
    Column("intensity", "Op/byte", hundredths),
    Column("binds", "Binds"),
    Column("seconds", "Unfused", duration),
)
_OUTPUT = Column("output", "Output shape", shape, spare=1)


def print_roofline(found: Roofline, view: Display) -> None:
    """Print a network's layers on a device; in JSON times are seconds, in CSV too."""
    print_as(view.form, found.to_dict, lambda: _grid(found, view))


def _grid(found: Roofline, view: Display) -> Grid:
    """The table, or in CSV a line for each layer."""
    named = named_nodes(found.analysis, view)
    lines = [_line(found, title, node, view.form == "csv") for title, node in named]
    notes = [*folded_note(node for _, node in named), *_notes(found)]
    return Grid(_heading(found), (view.first_column, _OUTPUT, *_FIGURES), lines, notes)


def _line(found: Roofline, title: str, node: Node, flat: bool) -> Line:
    """In CSV all numbers; in a table nothing of what computes and moves nothing."""
    part = found.under(node)
    moved, intensity = part.cost.bytes, part.intensity
    figures: tuple[Any, ...] = (part.operations, moved, intensity, part.binds, part.seconds)
    if flat:
        figures = (*figures[:2], intensity and float(intensity), part.binds, float(part.seconds))
    elif not moved:
        figures = (part.operations or None, None, None, part.binds, part.seconds or None)
    return Line((title, node.output.shape, *figures), strong=bool(node.children))


def _heading(found: Roofline) -> str:
    training = " · forward and back" if found.train else ""
    return f"{heading(found.analysis)} · in {found.dtype}{training}"


def _notes(found: Roofline) -> Iterator[str]:
    memory = f"{size(found.device.memory)} at {rate(found.device.bandwidth, 'B')}"
    yield f"Device      {found.device.title}: {memory}"
    yield f"Products    {_peak(found.products)};"
    yield f"            memory binds below {hundredths(found.ridge)} operations a byte"
    if found.others:
        yield f"Others      {_peak(found.others)}, beside the products"
    yield from measured_note(found.analysis)
    yield from _at_least(found)
    yield from _unfused(found, found.whole)
    yield from _unknown(found)
    if found.weights > found.device.memory:
        yield f"Memory      the weights alone, {size(found.weights)}, are more than the device has"


def _peak(peak: Peak) -> str:
    sums = f", sums in {peak.accumulate}" if peak.accumulate else ""
    return f"{rate(peak.operations, _unit(peak))} on {peak.units} in {peak.dtype}{sums}"


def _unit(peak: Peak) -> str:
    """What datasheets call operations: of whole numbers they are none of floating point."""
    return "OP" if peak.dtype == "int8" else "FLOP"


def _at_least(found: Roofline) -> Iterator[str]:
    """The bound, with the two times that it is the longer of."""
    bound, cost = found.at_least, found.fused
    more = ", if what is unknown is nothing" if found.uncounted else ""
    yield f"At least    {duration(bound.seconds)} for all layers together, by {bound.binds}{more}"
    unit, peak = _unit(found.products), found.products.operations
    yield f"            compute  {_of(cost.products, unit, bound.compute)} at {rate(peak, unit)}"
    what = "inputs, weights, outputs" + (", gradients" if found.train else "")
    yield f"            memory   {size(cost.bytes)} of {what}: {duration(bound.memory)}"


def _of(number: int, unit: str, seconds: Fraction) -> str:
    power = min(max(3 * ((len(str(number)) - 1) // 3), 0), _LARGEST)
    return f"{number / 10**power:,.2f} {PREFIXES[power]}{unit}: {duration(seconds)}"


def _unfused(found: Roofline, whole: KernelSum) -> Iterator[str]:
    more = " or more: not all operations are known" if found.unknown else ""
    by_memory = found.bound_layers("memory")
    yield f"Unfused sum {duration(whole.seconds)} of layers one by one, no bound{more}"
    yield f"            memory binds {count(by_memory)} of {count(found.analysis.layers)} layers"
    if found.train:
        yield "            of the way back, products and bytes are counted, no other operations"


def _unknown(found: Roofline) -> Iterator[str]:
    reasons: dict[str, str] = {}
    for path, why in found.unknown:
        reasons.setdefault(why, path)
    for number, (why, path) in enumerate(reasons.items()):
        if number == _MOST_UNKNOWN:
            yield f"            and for {len(reasons) - number} more reasons, in JSON"
            return
        yield f"{'Unknown' if not number else '':<12}{path}: {why}"
    for layer, why in found.traffic.bounded.items():
        yield f"Bytes       at least, for what {layer} makes on the way {why}"
