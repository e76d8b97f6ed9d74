"""Every layer type against torch, on drawn arguments and inputs: figures equal, refusals shared.

The judge is torch.nn's module (or torch's function) of the same name, on `meta`, where FlopCounterMode
sees every product, and on the CPU, whose kernels refuse more than those of `meta`.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from shapecalc import ArchitectureError
from shapecalc.layers import LAYERS, Figures, Weight
from shapecalc.layers.base import Weights
from shapecalc.layers.fields import REQUIRED, Inferred
from shapecalc.symbolic import number
from shapecalc.tensors import BYTES, Tensor
from shapecalc.torch_check.startup import without_compiler
from tests.strategies import Drawn, draws

NAMES = sorted(LAYERS)
JOINS = [name for name in NAMES if LAYERS[name].joins()]

TAKES_ALL = {"Identity", "Sigmoid", "Tanh"}
"""Types without an argument, which take any input."""

REFUSALS = (RuntimeError, TypeError, ValueError, IndexError, ZeroDivisionError)
"""What torch raises to refuse a layer; NotImplementedError is a RuntimeError."""


class Stricter(NamedTuple):
    """A refusal of shapecalc's own: the types and the messages of it, why, and a case of it."""

    types: str
    message: str
    reason: str
    case: Drawn


def drawn(name: str, *inputs: Tensor, **arguments: Any) -> Drawn:
    return Drawn(LAYERS[name], arguments, inputs)


IMAGE = Tensor((2, 3, 4, 4))

STRICTER = (
    Stricter(
        "Linear|AdaptiveAvgPool2d|AdaptiveMaxPool2d",
        "must be a whole number of at least 1.*, not (.*\\b)?0",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("Linear", Tensor((2, 3)), out_features=0),
    ),
    Stricter(
        "BatchNorm..",
        "an input of float32 is needed, to match the weights, not b?float16",
        "weights are float32; torch's kernels of mixed precision are for autocast",
        drawn("BatchNorm2d", Tensor((2, 3, 4, 4), "bfloat16")),
    ),
    Stricter(
        "BatchNorm..",
        "num_features is written as",
        "a written size is checked, also where torch has no weights to find it wrong by",
        drawn("BatchNorm2d", IMAGE, num_features=5, affine=False, track_running_stats=False),
    ),
    Stricter(
        "Conv2d",
        "padding must be a whole number of at least 0.*, not (.*-)",
        "a negative padding crops in some padding modes, and is refused by torch in `zeros`",
        drawn("Conv2d", IMAGE, out_channels=3, kernel_size=1, padding=-1, padding_mode="circular"),
    ),
    Stricter(
        "AdaptiveAvgPool2d",
        "an input of 3 or 4 axes is needed, not [56]",
        "for an output of 1×1 torch takes a mean over the last two axes and never looks at the rank",
        drawn("AdaptiveAvgPool2d", Tensor((2, 3, 4, 4, 4)), output_size=1),
    ),
    Stricter(
        "MaxPool2d|AvgPool2d",
        "a floating-point input is needed, not u?int",
        "pooling of integers exists on the CPU alone",
        drawn("MaxPool2d", Tensor((2, 3, 4, 4), "int64"), kernel_size=2),
    ),
    Stricter(
        "|".join(JOINS),
        "inputs are needed, not 1",
        "one branch joins nothing",
        drawn("add", Tensor((2, 3))),
    ),
)


RARE = (
    # With ceil_mode, a last window that would start in the padding after the end is dropped.
    drawn("MaxPool2d", Tensor((1, 1, 3, 3)), kernel_size=2, padding=1, ceil_mode=True),
    drawn("MaxPool2d", Tensor((1, 1, 5, 5)), kernel_size=1, stride=3, ceil_mode=True),
    drawn("MaxPool2d", Tensor((1, 1, 8, 8)), kernel_size=9, ceil_mode=True),
    drawn("MaxPool2d", Tensor((1, 1, 8, 8)), kernel_size=10, stride=3, ceil_mode=True),
    drawn("MaxPool2d", Tensor((1, 1, 8, 8)), kernel_size=11, stride=3, ceil_mode=True),
    drawn("AvgPool2d", Tensor((1, 1, 3, 3)), kernel_size=2, padding=1, ceil_mode=True),
    # Half of the kernel bounds the padding, whatever the dilation.
    drawn("MaxPool2d", Tensor((1, 1, 9, 9)), kernel_size=3, padding=2, dilation=2),
    # An even kernel pads one more at the end, which `reflect` and `circular` bound.
    drawn("Conv2d", Tensor((1, 1, 3, 3)), out_channels=1, kernel_size=4, padding="same"),
    drawn("Conv2d", IMAGE, out_channels=1, kernel_size=8, padding="same", padding_mode="reflect"),
    drawn("Conv2d", IMAGE, out_channels=1, kernel_size=8, padding="same", padding_mode="circular"),
    drawn("Conv2d", IMAGE, out_channels=1, kernel_size=10, padding="same", padding_mode="circular"),
    # Without running statistics, evaluation computes those of its input too.
    drawn("BatchNorm2d", Tensor((1, 3, 1, 1)), track_running_stats=False),
    drawn("BatchNorm2d", Tensor((1, 3, 1, 2)), track_running_stats=False),
    drawn("BatchNorm2d", Tensor((1, 3, 1, 1))),
    drawn("BatchNorm1d", Tensor((1, 3)), track_running_stats=False),
    drawn("BatchNorm2d", IMAGE, eps=0.0, track_running_stats=False),
    drawn("BatchNorm2d", IMAGE, eps=0.0),
    # Without weights there is no dtype to match.
    drawn("BatchNorm2d", Tensor((2, 3, 4, 4), "float64"), affine=False, track_running_stats=False),
    drawn("BatchNorm2d", Tensor((2, 3, 4, 4), "float64"), affine=False),
)
"""Cases that are drawn too seldom, next to their neighbours."""


class Measured(NamedTuple):
    """What torch made of a draw."""

    outputs: tuple[Tensor, ...]
    weights: Weights
    flops: int


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    """What `verify` runs torch in."""
    with without_compiler(), torch.inference_mode():
        yield


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
        if isinstance(field, Inferred) and written.get(name) is None:
            written[name] = field.value(drawn.inputs, drawn.layer_type.axes) or 1
    return written


def call(drawn: Drawn, arguments: Mapping[str, Any]) -> tuple[Any, Callable[..., Any]]:
    """The module of these arguments, and what runs it; a function runs beside a module of nothing."""
    layer_type = drawn.layer_type
    if layer_type.function is None:
        module = getattr(torch.nn, layer_type.__name__)(**arguments).eval()
        return module, module
    defaults = {n: field.default for n, field in layer_type.fields.items() if field.default is not REQUIRED}
    function, keywords = getattr(torch, layer_type.__name__), {**defaults, **arguments}
    run = {
        "apply": lambda *xs: function(*xs, **keywords),
        "fold": lambda *xs: reduce(lambda x, y: function(x, y, **keywords), xs),
        "gather": lambda *xs: function(xs, **keywords),
    }
    return torch.nn.Identity(), run[layer_type.function]


def measure(drawn: Drawn, arguments: Mapping[str, Any], device: str) -> Measured:
    """Build and run the draw in torch."""
    with warnings.catch_warnings(), torch.device(device), FlopCounterMode(display=False) as counter:
        warnings.simplefilter("ignore")
        module, run = call(drawn, arguments)
        outputs = run(*[torch.zeros(x.shape, dtype=getattr(torch, x.dtype)) for x in drawn.inputs])
    parameters = {name: weight(tensor, buffer=False) for name, tensor in module.named_parameters()}
    buffers = {name: weight(tensor, buffer=True) for name, tensor in module.named_buffers()}
    listed = outputs if isinstance(outputs, tuple) else (outputs,)
    found = tuple(Tensor(tuple(y.shape), dtype_name(y)) for y in listed)
    return Measured(found, parameters | buffers, counter.get_total_flops())


def weight(tensor: Any, buffer: bool) -> Weight:
    return Weight(tuple(tensor.shape), dtype_name(tensor), buffer)


def dtype_name(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def is_stricter(drawn: Drawn, error: ArchitectureError) -> bool:
    return any(
        re.fullmatch(row.types, drawn.layer_type.__name__) and re.search(row.message, error.message)
        for row in STRICTER
    )


def check_accepted(drawn: Drawn, figures: Figures) -> None:
    """Each figure is the one that torch has."""
    arguments = drawn.layer_type(**drawn.arguments).arguments(drawn.inputs)
    try:
        on_meta, on_cpu = (measure(drawn, arguments, device) for device in ("meta", "cpu"))
    except REFUSALS as error:
        pytest.fail(f"accepted, but torch refuses: {type(error).__name__}: {error}")
    assert on_meta == Measured(figures.outputs, figures.weights, number(2 * figures.macs))
    assert on_cpu.outputs == figures.outputs  # FLOPs are not comparable here: fused kernels hide some


def check_refused(drawn: Drawn, error: ArchitectureError) -> None:
    """The message says what is wrong, and torch refuses too."""
    assert names_its_reason(drawn, error)
    if is_stricter(drawn, error):
        return
    arguments = torch_arguments(drawn)
    try:
        *_, on_cpu = (measure(drawn, arguments, device) for device in ("meta", "cpu"))
    except REFUSALS:
        return
    pytest.fail(f"refused, but torch accepts: {error.message}; torch gives {on_cpu.outputs}")


def names_its_reason(drawn: Drawn, error: ArchitectureError) -> bool:
    """Whether the message has an argument's name, or a size, the dtype or the number of the inputs."""
    sizes = {str(size) for x in drawn.inputs for size in x.shape}
    reasons = {*drawn.layer_type.fields, *sizes, *(x.dtype for x in drawn.inputs), str(len(drawn.inputs))}
    return not reasons.isdisjoint(re.findall(r"\w+", error.message))


def agree(drawn: Drawn) -> bool:
    """Hold shapecalc against torch on one draw; whether they accept it."""
    try:
        figures = computed(drawn)
    except ArchitectureError as error:
        check_refused(drawn, error)
        return False
    check_accepted(drawn, figures)
    return True


@pytest.mark.parametrize("name", NAMES)
def test_torch_agrees(name: str) -> None:
    found: Counter[str] = Counter()

    @given(draws(LAYERS[name]))
    def check(drawn: Drawn) -> None:
        fewest, most = drawn.layer_type.inputs_range
        fitting = fewest <= len(drawn.inputs) <= most
        kind = "accepted" if agree(drawn) else "refused" if fitting else "wrong number of inputs"
        event(kind)
        found[kind] += 1

    check()
    assert found.total() >= 200, found
    assert found["accepted"] >= found.total() // 5, found
    assert (found["refused"] == 0) is (name in TAKES_ALL), found


@pytest.mark.parametrize("case", RARE, ids=repr)
def test_torch_agrees_on_rare_cases(case: Drawn) -> None:
    agree(case)


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

    @given(draws(LAYERS[name]))
    def count(drawn: Drawn) -> None:
        try:
            computed(drawn)
        except ArchitectureError:
            return
        found["several shapes"] += len({x.shape for x in drawn.inputs}) > 1
        found["several dtypes"] += len({x.dtype for x in drawn.inputs}) > 1
        found[f"{len(drawn.inputs)} branches"] += 1

    count()
    assert min(found[f"{branches} branches"] for branches in (2, 3, 4)) >= 15, found
    assert min(found["several shapes"], found["several dtypes"]) >= 15, found


@pytest.mark.parametrize("name", JOINS)
def test_joins_promote_as_torch(name: str) -> None:
    layer = LAYERS[name]()
    for dtypes in itertools.product(BYTES, repeat=3):
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
