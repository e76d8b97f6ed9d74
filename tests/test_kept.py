"""What a layer keeps of its answers: equal questions get the same object, and a copy begins with none."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import pytest

from shapecalc.allocation.footprint import Input
from shapecalc.allocation.mode import INFERENCE
from shapecalc.layers import LAYERS, Layer
from shapecalc.layers.rules import kept
from shapecalc.symbolic import symbol
from shapecalc.tensors import Tensor

X = Tensor((2, 3, 9, 9))
QUESTIONS: dict[str, Callable[[Layer], object]] = {
    "figures": lambda layer: layer.figures((X,)),
    "costs": lambda layer: layer.costs((X,)),
    "seen": lambda layer: layer.reads_of((X,), 0),
    "footprint": lambda layer: layer.footprint((Input(X),), INFERENCE, frozenset()),
}


def convolution() -> Layer:
    return LAYERS["Conv2d"](out_channels=4, kernel_size=3, stride=2, padding=1)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_an_equal_question_is_answered_from_what_is_kept(question: Callable[[Layer], object]) -> None:
    layer = convolution()
    assert question(layer) is question(layer)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize("first", ["the original", "the copy"])
def test_a_copy_with_names_for_sizes_has_answers_of_its_own(
    question: Callable[[Layer], object], first: str
) -> None:
    names = {"out_channels": symbol("out_channels"), "padding": (2, 1)}
    layer = convolution()
    named = layer.replaced(names)
    asked = [layer, named] if first == "the original" else [named, layer]
    answers = {id(one): question(one) for one in asked}
    assert answers[id(layer)] == question(convolution())
    assert answers[id(named)] != answers[id(layer)]
    assert answers[id(named)] == question(convolution().replaced(names))


def test_any_copy_begins_with_no_answers() -> None:
    layer = convolution()
    before = layer.figures((X,))
    assert copy(layer).figures((X,)) is not before
    assert layer.figures((X,)) is before


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_MOST", 2)
    layer = convolution()
    first = layer.figures((X,))
    for batch in (3, 4, 5):
        layer.figures((Tensor((batch, 3, 9, 9)),))
    assert layer.figures((X,)) == first
    assert layer.figures((X,)) is not first
