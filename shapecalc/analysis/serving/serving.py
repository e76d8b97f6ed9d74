"""What it takes to serve a network that writes token after token: bytes, work, and what there is room for.

Weights and what is kept are there all the time; a run needs what it allocates beside them.
Sources: Pope et al. 2022, arXiv:2211.05102 (the cost of a step); Kwon et al. 2023, arXiv:2309.06180 (what is
kept).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from shapecalc.analysis.quantized import Quantized, quantized, scheme_of
from shapecalc.analysis.serving.capacity import Capacity, capacity
from shapecalc.analysis.serving.runs import Pass, ServingRuns, Stored, formulas
from shapecalc.analysis.serving.tokens import as_size, check, letters
from shapecalc.errors import UsageError
from shapecalc.language.architecture import Architecture
from shapecalc.symbolic import Dim, at, minimum, number, symbol, symbols_in
from shapecalc.tensors import for_json


@dataclass(frozen=True)
class Serving:
    """The figures of a network, served to a batch of sequences of so many tokens each."""

    formulas: ServingRuns
    exact: ServingRuns
    """Those that hold for this batch: one sequence may need fewer copies."""
    batch: Dim
    context: Dim
    """The tokens of a sequence, prompt and all."""
    new: int
    """How many of these are written one by one."""
    prompts: int | None
    """How many prompts are run at once; None for all."""
    dtype: str
    kv: str
    stored: Quantized

    @property
    def name(self) -> str:
        return self.formulas.tokens.whole.name

    @property
    def letters(self) -> tuple[str, str]:
        """Those of the batch and of the tokens, in formulas."""
        (batch,) = symbols_in(self.formulas.tokens.batch)
        return batch, self.formulas.tokens.length

    def at(self, size: Dim, tokens: Dim | None = None) -> Dim:
        """A formula at this batch, and at these tokens or at the context."""
        batch, length = self.letters
        return at(size, {batch: self.batch, length: self.context if tokens is None else tokens})

    @property
    def prompt(self) -> Dim:
        return self.context - self.new

    @property
    def weights(self) -> Dim:
        return self.stored.bytes

    @property
    def cache(self) -> Dim:
        return self.at(self.formulas.kept.bytes)

    def peak(self, run: str) -> list[Dim]:
        """Bytes at once in a run, `prefill` or `step`: of these the greatest."""
        if run == "prefill":
            sizes = [self.at(self._at_once(size), self.prompt) for size in self.exact.prefill.activations]
        else:
            sizes = [self.at(size) for size in self.exact.step.activations]
        if all(isinstance(size, int) for size in sizes):
            sizes = [max(map(number, sizes))]
        return [self.weights + self.cache + size for size in sizes]

    def _at_once(self, size: Dim) -> Dim:
        """A formula of the prompt at as many sequences as are run at once."""
        batch, _ = self.letters
        return size if self.prompts is None else at(size, {batch: minimum(symbol(batch), self.prompts)})

    @property
    def bounded(self) -> Mapping[str, str]:
        """The types of which not all is known that they allocate, and why: peaks are then lower bounds."""
        return {**self.exact.prefill.prediction.bounded, **self.exact.step.prediction.bounded}

    @cached_property
    def written(self) -> Dim | None:
        """MACs of the prompt and of all tokens after it; None of letters, or of none."""
        if not self.new or not isinstance(self.batch, int):
            return None
        total = self.at(self.formulas.prefill.macs, self.prompt)
        first, last = number(self.prompt) + 1, number(self.context)
        borders = [w for w in self.formulas.kept.windows if first <= w < last]
        for low, high in zip([first, *[w + 1 for w in borders]], [*borders, last], strict=True):
            ends = [number(self.at(self.formulas.step.macs, tokens)) for tokens in (low, high)]
            total = total + sum(ends) * (high - low + 1) // 2  # linear in between
        return total

    def fits(self, budget: int) -> bool:
        return all(number(size) <= budget for run in ("prefill", "step") for size in self.peak(run))

    def capacities(self, budget: int) -> tuple[Capacity, Capacity]:
        """The largest batch at this context, and the longest context at this batch.

        Raises:
            UsageError: the weights alone are more than the budget.
        """
        if budget < number(self.weights):
            message = f"--on: the weights of {self.name} alone are {self.weights:,} B, more than {budget:,} B"
            raise UsageError(message, hint="--weights int4:128 stores them in fewer")
        batch, length = self.letters
        conditions = self.formulas.tokens.whole.conditions
        found = []
        for what, name, known in (
            ("batch", batch, {length: number(self.context)}),
            ("context", length, {batch: number(self.batch)}),
        ):
            sizes = [at(size, {**known}) for size in self._all_peaks(name == length)]

            def taken(n: int, name: str = name, known: Mapping[str, int] = known) -> bool:
                return all(c.permits({**known, name: n}) for c in conditions)

            found.append(capacity(what, sizes, name, budget, taken))
        return found[0], found[1]

    def _all_peaks(self, exact: bool) -> list[Dim]:
        """The bytes that may be the most at once, in letters; the prompt is shorter by what is written."""
        of = self.exact if exact else self.formulas
        always = self.weights + self.formulas.kept.bytes
        length = self.letters[1]
        shorter = {length: symbol(length) - self.new}
        prompt = [self._at_once(size) for size in of.prefill.activations]
        prompt = [at(size, shorter) for size in prompt] if self.new else prompt
        return [always + size for size in (*prompt, *of.step.activations)]

    def to_dict(self, budget: int | None = None) -> dict[str, Any]:
        """All figures in JSON's types: integers, or formulas as text."""
        found = {
            "name": self.name,
            "batch": for_json(self.batch),
            "context": for_json(self.context),
            "new": self.new,
            "prompts": for_json(self.batch if self.prompts is None else self.prompts),
            "dtype": self.dtype,
            "kv": self.kv,
            "letters": dict(zip(("batch", "tokens"), self.letters, strict=True)),
            "weights": {"bytes": for_json(self.weights), **self.stored.to_dict()},
            "cache": {
                "bytes": for_json(self.cache),
                "formula": for_json(self.formulas.kept.bytes),
                "tensors": [cache.to_dict() for cache in self.formulas.kept.caches],
                "assumed_causal": list(self.formulas.kept.assumed),
            },
            "prefill": self._run("prefill", self.prompt),
            "step": self._run("step", self.context),
            "macs": None if self.written is None else for_json(self.written),
            "bounded": dict(self.bounded),
        }
        if budget is None:
            return found
        batch, context = self.capacities(budget)
        capacities = {"budget": budget, "fits": self.fits(budget)}
        return {**found, **capacities, "batch_on": batch.to_dict(), "context_on": context.to_dict()}

    def _run(self, name: str, tokens: Dim) -> dict[str, Any]:
        run: Pass = getattr(self.formulas, name)
        return {
            "macs": for_json(self.at(run.macs, tokens)),
            "formula": for_json(run.macs),
            "peak": [for_json(size) for size in self.peak(name)],
            "bytes_moved": for_json(self.at(run.moved, tokens)),
        }


def serving(
    architecture: Architecture,
    batch: int | str = 1,
    context: int | str = 1024,
    *,
    new: int = 0,
    prompts: int | None = None,
    weights: str | None = None,
    dtype: str = "bfloat16",
    kv: str | None = None,
    input: Any = None,
    parameters: Mapping[str, Any] | None = None,
) -> Serving:
    """What it takes to serve a network.

    Args:
        architecture: what `shapecalc.load` or `shapecalc.parse` gave.
        batch: how many sequences, or a letter.
        context: how many tokens each of them has, prompt and all, or a letter.
        new: how many of these are written one by one, after the prompt.
        prompts: how many prompts are run at once; None for all.
        weights: what matrices are stored as, `int4:128`, `int8` or `fp8`; None as the file says.
        dtype: what float32 is, of weights and of activations.
        kv: what keys and values are stored as, where that is another: `fp8`, `int8` or a dtype.
        input: as for `analyse`; of an encoder, how long its sequence is.
        parameters: as for `analyse`.

    Raises:
        UsageError: the network does not go on from token to token, or takes no such context.
        ArchitectureError: it is wrong in itself, or what it keeps of earlier tokens can't be told.
    """
    names = letters(architecture, batch, context)
    stored = Stored(dtype, kv or dtype, None if weights is None else scheme_of(weights))
    in_letters = partial(formulas, architecture, input, dict(parameters or {}), stored, names[1])
    exact = found = in_letters(symbol(names[0]))
    sizes = as_size(batch), as_size(context)
    check(found.tokens, names, sizes, new)
    if isinstance(batch, int) and not found.hold({names[0]: batch, names[1]: 64}):
        exact = in_letters(batch)
    whole = quantized(stored.weights(found.tokens.whole), dtype)
    return Serving(found, exact, *sizes, new, prompts, dtype, stored.kv, whole)
