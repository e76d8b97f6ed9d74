"""A large network of which copies are left out has the figures of the same network written out.

A brief analysis executes the first and the last of many copies that do the same. What is held against it
here is the analysis that executes all of them, on random networks with copies in copies.
"""

from __future__ import annotations

import random

import pytest

import shapecalc
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import count, training
from shapecalc.analysis.counting.totals import Work
from shapecalc.analysis.memory.memory import memory
from shapecalc.analysis.receptive.field import along
from shapecalc.engine.results import Analysis
from shapecalc.errors import ShapecalcError, UsageError
from tests.dice import DRAWS, SEED

IMAGE = (
    "Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}",
    "Conv2d: {out_channels: 4, kernel_size: 1, bias: false}",
    "ReLU",
    "{ReLU: {inplace: true}}",
    "Sigmoid",
    "BatchNorm2d",
    "Dropout: 0.5",
    "MaxPool2d: {kernel_size: 3, stride: 1, padding: 1}",
    "permute: [0, 1, 3, 2]",
    "permute: [0, 1, 2, 3]",
    "Identity",
    "{Conv2d: {out_channels: 4, kernel_size: 1}, share: shared}",
    "{Conv2d: {out_channels: 4, kernel_size: 1}, frozen: true}",
    "add: [[], outer]",
    "{add: , from: [outer, outer]}",
    "mul: [[], [Sigmoid]]",
)


def body(rng: random.Random, depth: int) -> str:
    """A list of steps that leaves the shape as it is, most of the time."""
    return "[" + ", ".join(step(rng, depth) for _ in range(rng.randint(1, 3))) + "]"


def step(rng: random.Random, depth: int) -> str:
    drawn = rng.random()
    if depth and drawn < 0.35:
        return f"{{seq: {body(rng, depth - 1)}, times: {rng.choice([0, 1, 2, 16])}}}"
    if depth and drawn < 0.5:
        return f"add: [[], {body(rng, depth - 1)}]"
    chosen = rng.choice(IMAGE)
    return chosen if chosen.startswith("{") else f"{{{chosen}}}" if ": " in chosen else chosen


def network(rng: random.Random) -> str:
    layers = [
        "{Conv2d: {out_channels: 4, kernel_size: 1}, as: shared}",
        "{BatchNorm2d: , as: outer}",
        f"{{seq: {body(rng, 2)}, times: {rng.choice([16, 19])}}}",
        *[step(rng, 2) for _ in range(rng.randint(0, 3))],
    ]
    return "input: 2x4x6x6\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers)


@pytest.fixture(autouse=True)
def always_brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shapecalc.engine.run.MOST_WHOLE", 0)


def both(text: str) -> tuple[Analysis, Analysis] | None:
    """The analyses of all copies and of some; None of a network that is wrong, in both in the same way."""
    architecture = shapecalc.parse(text)
    found: list[Analysis | str] = []
    for brief in (False, True):
        try:
            found.append(shapecalc.analyse(architecture, brief=brief))
        except ShapecalcError as error:
            found.append(error.message)
    whole, brief_one = found
    if isinstance(whole, str) or isinstance(brief_one, str):
        assert whole == brief_one
        return None
    return whole, brief_one


def check_figures(whole: Analysis, brief: Analysis) -> None:
    assert brief.layers == len(whole.rows)
    assert brief.totals == whole.totals
    assert brief.outputs == whole.outputs
    assert brief.conditions == whole.conditions
    assert brief.weight_bytes() == whole.weight_bytes()
    rows = {row.path: row for row in whole.rows}
    for row in brief.rows:
        own = rows[row.path]
        assert (row.layer, row.figures, row.inputs) == (own.layer, own.figures, own.inputs)
        assert (row.shared, row.frozen) == (own.shared, own.frozen)
    assert Work.of_all(brief).ops == Work.of_all(whole).ops
    assert Work.of_all(brief).macs_without_padding == Work.of_all(whole).macs_without_padding
    for convention in CONVENTIONS.values():
        assert count(convention, brief).total == count(convention, whole).total
        assert training(convention, brief) == training(convention, whole)


def check_memory(whole: Analysis, brief: Analysis) -> None:
    for dtype in ("float32", "amp"):
        try:
            expected = memory(whole, dtype)
        except ShapecalcError as error:
            with pytest.raises(type(error)):
                memory(brief, dtype)
            continue
        found = memory(brief, dtype)
        for what in ("parameters", "buffers", "saved", "activations", "passes", "training"):
            assert getattr(found, what) == getattr(expected, what), what
        assert str(found.refusal) == str(expected.refusal)
        rows = {row.path: saved for row, saved in zip(whole.rows, expected.saved_by_row, strict=True)}
        pairs = zip(found.analysis.rows, found.saved_by_row, strict=True)
        assert all(rows[row.path] == saved for row, saved in pairs)


def check_fields(whole: Analysis, brief: Analysis) -> None:
    expected = {field.row.path: field.along_axes for field in along(whole, "input", (2, 3)).fields}
    found = along(brief, "input", (2, 3))
    assert all(expected[field.row.path] == field.along_axes for field in found.fields)


@pytest.mark.parametrize(
    "body",
    [
        "Sigmoid, {seq: [Sigmoid, {add: , from: [outer, outer]}], times: 2}, BatchNorm2d",
        "{seq: [Sigmoid, {add: , from: [outer, outer]}], times: 16}, BatchNorm2d",
        "{mul: [[], [Sigmoid]]}, {seq: [{add: , from: [outer, outer]}, Sigmoid], times: 16}",
    ],
)
def test_what_each_copy_drops_of_the_one_before_it_is_there_once(body: str) -> None:
    """It was let go as often as there are copies: fewer bytes than there are were alive after them."""
    first = "{Conv2d: {out_channels: 4, kernel_size: 1}, as: outer}"
    found = both(f"input: 2x4x6x6\nlayers: [{first}, {{seq: [{body}], times: 19}}]\n")
    assert found
    assert found[1].brief
    check_memory(*found)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("seed", range(15 if DRAWS == "push" else 400))
def test_a_brief_analysis_has_the_figures_of_one_that_is_written_out(seed: int) -> None:
    found = both(network(random.Random(f"{SEED}/{seed}")))
    if found and len(found[0].rows) < 3000:
        for check in (check_figures, check_memory, check_fields):
            check(*found)


def test_copies_are_left_out() -> None:
    text = "input: 1x4\nlayers:\n  - {seq: [ReLU, {Linear: 4, times: 100}], times: 100}\n"
    found = both(text)
    assert found
    whole, brief = found
    assert len(whole.rows) == 100 * 101
    assert len(brief.rows) < 150


def test_copies_that_differ_are_all_executed() -> None:
    text = "input: 1x4\nlayers:\n  - {concat: [[], [{Linear: 4}]], times: 100}\n"
    found = both(text)
    assert found
    assert len(found[0].rows) == len(found[1].rows)


def test_what_goes_from_copy_to_copy_by_several_ways_is_executed() -> None:
    """A name that a copy sets is read by the next one, beside the tensor that comes to it."""
    steps = "[{Linear: 4, from: far, as: near}, {add: [near, []], as: far}]"
    text = f"input: 1x4\nblocks:\n  b: [{{seq: {steps}, times: 50}}]\nlayers: [{{Linear: 4, as: far}}, b]\n"
    found = both(text)
    if found:
        check_figures(*found)
        check_memory(*found)


def test_many_layers_are_not_all_executed_unless_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shapecalc.engine.run.MOST_EACH", 99)
    network = shapecalc.parse("input: 1x3\nparameters: {n: 99}\nlayers: [{Linear: 3, times: n}]")
    assert len(shapecalc.analyse(network).rows) == 99
    with pytest.raises(UsageError, match="layers one by one, at most 99: there are 100") as refused:
        shapecalc.analyse(network, parameters={"n": 100})
    assert refused.value.hint == "analyse(…, brief=True) executes copies that are alike once"
    assert shapecalc.analyse(network, parameters={"n": 100}, brief=True).totals.params == 1_200


def test_layers_that_channels_leave_out_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shapecalc.engine.run.MOST_EACH", 99)
    text = "input: 1x3\nlayers: [Linear: 3, {Linear: 3, times: 99, when: channels == 4}]"
    assert len(shapecalc.analyse(shapecalc.parse(text)).rows) == 1
