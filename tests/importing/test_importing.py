"""Torch modules become files: equal layer by layer, equal in what they compute, and short."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import torch
import yaml

import shapecalc
from shapecalc.errors import ArchitectureError
from shapecalc.importing.network import Imported, imported
from shapecalc.importing.program import Program
from shapecalc.importing.proof import differences, names
from shapecalc.importing.runs import read_at_sizes as read_module
from shapecalc.importing.structure import structure
from shapecalc.importing.torch_module import plain_attention
from shapecalc.torch_check.network import build
from tests.importing.modules import MODULES, PartlyShared


def sample(shape: tuple[int, ...], dtype: str) -> Any:
    return torch.randn(shape, dtype=torch.float64) if dtype == "float32" else torch.randint(7, shape)


def inputs_of(name: str) -> dict[str, Any]:
    return {
        key: torch.empty(shape, dtype=getattr(torch, dtype))
        for key, (shape, dtype) in MODULES[name][1].items()
    }


def program_of(name: str) -> Program:
    make, _ = MODULES[name]
    return read_module(make(), [], inputs_of(name), name)


program_once = cache(program_of)


@cache
def read(name: str, plain: bool = False) -> Imported:
    """The file of a module, which is run once for both forms of it; calls are changed while it is written."""
    return imported(deepcopy(program_once(name)), plain)


@pytest.mark.parametrize("name", MODULES)
def test_the_file_is_equal_layer_by_layer(name: str) -> None:
    found = read(name)
    assert found.differences == ()
    own = dict(MODULES[name][0]().named_parameters())
    assert sorted(set(found.names.values()) & own.keys()) == sorted(own)


OTHERWISE = ("PartlyShared", "Pairs", "Laters")
"""Modules of which a file with blocks has layers that a flat one has not, or in another order."""


@pytest.mark.parametrize("name", MODULES)
def test_a_flat_file_is_equal_and_has_each_layer_as_a_step(name: str) -> None:
    """Of the same layers in the same order as the file with blocks, each in the file's own text.

    But for weights that blocks share in part, which are steps of their own where there are blocks, and for
    what blocks give beside the rest, which stands in the join that reads it where there are none; and for
    `Identity` at the end of a block that gives what is not the last.
    """
    made, folded = read(name, plain=True), read(name)
    assert made.differences == ()
    assert "blocks" not in yaml.safe_load(made.text)
    assert " times " not in made.text
    both = [shapecalc.analyse(each.architecture) for each in (made, folded)]
    flat, usual = ([(row.type, row.outputs, row.params, row.macs) for row in each.rows] for each in both)
    assert flat == usual or name in OTHERWISE
    assert both[0].totals == both[1].totals


@pytest.mark.parametrize("plain", [False, pytest.param(True, marks=pytest.mark.one_in(2))])
@pytest.mark.parametrize("name", MODULES)
def test_the_file_computes_the_same(name: str, plain: bool) -> None:
    """With the module's weights, put where the names say, the outputs are equal to the last bit."""
    torch.manual_seed(0)
    module = MODULES[name][0]().double().eval()
    for weight in module.parameters():
        torch.nn.init.normal_(weight)
    found = read(name, plain)
    analysis = shapecalc.analyse(found.architecture)
    network = build(analysis).to_empty(device="cpu").double()
    paths = [row.path for row in analysis.rows]
    state = module.state_dict()
    for ours, theirs in found.names.items():
        path, _, weight = ours.rpartition(".")
        with torch.no_grad():
            network.layers[paths.index(path)].state_dict()[weight].copy_(state[theirs])
    for row, layer in zip(analysis.rows, network.layers, strict=True):
        if row.type.startswith("BatchNorm"):
            layer.reset_running_stats()
    given = {key: sample(*spec) for key, spec in MODULES[name][1].items()}
    with torch.no_grad(), plain_attention():
        (output,) = network(*given.values(), observe=lambda *_: None)
        assert torch.equal(output, module(**given))


LINES = {"Residual": 34, "Dense": 10, "UNet": 27, "VisionTransformer": 36, "Jump": 12}
"""Lines that a person would need, about."""


@pytest.mark.parametrize("name", LINES)
def test_the_file_is_short(name: str) -> None:
    text = read(name).text
    assert len(text.splitlines()) <= LINES[name], text
    assert max(map(len, text.splitlines())) <= 120, text


def test_repetition_and_names_are_the_modules_own() -> None:
    text = read("Residual").text
    assert "basic_block as layer1 times 3" in text
    assert "seq as layer2: [basic_block_2: 16, basic_block: 16]" in text


def test_the_same_module_gives_the_same_text() -> None:
    assert imported(program_of("VisionTransformer")).text == read("VisionTransformer").text


def test_a_module_that_is_there_again_keeps_its_weights() -> None:
    module = PartlyShared()
    weights = {key: id(weight) for key, weight in module.named_parameters(remove_duplicate=False)}
    shapecalc.from_torch(module, torch.zeros(2, 6, 5))
    assert {key: id(w) for key, w in module.named_parameters(remove_duplicate=False)} == weights


def test_the_module_stays_as_it_was() -> None:
    module: Any = MODULES["Residual"][0]()
    module.layer2.eval()
    state, modes = torch.get_rng_state(), [part.training for part in module.modules()]
    weights = {key: (id(weight), weight.clone()) for key, weight in module.state_dict(keep_vars=True).items()}
    call = torch.nn.Module.__call__
    architecture = shapecalc.from_torch(module, torch.zeros(2, 3, 32, 32))
    assert shapecalc.analyse(architecture).totals.params == sum(p.numel() for p in module.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert [part.training for part in module.modules()] == modes
    assert torch.nn.Module.__call__ is call
    for key, weight in module.state_dict(keep_vars=True).items():
        assert id(weight) == weights[key][0]
        assert torch.equal(weight, weights[key][1])


def test_weights_that_blocks_share_in_part_are_made_once_and_handed_to_them() -> None:
    """All kinds of layers that functions can stand for: each weight is there once, by its own name."""
    module = PartlyShared(exact=False)
    found = imported(read_module(module, [torch.empty(2, 6, 5)], {}, "PartlyShared"))
    assert found.differences == ()
    assert sorted({*found.names.values()}) == sorted(name for name, _ in module.named_parameters())
    assert "- parameter as shared_weight: [6, 3, 3]" in read("PartlyShared").text
    assert "mixer from x0, shared_weight, shared_bias, scale, table_weight" in read("PartlyShared").text


def test_alike_blocks_of_several_containers_are_one_line() -> None:
    assert "basic_block as stage times 3" in read("Nested").text


@pytest.mark.parametrize("text", ["- {layer}", "- {layer}\n  - {layer}\n  - {layer}"])
def test_a_file_with_other_layers_is_told_and_never_a_fault(text: str) -> None:
    program = read_module(
        torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)), [torch.zeros(2, 4)], {}, "x"
    )
    layers = text.format(layer="Linear: 4")
    analysis = shapecalc.analyse(shapecalc.parse(f"input: 2x4\nlayers:\n  {layers}\n", "x.yaml"))
    body = structure(program.body)
    (told,) = differences(program, body, analysis)
    assert str(told) == f": layers: {len(analysis.rows)}, in torch 2"
    assert {*names(program, body, analysis).values()} <= {*program.weights}


def test_what_is_not_trained_is_frozen_as_a_whole() -> None:
    found = read("Frozen")
    names = dict(MODULES["Frozen"][0]().named_parameters())
    frozen = {
        f"{row.path}.{name}" for row in shapecalc.analyse(found.architecture).rows for name in row.frozen
    }
    assert {found.names[path] for path in frozen if path in found.names} == {
        name for name, weight in names.items() if not weight.requires_grad
    }
    assert "- seq frozen from input as trunk: [" in found.text
    assert "- basic_block as trained times 2" in found.text
    assert "- parameter frozen: {shape: [5]}" in found.text
    assert "- - Conv2d frozen: {" in found.text


def test_a_layer_that_is_trained_in_part_is_refused() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(4, 4))
    module[0].bias.requires_grad_(False)
    with pytest.raises(ArchitectureError) as caught:
        imported(read_module(module, [torch.zeros(2, 4)], {}, "x"))
    assert "Linear has weights that are trained (0.weight) beside others that are not (0.bias)" in str(
        caught.value
    )
    assert caught.value.hint == "`frozen` is of a whole layer: freeze all of it, or none"


def test_a_weight_that_nothing_uses_is_counted() -> None:
    found = read("TwoInputs")
    assert {"unused.weight", "unused.bias"} <= set(found.names.values())
