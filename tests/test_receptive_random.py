"""Receptive fields of random networks of images: equal to where torch's gradients are, element by element.

Weights are positive, and so is the input, in float64: nothing cancels, no activation is flat, and a mean
stands for each maximum, which has a gradient at one element of its window alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import yaml

from shapecalc.analysis.receptive.axis_fields import Undefined, WholeInput
from shapecalc.analysis.receptive.field import Field, Receptive, receptive
from shapecalc.engine.results import Row
from shapecalc.layers.reads import Pattern, Reads
from shapecalc.symbolic import number
from tests.dice import SEED, count
from tests.receptive_gradients import run
from tests.receptive_networks import UNDIVIDED, analysed, random_images
from tests.receptive_reach import reached

CLEAN, ZEROS, IMAGE = range(3)
"""What an element is made of: the input alone, zeros of a padding too, or padding made of the input too."""

Made = tuple[int, list[int]] | None
"""The axis of a tensor that runs along one of the input's, and what its elements are made of."""


def test_fields_are_where_the_gradients_are() -> None:
    for i in range(count(80, 10_000)):
        seed = f"{SEED}/{i}"
        plain = i % 5 < 2
        network = random_images(random.Random(seed), plain)
        wrong = list(differences(network, plain, random.Random(seed)))
        assert not wrong, f"seed {seed}\n{yaml.safe_dump(network, sort_keys=False)}\n" + "\n".join(wrong)


def differences(network: dict[str, Any], plain: bool, rng: random.Random) -> Iterator[str]:
    """Where a field is not what the gradients of an element of its row say."""
    found = receptive(analysed(network))
    source, outputs = run(found)
    made = [made_of(found, axis) for axis in found.axes]
    for index, (field, y) in enumerate(zip(found.fields, outputs, strict=True)):
        own = [each[index, 0] for each in made]
        for places in chosen(field, y, rng):
            gradient = seen_by(field, places, y, source)
            for axis in range(len(found.axes)):
                kinds = [kind(field, places, known, other) for other, known in enumerate(own)]
                if text := difference(field, axis, places[axis], gradient[axis], kinds, plain):
                    yield f"{field.row.path} at {places}, axis {axis}: {text}"


def difference(
    field: Field, axis: int, place: int, seen: list[int], kinds: Sequence[int], plain: bool
) -> str | None:
    """What is wrong with a field along an axis, given what the gradient says is seen."""
    axis_field = field.along_axes[axis]
    hull = (seen[0], seen[-1]) if seen else None
    if isinstance(axis_field, WholeInput):
        whole = axis_field.first, axis_field.first + number(axis_field.size) - 1
        return (
            None if hull == whole or (not hull and not plain) else f"{whole} is all there is, {hull} is seen"
        )
    if isinstance(axis_field, Undefined) or IMAGE in kinds:
        return None
    claimed = axis_field.at(place) if set(kinds) == {CLEAN} else axis_field.inside(place)
    if (
        set(kinds) == {CLEAN}
        and axis_field.dense
        and len(seen) != (claimed[1] - claimed[0] + 1 if claimed else 0)
    ):
        return f"{claimed} without gaps, {seen} is seen"
    if plain or set(kinds) == {CLEAN}:
        return None if hull == claimed else f"{claimed}, {hull} is seen"
    inside = not hull or (claimed and claimed[0] <= hull[0] <= hull[1] <= claimed[1])
    return None if inside else f"not outside of {claimed}, {hull} is seen"


def chosen(field: Field, y: Any, rng: random.Random) -> list[list[int]]:
    """A few places of a row: one at a border, one in the middle, and any other."""
    sizes = [1 if axis_field.axis is None else y.shape[axis_field.axis] for axis_field in field.along_axes]
    border = [rng.choice((0, size - 1)) for size in sizes]
    return [border, [size // 2 for size in sizes], [rng.randrange(size) for size in sizes]]


def kind(field: Field, places: Sequence[int], made: Made, axis: int) -> int:
    """What the element at these places is made of along one of the axes."""
    axis_field = field.along_axes[axis]
    if isinstance(axis_field, WholeInput):
        return CLEAN
    if made is None or axis_field.axis is None:
        return IMAGE
    assert made[0] == axis_field.axis
    return made[1][places[axis]]


def seen_by(field: Field, places: Sequence[int], y: Any, source: Any) -> list[list[int]]:
    """The places along each spatial axis of the input where the gradient of all channels at a place is."""
    at: list[Any] = [slice(None)] * y.dim()
    for axis_field, place in zip(field.along_axes, places, strict=True):
        if axis_field.axis is not None:
            at[axis_field.axis] = place
    parts = torch.zeros_like(y)
    parts[tuple(at)] = torch.rand_like(parts[tuple(at)]) + 0.5
    (gradient,) = torch.autograd.grad(y, source, parts, retain_graph=True, allow_unused=True)
    felt = torch.zeros_like(source, dtype=torch.bool) if gradient is None else gradient != 0
    image = felt.flatten(0, 1).any(dim=0)
    return [
        image.movedim(axis, 0).reshape(image.shape[axis], -1).any(dim=1).nonzero().flatten().tolist()
        for axis in range(image.dim())
    ]


def test_each_element_sees_what_it_is_made_of() -> None:
    """Place by place, with zeros, holes, and padding that is mirrored, repeated or wrapped."""
    for i in range(count(40, 5_000)):
        seed = f"{SEED}/made of/{i}"
        network = random_images(random.Random(seed), plain=False, kinds=UNDIVIDED)
        found = receptive(analysed(network))
        source, outputs = run(found)
        for index, y in enumerate(outputs):
            rng = random.Random(f"{seed}/{index}")
            places = [rng.choice((0, size - 1, rng.randrange(size))) for size in y.shape[2:]]
            expected, seen = reached(found.analysis, index, places), felt_by(places, y, source)
            wrong = f"{expected - seen} is not seen, {seen - expected} is not expected"
            text = f"seed {seed}\n{yaml.safe_dump(network, sort_keys=False)}\n"
            assert seen == expected, f"{text}{found.fields[index].row.path} at {places}: {wrong}"


def felt_by(places: Sequence[int], y: Any, source: Any) -> set[tuple[int, ...]]:
    """The places of the input where the gradient of all channels at a place is."""
    parts = torch.zeros_like(y)
    parts[:, :, *places] = torch.rand_like(parts[:, :, *places]) + 0.5
    (gradient,) = torch.autograd.grad(y, source, parts, retain_graph=True, allow_unused=True)
    return set() if gradient is None else set(map(tuple, (gradient != 0).any(dim=(0, 1)).nonzero().tolist()))


# What the elements of each row are made of, followed from layer to layer, one place at a time.


def made_of(found: Receptive, axis: int) -> dict[tuple[int, int], Made]:
    analysis = found.analysis
    made: dict[tuple[int, int], Made] = {
        (-1, 0): (axis, [CLEAN] * number(analysis.inputs["input"].shape[axis]))
    }
    for index, row in enumerate(analysis.rows):
        for port in range(len(row.outputs)):
            made[index, port] = _made(row, port, [made[wire.row, wire.port] for wire in row.sources])
    return made


def _made(row: Row, port: int, below: Sequence[Made]) -> Made:
    reads = row.layer.reads_of(row.inputs, port) or ()
    parts = [_part(row, port, known, own) for known, own in zip(below, reads, strict=True)]
    followed = [part for part in parts if part is not None]
    if len(followed) < len(parts) or len({axis for axis, _ in followed}) != 1:
        return None
    return followed[0][0], [max(kinds) for kinds in zip(*(kinds for _, kinds in followed), strict=True)]


def _part(row: Row, port: int, below: Made, own: Reads | None) -> Made:
    if below is None or own is None:
        return None
    axis_reads = own[below[0]]
    if not isinstance(axis_reads, Pattern) or axis_reads.axis is None:
        return None
    border = ZEROS if padded_by_zeros(row) else IMAGE
    count = number(row.outputs[port].shape[axis_reads.axis])
    return axis_reads.axis, [_worst(below[1], axis_reads.places(i), border) for i in range(count)]


def _worst(below: Sequence[int], places: range, border: int) -> int:
    """Of an element that reads these places; one that reads none is like padding to what is beside it."""
    return max((below[i] if 0 <= i < len(below) else border for i in places), default=ZEROS)


def padded_by_zeros(row: Row) -> bool:
    return getattr(row.layer, "padding_mode", "zeros") == "zeros" and not row.type.startswith(
        ("Reflection", "Replication", "Circular")
    )
