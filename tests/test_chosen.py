"""Blocks and layers as arguments, and the channels that enter a step: they make what is written out."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.engine import limits
from tests.stopwatch import LONGEST, timed

FAMILY = """
    input: 1x8x6x6
    parameters: {unit: wide, activation: ReLU}
    blocks:
      conv(out, kernel=3, act=activation):
        - Conv2d: {out_channels: out, kernel_size: kernel, padding: kernel//2}
        - act
      plain(out): [conv: out]
      wide(out, hidden=2*channels): [conv: {out: hidden, kernel: 1, act: SiLU}, conv: out]
    layers:
      - {unit: 16, times: 2, as: body}
      - unit: {out: channels//2}
      - activation
"""


def analyse(text: str, **how: Any) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(dedent(text)), **how)


def rows(text: str, **how: Any) -> list[tuple[str, str]]:
    return [(row.path, str(row.output)) for row in analyse(text, **how).rows]


def test_a_parameter_names_a_block_and_a_layer() -> None:
    assert rows(FAMILY) == [
        ("body[0].conv[0].Conv2d[0]", "1×16×6×6"),
        ("body[0].conv[0].SiLU[0]", "1×16×6×6"),
        ("body[0].conv[1].Conv2d[0]", "1×16×6×6"),
        ("body[0].conv[1].ReLU[0]", "1×16×6×6"),
        ("body[1].conv[0].Conv2d[0]", "1×32×6×6"),
        ("body[1].conv[0].SiLU[0]", "1×32×6×6"),
        ("body[1].conv[1].Conv2d[0]", "1×16×6×6"),
        ("body[1].conv[1].ReLU[0]", "1×16×6×6"),
        ("wide[2].conv[0].Conv2d[0]", "1×32×6×6"),
        ("wide[2].conv[0].SiLU[0]", "1×32×6×6"),
        ("wide[2].conv[1].Conv2d[0]", "1×8×6×6"),
        ("wide[2].conv[1].ReLU[0]", "1×8×6×6"),
        ("ReLU[0]", "1×8×6×6"),
    ]


def test_another_value_of_the_parameter_is_another_step() -> None:
    assert rows(FAMILY, parameters={"unit": "plain", "activation": "Hardswish"}) == [
        ("body[0].conv[0].Conv2d[0]", "1×16×6×6"),
        ("body[0].conv[0].Hardswish[0]", "1×16×6×6"),
        ("body[1].conv[0].Conv2d[0]", "1×16×6×6"),
        ("body[1].conv[0].Hardswish[0]", "1×16×6×6"),
        ("plain[2].conv[0].Conv2d[0]", "1×8×6×6"),
        ("plain[2].conv[0].Hardswish[0]", "1×8×6×6"),
        ("Hardswish[0]", "1×8×6×6"),
    ]


def test_a_chosen_step_has_what_stands_beside_it() -> None:
    text = """
        input: {a: 1x4, b: 1x4}
        parameters: {layer: Linear}
        layers:
          - {layer: 4, from: b, as: first}
          - {layer: 4, from: a, share: first, as: second}
          - {layer: 6, from: first}
    """
    assert [(row.path, str(row.output), row.params) for row in analyse(text).rows] == [
        ("first", "1×4", 20),
        ("second", "1×4", 0),
        ("Linear[2]", "1×6", 30),
    ]


def test_channels_are_those_that_enter_each_copy() -> None:
    growing = "input: Nx3xHxW\nlayers:\n  - {Conv2d: {out_channels: 2*channels, kernel_size: 1}, times: 3}\n"
    assert [output for _, output in rows(growing)] == ["N×6×H×W", "N×12×H×W", "N×24×H×W"]


def test_channels_of_a_block_are_those_at_its_start() -> None:
    text = """
        input: 1xCx5x5
        blocks:
          narrowing(mid=channels//2, out=mid + channels):
            - Conv2d: {out_channels: mid, kernel_size: 1}
            - Conv2d: {out_channels: out, kernel_size: 1}
            - mul: [[], [{parameter: {shape: [channels, 1, 1]}}]]
        layers: [narrowing]
    """
    assert [output for _, output in rows(text, input="1x10x5x5")] == [
        "1×5×5×5",
        "1×15×5×5",
        "15×1×1",
        "1×15×5×5",
    ]


def test_a_parameter_called_channels_hides_them() -> None:
    text = """
        input: 1x3x5x5
        parameters: {channels: 7}
        blocks: {"one(channels)": [Conv2d: {out_channels: channels, kernel_size: 1}]}
        layers:
          - Conv2d: {out_channels: 2*channels, kernel_size: 1}
          - one: channels + 1
    """
    assert [output for _, output in rows(text)] == ["1×14×5×5", "1×8×5×5"]


WRONG = {
    "no step": ("unit: nothing", "the name 'nothing' is unknown"),
    "a number": ("unit: 3", "unit is 3, which is no layer type and no block"),
    "a word": ("unit: reflect", "unit: the step 'reflect' is unknown"),
    "a join": ("unit: add", "unit: a join or a group can't be chosen"),
    "other arguments": (
        "unit: Linear",
        "unit: Linear: out_features is missing: a whole number of at least 1",
    ),
    "itself": ("unit: outer", "a block can't use itself: outer → outer"),
    "one that uses it": ("unit: inner", "a block can't use itself: inner → outer → inner"),
}


@pytest.mark.parametrize(("parameter", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_can_not_be_chosen(parameter: str, message: str) -> None:
    text = f"""
        input: 1x3
        parameters: {{{parameter}}}
        blocks:
          outer: [unit]
          inner: [ReLU, outer]
        layers: [unit]
    """
    with pytest.raises(ArchitectureError) as caught:
        analyse(text)
    assert caught.value.message == message
    assert caught.value.place


def test_channels_where_there_are_none() -> None:
    with pytest.raises(ArchitectureError) as caught:
        analyse("input: 5\nlayers: [Linear: channels]\n")
    assert caught.value.message == "Linear: channels are axis 1, and the input is 5"


def test_a_number_of_copies_that_hangs_on_channels_is_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "input: 1x{}x2\nblocks: {{'many(n)': [{{ReLU: , times: n}}]}}\nlayers: [many: 10*channels]\n"
    monkeypatch.setattr("shapecalc.engine.execution.MOST_NODES", 1000)
    assert len(analyse(text.format(9)).rows) == 90
    with pytest.raises(ArchitectureError, match="more than 1,000"):
        analyse(text.format(200))
    assert limits.MOST_NODES > 1000


def test_copies_that_are_too_many_together_are_refused_after_the_first_one() -> None:
    text = "input: 1x{}x4\nblocks: {{inner: [{{ReLU: , times: channels}}]}}\n"
    text += "layers: [{{inner: {{}}, times: channels}}]\n"

    def refused() -> None:
        with pytest.raises(ArchitectureError, match="more than 4,000,000"):
            analyse(text.format(3000))

    _, seconds = timed(refused, LONGEST)
    assert seconds < LONGEST
    assert len(analyse(text.format(4)).rows) == 16
