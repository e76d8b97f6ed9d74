"""The batch and the context that a network is served at: numbers or letters, and which of them it takes."""

from __future__ import annotations

from collections.abc import Sequence

from shapecalc.analysis.serving.tokens import Tokens
from shapecalc.errors import ArchitectureError, UsageError, quoted
from shapecalc.language.architecture import Architecture
from shapecalc.language.inputs import check_symbol
from shapecalc.symbolic import Dim, symbol
from shapecalc.tensors import LARGEST


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
