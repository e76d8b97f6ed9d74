"""Serving, proved by torch: a network that keeps what it needs writes what the whole one writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import shapecalc
from shapecalc import ShapecalcError
from shapecalc.analysis.memory.prediction import prediction_of
from shapecalc.analysis.serving.caches import Kept, kept_of
from shapecalc.analysis.serving.following import Following
from shapecalc.analysis.serving.opening import opened
from shapecalc.analysis.serving.runs import prompt_of, step_of
from shapecalc.analysis.serving.steps import Stepped
from shapecalc.analysis.serving.tokens import in_tokens
from shapecalc.engine.results import Edge
from shapecalc.symbolic import at, number, symbol
from shapecalc.tensors import Tensor, is_floating
from shapecalc.torch_check import functions
from shapecalc.torch_check.memory import Alive
from shapecalc.torch_check.network import tie
from shapecalc.torch_check.startup import without_compiler
from shapecalc.torch_check.uncounted import UNCOUNTED
from tests.kernels import compiled_kernels
from tests.networks import OWN, settings_of
from tests.serving_in_torch import Serving, Whole, make_room, rows_at, tensor_at

BATCH, PROMPT, NEW = 2, 5, 3
SHORT = {"sliding_window": 4}
"""A window that a few tokens fill, in place of the file's."""


ENCODERS = ("llm/bert-", "llm/clip-", "llm/deberta-")
"""Language models that read in both directions."""
FAMILIES = [name for name in OWN if name.startswith("llm/")]
DECODERS = [name for name in FAMILIES if not name.startswith(ENCODERS)]
"""A variant of each family that writes."""


@pytest.mark.parametrize("name", [name for name in FAMILIES if name.startswith(ENCODERS)])
def test_what_reads_in_both_directions_is_refused(name: str) -> None:
    with pytest.raises(ShapecalcError):
        shapecalc.serving(shapecalc.load(name), 1, 16)


class Small:
    """A family's small variant, in letters and as torch runs it."""

    def __init__(self, name: str) -> None:
        shape, values = settings_of(name)
        assert shape is None
        self.architecture = shapecalc.load(name)
        decided = self.architecture.decided
        self.values = {key: value for key, value in values.items() if key not in decided}
        self.values |= {key: value for key, value in SHORT.items() if key in self.architecture.parameters}
        network = in_tokens(self.architecture, None, self.values, symbol("N"), "T", brief=False)
        self.kept: Kept = kept_of(Following(network), "float32", "float32")
        self.whole = self.network(PROMPT + NEW)
        for tensor in self.whole.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(-0.3, 0.3)
        words = min(
            number(w.shape[0]) for row in network.whole.rows for w in row.weights.values() if row.path
        )
        self.inputs = [
            torch.rand(x.shape, dtype=torch.float64)
            if is_floating(x.dtype)
            else torch.randint(0, words, x.shape)
            for x in self.whole.analysis.inputs.values()
        ]

    def sizes(self, tokens: int) -> dict[str, int]:
        return {"N": BATCH, "T": tokens}

    def network(self, tokens: int) -> Whole:
        """The whole network for so many tokens, with the weights of the first one."""
        general = self.kept.following.network
        inputs = {
            name: Tensor(tuple([at(n, self.sizes(tokens)) for n in x.shape]), x.dtype)
            for name, x in general.whole.inputs.items()
        }
        analysis, _ = opened(shapecalc.analyse(self.architecture, inputs, self.values))
        made = self.kept.following.made | self.kept.following.given
        with torch.device("meta"):  # where no weight is initialised
            whole = Whole(analysis, made).converted("float64")
        assert isinstance(whole, Whole)
        whole.eval()
        if not hasattr(self, "whole"):
            whole.on("cpu")
            tie(whole)
            return whole
        for module, own in zip(whole.layers, self.whole.layers, strict=True):
            module.load_state_dict(own.state_dict(), assign=True)
        return whole

    def fed(self, first: int, stop: int) -> list[Any]:
        return [
            x[:, first:stop] if port in self.kept.following.network.inputs else x
            for port, x in enumerate(self.inputs)
        ]

    def numbered(self, rows: Stepped, tokens: int) -> Stepped:
        return rows_at(rows, self.sizes(tokens))


def ignore(*_: Any) -> None:
    """What observes a run, and looks away."""


@pytest.fixture(scope="module", params=DECODERS)
def small(request: pytest.FixtureRequest) -> Small:
    torch.manual_seed(0)
    with torch.no_grad():
        return Small(request.param)


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with compiled_kernels():
        yield


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(autouse=True)
def _scan_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scan after its source, which is in float32, without that cast."""
    monkeypatch.setitem(
        cast("dict[str, Any]", functions.FUNCTIONS),
        "selective_scan",
        lambda *inputs, delta_softplus: functions.scanned(delta_softplus, *inputs),
    )


@pytest.mark.one_in(2)
def test_a_step_writes_what_the_whole_network_does(small: Small) -> None:
    """In float64, but for the order in which sums are taken."""
    prompt, step = prompt_of(small.kept), step_of(small.kept)
    memory: dict[Edge, Any] = {}
    whole = small.network(PROMPT)
    (expected,) = whole(*small.fed(0, PROMPT), observe=ignore)
    first = serving(small, prompt, whole, memory, PROMPT)
    (found,) = first(*small.fed(0, PROMPT), observe=ignore)
    torch.testing.assert_close(found, expected[:, -1:], rtol=1e-9, atol=1e-9)
    for tokens in range(PROMPT + 1, PROMPT + NEW + 1):
        whole = small.network(tokens)
        (expected,) = whole(*small.fed(0, tokens), observe=ignore)
        make_room(small.kept, memory, tokens)
        (found,) = serving(small, step, whole, memory, tokens)(*small.fed(tokens - 1, tokens), observe=ignore)
        torch.testing.assert_close(found, expected[:, -1:], rtol=1e-9, atol=1e-9)
        assert bytes_in_torch(small, memory) == 2 * number(at(small.kept.bytes, small.sizes(tokens)))


def serving(small: Small, rows: Stepped, whole: Whole, memory: dict[Edge, Any], tokens: int) -> Serving:
    with torch.device("meta"):
        found = Serving(small.numbered(rows, tokens), small.kept, whole, memory)
    found.converted("float64")
    found.eval()
    return found.with_weights()


def bytes_in_torch(small: Small, memory: dict[Edge, Any]) -> int:
    """Bytes of what is kept, in float64, of which a state of float32 has twice the bytes, too."""
    kept = {cache.edge for cache in small.kept.caches}
    return sum(memory[edge].nbytes for edge in kept)


def on_meta(small: Small, rows: Stepped, tokens: int) -> tuple[Serving, list[Any], dict[Edge, Any]]:
    """The rows at numbers on `meta` in float32, with their inputs and, of a step, what is kept."""
    sizes = small.sizes(tokens)
    with torch.device("meta"):
        whole = Whole(small.whole.analysis, small.whole.made)
        numbered = rows_at(rows, sizes)
        memory = {}
        for cache in small.kept.caches:
            shape = tensor_at(cache.shape, sizes).shape
            memory[cache.edge] = torch.empty(shape, dtype=torch.float32)
        network = Serving(numbered, small.kept, whole, memory)
        inputs = [
            torch.zeros(x.shape, dtype=getattr(torch, x.dtype)) for x in numbered.analysis.inputs.values()
        ]
    network.eval()
    return network, inputs, memory


@pytest.mark.one_in(2)
@pytest.mark.parametrize("run", [prompt_of, step_of])
def test_products_are_those_that_torch_counts(small: Small, run: Any) -> None:
    """Of the step at several positions; of a prompt, the products of its last token's tail once."""
    rows = run(small.kept)
    for tokens in (PROMPT, PROMPT + NEW):
        network, inputs, _ = on_meta(small, rows, tokens)
        counter = FlopCounterMode(display=False, custom_mapping=UNCOUNTED)
        with without_compiler(), counter:
            network(*inputs, observe=ignore)
        assert counter.get_total_flops() == 2 * number(at(rows.analysis.totals.macs, small.sizes(tokens)))


@pytest.mark.one_in(2)
@pytest.mark.parametrize("run", [prompt_of, step_of])
def test_bytes_at_once_are_those_of_torch(small: Small, run: Any) -> None:
    """On `meta`, where attention stores its scores: all but the fused kernel, whose bytes are its own."""
    rows = run(small.kept, fused=False)
    tokens = PROMPT + NEW
    network, inputs, memory = on_meta(small, rows, tokens)
    owned = [*network.parameters(), *network.buffers(), *memory.values()]
    with without_compiler(), Alive(owned, inputs) as alive:
        network(*inputs, observe=ignore)
    found = prediction_of(rows.analysis, "float32")
    peak = max(number(at(size, small.sizes(tokens))) for size in found.activations.sizes)
    assert alive.peak >= peak if found.bounded else alive.peak == peak
