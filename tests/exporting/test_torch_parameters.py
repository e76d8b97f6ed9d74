"""The parameters of a file as arguments of its class: `Net(width=32)` is what `--set width=32` exports."""

from __future__ import annotations

import inspect
import random
import warnings
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc.errors import ShapecalcError
from shapecalc.exporting.torch_source import TorchSource, torch_source
from shapecalc.language.architecture import Architecture
from shapecalc.torch_check.network import sample
from tests.dice import SEED, count
from tests.exporting.running import flat, namespace, tensors_of
from tests.networks import settings_of, short

ARGUMENTS = {
    "lenet": {"classes": 10},
    "densenet": {"classes": 10, "growth": 32},
    "cnn3d": {"classes": 10, "width": 32},
    "dcgan": {"width": 64, "channels": 3},
    "bert-base": {"L": 128, "words": 30522, "width": 768, "heads": 12, "hidden": 3072, "longest": 512},
    "seq2seq-gru": {"words": 10000, "width": 256, "hidden": 512},
    "hrnet-w18": {"classes": 1000},
}
"""By network, the arguments of its class: neither lists, fractions nor numbers of copies are."""


def class_of(source: TorchSource) -> Any:
    return namespace(source)[source.name]


def arguments_of(source: TorchSource) -> dict[str, Any]:
    parameters = inspect.signature(class_of(source).__init__).parameters
    return {name: parameter.default for name, parameter in parameters.items() if name != "self"}


def weights_of(module: Any) -> dict[str, tuple[Any, ...]]:
    return {key: (tuple(x.shape), x.dtype, x.requires_grad) for key, x in tensors_of(module).items()}


def check(architecture: Architecture, source: TorchSource, values: dict[str, int], **few: int) -> None:
    """The same keys and shapes, and outputs, by the argument and by `--set`, where `few` are set in both."""
    set_ = shapecalc.analyse(architecture, None, {**few, **values})
    with torch.device("meta"), warnings.catch_warnings(action="ignore"):
        module = class_of(source)(**values)
        assert weights_of(module) == weights_of(class_of(torch_source(set_))())
        inputs = [sample(x, "meta") for x in set_.inputs.values()]
        with torch.inference_mode():
            outputs = [*flat(module.eval()(*inputs))]
    assert [tuple(y.shape) for y in outputs] == [y.shape for y in set_.outputs]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_argument_builds_what_set_exports(name: str) -> None:
    architecture = shapecalc.load(name)
    source = torch_source(shapecalc.analyse(architecture))
    own = arguments_of(source)
    assert own == ARGUMENTS[name]
    draws, done = random.Random(f"{SEED} {name}"), 0
    for _ in range(100):
        values = {
            key: draws.choice([value, value // 2, value + 1, 2 * value, 64]) for key, value in own.items()
        }
        try:
            shapecalc.analyse(architecture, None, values)
        except ShapecalcError:  # heads that no width can be parted into
            continue
        check(architecture, source, values)
        done += 1
        if done == count(1, 10):
            break
    assert done


SMALL: dict[str, dict[str, int]] = {
    "lenet": {"classes": 3},
    "densenet": {"growth": 7, "classes": 3},
    "cnn3d": {"width": 3},
    "dcgan": {"width": 5, "channels": 2},
    "unet": {"width": 3, "classes": 4},
    "seq2seq-gru": {"words": 50, "width": 6, "hidden": 5},
    "transformer": {"words": 20, "width": 24, "heads": 3, "hidden": 7},
    "imagenet/convnext_tiny": {"width": 6, "classes": 3},
    "imagenet/swin_t": {"width": 10, "heads": 2, "classes": 3},
    "llm/gpt2": {"words": 30, "width": 24, "heads": 2},
}
"""By network, values of its arguments with which it runs at once."""


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", SMALL)
def test_an_argument_computes_what_set_exports(name: str) -> None:
    """With the same weights the same outputs, to the last bit: not the keys and shapes alone."""
    architecture, few = shapecalc.load(name), settings_of(name)[1]
    set_ = shapecalc.analyse(architecture, None, {**few, **SMALL[name]})
    made = class_of(torch_source(shapecalc.analyse(architecture, None, few)))
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(action="ignore"), torch.no_grad():
        torch.manual_seed(0)
        module, other = made(**SMALL[name]).eval(), class_of(torch_source(set_))().eval()
        for parameter in module.parameters():
            parameter.uniform_(-0.2, 0.3)
        other.load_state_dict(module.state_dict())
        inputs = [sample(x, "cpu") for x in set_.inputs.values()]
        outputs, expected = [*flat(module(*inputs))], [*flat(other(*inputs))]
    assert all(torch.equal(y, z) for y, z in zip(outputs, expected, strict=True))
    assert all(y.isfinite().all() for y in outputs)
    assert outputs[0].unique().numel() > 1


NET = """
name: Net
input: 1x3x10x10
parameters: {width: 8, depth: 2, hidden: 4*width, p: 0.5, norm: true, size: 3, last: 5}
blocks:
  unit(out):
    - Conv2d: {out_channels: out, kernel_size: size}
    - BatchNorm2d when norm
    - Conv2d: {out_channels: width, kernel_size: 1}
layers:
  - Conv2d: {out_channels: width, kernel_size: 1}
  - unit times depth: 2*width
  - Flatten
  - Linear: hidden
  - Dropout: p
  - Linear: width//2
  - Linear: last
"""


def net(more: str = "", values: dict[str, Any] | None = None) -> TorchSource:
    return torch_source(shapecalc.analyse(shapecalc.parse(NET + more), None, values))


def test_sizes_are_expressions_over_the_arguments() -> None:
    """A formula in letters where the file writes none: what Flatten gives of 6·6 places and a width."""
    code = net().text
    assert "def __init__(self, width: int = 8, last: int = 5) -> None:" in code
    assert "Unit(width, 2 * width) for _ in range(2)" in code
    assert "self.linear1 = nn.Linear(36 * width, 4 * width)" in code
    assert "self.linear2 = nn.Linear(4 * width, width // 2)" in code
    assert "self.linear3 = nn.Linear(width // 2, last)" in code
    for width, last in [(8, 3), (6, 1), (2, 5), (3, 7)]:
        check(shapecalc.parse(NET), net(), {"width": width, "last": last})


def test_a_list_of_formulas_follows() -> None:
    """Neither an argument nor numbers: each of its elements is an expression where it stands."""
    source = torch_source(shapecalc.analyse(shapecalc.load("unet")))
    assert arguments_of(source) == {"width": 64, "classes": 1}
    check(shapecalc.load("unet"), source, {"width": 5})


DIVIDED = """
input: 1x6x4
parameters: {width: 12, heads: 3}
layers:
  - Linear: width
  - reshape: [-1, 6, heads, width//heads]
  - transpose: [1, 2]
  - reshape: [-1, 6, width]
  - Linear: 2*width
"""


@pytest.mark.parametrize(
    ("more", "own", "values"),
    [
        ("", {"width": 12, "heads": 3}, {"width": 20, "heads": 4}),
        ("  - ReLU times heads\n", {"width": 12}, {"width": 21}),
    ],
)
def test_what_another_parameter_divides_is_a_multiple_of_it(
    more: str, own: dict[str, int], values: dict[str, int]
) -> None:
    """Between the multiples there is no network; the other one may be an argument or a number."""
    file = shapecalc.parse(DIVIDED + more)
    source = torch_source(shapecalc.analyse(file))
    assert arguments_of(source) == own
    assert "nn.Linear(width, 2 * width)" in source.text
    check(file, source, values)


def test_swin_is_of_any_width_and_heads() -> None:
    file = shapecalc.load("imagenet/swin_t")
    source = torch_source(short("imagenet/swin_t"))
    assert arguments_of(source) == {"classes": 1000, "width": 96, "heads": 3}
    assert "Merge(4 * width, width, 8)" in source.text
    check(file, source, {"width": 128, "heads": 4}, **settings_of("imagenet/swin_t")[1])


def test_values_that_are_set_are_the_defaults() -> None:
    assert arguments_of(net(values={"width": 32})) == {"width": 32, "last": 5}
    hidden = net(values={"hidden": 7})
    assert "nn.Linear(7, width // 2)" in hidden.text
    assert arguments_of(hidden) == {"width": 8, "last": 5}


@pytest.mark.parametrize("head", ["when width > 8", "when width != 1", "when width == 8", "times width"])
def test_what_decides_steps_is_a_number(head: str) -> None:
    """Code for another width would have to have other steps; the other parameters stay arguments."""
    assert arguments_of(net(f"  - ReLU {head}\n")) == {"last": 5}


def test_what_an_input_gives_is_a_number() -> None:
    """A size of the input is an argument with the file's own; a given one decides it."""
    file = shapecalc.parse("input: 1xfeatures\nparameters: {features: 6, out: 4}\nlayers: [Linear: out]")
    source = torch_source(shapecalc.analyse(file))
    assert "nn.Linear(features, out)" in source.text
    check(file, source, {"features": 5, "out": 3})
    given = torch_source(shapecalc.analyse(file, "Nx9"))
    assert arguments_of(given) == {"out": 4}
    assert "nn.Linear(9, out)" in given.text


def test_arguments_hide_no_names_of_the_code() -> None:
    """A parameter may be called as a class is, as an attribute, as torch or as one of a block."""
    text = """
input: 1x3
parameters: {Unit: 4, nn: 5, x: 6, width: 7, self: 8, unit: 9, N: 2}
blocks:
  unit(width): [Linear: width, Linear: Unit, relu, Linear: x]
layers: [unit: nn, unit: width, Linear: unit, Linear: self, repeat: [1, N]]
"""
    file = shapecalc.parse(text)
    source = torch_source(shapecalc.analyse(file))
    assert len(arguments_of(source)) == 7
    taken = {"nn": 11, "width": 12, "x": 13}
    with torch.device("meta"):
        names = dict(zip(shapecalc.analyse(file).parameters, arguments_of(source), strict=True))
        module = class_of(source)(**{names[name]: value for name, value in taken.items()})
        expected = class_of(torch_source(shapecalc.analyse(file, None, taken)))()
        assert weights_of(module) == weights_of(expected)
