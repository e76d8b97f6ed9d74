"""The neighbours of each type's example against torch: one thing changed at a time, none left to chance.

Drawn cases are spoilt here and there, and of a rule with several inputs some are spoilt too seldom.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress

import pytest

from shapecalc import ArchitectureError
from shapecalc.layers import LAYERS, Layer
from shapecalc.layers.fields import Choice, Flag
from shapecalc.tensors import Shape, Tensor
from tests.dice import is_drawn, one_way
from tests.families.base import DTYPES, Drawn, shown
from tests.test_layers import NAMES, _judge, agree, check_accepted, computed

__all__ = ["_judge"]  # a fixture, which pytest finds by its name


def shapes(shape: Shape) -> Iterator[Shape]:
    """The shape with one axis longer, of 1 or gone, and with one axis more."""
    for axis, size in enumerate(shape):
        before, after = shape[:axis], shape[axis + 1 :]
        yield from ((*before, size + 1, *after), (*before, 1, *after), (*before, *after))
    for size in (1, 2):
        yield from ((size, *shape), (*shape, size))


def words(layer_type: type[Layer]) -> Iterator[tuple[str, object]]:
    """Each argument that is a word, with each of its words."""
    for name, field in layer_type.fields.items():
        if isinstance(field, Choice):
            yield from ((name, word) for word in field.listed)
        elif isinstance(field, Flag):
            yield from ((name, flag) for flag in (True, False))


def numbers(layer_type: type[Layer]) -> Iterator[tuple[str, object]]:
    """Each argument that may be a number, with small ones, whole and not."""
    for name, field in layer_type.fields.items():
        if field.numeric:
            yield from ((name, number) for number in (0, -1, 2, 1.5))


def neighbours(layer_type: type[Layer]) -> Iterator[Drawn]:
    """The example with one input of another dtype or shape, or with one other word among the arguments."""
    _, arguments, inputs = shown(layer_type)
    for i, x in enumerate(inputs):
        dtypes = (Tensor(x.shape, dtype) for dtype in DTYPES if dtype != x.dtype)
        for other in (*dtypes, *(Tensor(shape, x.dtype) for shape in shapes(x.shape))):
            yield Drawn(layer_type, arguments, (*inputs[:i], other, *inputs[i + 1 :]))
    for name, word in words(layer_type):
        yield Drawn(layer_type, {**arguments, name: word}, inputs)


@pytest.mark.parametrize("name", NAMES)
def test_torch_agrees_on_the_neighbours_of_an_example(name: str) -> None:
    """At each push of one in four, on the CPU of one in three of those; at length of all."""
    for case in neighbours(LAYERS[name]):
        if is_drawn(f"{case!r}", 4):
            agree(case, *one_way(case, (True, False, False))[:1])


@pytest.mark.parametrize("name", [name for name in NAMES if [*numbers(LAYERS[name])]])
def test_torch_takes_the_small_numbers_that_are_accepted(name: str) -> None:
    """What is refused, as a stride of 0, is a mistake in a file, which torch may take."""
    layer_type = LAYERS[name]
    _, arguments, inputs = shown(layer_type)
    for argument, number in numbers(layer_type):
        case = Drawn(layer_type, {**arguments, argument: number}, inputs)
        with suppress(ArchitectureError):
            check_accepted(case, computed(case))


KINDS = ("bool", "int64", "float16", "float64")
"""A dtype of each kind, and one that is wider."""

SEVERAL = [name for name in NAMES if LAYERS[name].inputs_range[0] in (2, 3)]


@pytest.mark.parametrize("name", SEVERAL)
def test_torch_agrees_on_mixed_dtypes(name: str) -> None:
    """Of scalars too, whose dtype counts less; of a loss before it is reduced, which many can't be.

    At each push one in eight of the mixtures is tried.
    """
    layer_type = LAYERS[name]
    _, arguments, inputs = shown(layer_type)
    if "reduction" in layer_type.fields:
        arguments = {**arguments, "reduction": "none"}
    changes = [{}, *({name: word} for name, word in words(layer_type) if name != "reduction")]
    kinds = list(itertools.product(KINDS, (True, False)))
    for change, chosen in itertools.product(changes, itertools.product(kinds, repeat=len(inputs))):
        pairs = zip(inputs, chosen, strict=True)
        mixed = tuple(Tensor(x.shape if kept else (), dtype) for x, (dtype, kept) in pairs)
        case = Drawn(layer_type, {**arguments, **change}, mixed)
        if is_drawn(f"{case!r}", 8):
            agree(case, *one_way(case, (True, False, False))[:1])
