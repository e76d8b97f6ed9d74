"""Each layer type as torch's source, on drawn arguments: it gives what `verify` builds gives, bit by bit."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import pytest
import torch
import yaml

import shapecalc
from shapecalc import ArchitectureError, ShapecalcError
from shapecalc.engine.results import Analysis
from shapecalc.exporting.torch_source import torch_source
from shapecalc.layers import LAYERS
from shapecalc.torch_check.network import BuildError, Network, from_left_to_right
from tests.chance import assume
from tests.dice import count
from tests.exporting.running import fill, flat, module_of
from tests.families.base import Drawn
from tests.strategies import each_layer
from tests.test_layers import samples

UNWRITTEN = {"DeformConv2d", "opaque"}
"""The types that torch alone has not."""


def plain(value: Any) -> Any:
    return [plain(item) for item in value] if isinstance(value, (tuple, list)) else value


def network_of(drawn: Drawn) -> Analysis:
    """A network of the one layer, whose inputs are the network's."""
    names = [f"in{number}" for number in range(len(drawn.inputs))]
    arguments = {name: plain(value) for name, value in drawn.arguments.items()}
    step: dict[str, Any] = {drawn.layer_type.__name__: arguments}
    numbers = {*drawn.layer_type.numbers} & {name for name, value in arguments.items() if value is not None}
    if drawn.layer_type.branching:
        operands: list[Any] = [*names]
        for name in numbers:
            operands.insert(0 if name == "input" else len(operands), arguments.pop(name))
        step = {drawn.layer_type.__name__: {"branches": operands, **arguments}}
    elif names:
        step["from"] = names
    inputs = {n: f"{'x'.join(map(str, x.shape))}:{x.dtype}" for n, x in zip(names, drawn.inputs, strict=True)}
    file = {"input": inputs or "1x1", "layers": [step]}
    return shapecalc.analyse(shapecalc.parse(yaml.dump(file, Dumper=yaml.CSafeDumper, allow_unicode=True)))


@pytest.mark.parametrize("name", sorted({*LAYERS} - UNWRITTEN))
def test_a_layer_gives_what_verify_builds(name: str) -> None:
    tried = 0

    def check(drawn: Drawn, _: Sequence[bool]) -> None:
        nonlocal tried
        assume(all(x.rank for x in drawn.inputs))  # no file has scalars as inputs
        try:
            analysis = network_of(drawn)
        except ShapecalcError:
            assume(False)
        compare(analysis, [*samples(drawn)] or [torch.zeros(1, 1)])
        tried += 1

    each_layer(LAYERS[name], (True,), count(6, 200), check)
    assert tried


def compare(analysis: Analysis, inputs: list[Any]) -> None:
    source = torch_source(analysis)
    module = module_of(source)
    with warnings.catch_warnings(action="ignore"), torch.no_grad(), from_left_to_right():
        try:
            network = Network(analysis).eval()
            fill(network, module, source.keys, analysis)
            xs = [torch.rand_like(x) if x.is_floating_point() else x for x in inputs]
            torch.default_generator.manual_seed(0)  # torch.manual_seed notes its callers, for other devices
            expected = network(*xs, observe=lambda *_: None)
        except BuildError:
            assume(False)  # torch's own refusals are test_layers' to judge
        torch.default_generator.manual_seed(0)
        found = [*flat(module(*xs))]
    assert [y.dtype for y in found] == [y.dtype for y in expected], source.text
    assert all(map(equal, found, expected)), source.text


def equal(a: Any, b: Any) -> bool:
    return a.shape == b.shape and bool(torch.allclose(a, b, rtol=0, atol=0, equal_nan=True))


def test_what_torch_alone_has_not_is_refused() -> None:
    layers = "- DeformConv2d from x, offset: {out_channels: 2, kernel_size: 3}"
    text = f"input: {{x: 1x4x8x8, offset: 1x18x6x6}}\nlayers:\n{layers}"
    analysis = shapecalc.analyse(shapecalc.parse(text))
    with pytest.raises(ArchitectureError) as caught:
        torch_source(analysis)
    assert caught.value.message == "DeformConv2d: torch alone has no module of that name"
    assert caught.value.path == "DeformConv2d[0]"
