"""Receptive fields where sizes are letters: none is taken for a number, and none changes a field."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import yaml

import shapecalc
from shapecalc.analysis.receptive.field import along, receptive
from shapecalc.errors import ShapecalcError
from shapecalc.layers import LAYERS
from tests.dice import SEED, count
from tests.receptive_networks import analysed, random_images

SAME = {"kernel_size": 3, "padding": "same"}
ONE_POSITION = [
    # A window leaves one position of five, and the axis stays itself where those beside it become others.
    [{"Unflatten": {"dim": 1, "unflattened_size": [2, 2]}}, {"Flatten": {"start_dim": 1, "end_dim": 2}}],
    [{"unflatten": {"dim": 1, "sizes": [2, 2]}}, {"flatten": {"start_dim": -3, "end_dim": -2}}],
]


@pytest.mark.parametrize("steps", ONE_POSITION)
def test_fields_of_one_position(steps: Sequence[Any]) -> None:
    """The window of the second convolution begins a stride before it, as at every other position."""
    window = {"Conv1d": {"out_channels": 4, "kernel_size": 3, "stride": 4}}
    network = {"input": "1x4x5", "layers": [window, *steps, {"Conv1d": {"out_channels": 4, **SAME}}]}
    assert different(network) is None
    (last,) = receptive(analysed(network)).fields[-1].axes
    assert last
    assert (last.size, last.start) == (3 + 2 * 4, -4)


def different(network: dict[str, Any]) -> str | None:
    """The first row whose field, known for every size and not all of the axis, is not that of numbers."""
    batch, channels, *space = network["input"].split("x")
    general = {**network, "input": "x".join([batch, channels, *"DHW"[: len(space)]])}
    pairs = zip(receptive(analysed(network)).fields, receptive(analysed(general)).fields, strict=True)
    for own, other in pairs:
        for axis, letters in zip(own.axes, other.axes, strict=True):
            if axis and letters and isinstance(letters.size, int):
                alone = axis.stride == 0  # no next element
                found = letters._replace(stride=0, pattern=()) if alone else letters
                if found != axis:
                    return f"{own.row.path}: {axis}, with letters {found}"
    return None


def test_fields_of_letters_are_those_of_numbers() -> None:
    for i in range(count(50, 3_000)):
        seed = f"{SEED}/{i}"
        network = random_images(random.Random(seed))
        assert different(network) is None, f"seed {seed}: {different(network)}\n{yaml.safe_dump(network)}"


def with_a_letter(arguments: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    """The arguments with the letter p in place of one of their numbers, and that number."""
    for name, value in arguments.items():
        items = list(value) if isinstance(value, tuple) else [value]
        for i, item in enumerate(items):
            if isinstance(item, int) and not isinstance(item, bool):
                changed = [*items[:i], "p", *items[i + 1 :]]
                yield {**arguments, name: changed if isinstance(value, tuple) else "p"}, item


@pytest.mark.parametrize("name", [name for name in LAYERS if LAYERS[name].example])
def test_an_argument_may_be_a_letter(name: str) -> None:
    """It is refused by the layer, or there are fields, or a reason why there are none."""
    example = LAYERS[name].example
    assert example
    inputs = {f"x{i}": f"{'x'.join(map(str, x.shape))}:{x.dtype}" for i, x in enumerate(example.inputs)}
    for arguments, number in with_a_letter(example.arguments):
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in arguments.items()}
        network = {
            "input": inputs,
            "layers": [{name: plain, "from": list(inputs)}],
            "parameters": {"p": number},
        }
        try:
            analysis = shapecalc.analyse(shapecalc.parse(yaml.safe_dump(network)), None, {"p": "P"})
        except ShapecalcError:
            continue
        for of, x in analysis.inputs.items():
            for axis in range(x.rank):
                (field,) = along(analysis, of, (axis,)).fields
                assert field.status in ("exact", "whole input") or field.reason
