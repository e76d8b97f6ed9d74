"""What an element of a network of images is made of, followed back to the input place by place.

Padding that is made of the input, mirrored, repeated or wrapped, stands for the places that it copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any, TypeAlias

from shapecalc.engine.results import Analysis, Row
from shapecalc.layers.padding import Padded
from shapecalc.layers.reads import Everything, Pattern
from shapecalc.symbolic import number

Places: TypeAlias = set[tuple[int, ...]]
"""Along all axes after the channels."""

COPIED: Mapping[str, Callable[[int, range], int]] = {
    "reflect": lambda i, left: -i if i < 0 else 2 * (left.stop - 1) - i if i >= left.stop else i,
    "replicate": lambda i, left: min(max(i, 0), left.stop - 1),
    "circular": lambda i, left: left[(i - left.start) % len(left)],
}
"""The place of an axis that place i, within it or not, shows, given what padding leaves of the axis."""


def reached(analysis: Analysis, index: int, places: Sequence[int]) -> Places:
    """The places of the input that the element of a row at these places is made of."""
    needed: dict[tuple[int, int], Places] = {(index, 0): {tuple(places)}}
    for number_, row in reversed([*enumerate(analysis.rows[: index + 1])]):
        for port in range(len(row.outputs)):
            here = needed.pop((number_, port), set())
            for wire, axes in zip(row.sources, along(row, port) if here else (), strict=False):
                found = needed.setdefault((wire.row, wire.port), set())
                found.update(read(axes, here))
    return needed.get((-1, 0), set())


def read(axes: Sequence[Callable[[int], Iterable[int]]], here: Places) -> Iterable[tuple[int, ...]]:
    for places in here:
        yield from product(*[of(place) for of, place in zip(axes, places, strict=True)])


def along(row: Row, port: int) -> list[list[Callable[[int], Iterable[int]]]]:
    """For each input, and each of its axes after the channels: the places that an element's place reads."""
    mode = mode_of(row.layer)
    if mode in COPIED:
        return [[copying(window, step, mode, left) for window, step, left in windows(row)]]
    reads = row.layer.reads_of(row.inputs, port)
    assert reads
    return [
        [direct(own, axis, number(x.shape[axis])) for axis, own in enumerate(of_input[2:], start=2)]
        for x, of_input in zip(row.inputs, reads, strict=True)
        if of_input
    ]


def direct(own: Any, axis: int, n: int) -> Callable[[int], Iterable[int]]:
    """What `reads` says of an axis, without what lies outside."""
    if isinstance(own, Everything):
        return lambda _: range(n)
    assert isinstance(own, Pattern), (own, axis, n)
    assert own.axis in (axis, None)
    return lambda place: [i for i in own.places(place if own.axis == axis else 0) if 0 <= i < n]


def mode_of(layer: Any) -> str:
    """How a layer pads its input."""
    mode = getattr(layer, "mode" if isinstance(layer, Padded) else "padding_mode", "")
    return str(mode)


def windows(row: Row) -> Iterable[tuple[range, int, range]]:
    """Of each axis the places of the first element, how far on the next one's are, and what is left to copy.

    Mirrored and repeated is the axis, wrapped what is left of it where the other end is cut off.
    """
    layer: Any = row.layer
    sizes = map(number, row.inputs[0].shape[2:])
    if layer.window:
        for w, n in zip(layer.window, sizes, strict=True):
            yield range(-w.before, w.extent - w.before, w.dilation), w.stride, range(n)
        return
    for before, after, n in zip(layer.sides[::2][::-1], layer.sides[1::2][::-1], sizes, strict=True):
        wraps = layer.mode == "circular"
        yield range(-before, 1 - before), 1, range(max(-before, 0), n - max(-after, 0)) if wraps else range(n)


def copying(first: range, step: int, mode: str, left: range) -> Callable[[int], Iterable[int]]:
    return lambda place: [COPIED[mode](i + step * place, left) for i in first]
