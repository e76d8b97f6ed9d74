"""The two runs of a decoder in letters: of a whole prompt, and of one token after others.

What is kept is allocated once for all tokens of the context. Attention that is one step of the file runs as a
fused kernel, which stores no scores; all else runs as in torch. Of a prompt all is made that is kept, and the
output of its last token alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from shapecalc.allocation.mode import bytes_of
from shapecalc.analysis.memory.copies import UnsettledError
from shapecalc.analysis.memory.prediction import Prediction, prediction_of
from shapecalc.analysis.quantized import stored_as
from shapecalc.analysis.serving.caches import Kept, kept_of
from shapecalc.analysis.serving.following import Following
from shapecalc.analysis.serving.steps import Stepped, Steps
from shapecalc.analysis.serving.tokens import Tokens, in_tokens
from shapecalc.engine.results import Analysis
from shapecalc.language.architecture import Architecture
from shapecalc.layers.schemes import Scheme, size_in_bytes
from shapecalc.symbolic import Dim, minimum, summed
from shapecalc.symbolic.conditions import Condition


class Pass(NamedTuple):
    """One run: of a whole prompt, or of one token after others."""

    rows: Stepped
    macs: Dim
    prediction: Prediction
    moved: Dim
    """Bytes of weights that products take, and of what is kept: each read or written once."""

    @property
    def activations(self) -> list[Dim]:
        """Bytes alive at once beside the weights and what is kept: of these the greatest."""
        return self.prediction.activations.sizes


class Stored(NamedTuple):
    """What numbers are stored as."""

    dtype: str
    """What float32 of the file is, of weights and of activations."""
    kv: str
    """That of keys and values."""
    scheme: Scheme | None
    """That of matrices; None as the file says."""

    def weights(self, analysis: Analysis) -> Analysis:
        return analysis if self.scheme is None else stored_as(analysis, self.scheme)


class ServingRuns(NamedTuple):
    """The two runs of a network, in letters."""

    kept: Kept
    prefill: Pass
    step: Pass

    @property
    def tokens(self) -> Tokens:
        return self.kept.following.network

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What the letters must satisfy for the bytes."""
        return (*self.prefill.prediction.conditions, *self.step.prediction.conditions)

    def hold(self, sizes: Mapping[str, int]) -> bool:
        return all(condition.holds(sizes) for condition in self.conditions)


def formulas(
    architecture: Architecture,
    input: Any,
    values: Mapping[str, Any],
    stored: Stored,
    length: str,
    batch: Dim,
) -> ServingRuns:
    """Both runs; `length` is the letter of the tokens."""
    for brief in (True, False):
        following = Following(in_tokens(architecture, input, values, batch, length, brief))
        try:
            return _runs(kept_of(following, stored.dtype, stored.kv), stored)
        except UnsettledError:  # copies that do the same on shapes differ in memory
            continue
    raise AssertionError("a network with a row for each layer leaves none out")


def _runs(kept: Kept, stored: Stored) -> ServingRuns:
    network = kept.following.network
    weights = stored.weights(network.whole)

    def run(rows: Stepped, tokens: Dim) -> Pass:
        analysis = rows.analysis
        moved = _moved(weights, analysis, network.batch * tokens, stored.dtype) + kept.bytes
        found = prediction_of(analysis, stored.dtype)
        return Pass(rows, analysis.totals.macs, found, moved)

    return ServingRuns(kept, run(prompt_of(kept), network.tokens), run(step_of(kept), 1))


def step_of(kept: Kept, fused: bool = True) -> Stepped:
    """One step: of the newest token, with what is kept of earlier ones."""
    network = kept.following.network
    steps = Steps(kept.following, kept.places, kept.sizes, whole=False, fused=fused)
    output = steps.newest(network.analysis.output_edges[0], network.axis, network.tokens)
    steps.close()
    return steps.network((output,))


def prompt_of(kept: Kept, fused: bool = True) -> Stepped:
    """The prompt: what is kept of all of its tokens, and the output of the last one."""
    network = kept.following.network
    steps = Steps(kept.following, kept.places, kept.sizes, whole=True, fused=fused)
    for edge in kept.places:
        steps.entire(edge, network.tokens)
    for window in kept.found.windows:
        steps.entire(window.edge, network.tokens)
    for place in kept.found.states:
        for edge in kept.following.rows[place].edges:
            steps.entire(edge, network.tokens)
    steps.close()
    output = steps.newest(network.analysis.output_edges[0], network.axis, network.tokens)
    steps.close()
    return steps.network((output,))


def _moved(stored: Analysis, run: Analysis, tokens: Dim, dtype: str) -> Dim:
    """Bytes of the weights that products take; of routed experts of at most as many as tokens choose."""
    ran = {row.path for row in run.rows}
    sizes = bytes_of(dtype)
    found: dict[tuple[int, str], Dim] = {}
    for place, (row, times) in enumerate(zip(stored.rows, stored.times, strict=True)):
        there = row.path in ran or any(path.startswith(f"{row.path}.") for path in ran)
        if row.macs == 0 or not there:
            continue
        for name, weight in row.weights.items():
            owner = (row.shares, name) if row.shares is not None and name in row.shared else (place, name)
            size = size_in_bytes(weight, row.stored.get(name), sizes)
            if row.layer.routed:
                experts, chosen = (row.layer.__dict__[key] for key in ("num_experts", "top_k"))
                size = size // experts * minimum(experts, chosen * tokens)
            found[owner[0] or 0, name] = times * size
    return summed(found.values())
