"""Two figures for a network on a device, neither of which is a latency.

"At least": each product is computed once at the device's peak, or each input, weight and output of the
network is moved once at its bandwidth, whichever takes longer. No kernels that multiply each pair of
factors are faster, however they are fused. "Unfused sum": each layer is one kernel that moves its inputs,
weights and outputs, and takes the longer of the two; the sum of these is no bound, since fused kernels move
less. Source: Williams, Waterman & Patterson 2009, Roofline, doi:10.1145/1498765.1498785.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from shapecalc.analysis.counting.gradients import NO_WAY_BACK, of_row, wanted_gradients
from shapecalc.analysis.memory.liveness import needed
from shapecalc.analysis.roofline.device import DTYPES, Device, Peak, load_device
from shapecalc.analysis.roofline.moved import (
    Traffic,
    arriving_edges,
    looks_up,
    sizes_of,
    traffic,
    weights_read,
)
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis, Row
from shapecalc.errors import UnknownError, UsageError
from shapecalc.operations import Unknown
from shapecalc.symbolic import number
from shapecalc.tensors import for_json

COMPUTE, MEMORY, MIXED = "compute", "memory", "both"


class Cost(NamedTuple):
    """What a kernel does: operations of products, two for each MAC, others beside them, and bytes."""

    products: int
    others: int
    bytes: int

    @property
    def operations(self) -> int:
        return self.products + self.others

    @property
    def intensity(self) -> Fraction | None:
        """Operations for each byte; None where nothing is moved."""
        return Fraction(self.operations, self.bytes) if self.bytes else None


class Limits(NamedTuple):
    """The seconds in which a device can compute what a kernel does, and move its bytes."""

    compute: Fraction
    memory: Fraction

    @property
    def seconds(self) -> Fraction:
        return max(self)

    @property
    def binds(self) -> str:
        return COMPUTE if self.compute > self.memory else MEMORY


class KernelSum(NamedTuple):
    """A layer or a block: what its kernels do in all, and the sum of the longer times."""

    cost: Cost
    seconds: Fraction
    binds: str
    """Which of the two binds its kernels; nothing of one without any."""
    unknown: Unknown | None = None
    """Why it has more operations than the cost says, if not all are known."""

    @property
    def operations(self) -> int | Unknown:
        return self.unknown or self.cost.operations

    @property
    def intensity(self) -> Fraction | None:
        return None if self.unknown else self.cost.intensity

    def to_dict(self) -> dict[str, Any]:
        intensity = self.intensity
        return {
            "operations": for_json(self.operations),
            "known_operations": self.cost.operations,
            "bytes": self.cost.bytes,
            "intensity": None if intensity is None else float(intensity),
            "binds": self.binds or None,
            "seconds": float(self.seconds),
        }


@dataclass(frozen=True)
class Roofline:
    """The kernels of a network against the two limits of a device."""

    analysis: Analysis
    device: Device
    dtype: str
    train: bool
    kernels: Sequence[Sequence[Cost]]
    """Of each row: forward and, in training, back."""
    unknown: tuple[tuple[str, str], ...]
    """The paths of rows whose operations are not all known, with the reasons."""
    uncounted: bool
    """Whether products are among those."""
    traffic: Traffic

    @property
    def products(self) -> Peak:
        return self.device.products(self.dtype)

    @property
    def others(self) -> Peak | None:
        return self.device.others(self.dtype)

    @property
    def weights(self) -> int:
        """Bytes of all weights."""
        return number(self.analysis.bytes_of_weights(sizes_of(DTYPES[self.dtype])))

    @property
    def ridge(self) -> Fraction:
        """The operations for each byte from which products are bound by compute."""
        return self.products.operations / self.device.bandwidth

    def limits(self, cost: Cost) -> Limits:
        """Products and other operations run side by side, on units of their own."""
        compute = Fraction(cost.products) / self.products.operations
        if self.others:
            compute = max(compute, Fraction(cost.others) / self.others.operations)
        return Limits(compute, Fraction(cost.bytes) / self.device.bandwidth)

    def under(self, node: Node) -> KernelSum:
        """All that is under a node of the tree."""
        return self._part(*self.analysis.under(node))

    @cached_property
    def whole(self) -> KernelSum:
        """The network, layer by layer: its `seconds` are the unfused sum."""
        return self._part(range(len(self.kernels)), self.analysis.times)

    def _part(self, rows: Sequence[int], times: Sequence[int]) -> KernelSum:
        counted = [(cost, n) for row, n in zip(rows, times, strict=True) for cost in self.kernels[row]]
        limits = [(self.limits(cost), n) for cost, n in counted]
        sums = [sum(cost[place] * n for cost, n in counted) for place in range(3)]
        binding = {limit.binds for limit, _ in limits if limit.seconds}
        binds = next(iter(binding)) if len(binding) == 1 else MIXED if binding else ""
        seconds = sum((n * limit.seconds for limit, n in limits), Fraction())
        reasons = dict(self.unknown)
        paths = [path for row in rows if (path := self.analysis.rows[row].path) in reasons] if reasons else []
        why = Unknown(f"{paths[0]}: {reasons[paths[0]]}") if paths else None
        return KernelSum(Cost(*sums), seconds, binds, why)

    def bound_layers(self, by: str) -> int:
        """How many layers one of the two binds."""
        parts = [self._part([row], [1]) for row in range(len(self.kernels))]
        return sum(n for part, n in zip(parts, self.analysis.times, strict=True) if part.binds == by)

    @cached_property
    def fused(self) -> Cost:
        """The products of the layers that an output needs, and the bytes that no fusion saves."""
        live = needed(self.analysis)
        counted = [(n, self.analysis.times[n]) for n in range(len(self.kernels)) if n in live]
        products = sum(times * cost.products for n, times in counted for cost in self.kernels[n])
        sizes = sizes_of(DTYPES[self.dtype])
        rows = [(self.analysis.rows[n], times) for n, times in counted]
        weights = sum(times * _once(row, sizes) for row, times in rows)
        gradients = (
            sum(times * number(row.params - row.frozen_params) for row, times in rows) * sizes["float32"]
        )
        return Cost(products, 0, weights + gradients * self.train + self._ends(sizes))

    def _ends(self, sizes: Any) -> int:
        """Bytes of the network's inputs and outputs."""
        unread = set(self.analysis.unread)
        tensors = [x for name, x in self.analysis.inputs.items() if name not in unread]
        rows = self.analysis.rows
        tensors += [rows[edge.row].outputs[edge.port] for edge in arriving_edges(self.analysis)]
        return sum(number(tensor.elements) * sizes[tensor.dtype] for tensor in tensors)

    @cached_property
    def at_least(self) -> Limits:
        return self.limits(self.fused)

    def to_dict(self) -> dict[str, Any]:
        """All figures in JSON's types: counts are integers, seconds are rounded."""
        rows = enumerate(self.analysis.rows)
        bound, fused = self.at_least, self.fused
        return {
            "name": self.analysis.name,
            "inputs": {name: tensor.to_dict() for name, tensor in self.analysis.inputs.items()},
            "device": self.device.to_dict(),
            "dtype": self.dtype,
            "train": self.train,
            "peak": {**self.products._asdict(), "operations": float(self.products.operations)},
            "ridge": float(self.ridge),
            "layers": [
                {"path": row.path, "type": row.type, **self._part([n], [1]).to_dict()} for n, row in rows
            ],
            "at_least": {
                "operations": fused.products,
                "bytes": fused.bytes,
                "compute": float(bound.compute),
                "memory": float(bound.memory),
                "seconds": float(bound.seconds),
                "binds": bound.binds,
            },
            "unfused_sum": self.whole.to_dict(),
            "complete": not self.unknown,
            "unknown": [{"path": path, "why": why} for path, why in self.unknown],
            "bounded": dict(self.traffic.bounded),
        }


def _once(row: Row, sizes: Any) -> int:
    """Bytes of a layer's own weights, of which any input reads at least so many."""
    own = row._replace(figures=row.figures._replace(weights=row.own_weights))
    return number(weights_read(own, sizes, 1 if looks_up(row) or row.layer.routed else None))


def roofline(
    analysis: Analysis, device: Device | str, dtype: str = "float32", train: bool = False
) -> Roofline:
    """A network against the two limits of a device.

    Args:
        analysis: a network whose sizes are numbers.
        device: what it runs on, by its name or a file: `"a100-80g"`, `"mine.yaml"`.
        dtype: what products are computed in and float32 tensors are stored as: float32, tf32, which is
            stored as float32, bfloat16, float16, fp8 or int8.
        train: the way back to all trained parameters too, without the optimizer's update.

    Raises:
        UsageError: sizes are letters, there is no such device, or it has no peak for the dtype.
        UnknownError: it is not known what a layer allocates.
        ArchitectureError: torch can't train the network.
    """
    if isinstance(device, str):
        device = load_device(device)
    device.products(dtype)
    _refuse_letters(analysis)
    moved = traffic(analysis, DTYPES[dtype], train)
    unknown: list[tuple[str, str]] = []
    kernels = [
        [_forward(row, size, unknown)] for row, size in zip(moved.analysis.rows, moved.forward, strict=True)
    ]
    uncounted = any(row.layer.uncounted for row in moved.analysis.rows)
    if train:
        back = _products_back(moved.analysis, unknown)
        uncounted |= any(isinstance(macs, Unknown) for macs in back.values())
        for place, macs in back.items():
            known = 0 if isinstance(macs, Unknown) else 2 * macs
            kernels[place].append(Cost(known, 0, moved.backward[place]))
    return Roofline(moved.analysis, device, dtype, train, kernels, tuple(unknown), uncounted, moved)


def _refuse_letters(analysis: Analysis) -> None:
    if analysis.symbols:
        letters = ", ".join(analysis.symbols)
        message = f"a device needs numbers, and {analysis.name} has the letters {letters}"
        raise UsageError(message, hint="--input with numbers, as 1x3x224x224")


def _forward(row: Row, size: int, unknown: list[tuple[str, str]]) -> Cost:
    counted, ops = row.counted, row.ops
    for figure in (counted, ops):
        if isinstance(figure, Unknown):
            unknown.append((row.path, figure.reason))
            break
    products = 0 if isinstance(counted, Unknown) else 2 * number(counted)
    return Cost(products, 0 if isinstance(ops, Unknown) else number(ops.total), size)


def _products_back(analysis: Analysis, unknown: list[tuple[str, str]]) -> dict[int, int | Unknown]:
    """MACs of the gradients that go back through each row, where any does."""
    found: dict[int, int | Unknown] = {}
    for place, wanted in wanted_gradients(analysis):
        row = analysis.rows[place]
        try:
            found[place] = number(of_row(row, wanted))
        except UnknownError as error:
            found[place] = Unknown(error.message)
            unknown.append((row.path, error.message))
    if not found:
        raise UsageError(f"--train: {NO_WAY_BACK}")
    return found
