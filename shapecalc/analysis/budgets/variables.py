"""What a largest value is sought of: parameters of the file, letters of the input, the batch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from shapecalc.analysis.memory.batch import batched
from shapecalc.engine.inputs import Given, inputs_of
from shapecalc.engine.run import analyse
from shapecalc.errors import UsageError, listed, nearest, quoted, written
from shapecalc.language.architecture import Architecture
from shapecalc.symbolic import Expr, symbol, symbols_in

BATCH = "batch"
"""What `--for` calls the first axis of the inputs."""
_STEP = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_FINE = Fraction(1, 100)
"""The step of a parameter that takes fractions, unless one is given."""


class Variable(NamedTuple):
    """A parameter of the file or, with `letter`, a letter of the inputs.

    Its values are the multiples of a step.
    """

    name: str
    step: Fraction = Fraction(1)
    letter: bool = False

    def value(self, place: int) -> int | float:
        """The multiple of the step, as a file would have it."""
        found = self.step * place
        return found.numerator if found.denominator == 1 else float(found)


class Task(NamedTuple):
    """A network whose variables are sought: `given` has letters, `values` are of the other parameters."""

    architecture: Architecture
    given: Given
    values: Mapping[str, object]
    variables: tuple[Variable, ...]


def read_task(
    architecture: Architecture,
    given: Given,
    values: Mapping[str, object],
    names: Sequence[str],
    steps: Mapping[str, object],
) -> Task:
    """The task that texts ask for; `steps` by the names of variables, under "" of all others.

    Raises:
        UsageError: a name is neither a parameter of numbers nor a letter of the input, a step is no
            number above 0, or the input has letters that nothing is sought of.
    """
    if not names:
        raise UsageError("there is nothing to seek", hint="--for width, --for H or --for batch")
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--for has {quoted(name)} twice")
        if name in values:
            raise UsageError(f"{name} is sought, and --set gives it a value", hint="leave out one of them")
    scope = architecture.scope(values)
    if BATCH in names and BATCH not in scope:
        given = batched(analyse(architecture, given, values, brief=True).inputs, symbol(BATCH))
    inputs = inputs_of(architecture, given, values)
    letters = symbols_in(*[size for tensor in inputs.values() for size in tensor.shape])
    found = [_variable(name, architecture, scope, letters, steps) for name in names]
    for name in steps:
        if name and name not in names:
            raise UsageError(f"--step is of {quoted(name)}, which --for does not have")
    if others := sorted({*letters, *_symbols(scope, values)} - {*names}):
        hint = f"--for {','.join([*names, *others])}, or numbers in their place"
        raise UsageError(f"{architecture.name} has the letters {listed(others)}, too", hint=hint)
    return Task(architecture, given, values, tuple(found))


def _symbols(scope: Mapping[str, Any], values: Mapping[str, object]) -> frozenset[str]:
    """The letters that were given for parameters."""
    return symbols_in(*[scope[name] for name in values if isinstance(scope[name], Expr)])


def _variable(
    name: str,
    architecture: Architecture,
    scope: Mapping[str, Any],
    letters: frozenset[str],
    steps: Mapping[str, object],
) -> Variable:
    step = _step(steps.get(name, steps.get("")), name)
    if name in scope and name not in letters:
        default = scope[name]
        if type(default) is int or isinstance(default, Expr):
            _refuse_fraction(name, step)
            return Variable(name, step or Fraction(1))
        if isinstance(default, bool | str | tuple) or default is None:
            raise UsageError(
                f"--for {name}: its values are no numbers, but such as {written(default)}",
                hint="sweep tries a list of values",
            )
        return Variable(name, step or _FINE)
    if name not in letters:
        known = [*(key for key, value in scope.items() if type(value) in (int, float)), *letters, BATCH]
        hint = nearest(name, known) or f"there are {listed(known)}; --input 1x3xHxW has the letters H and W"
        raise UsageError(
            f"--for {quoted(name)}: {architecture.name} has no such parameter, nor its input such a letter",
            hint=hint,
        )
    _refuse_fraction(name, step)
    return Variable(name, step or Fraction(1), letter=True)


def _refuse_fraction(name: str, step: Fraction | None) -> None:
    if step is not None and step.denominator > 1:
        raise UsageError(f"--step of {name} is a whole number, as its values are, not {float(step)}")


def _step(given: object, name: str) -> Fraction | None:
    if given is None:
        return None
    text = str(given).strip()
    found = Fraction(text) if _STEP.fullmatch(text) else None
    if not found:
        raise UsageError(f"--step of {name} is a number above 0, not {written(given)}", hint="as in --step 8")
    return found
