"""What each counting tool says of a network, in its own convention: one function for a tool.

They run on `meta`, where nothing is computed, but for calflops and DeepSpeed, which would count there what
torch's kernels for `meta` call in Python. Those that count the same on the CPU run small networks there,
where no kernel is in Python.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from shapecalc.engine.results import Analysis
from shapecalc.symbolic import number
from shapecalc.torch_check.network import BuildError
from tests.tools.idle import Idle
from tests.tools.model import Model, samples
from tests.tools.quiet import quiet


class Count(NamedTuple):
    """What a tool counts, in all and for the rows that are modules, by their numbers, if it tells."""

    total: int
    layers: Mapping[int, int] | None = None


def torch_forward(analysis: Analysis) -> Count:
    return _flop_counter(analysis, backward=False)


def torch_backward(analysis: Analysis) -> Count:
    """Forward, and backward from the sum of the outputs to all parameters, not to the inputs."""
    return _flop_counter(analysis, backward=True)


def _flop_counter(analysis: Analysis, *, backward: bool) -> Count:
    model, inputs = _prepared(analysis, "meta")
    with quiet(), FlopCounterMode(display=False) as counter:
        outputs = model(**inputs)
        if backward:
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            torch.stack([output.sum() for output in outputs if output.is_floating_point()]).sum().backward()
    total, counts = int(counter.get_total_flops()), counter.get_flop_counts()
    if backward:  # which it attributes to several modules
        return Count(total)
    return Count(total, {number: _of_called(model, number, counts) for number in model.numbers})


def _of_called(model: Model, number: int, counts: Mapping[str, Mapping[Any, int]]) -> int:
    """What is counted of a row's module, or, of a list of them, which is not called itself, of each."""
    module = model.get_submodule(str(number))
    inside = (
        [f".{place}" for place in range(len(module))] if isinstance(module, torch.nn.ModuleList) else [""]
    )
    return sum([sum(counts.get(f"Model.{number}{path}", {}).values()) for path in inside])


def torchinfo(analysis: Analysis) -> Count:
    model, inputs = _prepared(analysis, "meta")
    with quiet():
        summary = import_module("torchinfo").summary(
            model, input_data=list(inputs.values()), verbose=0, device="meta"
        )
    layers = dict.fromkeys(model.numbers, 0)
    for info in summary.summary_list:
        if info.depth == 1:
            number = int(info.var_name)
        if info.is_leaf_layer and info.depth:
            layers[number] += info.macs
    return Count(summary.total_mult_adds, layers)


def fvcore(analysis: Analysis) -> Count:
    if any(row.layer.reads_values for row in analysis.rows):  # on `meta` tracing them ends the interpreter
        return _fvcore(analysis, "cpu")
    try:
        return _fvcore(analysis, _device(analysis))
    except BuildError:  # torch can't trace some of its kernels for `meta`: convolutions, pools
        return _fvcore(analysis, "cpu")


def _fvcore(analysis: Analysis, device: str) -> Count:
    model, inputs = _prepared(analysis, device)
    with quiet():
        counts = import_module("fvcore.nn").FlopCountAnalysis(model, tuple(inputs.values()))
        total, layers = counts.total(), counts.by_module()
    return Count(_whole(total), {number: _whole(layers[str(number)]) for number in model.numbers})


def thop(analysis: Analysis) -> Count:
    model, inputs = _prepared(analysis, _device(analysis))
    with quiet():
        total, _, layers = import_module("thop").profile(
            model, tuple(inputs.values()), verbose=False, ret_layer_info=True
        )
    return Count(_whole(total), {int(name): _whole(layer[0]) for name, layer in layers.items()})


def ptflops(analysis: Analysis) -> Count:
    """Without functions: with them it counts what modules call, `F.relu` or a pool, a second time."""
    return _ptflops(analysis, _device(analysis), functions=False)


def ptflops_twice(analysis: Analysis) -> Count:
    """What ptflops says by default."""
    return _ptflops(analysis, "cpu", functions=True)


def _ptflops(analysis: Analysis, device: str, *, functions: bool) -> Count:
    model, inputs = _prepared(analysis, device)
    with quiet():
        macs, _ = import_module("ptflops").get_model_complexity_info(
            model,
            (1,),
            print_per_layer_stat=False,
            as_strings=False,
            input_constructor=lambda _: inputs,  # by name: then it does not divide by the size of the batch
            backend_specific_config={"count_functional": functions},
        )
    return Count(_whole(macs))


def calflops(analysis: Analysis) -> Count:
    model, inputs = _prepared(analysis, "cpu")
    with quiet():
        _without_its_own_init("calflops")
        pipeline = import_module("calflops.calculate_pipline").CalFlopsPipline(
            model, include_backPropagation=False, compute_bp_factor=2.0
        )
        pipeline.start_flops_calculate()
        with Idle():
            model(**inputs)
        module_flops = import_module("calflops.utils").get_module_flops
        count = _of_modules(model, module_flops)
        pipeline.end_flops_calculate()
    return count


def deepspeed(analysis: Analysis) -> Count:
    model, inputs = _prepared(analysis, "cpu")
    with quiet():
        tool = import_module("deepspeed.profiling.flops_profiler.profiler")
        profiler = tool.FlopsProfiler(model)
        profiler.start_profile()
        with Idle():
            model(**inputs)
        count = _of_modules(model, tool.get_module_flops)
        profiler.end_profile()
    return count


COUNTERS: Mapping[str, Callable[[Analysis], Count]] = {
    "torch": torch_forward,
    "torch, backward": torch_backward,
    "torchinfo": torchinfo,
    "fvcore": fvcore,
    "thop": thop,
    "ptflops": ptflops,
    "calflops": calflops,
    "deepspeed": deepspeed,
}
"""A tool's name → what it counts."""


_SMALL = 1_000_000
"""Multiply-accumulates, and elements of all outputs, that take a CPU no time."""


def _device(analysis: Analysis) -> str:
    elements = sum(number(y.elements) for row in analysis.rows for y in row.outputs)
    return "cpu" if number(analysis.totals.macs) + elements <= _SMALL else "meta"


def _prepared(analysis: Analysis, device: str) -> tuple[Model, dict[str, Any]]:
    """The model on a device, its weights what the memory holds: no tool looks at them, but indices are 0."""
    model = Model(analysis).to_empty(device=device)
    for buffer in model.buffers():
        buffer.zero_()
    return model, samples(analysis, device)


def _of_modules(model: Model, flops: Callable[[torch.nn.Module], int]) -> Count:
    layers = {number: flops(model.get_submodule(str(number))) for number in model.numbers}
    return Count(flops(model), layers)


def _whole(count: float) -> int:
    """A count that a tool keeps as a float."""
    if count != int(count):
        raise ValueError(f"{count} is no whole number")
    return int(count)


def _without_its_own_init(package: str) -> None:
    """Make a package importable whose `__init__` wants what its counter does not: calflops, transformers."""
    spec = find_spec(package) if package not in sys.modules else None
    if spec is not None:
        bare = ModuleType(package)
        bare.__path__ = list(spec.submodule_search_locations or ())
        sys.modules[package] = bare
