"""Every argument and every size as a letter, where its field allows a formula, through every command.

No rule may ask a formula for its truth, its order or its number: what can't be known is refused.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

import shapecalc
from shapecalc import Architecture, ArchitectureError
from shapecalc.layers import LAYERS, Layer
from shapecalc.layers.fields import Field
from shapecalc.symbolic import at, symbol
from shapecalc.symbolic.conditions import at_large, collecting, differ
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.chance import check_each
from tests.dice import count, is_drawn
from tests.everything import COMMANDS, answer, answers
from tests.families.base import rarely
from tests.strategies import draws


class Lettered(NamedTuple):
    """A file, and the letters that its parameters are set to."""

    text: str
    letters: list[str]

    def network(self) -> Architecture:
        return shapecalc.parse(self.text, "lettered.yaml")


class Letters:
    """Parameters in place of numbers, each of which a letter is set to; with the number as its default."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.values: dict[str, int] = {}

    def of(self, number: int) -> str:
        """A letter alone, a multiple of one, or one beside a number: mostly the number is its value."""
        name = self.draw(st.sampled_from([f"p{i}" for i in range(4)]))
        form = self.draw(st.sampled_from(["{0}", "{0}", "{0}", "2*{0}", "{0}+1", "{0}*{0}", "{0}//2"]))
        self.values.setdefault(name, max(number, 1))
        return form.format(name)

    def argument(self, field: Field[Any], value: Any, axes: int) -> Any:
        """The value with a letter for each number that the field takes a formula for, and seldom others."""
        if isinstance(value, (list, tuple)):
            beside = [[*value[:i], symbol("P"), *value[i + 1 :]] for i in range(len(value))]
            fits = [self.fits(field, *pair, axes) for pair in zip(beside, value, strict=True)]
            return [self.of(item) if fit else item for fit, item in zip(fits, value, strict=True)]
        return self.of(value) if self.fits(field, symbol("P"), value, axes) else value

    def fits(self, field: Field[Any], lettered: Any, number: Any, axes: int) -> bool:
        if type(number) is not int or rarely(self.draw, 3):
            return False
        try:
            with collecting():
                return field.accept(lettered, axes) is not None or rarely(self.draw, 20)
        except ArchitectureError:
            return False


@st.composite
def lettered(draw: st.DrawFn, layer_type: type[Layer]) -> Lettered:
    """One layer of this type, with letters among its arguments and in the shapes of its inputs."""
    drawn = draw(draws(layer_type))
    letters = Letters(draw)
    arguments = {
        name: letters.argument(layer_type.fields[name], value, layer_type.axes)
        for name, value in drawn.arguments.items()
    }
    inputs = {}
    for i, x in enumerate(drawn.inputs):
        sizes = [letters.of(s) if type(s) is int and not rarely(draw, 2) else str(s) for s in x.shape]
        inputs[f"x{i}"] = "x".join(f"({s})" if not s.isalnum() else s for s in sizes) + f":{x.dtype}"
    if not inputs:
        inputs = {"x0": "1x3"}
    if layer_type.branching:
        arguments["branches"] = [f"x{i}" for i in range(len(drawn.inputs))]
        step: dict[str, Any] = {layer_type.__name__: arguments}
    else:
        step = {layer_type.__name__: arguments, "from": list(inputs)}
    file = {"input": inputs, "layers": [step], **({"parameters": letters.values} if letters.values else {})}
    return Lettered(json.dumps(file), [f"{name}={name.upper()}" for name in letters.values])


@pytest.mark.parametrize("name", sorted(name for name in LAYERS if not LAYERS[name].measured))
def test_every_type_with_letters(name: str) -> None:
    """At each push through a quarter of the commands."""

    def check(drawn: Lettered) -> None:
        try:
            network = drawn.network()
        except ArchitectureError:
            return  # wrong whatever the letters are
        for command in COMMANDS:
            if is_drawn(f"{command} of {drawn}", 4):
                answer(command, network, None, drawn.letters)

    check_each(lettered(LAYERS[name]), count(3, 40), check)


ATTENTION = {"MultiheadAttention": {"num_heads": 1, "kdim": "k", "vdim": "v"}}


@pytest.mark.parametrize("inputs", ["1xLx4", "1xLxE", "1x3x4"])
@pytest.mark.parametrize("letters", [["k=K"], ["v=V"], ["k=K", "v=V"], ["k=E", "v=E"], []])
def test_attention_with_letters(inputs: str, letters: list[str]) -> None:
    file = {"input": inputs, "parameters": {"k": 4, "v": 4}, "layers": [ATTENTION]}
    answered = dict(answers(shapecalc.parse(json.dumps(file)), None, letters))
    same = inputs.endswith("E") if letters == ["k=E", "v=E"] else (not letters and not inputs.endswith("E"))
    assert (answered["show"] is not None) == same  # else one matrix or three: not to be known


@pytest.mark.parametrize("dim", ["null", "0", "[0]", "[0, 1]"])
def test_null_in_place_of_axes(dim: str) -> None:
    text = f"input: 4x4\nlayers: [sum: {{dim: {dim}}}]\n"
    answered = dict(answers(shapecalc.parse(text)))
    assert f"dim {dim}".replace("[0]", "0") in (answered["explain"] or "")


def test_sizes_that_exist_for_small_letters_only_are_compared_there() -> None:
    """96 // K is 0 beyond 96 heads, and nothing is divided by 0."""
    length = 768 // (96 // symbol("K"))
    with collecting() as conditions:
        assert at_large(length) == at(length, {"K": 64}) == 768
        assert differ(length, symbol("K"), "they are two")
    (condition,) = conditions
    assert condition.permits({"K": 64})


def test_a_window_along_features_that_are_a_letter() -> None:
    """What of it stays unread at the file's own input, which says nothing of the letter, is not said."""
    layers = [
        {"Conv2d": {"out_channels": 2, "kernel_size": 2, "stride": 2}},
        {"Linear": "f"},
        {"AvgPool2d": 2},
    ]
    file = {"input": "1x1x9x9", "parameters": {"f": 5}, "layers": layers}
    answered = dict(answers(shapecalc.parse(json.dumps(file)), None, ["f=F"]))
    assert "Conv2d[0] leaves 1 row and 1 column unread" in (answered["domain"] or "")
    assert "AvgPool2d[0]" not in (answered["domain"] or "").rpartition("at H = 9")[2]


def test_a_rule_on_letters_says_where_what_they_must_satisfy_is_collected() -> None:
    layer, x = LAYERS["Conv2d"](out_channels=4, kernel_size=3), Tensor((1, 3, symbol("H"), 9))
    with pytest.raises(RuntimeError, match=r"H ≥ 3 .* `with collecting\(\) as conditions`, or ask"):
        layer.output(x)
    with collecting() as conditions:
        assert (layer.output(x),) == layer.figures((x,)).outputs
    assert [str(condition) for condition in conditions] == ["H ≥ 3"]
