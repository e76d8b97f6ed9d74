"""What a token of a language model takes, beside the rule of 2 FLOPs for each parameter, and 6 in training.

The rule says that each parameter multiplies once for each token, forward, and twice on the way back. It
leaves out products of two tensors, as of queries and keys, and what is shared and used twice; it counts
parameters that multiply nothing, as of embeddings and norms, and experts that do not run.
Sources: Kaplan et al. 2020, arXiv:2001.08361, 2.1; Chowdhery et al. 2022, arXiv:2204.02311, appendix B.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from shapecalc.analysis.counting.gradients import gradient_macs, of_row
from shapecalc.engine.results import Analysis, Row
from shapecalc.errors import UsageError
from shapecalc.layers.rules import Wanted
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, difference, summed
from shapecalc.tensors import for_json, is_floating

BIASES, EXPERTS, AGAIN = "biases", "experts that do not run", "weights that are used again"


class Deviation(NamedTuple):
    """FLOPs of one token by which the exact count differs from that of the rule, and why."""

    what: str
    forward: Dim
    training: Dim | Unknown


@dataclass(frozen=True)
class PerToken:
    """FLOPs of one token, two for each product."""

    analysis: Analysis
    tokens: Dim
    """How many there are in the input."""
    params: Dim
    forward: Dim
    training: Dim | Unknown
    """Of the way forward and the way back."""
    differences: tuple[Deviation, ...]

    def to_dict(self) -> dict[str, Any]:
        found = {
            "name": self.analysis.name,
            "tokens": self.tokens,
            "params": self.params,
            "rule": {"forward": 2 * self.params, "training": 6 * self.params},
            "differences": [difference._asdict() for difference in self.differences],
            "exact": {"forward": self.forward, "training": self.training},
        }
        return {name: for_json(value) for name, value in found.items()}


def per_token(analysis: Analysis) -> PerToken:
    """The FLOPs of one token, exact and by the rule.

    Raises:
        UsageError: the input is no tokens, or they do not all take the same.
    """
    tokens = _tokens(analysis)
    trained: dict[int, Dim] = {}

    def remember(row: Row, wanted: Wanted) -> Dim:
        trained[id(row)] = found = of_row(row, wanted)
        return found

    gradients = gradient_macs(analysis, remember)
    macs = analysis.totals.macs
    there_and_back = gradients if isinstance(gradients, Unknown) else 2 * _each(macs + gradients, tokens)
    reason = gradients if isinstance(gradients, Unknown) else None
    found = tuple(_all_differences(analysis, tokens, trained, reason))
    params = analysis.totals.params
    return PerToken(analysis, tokens, params, 2 * _each(macs, tokens), there_and_back, found)


def _all_differences(
    analysis: Analysis, tokens: Dim, trained: Mapping[int, Dim], reason: Unknown | None
) -> Iterator[Deviation]:
    """The differences of all rows by what they come from; `trained`: the products of each on the way back."""
    sums: tuple[dict[str, list[Dim]], ...] = ({}, {})
    for row, times in zip(analysis.rows, analysis.times, strict=True):
        products = row.macs, row.macs + trained.get(id(row), 0)
        for found, macs, factor in zip(sums, products, (1, 3), strict=True):
            for what, more in _differences(row, macs, tokens, factor):
                found.setdefault(what, []).append(times * more)
    for what in dict.fromkeys([*sums[0], *sums[1]]):
        forward, training = (2 * _each(summed(found.get(what, [])), tokens) for found in sums)
        if forward != 0 or (reason or training) != 0:
            yield Deviation(what, forward, reason or training)


def _tokens(analysis: Analysis) -> Dim:
    """How many tokens there are: the elements of the inputs, which are batches of whole numbers."""
    inputs = list(analysis.inputs.values())
    if any(x.rank != 2 or is_floating(x.dtype) for x in inputs) or len({x.shape for x in inputs}) > 1:
        found = ", ".join(f"{name} {x}" for name, x in analysis.inputs.items())
        message = f"--tokens is for one sequence of tokens, batch × length of whole numbers, not {found}"
        raise UsageError(message, hint="as of a decoder of text, llm/llama-3-8b")
    return inputs[0].elements


def _differences(row: Row, macs: Dim, tokens: Dim, factor: int) -> list[tuple[str, Dim]]:
    """The products of a row that are not one for each of its own parameters and each token.

    `factor`: how many products the rule takes for a parameter. They add up to those of the row less these.
    """
    own = row.params
    if row.macs == 0:
        return [(f"{row.type}: multiplies nothing", -factor * tokens * own)] if own != 0 else []
    active = row.active_params
    vectors = _elements(row, matrices=False, shared=False)
    shared = _elements(row, matrices=True, shared=True)
    left = macs - factor * tokens * (active - vectors + shared)
    found = [
        (EXPERTS, -factor * tokens * (own - active)),
        (BIASES, -factor * tokens * vectors),
        (AGAIN, factor * tokens * shared),
        (f"{row.type}: products {'of tensors' if own == 0 == shared else 'beside its weights'}", left),
    ]
    return [(what, more) for what, more in found if more != 0]


def _elements(row: Row, matrices: bool, shared: bool) -> Dim:
    """Elements that take part for a token, of its matrices or of its vectors, its own or another row's."""
    axes = 2 + row.layer.routed
    return summed(
        [
            row.layer.active(weight)
            for name, weight in row.weights.items()
            if not weight.buffer
            and (len(weight.shape) >= axes) is matrices
            and (name in row.shared) is shared
        ]
    )


def _each(total: Dim, tokens: Dim) -> Dim:
    """Of one token.

    Raises:
        UsageError: they do not all take the same.
    """
    each = difference(total, 0) // tokens  # multiplied out, so that what divides is seen
    if difference(each * tokens, total) != 0:
        raise UsageError("--tokens is for networks in which each token takes as much as any other")
    return each
