"""The parts of serving: attention opened, the narrowest cut, the largest number that fits, a fused kernel."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.allocation.footprint import Input
from shapecalc.allocation.mode import Mode
from shapecalc.analysis.serving.capacity import capacity
from shapecalc.analysis.serving.cut import Place, narrowest
from shapecalc.analysis.serving.opening import opened
from shapecalc.engine.results import Edge
from shapecalc.layers.scaled_dot_product import scaled_dot_product_attention
from shapecalc.symbolic import minimum, number, symbol
from shapecalc.tensors import Tensor
from shapecalc.torch_check.network import Network
from tests.dice import count

N = symbol("N")


@pytest.mark.parametrize("keys", ["", " from x, m"])
@pytest.mark.parametrize("bias", ["true", "false"])
def test_opened_attention_gives_what_the_layer_gives(keys: str, bias: str) -> None:
    """In float64, without the mask that is taken for granted of the opened one."""
    layer = f"{{num_heads: 2, batch_first: true, bias: {bias}}}"
    text = f"input: {{x: 2x5x8, m: 2x7x8}}\nlayers:\n  - MultiheadAttention{keys}: {layer}\n"
    whole = shapecalc.analyse(shapecalc.parse(text))
    simple, assumed = opened(whole)
    assert sum(row.macs for row in simple.rows) == whole.totals.macs
    assert bool(assumed) is not bool(keys)
    rows = [row._replace(layer=row.layer.last()) for row in simple.rows]
    theirs = Network(whole).converted("float64").eval()
    ours = Network(simple.__class__(**{**simple.__dict__, "rows": tuple(rows)})).converted("float64").eval()
    steps = whole.rows[0].layer.opened(*whole.rows[0].inputs)
    with torch.no_grad():
        for step, module in zip(steps, ours.layers, strict=True):
            for name, own in step.weights.items():
                matrix = theirs.layers[0].get_parameter(own)
                part = module.get_parameter(name)
                part.copy_(matrix[: len(part)] if step.label == "query" else matrix[-len(part) :])
        inputs = [torch.rand(2, 5, 8, dtype=torch.float64), torch.rand(2, 7, 8, dtype=torch.float64)]
        found = [network(*inputs, observe=lambda *_: None)[0] for network in (theirs, ours)]
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


def place(row: int) -> Place:
    return Edge(row, 0), 1


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[Place, list[Place] | None], list[int]]:
    """Tensors that are made of some before them, or of something else; and their bytes."""
    size = draw(st.integers(1, 8))
    widths = [draw(st.integers(1, 5)) for _ in range(size)]
    before: dict[Place, list[Place] | None] = {}
    for row in range(size):
        made_of = [other for other in range(row) if draw(st.booleans())]
        before[place(row)] = [place(other) for other in made_of] or None
    return before, widths


@settings(max_examples=count(100, 5_000), deadline=None)
@given(graphs())
def test_the_cut_is_the_narrowest_of_all(drawn: tuple[dict[Place, list[Place] | None], list[int]]) -> None:
    """Of all sets through which every way from a source to the last tensor leads, tried one by one."""
    before, widths = drawn
    end = place(len(widths) - 1)

    def passes(closed: set[Place], at: Place) -> bool:
        if at in closed:
            return False
        made_of = before[at]
        return made_of is None or any(passes(closed, other) for other in made_of)

    places = list(before)
    every = [{p for bit, p in enumerate(places) if number >> bit & 1} for number in range(2 ** len(places))]
    least = min(sum(widths[p[0].row] for p in closed) for closed in every if not passes(closed, end))
    found = narrowest(before, [end], lambda p: widths[p[0].row])
    assert not passes(found, end)
    assert sum(widths[p[0].row] for p in found) == least


def test_of_equal_cuts_the_one_nearest_to_the_attention() -> None:
    chain: dict[Place, list[Place] | None] = {place(0): None, place(1): [place(0)], place(2): [place(1)]}
    assert narrowest(chain, [place(2)], lambda _: 4) == {place(2)}
    assert narrowest(chain, [place(2)], lambda p: [3, 2, 2][p[0].row]) == {place(2)}
    assert narrowest(chain, [place(2)], lambda p: [1, 2, 3][p[0].row]) == {place(0)}


@settings(max_examples=count(100, 5_000), deadline=None)
@given(st.integers(0, 500), st.integers(0, 9), st.integers(1, 9), st.integers(1, 30), st.integers(1, 40))
def test_the_largest_number_is_that_of_all(
    budget: int, fixed: int, each: int, window: int, most: int
) -> None:
    """By formula or by search, of what grows up to a window, and of a network that takes no more."""
    for sizes in ([fixed + each * N], [fixed + each * minimum(N, window), 2 * N], [fixed + N * N, each * N]):
        found = capacity("batch", sizes, "N", budget, lambda n: n <= most)
        needed = {n: max(number(shapecalc.at(size, {"N": n})) for size in sizes) for n in range(1, most + 2)}
        assert found.most == max((n for n in range(1, most + 1) if needed[n] <= budget), default=0)
        assert found.needed == (needed[found.most] if found.most else None)
        assert found.next == (needed[found.most + 1] if found.most < most else None)


def test_what_may_fall_is_refused() -> None:
    with pytest.raises(ArchitectureError, match="may fall as N grows"):
        capacity("batch", [1000 - 3 * N + N * N], "N", 500, lambda n: n < 100)


def test_a_fused_kernel_makes_its_output_and_a_number_for_each_query() -> None:
    """The bytes of what torch's flash attention gives that grow with its inputs, on `meta`."""
    shapes = (2, 4, 9, 16), (2, 4, 7, 16), (2, 4, 7, 16)
    layer = scaled_dot_product_attention().fused()
    inputs = tuple([Input(Tensor(shape), None, False) for shape in shapes])
    footprint = layer.footprint(inputs, Mode(dtype="bfloat16"), frozenset())
    tensors = [torch.empty(shape, dtype=torch.bfloat16, device="meta") for shape in shapes]
    y, sums, *_ = torch.ops.aten._scaled_dot_product_flash_attention(*tensors)
    assert number(max(map(number, footprint.rises))) == y.nbytes + sums.nbytes
