"""What it takes to serve a network that writes token after token: bytes, work, and what there is room for.

Weights and what is kept are there all the time; what is kept is allocated once for all tokens of the context.
Attention that is one step of the file runs as a fused kernel, which stores no scores; all else runs as in
torch. Of a prompt all is made that is kept, and the output of its last token alone.
Sources: Pope et al. 2022, arXiv:2211.05102 (the cost of a step); Kwon et al. 2023, arXiv:2309.06180 (what is
kept).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from shapecalc.analysis.memory.copies import UnsettledError
from shapecalc.analysis.memory.liveness import releases
from shapecalc.analysis.memory.prediction import Prediction, prediction_of
from shapecalc.analysis.quantized import Quantized, quantized, scheme_of, stored_as
from shapecalc.analysis.serving.caches import Kept, kept_of
from shapecalc.analysis.serving.capacity import Capacity, capacity
from shapecalc.analysis.serving.following import Following
from shapecalc.analysis.serving.steps import Stepped, Steps
from shapecalc.analysis.serving.tokens import Tokens, in_tokens
from shapecalc.engine.results import Analysis
from shapecalc.errors import ArchitectureError, UsageError, quoted
from shapecalc.language.architecture import Architecture
from shapecalc.language.inputs import check_symbol
from shapecalc.layers.schemes import Scheme, size_in_bytes
from shapecalc.symbolic import Dim, at, minimum, number, summed, symbol, symbols_in
from shapecalc.symbolic.conditions import Condition
from shapecalc.tensors import BYTES, LARGEST, for_json


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


class Formulas(NamedTuple):
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


@dataclass(frozen=True)
class Serving:
    """The figures of a network, served to a batch of sequences of so many tokens each."""

    formulas: Formulas
    exact: Formulas
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
    values = dict(parameters or {})
    names = _letters(architecture, batch, context)
    found = _formulas(architecture, input, values, symbol(names[0]), names[1], dtype, kv or dtype)
    sizes: Sequence[Dim] = [symbol(n) if isinstance(n, str) else n for n in (batch, context)]
    _check(found.tokens, names, sizes, new)
    exact = found
    if isinstance(batch, int) and not _hold(found.conditions, {names[0]: batch, names[1]: 64}):
        exact = _formulas(architecture, input, values, batch, names[1], dtype, kv or dtype)
    scheme = None if weights is None else scheme_of(weights)
    analysis = found.tokens.whole
    stored = quantized(analysis if scheme is None else stored_as(analysis, scheme), dtype)
    found, exact = (_moving(one, scheme, dtype) for one in (found, exact))
    return Serving(found, exact, *_pair(sizes), new, prompts, dtype, kv or dtype, stored)


def _letters(architecture: Architecture, batch: int | str, context: int | str) -> tuple[str, str]:
    """Letters for the batch and the tokens: those that are given, or free ones."""
    taken = {name for name in architecture.parameters if name not in architecture.decided}
    found: list[str] = []
    for given, letter in ((batch, "N"), (context, "T")):
        name = _checked(given) if isinstance(given, str) else letter
        while not isinstance(given, str) and name in {*taken, *found, str(batch), str(context)}:
            name += "_"
        found.append(name)
    if found[0] == found[1] or taken & {*found}:
        raise UsageError(f"the letters {found[0]} and {found[1]} are one, or parameters of the file")
    return found[0], found[1]


def _checked(letter: str) -> str:
    """The letter, if formulas do not use it for something else, as `max` or the `x` between sizes."""
    try:
        check_symbol(letter)
    except ArchitectureError as error:
        raise UsageError(error.message, hint=error.hint) from None
    return letter


def _formulas(
    architecture: Architecture,
    input: Any,
    values: Mapping[str, Any],
    batch: Dim,
    length: str,
    dtype: str,
    kv: str,
) -> Formulas:
    for brief in (True, False):
        following = Following(in_tokens(architecture, input, values, batch, length, brief))
        kept = kept_of(following, dtype, kv)
        try:
            return Formulas(kept, _pass(prompt_of(kept), dtype), _pass(step_of(kept), dtype))
        except UnsettledError:  # copies that do the same on shapes differ in memory
            continue
    raise AssertionError("a network with a row for each layer leaves none out")


def _pair(sizes: Sequence[Dim]) -> tuple[Dim, Dim]:
    batch, context = sizes
    return batch, context


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


def _pass(rows: Stepped, dtype: str) -> Pass:
    analysis = rows.analysis
    found = prediction_of(analysis, dtype, releases(analysis))
    return Pass(rows, analysis.totals.macs, found, 0)


def _moving(found: Formulas, scheme: Scheme | None, dtype: str) -> Formulas:
    whole = found.tokens.whole
    stored = whole if scheme is None else stored_as(whole, scheme)
    tokens: dict[str, Dim] = {"prefill": found.tokens.tokens, "step": 1}
    runs = {
        name: getattr(found, name)._replace(
            moved=_moved(stored, getattr(found, name).rows.analysis, found.tokens.batch * n, dtype)
            + found.kept.bytes
        )
        for name, n in tokens.items()
    }
    return found._replace(**runs)


def _moved(stored: Analysis, run: Analysis, tokens: Dim, dtype: str) -> Dim:
    """Bytes of the weights that products take; of routed experts of at most as many as tokens choose."""
    ran = {row.path for row in run.rows}
    sizes = {**BYTES, "float32": BYTES[dtype]}
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


def _hold(conditions: Sequence[Condition], sizes: Mapping[str, int]) -> bool:
    return all(condition.holds(sizes) for condition in conditions)


def _check(network: Tokens, names: tuple[str, str], sizes: Sequence[Dim], new: int) -> None:
    """Refuse a context that the network does not take, as one beyond the positions that it has learned."""
    batch, context = sizes
    if new and not (isinstance(batch, int) and isinstance(context, int)):
        raise UsageError(
            "--new is for numbers, not for letters", hint="give --batch and --context as numbers"
        )
    if isinstance(context, int) and new >= context:
        message = f"--new {new:,} of {context:,} tokens leaves none for the prompt"
        raise UsageError(message, hint="--context counts all tokens, the prompt and the new ones")
    known = {name: n for name, n in zip(names, sizes, strict=True) if isinstance(n, int)}
    for condition in network.whole.decisive_conditions:
        if condition.symbols <= known.keys() and not condition.permits(known):
            length = names[1]
            needed = str(condition).replace(length, "--context") if length in condition.symbols else condition
            message = f"--context {context} is not taken: {needed} is needed, so that {condition.why}"
            hint = "the network knows no more positions; --set may give a parameter that counts them"
            raise UsageError(message, hint=hint, path=condition.path)


def letter_or_number(text: str, option: str) -> int | str:
    """A number from 1 on, or a letter for any; of an option's text.

    Raises:
        UsageError: it is neither.
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= LARGEST:
        return int(text)
    if text.isascii() and text.isidentifier() and len(text) <= 20:
        return text
    message = f"{option} {quoted(text)} is no number from 1 on, and no letter"
    raise UsageError(message, hint=f"as in {option} 16, or {option} N for a formula")
