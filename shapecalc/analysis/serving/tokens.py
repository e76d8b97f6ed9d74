"""A network at a batch and a number of tokens, letters or numbers: their axes, and which it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from shapecalc.analysis.serving.opening import opened
from shapecalc.engine.inputs import inputs_of
from shapecalc.engine.results import Analysis
from shapecalc.engine.run import abridged, analyse
from shapecalc.errors import ArchitectureError, UsageError, quoted
from shapecalc.language.architecture import Architecture
from shapecalc.language.inputs import check_symbol
from shapecalc.symbolic import Dim, Expr, symbol, symbols_in
from shapecalc.symbolic.conditions import EQUAL
from shapecalc.tensors import LARGEST, Tensor, is_floating


class Tokens(NamedTuple):
    """A network whose input is a batch of sequences, at letters for both."""

    whole: Analysis
    """As the file has it."""
    analysis: Analysis
    """Attention that is one layer is opened, so that its keys and values are tensors."""
    batch: Dim
    length: str
    inputs: frozenset[int]
    """The inputs that one new token comes in by, by their numbers."""
    axis: int
    """The axis of the output that has an element for each token."""
    assumed: tuple[str, ...]
    """The paths of attention that no mask stands beside, which is taken to see no later tokens."""

    @property
    def tokens(self) -> Expr:
        return symbol(self.length)


def in_tokens(
    architecture: Architecture,
    input: Any,
    values: Mapping[str, Any],
    batch: Dim,
    length: str,
    brief: bool,
) -> Tokens:
    """The network at letters for the batch and for the tokens of the sequence that it continues.

    That sequence is the last input, batch × tokens (× features), whose tokens the output has, too.

    Raises:
        UsageError: there is no such input, or another size is a letter.
    """
    given, tied = inputs_of(architecture, input, values), None
    for name in reversed([name for name, x in given.items() if _is_sequence(x)]):
        chosen = {name, *_with_the_same(architecture, name, given)}
        sizes: dict[str, Tensor] = {}
        for other, x in given.items():
            tokens = (symbol(length),) if other in chosen else x.shape[1:2]
            sizes[other] = Tensor((batch, *tokens, *x.shape[2:]), x.dtype)
        analysis = (abridged if brief else analyse)(architecture, sizes, values)
        axes = [axis for axis, n in enumerate(analysis.outputs[0].shape) if n == symbol(length)]
        if axes:
            _check_letters(analysis, {*symbols_in(batch), length})
            simple, assumed = opened(analysis)
            numbers = frozenset([port for port, other in enumerate(given) if other in chosen])
            return Tokens(analysis, simple, batch, length, numbers, axes[0], assumed)
        tied = tied or next(
            (c for c in analysis.decisive_conditions if c.relation == EQUAL and length in c.symbols), None
        )
    hint = "serve is for decoders of text, as llm/llama-3-8b"
    if tied:
        hint = f"{tied.path} needs {tied}: a number of tokens is a parameter, as L of input: 1xL:int64"
    raise UsageError(
        f"{architecture.name} does not go on from token to token: no input is a sequence, batch × tokens,"
        " for each of whose tokens the output has an element",
        hint=hint,
    )


def _is_sequence(x: Tensor) -> bool:
    return x.rank == (3 if is_floating(x.dtype) else 2)


def _with_the_same(architecture: Architecture, name: str, given: Mapping[str, Tensor]) -> Iterator[str]:
    """The other inputs whose second size is the same parameter of the file."""
    own = architecture.inputs[name].sizes[1:2]
    for other, x in given.items():
        sizes = architecture.inputs[other].sizes[1:2]
        if x.rank > 1 and own and sizes and sizes[0].text == own[0].text and not own[0].text.isdigit():
            yield other


def _check_letters(analysis: Analysis, known: set[str]) -> None:
    for row in analysis.rows:
        if symbols_in(*[n for w in row.weights.values() for n in w.shape]) & known:
            message = "its weights have a size for each token or sequence, so the network is of one length"
            hint = "serve is for networks whose weights are the same for any context"
            raise UsageError(f"{row.type}: {message}", hint=hint, path=row.path)
    sizes: list[Dim] = [n for row in analysis.rows for w in row.weights.values() for n in w.shape]
    sizes += [n for x in analysis.inputs.values() for n in x.shape]
    if others := sorted(symbols_in(*sizes) - known):
        raise UsageError(
            f"serve needs numbers for all but the batch and the context, not {', '.join(others)}"
        )


def letters(architecture: Architecture, batch: int | str, context: int | str) -> tuple[str, str]:
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


def check(network: Tokens, names: tuple[str, str], sizes: Sequence[Dim], new: int) -> None:
    """Refuse a context that the network does not take, for example more tokens than learned positions."""
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


def as_size(given: int | str) -> Dim:
    """The number, or the symbol of a letter."""
    return symbol(given) if isinstance(given, str) else given


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
