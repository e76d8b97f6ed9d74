"""The neighbours of each type's example against torch: one thing changed at a time, none left to chance.

Drawn cases are spoilt here and there, and of a rule with several inputs some are spoilt too seldom.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from shapecalc.layers import LAYERS
from shapecalc.layers.base import Example, example
from shapecalc.layers.fields import Choice, Flag
from shapecalc.tensors import Shape, Tensor
from tests.families.base import DTYPES, Drawn
from tests.test_layers import NAMES, _judge, agree

__all__ = ["_judge"]  # a fixture, which pytest finds by its name


def shown(name: str) -> Example:
    """The example of a type, with small inputs where any will do."""
    layer_type = LAYERS[name]
    return layer_type.example or example(*[(2, 8, 6, 6)] * layer_type.inputs_range[0])


def shapes(shape: Shape) -> Iterator[Shape]:
    """The shape with one axis longer, of 1 or gone, and with one axis more."""
    for axis, size in enumerate(shape):
        before, after = shape[:axis], shape[axis + 1 :]
        yield from ((*before, size + 1, *after), (*before, 1, *after), (*before, *after))
    yield from ((2, *shape), (*shape, 2))


def neighbours(name: str) -> Iterator[Drawn]:
    """The example with one input of another dtype or shape, or one argument that is a word of another."""
    layer_type = LAYERS[name]
    inputs, arguments = shown(name)
    for i, x in enumerate(inputs):
        dtypes = (Tensor(x.shape, dtype) for dtype in DTYPES if dtype != x.dtype)
        for other in (*dtypes, *(Tensor(shape, x.dtype) for shape in shapes(x.shape))):
            yield Drawn(layer_type, arguments, (*inputs[:i], other, *inputs[i + 1 :]))
    for field in layer_type.fields.values():
        words = field.listed if isinstance(field, Choice) else (True, False) if isinstance(field, Flag) else ()
        for word in words:
            yield Drawn(layer_type, {**arguments, field.name: word}, inputs)


@pytest.mark.parametrize("name", NAMES)
def test_torch_agrees_on_the_neighbours_of_an_example(name: str) -> None:
    for case in neighbours(name):
        agree(case)


KINDS = ("bool", "int64", "float16", "float64")
"""A dtype of each kind, and one that is wider."""

SEVERAL = [name for name in NAMES if LAYERS[name].inputs_range[0] in (2, 3)]


@pytest.mark.parametrize("name", SEVERAL)
def test_torch_agrees_on_mixed_dtypes(name: str) -> None:
    """Of scalars too, whose dtype counts less; of a loss before it is reduced, which many can't be."""
    layer_type = LAYERS[name]
    inputs, arguments = shown(name)
    if "reduction" in layer_type.fields:
        arguments = {**arguments, "reduction": "none"}
    kinds = list(itertools.product(KINDS, (True, False)))
    for chosen in itertools.product(kinds, repeat=len(inputs)):
        pairs = zip(inputs, chosen, strict=True)
        agree(Drawn(layer_type, arguments, tuple(Tensor(x.shape * kept, dtype) for x, (dtype, kept) in pairs)))
