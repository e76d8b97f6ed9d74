"""The receptive field against torch: which elements of the input an output element's gradient is not 0 at.

All weights are positive, in float64, and small enough that no activation is flat: then no product of them
cancels or vanishes, and the gradient is 0 exactly where nothing is seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from shapecalc.analysis.compare.verdicts import Mismatch
from shapecalc.analysis.receptive.field import Field, Receptive
from shapecalc.analysis.receptive.reach import Ends, Span, Track, Unclear, Whole
from shapecalc.analysis.receptive.walk import Tracks
from shapecalc.engine.results import Row
from shapecalc.symbolic import number
from shapecalc.torch_check.network import Network, build, sample


def prove(receptive: Receptive, places: Sequence[str] = ("first", "centre", "last")) -> tuple[Mismatch, ...]:
    """Where the gradient of an output element, of each row with a field, is not what the field says.

    Of the elements in the middle and at both ends of all axes, or of `places`; in the middle alone where the
    row before has the same field. Where a field has no gaps, all of it is compared, else its first and last
    element. At the ends, windows that padding alone is in, or with holes, may see less than is computed.
    """
    source, outputs = run(receptive)
    found: list[Mismatch] = []
    before: Tracks = ()
    for field, y in zip(receptive.fields, outputs, strict=True):
        if any(not isinstance(track, Unclear) for track in field.tracks):
            for place in places if field.tracks != before else places[len(places) // 2 :][:1]:
                found.extend(_differences(receptive, field, y, source, place))
        before = field.tracks
    return tuple(found)


def run(receptive: Receptive) -> tuple[Any, list[Any]]:
    """The input that is seen, and the first output of each row, ready for gradients."""
    torch.manual_seed(0)
    analysis = receptive.analysis
    network = _positive(build(analysis))
    inputs = [sample(x, "cpu") for x in analysis.inputs.values()]
    inputs = [x.double() if x.is_floating_point() else x for x in inputs]
    source = inputs[list(analysis.inputs).index(receptive.input)].requires_grad_()
    outputs: list[Any] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network(*inputs, observe=lambda _, found: outputs.append(found[0]))
    return source, outputs


def _positive(network: Network) -> Network:
    """The network with weights that pass every gradient on, and means in place of maxima.

    A maximum has a gradient at one element of its window alone; the mean reads the same window.
    """
    for index, row in enumerate(network.analysis.rows):
        if row.type.startswith("MaxPool"):
            network.layers[index] = _Mean(row)
        elif row.type.startswith("AdaptiveMaxPool"):
            network.layers[index] = getattr(torch.nn, row.type.replace("Max", "Avg"))(row.layer.output_size)  # type: ignore[attr-defined]
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
    indices = [_index(track, y, place) for track in field.tracks]
    seen = support(field.tracks, indices, y, source, receptive.axes)
    for track, index, axis, measured in zip(field.tracks, indices, receptive.axes, seen, strict=True):
        if isinstance(track, Unclear):
            continue
        claimed = _claimed(track, index)
        compared = measured
        if not (isinstance(track, Span) and track.dense) and measured:
            compared = list(range(measured[0], measured[-1] + 1))
        if compared != claimed:
            what = f"axis {axis}, seen by the {place} element"
            yield Mismatch(field.row.path, what, _ends(claimed), _ends(measured))


def support(
    tracks: Sequence[Track], indices: Sequence[int], y: Any, source: Any, axes: Sequence[int]
) -> list[list[int]]:
    """The places along each axis of the input that an output element reads."""
    gradient = _gradient(tracks, indices, y, source)
    others = ([other for other in range(source.dim()) if other != axis] for axis in axes)
    return [_any(gradient != 0, apart).nonzero().flatten().tolist() for apart in others]


def _any(found: Any, axes: Sequence[int]) -> Any:
    for axis in sorted(axes, reverse=True):
        found = found.any(dim=axis)
    return found


def _claimed(track: Span | Whole, index: int) -> list[int]:
    ends: Ends | None
    if isinstance(track, Whole):
        ends = track.first, track.first + number(track.size) - 1
    else:
        ends = track.inside(index)
    return list(range(ends[0], ends[1] + 1)) if ends else []


def _ends(places: Sequence[int]) -> str:
    if not places:
        return "nothing"
    gaps = places[-1] - places[0] + 1 - len(places)
    return f"{places[0]} to {places[-1]}" + (f" but {gaps}" if gaps else "")


def _index(track: Track, y: Any, place: str) -> int:
    if track.axis is None:
        return 0
    m: int = y.shape[track.axis]
    return {"first": 0, "centre": m // 2, "last": m - 1}[place]


def _gradient(tracks: Sequence[Track], indices: Sequence[int], y: Any, source: Any) -> Any:
    """Of all channels at one place, in parts that differ: where they add up to 1, equal parts cancel.

    Where the whole input is seen, each single element reads it: the first one then stands for all.
    """
    whole = any(isinstance(track, Whole) for track in tracks)
    place: list[Any] = [slice(1) if whole else slice(None)] * y.dim()
    for track, index in zip(tracks, indices, strict=True):
        if track.axis is not None:
            place[track.axis] = index
    parts = torch.zeros_like(y)
    parts[tuple(place)] = torch.rand_like(parts[tuple(place)]) + 0.5
    if not y.requires_grad:
        return torch.zeros_like(source)
    (gradient,) = torch.autograd.grad(y, source, parts, retain_graph=True, allow_unused=True)
    return torch.zeros_like(source) if gradient is None else gradient
