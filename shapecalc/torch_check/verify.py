"""The engine's figures beside torch's, which must be equal: shapes, dtypes, weights, MACs, bytes."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch.utils.flop_counter import FlopCounterMode

from shapecalc.analysis.compare.expected import broken
from shapecalc.analysis.compare.verdicts import Mismatch, Report, Usage, Verified
from shapecalc.analysis.memory.batch import with_batch
from shapecalc.analysis.quantized import stored_as
from shapecalc.analysis.roofline.device import Device
from shapecalc.engine.results import Analysis, Row
from shapecalc.engine.run import whole
from shapecalc.errors import ShapecalcError, UnavailableError, UsageError, listed
from shapecalc.language.expectation import Bounds
from shapecalc.symbolic import Dim, number
from shapecalc.torch_check.device import describe, find_device, require_memory
from shapecalc.torch_check.experts import shape_in_torch
from shapecalc.torch_check.memory import compare
from shapecalc.torch_check.network import BuildError, Network, Observe, build, first_line
from shapecalc.torch_check.roofline import timed
from shapecalc.torch_check.startup import without_compiler
from shapecalc.torch_check.stored import compare_stored
from shapecalc.torch_check.uncounted import UNCOUNTED
from shapecalc.torch_check.usage import BATCH, usage

Roof: TypeAlias = Callable[[Any], Device]


class Judge:
    """torch on one device."""

    def __init__(self, device: str, roof: Roof | None = None) -> None:
        """`roof`: gives, of torch's device, the figures that a pass is held to.

        Raises UsageError if there is no such kind of device, UnavailableError if none is here.
        """
        self.device = find_device(device)
        self.roof = roof(self.device) if roof else None

    def verify(
        self, name: str, analyse: Callable[[], Analysis], expectations: bool, memory: bool = False
    ) -> Verified:
        """The verdict on what `analyse` gives; an error of it, or of the device, is a verdict too."""
        try:
            analysis = whole(analyse(), "verify")
            found = verify(analysis, self.device, name, expectations=expectations, memory=memory)
            return self._timed(found, analysis)
        except ShapecalcError as error:
            return Verified(name=name, error=error)

    def _timed(self, found: Verified, analysis: Analysis) -> Verified:
        if self.roof is None or found.mismatches:
            return found
        held = timed(stored_as(analysis, None), self.device, self.roof)
        return replace(found, timed=held, mismatches=held.mismatches)

    def report(self, verdicts: Sequence[Verified]) -> Report:
        return Report(verdicts, {"device": describe(self.device), "torch": torch.__version__})


def verify(
    analysis: Analysis, device: Any, name: str, *, expectations: bool = True, memory: bool = False
) -> Verified:
    """Build the network in torch, run it on `meta` and on `device`, and compare row by row.

    MACs are counted by FlopCounterMode on `meta`: it knows the kernels there, but not the fused ones of a
    real device. Layers that look at values, which `meta` does not have, are run and counted on `device`
    alone. `expectations` includes the published figures of the file,
    `memory` the bytes that are alive at once and those that autograd keeps. Matrices that are stored as
    whole numbers are packed on `meta` for their bytes, and run as real numbers.

    Raises:
        UsageError: a size is a formula.
        UnavailableError: the device can't hold the network.
    """
    start = time.perf_counter()
    schemes, packed = analysis.schemes, list(compare_stored(analysis)) if not analysis.symbols else []
    analysis = stored_as(analysis, None)  # torch multiplies by real numbers
    _check_runnable(analysis, device, name)
    found = _Findings(analysis)
    found.mismatches += packed
    usages = found.collect(device, memory)
    if expectations:
        # The computed figures, which torch has just confirmed, beside the file's.
        found.mismatches += [replace(m, what=f"expect {m.what}") for m in broken(analysis)]
    return Verified(
        name=name,
        mismatches=tuple(found.mismatches),
        layers_checked=len(analysis.rows),
        seconds=time.perf_counter() - start,
        usages=usages,
        schemes=tuple(map(str, schemes)),
    )


def _check_runnable(analysis: Analysis, device: Any, name: str) -> None:
    if analysis.symbols:
        hint = "give numbers in their place: --input 1x3x224x224, --set classes=10"
        raise UsageError(
            f"{name} is run with numbers, and {listed(analysis.symbols)} stand for many", hint=hint
        )
    for row in analysis.measured[:1]:
        what = f"{row.path}: {row.arguments['call']}"
        raise UnavailableError(f"{what} was measured when it was imported, and can't be run again")
    if device.type != "meta":
        require_memory(analysis, device)


def _unavailable(analysis: Analysis, device: Any, error: Exception) -> UnavailableError:
    return UnavailableError(f"{analysis.name} can't be run on {device}: {first_line(error)}")


class _Findings:
    """The figures that differ, as they are found."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.mismatches: list[Mismatch] = []

    def add(self, path: str, what: str, expected: Any, measured: Any) -> None:
        """Hold a figure of a layer, or of the whole network, whose path is empty."""
        if expected != measured:
            self.mismatches.append(Mismatch(path, what, expected, measured))

    def collect(self, device: Any, memory: bool) -> tuple[Usage, ...]:
        """Compare all figures, and bytes where `memory` is asked for; what a GPU has in use besides.

        Raises:
            UnavailableError: the device can't hold the network.
        """
        try:
            self.run(device)
            if memory:
                self.compare_memory()
                return self.measure(device) if device.type == "cuda" else ()
        except BuildError as error:
            if isinstance(error.error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
                raise _unavailable(self.analysis, device, error.error) from None
            self.add(error.row.path, "run in torch", "accepted", str(error))
        except (RuntimeError, TypeError) as error:
            # Of the device itself, before a layer runs on it or after the last.
            raise _unavailable(self.analysis, device, error) from None
        return ()

    def run(self, device: Any) -> None:
        """Build the network, run it on `meta` and on the device, and compare what comes."""
        with warnings.catch_warnings(action="ignore"), torch.inference_mode():
            network = build(self.analysis)
            self.compare_weights(network)
            network.requires_grad_(False)  # the counter's hooks look for where a parameter's gradient goes
            self.run_on_meta(network)
            if device.type != "meta":
                self.run_on(network, device)

    def compare_weights(self, network: Network) -> None:
        """Every named parameter and buffer, by name, kind, shape, dtype and whether it is trained; totals."""
        for row, module in zip(self.analysis.rows, network.layers, strict=True):
            expected = {
                name: _weight(weight.kind, weight.shape, weight.dtype, name in row.frozen)
                for name, weight in row.weights.items()
            }
            measured = dict(_weights_of(module))
            for name in {**expected, **measured}:
                self.add(row.path, f"weight {name}", expected.get(name), measured.get(name))
        totals = self.analysis.totals
        self.compare_total("parameters", totals.params, network.parameters())
        trained = (tensor for tensor in network.parameters() if tensor.requires_grad)
        self.compare_total("trainable parameters", totals.trainable_params, trained)
        self.compare_total("buffers", totals.buffers, network.buffers())

    def compare_total(self, what: str, expected: Dim, tensors: Iterable[Any]) -> None:
        self.add("", what, number(expected), sum(tensor.numel() for tensor in tensors))

    def compare_memory(self) -> None:
        """Bytes on `meta`, of a batch of two: some norms can't be trained with a single sample."""
        analysis = self.of_batch(2)
        with warnings.catch_warnings(action="ignore"), without_compiler():
            for found in compare(analysis):
                if not found.agrees:
                    size = number(found.expected)
                    expected = Bounds(min=size) if found.at_least else size
                    self.add("", found.what, expected, found.measured)

    def of_batch(self, batch: int) -> Analysis:
        """The network with a batch of that size, or as it is if its inputs can't have one."""
        try:
            return stored_as(with_batch(self.analysis, batch), None)
        except ShapecalcError:
            return self.analysis

    def measure(self, device: Any) -> tuple[Usage, ...]:
        """Bytes in use on a device, beside what is predicted."""
        analysis = self.of_batch(BATCH)
        require_memory(analysis, device)
        with warnings.catch_warnings(action="ignore"):
            return tuple(usage(analysis, device))

    def run_on_meta(self, network: Network) -> None:
        counter = FlopCounterMode(display=False, custom_mapping=UNCOUNTED)
        with without_compiler(), counter:
            network(*network.samples("meta"), observe=self.observer(counter, reads_values=False))

    def run_on(self, network: Network, device: Any) -> None:
        """A real forward pass; weights are whatever the memory holds, but those that are indices are 0.

        All weights are 0 where a layer looks at values.
        """
        counter = FlopCounterMode(display=False, custom_mapping=UNCOUNTED)
        matter = any(row.layer.reads_values for row in self.analysis.rows)
        counting = counter if matter else nullcontext()
        torch.set_flush_denormal(True)  # arbitrary memory may hold denormal numbers, which are slow
        try:
            network.on(device, lambda tensor: matter or not tensor.is_floating_point())
            with without_compiler(), counting:
                network(*network.samples(device), observe=self.observer(counter, reads_values=True))
            if device.type == "cuda":
                torch.cuda.synchronize(device)
        finally:
            torch.set_flush_denormal(False)

    def observer(self, counter: FlopCounterMode, reads_values: bool) -> Observe:
        """Compares the outputs of each row, and FLOPs: of the rows that look at values, or of all others."""
        counted = 0

        def observe(row: Row, outputs: tuple[Any, ...]) -> None:
            nonlocal counted
            before, counted = counted, counter.get_total_flops()
            if row.layer.reads_values is reads_values:
                self.add(row.path, "FLOPs (2 · MACs)", 2 * row.macs, counted - before)
            self.compare_outputs(row, outputs)

        return observe

    def compare_outputs(self, row: Row, outputs: tuple[Any, ...]) -> None:
        self.add(row.path, "number of outputs", len(row.outputs), len(outputs))
        for expected, measured in zip(row.outputs, outputs, strict=False):
            device = f"on {measured.device.type}"
            self.add(row.path, f"output shape {device}", shape_in_torch(row, expected), list(measured.shape))
            self.add(row.path, f"output dtype {device}", expected.dtype, _dtype(measured))


def _weights_of(module: Any) -> Iterator[tuple[str, str]]:
    for name, tensor in module.named_parameters():
        yield name, _weight("parameter", tensor.shape, _dtype(tensor), not tensor.requires_grad)
    for name, tensor in module.named_buffers():
        yield name, _weight("buffer", tensor.shape, _dtype(tensor))


def _weight(kind: str, shape: Any, dtype: str, frozen: bool = False) -> str:
    return f"{'frozen ' * frozen}{kind} {list(shape)} {dtype}"


def _dtype(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")
