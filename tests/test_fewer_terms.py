"""Totals in fewer terms: the same number at every size that is meant, and short where branches agree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import cycle, islice, product

import hypothesis.strategies as st
import pytest
from hypothesis import given

import shapecalc
from shapecalc.analysis.domain.domain import where_formulas_hold
from shapecalc.analysis.domain.fewer_terms import fewer_terms, in_multiples
from shapecalc.analysis.domain.residues import residues
from shapecalc.analysis.domain.segments import Segment
from shapecalc.analysis.domain.sizesets import SizeSet
from shapecalc.analysis.memory.memory import memory
from shapecalc.render.formulas import PrintedFormulas
from shapecalc.symbolic import Dim, at, difference, maximum, number, reaches, summed, symbol
from shapecalc.symbolic.conditions import EQUAL, MULTIPLE, Condition
from shapecalc.symbolic.notation import GROUPED, text
from tests.command import Command

N, H, W = symbol("N"), symbol("H"), symbol("W")

UNET = """
input: 1x3x32x32
blocks:
  conv(out): [{Conv2d: {out_channels: out, kernel_size: 3, padding: 1}}, ReLU]
layers:
  - {conv: 4, as: fine}
  - MaxPool2d: 2
  - {conv: 8, as: coarse}
  - MaxPool2d: 2
  - conv: 8
  - ConvTranspose2d: {out_channels: 8, kernel_size: 2, stride: 2}
  - concat: [coarse, []]
  - conv: 8
  - ConvTranspose2d: {out_channels: 4, kernel_size: 2, stride: 2}
  - concat: [fine, []]
  - conv: 4
"""

AGGREGATED = """
input: 1x3x64x64
blocks:
  conv(out, stride=1): [{Conv2d: {out_channels: out, kernel_size: 3, stride: stride, padding: 1}}, ReLU]
  level(out):
    - {seq: [], as: x}
    - {conv: {out: out, stride: 2}, as: body}
    - {MaxPool2d: 2, from: x, as: pooled}
    - add: [body, [{Conv2d: {out_channels: out, kernel_size: 1}, from: pooled}]]
layers: [conv: {out: 4, stride: 2}, level: 8, level: 8, level: 16]
"""

RESOLUTIONS = """
input: 1x3x64x64
blocks:
  down(out): [{Conv2d: {out_channels: out, kernel_size: 3, stride: 2, padding: 1}}, ReLU]
  up(by): [{Conv2d: {out_channels: 4, kernel_size: 1}}, {Upsample: {scale_factor: by}}]
layers:
  - {down: 4, as: a}
  - {down: 8, as: b}
  - {down: 16, as: c}
  - {up: 2, from: b, as: ba}
  - {up: 4, from: c, as: ca}
  - add: [a, ba, ca]
  - Conv2d: {out_channels: 4, kernel_size: 1}
"""

SHORT = {
    "UNET": "N⋅H⋅W MACs",
    "AGGREGATED": "N⋅⌈H/2⌉⋅⌈W/2⌉ MACs",
    "RESOLUTIONS": "N⋅⌈H/2⌉⋅⌈W/2⌉ MACs",
}
NETWORKS = {"UNET": UNET, "AGGREGATED": AGGREGATED, "RESOLUTIONS": RESOLUTIONS}


def accepted(text: str) -> tuple[shapecalc.Analysis, PrintedFormulas, list[dict[str, int]]]:
    """A network with letters, its formulas, and some of the sizes for which they hold."""
    analysis = shapecalc.analyse(shapecalc.parse(text), "Nx3xHxW")
    held = [
        dict(zip("NHW", sizes, strict=True))
        for sizes in product((1, 3), range(1, 67), (16, 31, 32, 48, 64))
        if all(c.holds(dict(zip("NHW", sizes, strict=True))) for c in analysis.conditions)
    ]
    assert len(held) > 10
    return analysis, PrintedFormulas.of(analysis, analysis.conditions), held


@pytest.mark.parametrize("name", NETWORKS)
def test_a_total_is_one_term_and_that_of_the_network_in_numbers(name: str) -> None:
    analysis, formulas, held = accepted(NETWORKS[name])
    total = formulas.total(analysis.totals.macs)
    assert re.fullmatch(rf"[\d,]+⋅{SHORT[name]}", f"{text(total, GROUPED)} MACs")
    for sizes in held[:: len(held) // 5]:
        shape = [sizes["N"], 3, sizes["H"], sizes["W"]]
        assert at(total, sizes) == shapecalc.analyse(shapecalc.parse(NETWORKS[name]), shape).totals.macs


@pytest.mark.parametrize("name", NETWORKS)
def test_a_peak_keeps_its_greatest_formula(name: str) -> None:
    analysis, _, held = accepted(NETWORKS[name])
    found = memory(analysis)
    peak, formulas = found.training, PrintedFormulas.of(analysis, found.all_conditions)
    short = formulas.most(peak)
    assert len(short.alternatives) < len(peak.alternatives)
    for sizes in held:
        if all(c.holds(sizes) for c in found.all_conditions):
            assert at(short.bytes, sizes) == at(peak.bytes, sizes)


@pytest.mark.parametrize(
    ("name", "most"), [("unet", 30), ("dla34", 80), ("hrnet-w18", 80), ("nasnet-a-mobile", 240)]
)
def test_totals_of_networks_with_joins_are_short(name: str, most: int) -> None:
    architecture = shapecalc.load(name)
    analysis = shapecalc.analyse(architecture, "Nx3xHxW")
    total = PrintedFormulas.of(analysis, analysis.conditions).total(analysis.totals.macs)
    assert len(text(total, GROUPED)) <= most
    own = shapecalc.analyse(architecture)
    n, _, h, w = own.inputs["input"].shape
    assert at(total, {"N": n, "H": h, "W": w}) == own.totals.macs


def test_what_commands_print(run: Command) -> None:
    total = 48_167_387_136 // 256**2  # that of 1×3×256×256, which the zoo's file has from its source
    for command in ("show", "memory", "flops"):
        out = run(command, "unet", "--input", "Nx3xHxW").out
        assert f"{total:,}⋅N⋅H⋅W MACs" in out
        assert re.search(r"^Holds for +H divisible by 16, W divisible by 16$", out, re.MULTILINE)
    out = run("flops", "unet", "--input", "Nx3xHxW", "--convention", "all").out
    assert f"{total:,}⋅N⋅H⋅W" in out
    assert "Holds for   H divisible by 16, W divisible by 16" in out
    assert "floor(H/16)*floor(W/16)" in run("flops", "unet", "--input", "Nx3xHxW", "--format", "json").out


def test_a_formula_may_come_to_nothing(run: Command) -> None:
    """Of a term that is 0 wherever the conditions hold, as heads that are repeated by one head are."""
    words = ("--input", "WxW", "--set", "words=P", "--set", "hidden=K", "--set", "heads=P")
    done = run("flops", "llm/smollm2-135m", *words, "--convention", "all")
    assert done.code == 0
    assert "divisible by 3" in done.out


def test_equal_sizes_are_one() -> None:
    same, whole = Condition(W, EQUAL, H, ""), Condition(H, MULTIPLE, 2, "")
    analysis = shapecalc.analyse(shapecalc.parse("input: 1x1x4x4\nlayers: [ReLU]"), "Nx1xHxW")
    domain = where_formulas_hold(analysis, [same, whole])
    assert domain.fewer_terms(H * W + 4 * (W // 2) * (H // 2)) == 2 * H * H


def test_a_size_in_a_short_range_is_a_number() -> None:
    box = {"H": SizeSet.between(224, 227), "W": SizeSet.between(224, 227)}
    windows = N * (H // 4) * (W // 4) // 3136
    assert fewer_terms(windows + N * (H // 8), box, []) == 29 * N
    assert fewer_terms(N * (H // 5), box, []) == N * (H // 5)  # 44 and 45


def test_the_first_sizes_are_those_within_a_band() -> None:
    box = {"H": SizeSet.of([Segment(2, None, residues(8, [(0, 3)]))])}  # 2, 3, 8, 9, 10, 11, 16, …
    size = maximum(0, H // 8 - 1) + H // 4
    assert at(fewer_terms(size, box, []), {"H": 2}) == 0
    assert at(fewer_terms(size, box, []), {"H": 19}) == 1 + 4
    assert fewer_terms(H // 8 - (H + 4) // 8 + H // 16, box, []) == H // 16
    odd = W * (H - 2 * (H // 2) + 1)
    box = {"H": SizeSet.of([Segment(8, None, residues(8, [(0, 2)]))])}
    assert fewer_terms(odd, box, []) == odd  # which is W, 2⋅W and W again


@st.composite
def ranges(draw: st.DrawFn) -> SizeSet:
    """Sizes with remainders in one band, maybe around the end of the period, or in two."""
    period = draw(st.sampled_from([1, 2, 3, 4, 8, 12, 16, 32]))
    low = draw(st.integers(0, period - 1))
    width = draw(st.integers(0, max(0, min(3, period - 2))))
    bands = [(n % period, n % period) for n in range(low, low + width + 1)]
    if draw(st.integers(0, 3)) == 0:
        bands.append((draw(st.integers(0, period - 1)),) * 2)
    first = draw(st.integers(1, 70))
    last = draw(st.sampled_from([None, None, None, first + draw(st.integers(0, 9))]))
    return SizeSet.of([Segment(first, last, residues(period, bands))])


def windowed(size: Dim, shift: int, stride: int, times: int) -> Dim:
    return times * ((size + shift) // stride)


def axis(size: Dim) -> st.SearchStrategy[Dim]:
    """A size of an axis, as strided layers, upsampling, joins and padding make them."""
    strides = st.sampled_from([1, 2, 3, 4, 6, 8, 16, 32])
    plain = st.builds(windowed, st.just(size), st.integers(-9, 40), strides, st.integers(1, 4))
    padded = st.builds(lambda a, b: maximum(a, b - 3), plain, plain)
    sums = st.builds(lambda a, b, times: times * a + b, plain, plain, st.sampled_from([2, -1]))
    return st.one_of(plain, plain, padded, sums)


terms = st.builds(
    lambda n, a, b, times: times * n * a * b,
    st.sampled_from([N, 1]),
    axis(H),
    st.one_of(axis(W), st.just(1)),
    st.integers(1, 64),
)
totals = st.lists(terms, min_size=1, max_size=6).map(summed)


def some(sizes: SizeSet) -> list[int]:
    """The first members, and of a set without end two large ones."""
    large = (n for n in sizes if n > 200) if sizes.segments[-1].last is None else ()
    return [*islice(sizes, 4), *islice(large, 2)]


def members(height: SizeSet, width: SizeSet) -> Iterator[dict[str, int]]:
    for n, (h, w) in zip(cycle((1, 2)), product(some(height), some(width)), strict=False):
        yield {"N": n, "H": h, "W": w}


@given(totals, totals, ranges().filter(bool), ranges().filter(bool), st.booleans())
def test_the_same_at_every_size_that_is_meant(
    size: Dim, other: Dim, height: SizeSet, width: SizeSet, alike: bool
) -> None:
    box = {"H": height, "W": height if alike else width}
    short = fewer_terms(size, box, [])
    compared = [in_multiples(one, box, []) for one in (size, other)]
    never_less = reaches(difference(*compared), 0)
    for sizes in members(*box.values()):
        value = number(at(size, sizes))
        assert at(short, sizes) == value
        assert not never_less or value >= number(at(other, sizes))
