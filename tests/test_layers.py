"""Every layer type against torch, on drawn arguments and inputs: figures equal, refusals shared.

The judge is torch.nn's module (or torch's function) of the same name, on `meta`, where FlopCounterMode
reads every product, and on the CPU, whose kernels refuse more than those of `meta`, and are faster. What the
first judge of a type accepts, the second is asked one time in three.
"""

from __future__ import annotations

import itertools
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial, reduce
from importlib.util import find_spec
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from shapecalc import ArchitectureError
from shapecalc.layers import LAYERS, Figures, Layer, Weight
from shapecalc.layers.fields import REQUIRED, Inferred, Trailing
from shapecalc.layers.weights import Weights
from shapecalc.symbolic import at, number, symbol
from shapecalc.tensors import BYTES, Tensor
from shapecalc.torch_check.functions import function_of, keywords_of
from shapecalc.torch_check.network import from_left_to_right, module_of
from shapecalc.torch_check.startup import without_compiler
from tests import chance
from tests.dice import count, is_drawn
from tests.families import ELEMENTS, RARE, STRICTER, TAKES_ALL, UNSEEN
from tests.families.base import Drawn, Stricter, drawn, shown
from tests.kernels import compiled_kernels
from tests.strategies import draws

NAMES = sorted(name for name in LAYERS if not LAYERS[name].measured)
OWNED = ("parameter", "buffer")
"""Types whose shape is that of the tensor that torch's class is given."""
ONE_SHAPE = {"stack"}
"""Joins whose branches have all the same shape."""
JOINS = [name for name in NAMES if LAYERS[name].inputs_range == (2, float("inf")) and name != "index"]
"""Types that put any number of tensors together; the others of `index` are places in the first."""

NO_FORMULA = [
    re.compile(reason)
    for reason in (
        "no formula of this kind",
        "the branches differ",  # of sizes that are never equal as formulas, one was 1
    )
]
"""Why a layer may refuse symbols where it takes numbers."""

REFUSALS = (RuntimeError, TypeError, ValueError, IndexError, ArithmeticError, AssertionError)
"""What torch raises to refuse a layer; NotImplementedError is a RuntimeError, kernels of `meta` assert."""


_NUMPY = find_spec("numpy") is not None


class Measured(NamedTuple):
    """What torch made of a draw."""

    outputs: tuple[Tensor, ...]
    weights: Weights
    flops: int


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    """What `verify` runs torch in."""
    with without_compiler(), compiled_kernels(), torch.inference_mode():
        yield


@contextmanager
def counting(counter: Any) -> Iterator[None]:
    """Count products; the kernels import numpy at each call, and a search in vain takes half of the time."""
    with counter:
        if not _NUMPY:
            sys.modules["numpy"] = None  # type: ignore[assignment]  # how Python notes that there is none
        try:
            yield
        finally:
            if not _NUMPY:
                del sys.modules["numpy"]


def computed(drawn: Drawn) -> Figures:
    return drawn.layer_type(**drawn.arguments).figures(drawn.inputs)


def torch_arguments(drawn: Drawn) -> Mapping[str, Any]:
    """torch's arguments where shapecalc refused: what was written, and all the sizes that can be inferred."""
    try:
        kept: Mapping[str, Any] = vars(drawn.layer_type(**drawn.arguments))
    except ArchitectureError:
        kept = {name: tuple(v) if isinstance(v, list) else v for name, v in drawn.arguments.items()}
    written = {name: kept[name] for name in drawn.arguments}
    for name, field in drawn.layer_type.fields.items():
        if isinstance(field, (Inferred, Trailing)) and written.get(name) is None:
            written[name] = field.value(drawn.inputs, drawn.layer_type.axes) or 1
    return written


def call(drawn: Drawn, arguments: Mapping[str, Any]) -> tuple[Any, Callable[..., Any]]:
    """The module of these arguments, and what runs it; a function runs beside a module of nothing."""
    layer = drawn.layer_type.__new__(drawn.layer_type)  # not checked: torch is to say what is wrong
    defaults = {n: field.default for n, field in layer.fields.items() if field.default is not REQUIRED}
    vars(layer).update({**defaults, **arguments}, given=tuple(arguments))
    if layer.function is None:
        module = module_of(layer, arguments).eval()
        return module, lambda *xs: module(*layer.feed(*xs))
    function = function_of(layer.function)
    if layer.type in OWNED:
        module = torch.nn.Module()
        dtype = arguments.get("dtype", "float32")
        dtype = getattr(torch, dtype, dtype)
        module.weight = function(torch.empty(arguments["shape"], dtype=dtype))
        return module, lambda: module.weight
    run: Callable[..., Any] = from_left_to_right()(partial(function, **keywords_of(layer)))
    if layer.folds:
        return torch.nn.Identity(), lambda *xs: reduce(run, layer.feed(*xs))
    return torch.nn.Identity(), lambda *xs: run(*layer.feed(*xs))


def measure(drawn: Drawn, arguments: Mapping[str, Any], device: str) -> Measured:
    """Build and run the draw in torch; its products are counted on `meta`, where it runs there."""
    counter = FlopCounterMode(display=False)
    counted = device == "meta" or drawn.layer_type.reads_values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.device(device) if device == "meta" else nullcontext():
            module, run = call(drawn, arguments)
            inputs = list(samples(drawn))
        with counting(counter) if counted else nullcontext():
            outputs = run(*inputs)
    parameters = {name: weight(tensor, buffer=False) for name, tensor in module.named_parameters()}
    buffers = {name: weight(tensor, buffer=True) for name, tensor in module.named_buffers()}
    found = tuple(Tensor(tuple(y.shape), dtype_name(y)) for y in flat(outputs))
    return Measured(found, parameters | buffers, counter.get_total_flops())


def samples(drawn: Drawn) -> Iterator[Any]:
    """torch's inputs: zeros, or the values that the type asks for."""
    fewest, most = drawn.layer_type.inputs_range
    own = ELEMENTS.get(drawn.layer_type.__name__) if fewest <= len(drawn.inputs) <= most else None
    values = own(drawn.inputs) if own else {}
    for i, x in enumerate(drawn.inputs):
        dtype = getattr(torch, x.dtype)
        yield (
            torch.tensor(values[i], dtype=dtype).reshape(x.shape)
            if i in values
            else torch.zeros(x.shape, dtype=dtype)
        )


def judges(drawn: Drawn) -> Sequence[str]:
    """The devices that a draw is run on: `meta` first where it has products, never where it reads values."""
    if drawn.layer_type.reads_values:
        return ("cpu",)
    return ("cpu", "meta") if drawn.layer_type.macs is Layer.macs else ("meta", "cpu")


def flat(outputs: Any) -> Iterator[Any]:
    """The tensors of an output, in the tuples and lists that torch puts them in."""
    if isinstance(outputs, (tuple, list)):
        for output in outputs:
            yield from flat(output)
    elif outputs is not None:
        yield outputs


def weight(tensor: Any, buffer: bool) -> Weight:
    return Weight(tuple(tensor.shape), dtype_name(tensor), buffer)


def dtype_name(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def is_stricter(drawn: Drawn, error: ArchitectureError) -> bool:
    return any(
        re.fullmatch(row.types, drawn.layer_type.__name__) and re.search(row.message, error.message)
        for row in STRICTER
    )


def check_accepted(drawn: Drawn, figures: Figures, every_judge: bool = True) -> None:
    """Each figure is the one that torch has, on all devices or on the first of them alone."""
    arguments = drawn.layer_type(**drawn.arguments).arguments(drawn.inputs)
    devices = judges(drawn) if every_judge else judges(drawn)[:1]
    try:
        first, *others = (measure(drawn, arguments, device) for device in devices)
    except REFUSALS as error:
        pytest.fail(f"accepted, but torch refuses: {type(error).__name__}: {error}")
    flops = number(2 * figures.macs)
    unseen = UNSEEN.get(drawn.layer_type.__name__)
    if unseen:
        assert figures.macs == unseen(drawn)
        flops = first.flops
    assert first == Measured(figures.outputs, figures.weights, flops)
    for other in others:
        assert other.outputs == figures.outputs
        assert not other.flops  # counted on `meta`, after the CPU; of products there fused kernels hide some


def check_refused(drawn: Drawn, error: ArchitectureError) -> None:
    """The message says what is wrong, and torch refuses too."""
    assert names_its_reason(drawn, error)
    if is_stricter(drawn, error):
        return
    arguments = torch_arguments(drawn)
    try:
        *_, last = (measure(drawn, arguments, device) for device in judges(drawn))
    except REFUSALS:
        return
    if not any(y.elements for y in last.outputs):  # kernels refuse dtypes, and none has run
        return
    pytest.fail(f"refused, but torch accepts: {error.message}; torch gives {last.outputs}")


_WORD = re.compile(r"\d+(?:[.×]\d+)*|\w+")
_INPUT = re.compile(
    r"\b(inputs?|branch(es)?|axis|axes|channels|classes|columns|rows|elements|windows|batch|features|state"
    r"|target|source|memory|query|keys?|values?|var|log_probs|maxima|indices)\b"
)


def names_its_reason(drawn: Drawn, error: ArchitectureError) -> bool:
    """Whether the message names an argument, a dtype or the whole shape of an input.

    A number alone may be any: beside a word for inputs it is a size of one, or how many there are. Of a shape
    some axes that lie side by side may be named.
    """
    words = {*_WORD.findall(error.message)}
    shapes = {"×".join(map(str, x.shape)) or "scalar" for x in drawn.inputs}
    reasons = {*drawn.layer_type.fields, *drawn.arguments, *(x.dtype for x in drawn.inputs)}
    reasons |= {shape for shape in shapes if not shape.isdecimal()}
    sizes = {word for word in words if any(f"×{word}×" in f"×{shape}×" for shape in shapes)}
    said = _INPUT.search(error.message) and (sizes or str(len(drawn.inputs)) in words)
    return bool(said) or not words.isdisjoint(reasons)


REASONS = {
    "the kernel of 3 does not fit on an input of 5": True,
    "the kernel of 3 does not fit on 5": False,
    "the kernel does not fit on the input": False,
    "kernel_size is too large": True,
    "an input of 3 axes is needed, not 4 (2×7×5×5)": True,
    "an input of 3 axes is needed, not 4 (7×2)": False,
    "a floating-point input is needed, not int8": True,
    "a floating-point input is needed, not int64": False,
    "one input is needed, not 2": True,
    "2 is wrong": False,
}
"""Of an AvgPool2d of two inputs of 2×7×5×5 of int8 → whether the message names its reason."""


@pytest.mark.parametrize("message", REASONS)
def test_what_names_its_reason(message: str) -> None:
    case = drawn("AvgPool2d", *[Tensor((2, 7, 5, 5), "int8")] * 2, kernel_size=3)
    assert names_its_reason(case, ArchitectureError(message)) is REASONS[message]


def agree(drawn: Drawn, every_judge: bool = True) -> bool:
    """Hold shapecalc against torch on one draw; whether they accept it."""
    try:
        figures = computed(drawn)
    except ArchitectureError as error:
        check_refused(drawn, error)
        return False
    check_accepted(drawn, figures, every_judge)
    check_formulas(drawn, figures)
    return True


def formulas_of(drawn: Drawn, inputs: tuple[Tensor, ...]) -> Figures | None:
    """The figures of inputs with symbols, None where they are refused for a reason that is known."""
    try:
        return drawn.layer_type(**drawn.arguments).figures(inputs)
    except ArchitectureError as error:
        if not any(reason.search(error.message) for reason in NO_FORMULA):
            raise
        return None


def check_formulas(drawn: Drawn, figures: Figures) -> None:
    """With symbols for all sizes of the inputs the rules give formulas of these figures, or a reason."""
    sizes: dict[str, int] = {}
    inputs = []
    for i, x in enumerate(drawn.inputs):
        names = [f"n{i}_{axis}" for axis in range(x.rank)]
        sizes.update(zip(names, map(number, x.shape), strict=True))
        # A size of 1 stays one: whether torch repeats it is a matter of its being 1.
        shape = tuple(1 if n == 1 else symbol(name) for name, n in zip(names, x.shape, strict=True))
        inputs.append(Tensor(shape, x.dtype))
    formulas = formulas_of(drawn, tuple(inputs))
    if formulas is None:
        return
    if all(condition.holds(sizes) for condition in formulas.conditions):
        outputs = tuple(Tensor(tuple(at(n, sizes) for n in x.shape), x.dtype) for x in formulas.outputs)
        weights = {
            n: w._replace(shape=tuple(at(m, sizes) for m in w.shape)) for n, w in formulas.weights.items()
        }
        assert Figures(outputs, weights, at(formulas.macs, sizes)) == figures._replace(conditions=())
    else:
        assert all(condition.permits(sizes) for condition in formulas.conditions)


@pytest.mark.parametrize("name", NAMES)
def test_torch_agrees(name: str) -> None:
    found: Counter[str] = Counter()

    def check(case: tuple[Drawn, bool]) -> None:
        drawn, every_judge = case
        fewest, most = drawn.layer_type.inputs_range
        fitting = fewest <= len(drawn.inputs) <= most
        kind = "accepted" if agree(drawn, every_judge) else "refused" if fitting else "wrong number of inputs"
        found[kind] += 1

    judged = chance.tuples(draws(LAYERS[name]), chance.sampled_from((True, False, False)))
    chance.check_each(judged, count(60, 600), check)
    assert agree(shown(LAYERS[name]))
    assert found["accepted"], found
    if found.total() >= 200:  # of fewer, the dice may have made what is rare rarer
        assert found["accepted"] >= found.total() // 10, found
        assert found["refused"] or name in TAKES_ALL, found
    assert not (found["refused"] and name in TAKES_ALL), found


@pytest.mark.parametrize("case", RARE, ids=repr)
def test_torch_agrees_on_rare_cases(case: Drawn) -> None:
    agree(case)


@pytest.mark.parametrize("name", NAMES)
def test_torch_agrees_on_scalars(name: str) -> None:
    """A reduced loss is one: it may be any input of anything."""
    case = shown(LAYERS[name])
    for scalars in itertools.product((True, False), repeat=len(case.inputs)):
        inputs = [Tensor((), x.dtype) if s else x for s, x in zip(scalars, case.inputs, strict=True)]
        agree(case._replace(inputs=tuple(inputs)))


@pytest.mark.parametrize("row", STRICTER, ids=[row.reason for row in STRICTER])
def test_refused_by_shapecalc_alone(row: Stricter) -> None:
    with pytest.raises(ArchitectureError, match=row.message) as caught:
        computed(row.case)
    assert is_stricter(row.case, caught.value)
    assert measure(row.case, torch_arguments(row.case), "cpu").outputs


@pytest.mark.parametrize("name", JOINS)
def test_draws_of_joins_are_varied(name: str) -> None:
    """Among the accepted ones, that is; the refused ones are counted with those of all types."""
    found: Counter[str] = Counter()

    def look(drawn: Drawn) -> None:
        try:
            computed(drawn)
        except ArchitectureError:
            return
        found["several shapes"] += len({x.shape for x in drawn.inputs}) > 1
        found["several dtypes"] += len({x.dtype for x in drawn.inputs}) > 1
        found[f"{len(drawn.inputs)} branches"] += 1

    chance.check_each(draws(LAYERS[name]), 300, look)
    varied = [*(f"{branches} branches" for branches in (2, 3, 4)), "several dtypes", "several shapes"]
    if name in ONE_SHAPE:
        assert not found[varied.pop()], found
    assert min(found[kind] for kind in varied) >= 15, found


@pytest.mark.parametrize("name", JOINS)
def test_joins_promote_as_torch(name: str) -> None:
    """At each push of one in four of three dtypes."""
    layer = LAYERS[name]()
    for dtypes in itertools.product(BYTES, repeat=3):
        if not is_drawn(f"{name} of {dtypes}", 4):
            continue
        inputs = tuple(Tensor((1, 2), dtype) for dtype in dtypes)
        expected = layer.figures(inputs).outputs
        assert measure(drawn(name, *inputs), {}, "meta").outputs == expected, dtypes


# MACs by counting them one by one.


@st.composite
def small_convolutions(draw: st.DrawFn) -> Drawn:
    groups, size = draw(st.integers(1, 3)), st.integers(1, 3)
    pair = st.tuples(size, size)
    arguments = {
        "out_channels": groups * draw(st.integers(1, 2)),
        "kernel_size": draw(pair),
        "stride": draw(pair),
        "padding": draw(pair),
        "dilation": draw(pair),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    space = draw(st.tuples(st.integers(7, 9), st.integers(7, 9)))  # no window drawn here is longer
    return drawn("Conv2d", Tensor((draw(size), groups * draw(st.integers(1, 2)), *space)), **arguments)


def starts(drawn: Drawn, axis: int) -> range:
    """Where a window may start on a spatial axis, its padding included."""
    kernel, stride, padding, dilation = (
        drawn.arguments[name][axis] for name in ("kernel_size", "stride", "padding", "dilation")
    )
    last = drawn.inputs[0].shape[2 + axis] + padding - 1
    return range(-padding, last - dilation * (kernel - 1) + 1, stride)


@given(small_convolutions())
def test_macs_of_a_convolution_counted_one_by_one(drawn: Drawn) -> None:
    batch, in_channels, *_ = map(number, drawn.inputs[0].shape)
    out_channels, groups = drawn.arguments["out_channels"], drawn.arguments["groups"]
    taps = list(itertools.product(*map(range, drawn.arguments["kernel_size"])))
    count = 0
    for _, _, _ in itertools.product(range(batch), starts(drawn, 0), starts(drawn, 1)):
        for c_in, c_out in itertools.product(range(in_channels), range(out_channels)):
            if c_in * groups // in_channels == c_out * groups // out_channels:
                count += sum(1 for _ in taps)
    assert computed(drawn).macs == count


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(1, 5), st.booleans())
def test_macs_of_a_linear_counted_one_by_one(shape: list[int], out_features: int, bias: bool) -> None:
    count = 0
    for _ in itertools.product(*map(range, shape)):  # each element of the input
        for _ in range(out_features):
            count += 1
    layer = LAYERS["Linear"](out_features=out_features, bias=bias)
    assert layer.figures((Tensor(tuple(shape)),)).macs == count
