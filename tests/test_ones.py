"""Formulas hold wherever their conditions do, at sizes of 1 too: random networks, in letters and numbers."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.allocation.mode import INFERENCE, TRAINING, Mode
from shapecalc.analysis.memory.backward import Backward
from shapecalc.analysis.memory.forward import Forward
from shapecalc.analysis.memory.memory import memory
from shapecalc.engine.inputs import inputs_of
from shapecalc.symbolic import Dim, at, summed, symbol
from shapecalc.symbolic.conditions import Condition
from shapecalc.tensors import Tensor
from tests.command import Command
from tests.dice import SEED, count
from tests.graphs import random_networks

MODES = {"prediction": INFERENCE, "training": TRAINING}
SIZES = range(1, 5)

EINSUM = """
input: 1x4xHx7
layers:
  - MaxPool2d: {kernel_size: 5}
  - {einsum: {branches: [[], []], equation: "abcd,abce->abde"}}
"""
NARROWED = "{input: Nx12x1, layers: [narrow: {dim: -2, start: 0, length: 3}, flatten]}"


def held(conditions: Sequence[Condition], sizes: Mapping[str, int]) -> bool:
    return all(condition.holds(sizes) for condition in conditions)


def test_macs_of_einsum() -> None:
    """Products that nothing sums are no multiply-accumulates: those of one row, H = 5 to 9."""
    general = shapecalc.analyse(shapecalc.parse(EINSUM))
    assert [h for h in range(1, 13) if held(general.conditions, {"H": h})] == [10, 11, 12]
    single, double = (shapecalc.analyse(shapecalc.parse(EINSUM.replace("H", f"{h}"))) for h in (9, 10))
    assert (single.totals.macs, double.totals.macs) == (0, 8)
    assert at(general.totals.macs, {"H": 10}) == 8


def test_a_condition_of_a_figure_is_none_of_an_input(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "network.yaml"
    file.write_text(EINSUM)
    assert "Holds for   H ≥ 10" in run("show", str(file)).out
    taken = run("domain", str(file)).out
    assert "Inputs      H ≥ 5\n" in taken
    assert "summed" not in taken
    conditions = json.loads(run("show", str(file), "--format", "json").out)["conditions"]
    assert [one["condition"] for one in conditions] == ["H >= 5", "floor(H/5) >= 2"]


def test_a_copy_that_is_a_look_at_one(run: Command, tmp_path: Path) -> None:
    """A part of a batch of one lies in a row: 48 B are there in torch, and 60·N of others."""
    file = tmp_path / "network.yaml"
    file.write_text(NARROWED)
    assert "Holds for    N ≥ 2" in run("memory", str(file)).out
    found = json.loads(run("memory", str(file), "--format", "json").out)
    assert found["conditions"] == [{"path": "flatten[0]", "condition": "N >= 2"}]
    assert found["activations_peak"] == "60*N"
    peaks = [memory_at(n)["activations_peak"] for n in (1, 2, 3)]
    assert peaks == [48, 120, 180]


def memory_at(n: int) -> dict[str, Any]:
    return memory(shapecalc.analyse(shapecalc.parse(NARROWED.replace("N", f"{n}")))).to_dict()


def test_one_value_for_each_channel(run: Command, tmp_path: Path) -> None:
    """torch trains a BatchNorm on no such batch; prediction holds for any."""
    file = tmp_path / "network.yaml"
    file.write_text("{input: Nx8, layers: [Linear: 4, BatchNorm1d]}")
    assert "Holds for    N ≥ 2" in run("memory", str(file), "--train").out
    assert "Holds for" not in run("memory", str(file)).out


def of_rows(analysis: Analysis, sizes: Mapping[str, int]) -> list[list[Dim]]:
    """The sizes of all outputs, the parameters and the MACs, row by row."""
    return [
        [at(n, sizes) for n in (*[n for y in row.outputs for n in y.shape], row.params, row.macs)]
        for row in analysis.rows
    ]


def of_memory(analysis: Analysis, mode: Mode) -> tuple[Dim, Dim, bool, Sequence[Condition]]:
    """Bytes that are kept, the most at once, whether torch refuses to train it, and where that holds."""
    forward = Forward(analysis, mode)
    kept = summed([*forward.ledger.saved().values()])
    refused = bool(Backward(forward).refusal) if mode.grad else False
    return kept, forward.ledger.peak.size(), refused, forward.conditions


def lettered(network: shapecalc.Architecture, rng: random.Random) -> Mapping[str, Tensor]:
    """Its inputs with one or two letters, each in place of some of the sizes that are one number."""
    inputs: Mapping[str, Tensor] = inputs_of(network)
    for name in "nm"[: rng.randint(1, 2)]:
        numbers = [n for x in inputs.values() for n in x.shape if isinstance(n, int)]
        if numbers:
            share = rng.choice((0.3, 0.7, 1))
            inputs = with_letter(inputs, name, rng.choice(numbers), partial(decides, rng, share))
    return inputs


def decides(rng: random.Random, share: float) -> bool:
    return rng.random() < share


def with_letter(
    inputs: Mapping[str, Tensor], name: str, number: int, chosen: Callable[[], bool]
) -> Mapping[str, Tensor]:
    """The inputs with a letter in place of the chosen ones of the sizes that are a number."""
    letter = symbol(name)
    return {
        key: Tensor(tuple([letter if n == number and chosen() else n for n in x.shape]), x.dtype)
        for key, x in inputs.items()
    }


def numbered(inputs: Mapping[str, Tensor], sizes: Mapping[str, int]) -> dict[str, Tensor]:
    return {k: Tensor(tuple([at(n, sizes) for n in x.shape]), x.dtype) for k, x in inputs.items()}


def every_size(analysis: Analysis) -> Iterator[dict[str, int]]:
    names = analysis.symbols
    for values in product(SIZES, repeat=len(names)):
        yield dict(zip(names, values, strict=True))


def differences(text: str, rng: random.Random, found: Counter[str]) -> Iterator[str]:
    network = shapecalc.parse(text)
    inputs = lettered(network, rng)
    try:
        general = shapecalc.analyse(network, inputs)
    except ArchitectureError:
        found["no formulas"] += 1
        return
    figures = {}
    for name, mode in MODES.items():
        try:
            figures[name] = of_memory(general, mode)
        except ArchitectureError:
            found["no formulas of memory"] += 1
    for sizes in every_size(general):
        if not held(general.conditions, sizes):
            found["excluded"] += 1
            continue
        where = f"{ {k: str(x) for k, x in inputs.items()} } at {sizes}"
        single = shapecalc.analyse(network, numbered(inputs, sizes))
        found["held"] += 1
        if of_rows(general, sizes) != of_rows(single, {}):
            yield f"{where}: {of_rows(general, sizes)} | {of_rows(single, {})}"
        for name, (kept, peak, refused, conditions) in figures.items():
            if not held(conditions, sizes):
                found["excluded in memory"] += 1
                continue
            found["held in memory"] += 1
            ours = at(kept, sizes), at(peak, sizes), refused
            theirs = of_memory(single, MODES[name])[:3]
            if ours != theirs:
                yield f"{where}, {name}: {ours} | {theirs}"


JOINED = "{input: NxHxWx3, layers: [permute: [0, 3, 1, 2], {concat: {branches: [[], []], dim: 3}}, flatten]}"


def test_joined_images_that_lie_channels_last() -> None:
    """Of one position they lie in a row, as what is joined of them does."""
    general = shapecalc.analyse(shapecalc.parse(JOINED))
    _, peak, _, conditions = of_memory(general, INFERENCE)
    for sizes in every_size(general):
        single = shapecalc.analyse(general.architecture, numbered(general.inputs, sizes))
        if held(conditions, sizes):
            assert at(peak, sizes) == of_memory(single, INFERENCE)[1]
        else:
            assert sizes["H"] * sizes["W"] == 1


def test_formulas_hold() -> None:
    found: Counter[str] = Counter()
    for seed, text in random_networks(SEED, count(60, 20_000)).items():
        for difference in differences(text, random.Random(seed), found):
            pytest.fail(f"{seed}, {difference}\n{text}")
    assert found["held in memory"]
