"""Huge numbers in every type, beside letters, through every command: answered or refused in time."""

from __future__ import annotations

import json
import sys
from typing import Any, NamedTuple

import pytest

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.layers import LAYERS, Layer
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.chance import check_each
from tests.dice import count, is_drawn
from tests.everything import COMMANDS, answer
from tests.families.base import rarely
from tests.mutants import stop_hangs, wrong
from tests.strategies import draws

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="measures time by a signal")

HUGE = (2**63 - 1, 2**63 - 2, 2**62, 2**61, 2**32, 2**31 - 1, 10**9, 10**6, 100_001, 2001)


class Huge(NamedTuple):
    """A file, and the command that it is put to."""

    text: str
    command: str


@st.composite
def huge(draw: st.DrawFn, layer_type: type[Layer]) -> Huge:
    """One layer of this type, with huge numbers among its arguments and in the shapes of its inputs."""
    drawn = draw(draws(layer_type))

    def grown(value: Any, seldom: int) -> Any:
        if isinstance(value, (list, tuple)):
            return [grown(item, seldom) for item in value]
        if type(value) is not int or not rarely(draw, seldom):
            return value
        return draw(st.sampled_from(HUGE))

    def lettered(size: Any) -> str:
        return draw(st.sampled_from("NHWLC")) if rarely(draw, 3) else str(size)

    arguments = {name: grown(value, 2) for name, value in drawn.arguments.items()}
    inputs = {
        f"x{i}": "x".join(lettered(grown(size, 6)) for size in x.shape) + f":{x.dtype}"
        for i, x in enumerate(drawn.inputs)
    } or {"x0": "1x3"}
    if layer_type.branching:
        step: dict[str, Any] = {layer_type.__name__: {**arguments, "branches": [*inputs]}}
    else:
        step = {layer_type.__name__: arguments, "from": list(inputs)}
    text = json.dumps({"input": inputs, "layers": [step]})
    return Huge(text, draw(st.sampled_from([*COMMANDS])))


@pytest.mark.parametrize("name", sorted(name for name in LAYERS if not LAYERS[name].measured))
def test_every_type_with_huge_numbers(name: str) -> None:
    def check(drawn: Huge) -> None:
        try:
            network = shapecalc.parse(drawn.text, "huge.yaml")
        except ArchitectureError:
            return  # refused as it is read
        assert not wrong(lambda: answer(drawn.command, network, None, None)), drawn

    stop_hangs()
    check_each(huge(LAYERS[name]), count(4, 200), check)


FOUND = {
    "an axis beside letters": (
        {"x": "1xWx16xWx64"},
        {"Conv3d": {"out_channels": 2, "kernel_size": 3, "padding": 2**63 - 1}},
    ),
    "windows of different sizes": ({"x": "1x3x2000001"}, {"AdaptiveAvgPool1d": 10**9 + 7}),
    "many layers in one": (
        {"x": "2xHx2", "y": "2x4x2"},
        {"Transformer": {"num_decoder_layers": 100, "nhead": 1, "batch_first": True}, "from": ["x", "y"]},
    ),
}
"""Inputs and a step that once ended in a traceback, or took too long."""


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found(name: str) -> None:
    inputs, step = FOUND[name]
    network = shapecalc.parse(json.dumps({"input": inputs, "layers": [step]}), "huge.yaml")
    stop_hangs()
    for command in COMMANDS:
        if is_drawn(f"{command} of {name}", 2):
            assert not wrong(lambda command=command: answer(command, network, None, None)), command  # type: ignore[misc]


@pytest.mark.parametrize(
    "sizes", ["1x3x9223372036854775807xW", "4x4611686018427387904xHxW", "Nx3037000500x3037000500"]
)
def test_no_letters_make_a_tensor_small_enough(sizes: str) -> None:
    """torch holds sizes, and counts bytes, in 64 bits; a letter is at least 1."""
    with pytest.raises(ArchitectureError, match=r"more than 2\*\*63 - 1 bytes"):
        shapecalc.analyse(shapecalc.parse(f"input: {sizes}\nlayers: [ReLU]"))


@pytest.mark.parametrize("m", range(2, 24))
def test_windows_of_adaptive_pooling_as_torch_cuts_them(m: int) -> None:
    """What `explain` says of their sizes, against those of the windows one by one."""
    for n in range(1, 60):
        sizes = {-(-(i + 1) * n // m) - i * n // m for i in range(m)}
        said = f"{min(sizes)} to {max(sizes)}" if len(sizes) > 1 else f"{min(sizes)}"
        layer = LAYERS["AdaptiveAvgPool1d"](output_size=m)
        assert layer.remark(Tensor((1, 1, n))) == f"each window reads {said} elements of an axis"


def test_networks_of_which_no_layer_stays_the_same() -> None:
    """Some 900 layers, each of which may stand for any of as many others."""
    network = shapecalc.load("nasnet-a-mobile")
    stop_hangs()
    assert not wrong(lambda: answer("diff", network, ["input=Hx3xNxH"], ["stem=K"]))
