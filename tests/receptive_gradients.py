"""The receptive field against torch: an output element depends on those of the input with a gradient but 0.

All weights are positive, in float64, and small enough that no activation is flat: then no product of them
cancels or vanishes, and the gradient of an output element is 0 exactly outside of its receptive field.
"""

from __future__ import annotations

import warnings
from collections.abc import Container, Iterator, Sequence
from typing import Any

import torch

from shapecalc.analysis.compare.verdicts import Mismatch
from shapecalc.analysis.receptive.axis_fields import AxisField, Ends, Exact, Undefined, WholeInput
from shapecalc.analysis.receptive.channels import AxisFields
from shapecalc.analysis.receptive.field import Field, Receptive
from shapecalc.engine.results import Row
from shapecalc.layers.adaptive_pooling import AdaptiveMaxPool
from shapecalc.layers.pooling import MaxPool
from shapecalc.symbolic import number
from shapecalc.torch_check.network import Network, build, sample


def prove(
    receptive: Receptive,
    places: Sequence[str] = ("first", "centre", "last"),
    rows: Container[int] | None = None,
) -> tuple[Mismatch, ...]:
    """The rows whose fields differ from where torch's gradients are, of all or of those numbers.

    Of each row elements at `places` are compared: in the middle and at both ends of all axes; in the middle
    alone where the row before has the same field. Where a field has no gaps, all of it is compared, else its
    first and last element. At the ends, windows with holes, or in padding alone, may read less than is said.
    """
    source, outputs = run(receptive)
    found: list[Mismatch] = []
    before: AxisFields = ()
    for index, (field, y) in enumerate(zip(receptive.fields, outputs, strict=True)):
        asked = rows is None or index in rows
        if asked and any(not isinstance(axis_field, Undefined) for axis_field in field.along_axes):
            for place in places if field.along_axes != before else places[len(places) // 2 :][:1]:
                found.extend(_differences(receptive, field, y, source, place))
        before = field.along_axes
    return tuple(found)


def run(receptive: Receptive) -> tuple[Any, list[Any]]:
    """The input that fields are of, and the first output of each row, ready for gradients."""
    torch.manual_seed(0)
    analysis = receptive.analysis
    network = _positive(build(analysis))
    inputs = [sample(x, "cpu") for x in analysis.inputs.values()]
    inputs = [x.double() if x.is_floating_point() else x for x in inputs]
    source = inputs[list(analysis.inputs).index(receptive.input)].requires_grad_()
    outputs: list[Any] = []
    with warnings.catch_warnings(action="ignore"):
        network(*inputs, observe=lambda _, found: outputs.append(found[0]))
    return source, outputs


def _positive(network: Network) -> Network:
    """The network with weights that pass every gradient on, and means in place of maxima.

    A maximum has a gradient at one element of its window alone; the mean reads the same window.
    """
    for index, row in enumerate(network.analysis.rows):
        if isinstance(row.layer, MaxPool):
            network.layers[index] = _Mean(row)
        elif isinstance(row.layer, AdaptiveMaxPool):
            mean = getattr(torch.nn, f"AdaptiveAvgPool{row.layer.axes}d")
            network.layers[index] = mean(row.layer.output_size)
    network = network.to_empty(device="cpu").double()
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if not tensor.is_floating_point():
            tensor.zero_()
            continue
        last = name.rpartition(".")[2]
        with torch.no_grad():
            if last in ("bias", "running_mean"):
                tensor.zero_()
            else:
                inputs = tensor[0].numel() if tensor.dim() > 1 else 1
                tensor.copy_((0.5 + torch.rand(tensor.shape)) / inputs)
    for tensor in network.parameters():
        tensor.requires_grad_(False)
    return network


class _Mean(torch.nn.Module):
    """The sum of each window of a max pooling, of any dilation and with ceil_mode as well."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.window = row.layer.window
        self.sizes = [number(size) for size in row.output.shape[-len(self.window) :]]
        self.indices = len(row.outputs) > 1

    def forward(self, x: Any) -> Any:
        axes = len(self.window)
        y = torch.nn.functional.pad(x, self.padding(x.shape[-axes:]))
        y = y.reshape(-1, 1, *y.shape[-axes:])
        kernel = y.new_ones(1, 1, *(w.kernel for w in self.window))
        slide = getattr(torch.nn.functional, f"conv{axes}d")
        stride, dilation = ([getattr(w, what) for w in self.window] for what in ("stride", "dilation"))
        y = slide(y, kernel, stride=stride, dilation=dilation) / kernel.numel()
        y = y.reshape(*x.shape[:-axes], *y.shape[-axes:])
        return (y, torch.zeros(y.shape, dtype=torch.int64)) if self.indices else y

    def padding(self, space: Sequence[int]) -> list[int]:
        """As much before as the window has, and after it what the last window needs."""
        pads: list[int] = []
        for window, n, m in zip(self.window, space, self.sizes, strict=True):
            end = (m - 1) * window.stride + window.extent - window.before
            pads = [window.before, end - n, *pads]
        return pads


def _differences(receptive: Receptive, field: Field, y: Any, source: Any, place: str) -> Iterator[Mismatch]:
    fields = field.along_axes
    indices = [_index(axis_field, y, place) for axis_field in fields]
    found = measured(fields, indices, y, source, receptive.axes)
    for axis_field, index, axis, read in zip(fields, indices, receptive.axes, found, strict=True):
        if isinstance(axis_field, Undefined):
            continue
        claimed = _claimed(axis_field, index)
        compared = read
        if not (isinstance(axis_field, Exact) and axis_field.dense) and read:
            compared = list(range(read[0], read[-1] + 1))
        if compared != claimed:
            what = f"axis {axis}, seen by the {place} element"
            yield Mismatch(field.row.path, what, _ends(claimed), _ends(read))


def measured(
    fields: Sequence[AxisField], indices: Sequence[int], y: Any, source: Any, axes: Sequence[int]
) -> list[list[int]]:
    """The places along each axis of the input that an output element reads."""
    gradient = _gradient(fields, indices, y, source)
    found = (gradient != 0).nonzero()  # a row for each element that is read: its place on every axis
    return [found[:, axis].unique().tolist() for axis in axes]


def _claimed(axis_field: Exact | WholeInput, index: int) -> list[int]:
    ends: Ends | None
    if isinstance(axis_field, WholeInput):
        ends = axis_field.first, axis_field.first + number(axis_field.size) - 1
    else:
        ends = axis_field.inside(index)
    return list(range(ends[0], ends[1] + 1)) if ends else []


def _ends(places: Sequence[int]) -> str:
    if not places:
        return "nothing"
    gaps = places[-1] - places[0] + 1 - len(places)
    return f"{places[0]} to {places[-1]}" + (f" but {gaps}" if gaps else "")


def _index(axis_field: AxisField, y: Any, place: str) -> int:
    if axis_field.axis is None:
        return 0
    m: int = y.shape[axis_field.axis]
    return {"first": 0, "centre": m // 2, "last": m - 1}[place]


def _gradient(fields: Sequence[AxisField], indices: Sequence[int], y: Any, source: Any) -> Any:
    """The gradient of all channels at one place, each by its own factor: after a softmax, equal ones cancel.

    Where a field is the whole input, each single channel has it: the first one then stands for all.
    """
    whole = any(isinstance(axis_field, WholeInput) for axis_field in fields)
    place: list[Any] = [slice(1) if whole else slice(None)] * y.dim()
    for axis_field, index in zip(fields, indices, strict=True):
        if axis_field.axis is not None:
            place[axis_field.axis] = index
    parts = torch.zeros_like(y)
    parts[tuple(place)] = torch.rand_like(parts[tuple(place)]) + 0.5
    if not y.requires_grad:
        return torch.zeros_like(source)
    (gradient,) = torch.autograd.grad(y, source, parts, retain_graph=True, allow_unused=True)
    return torch.zeros_like(source) if gradient is None else gradient
