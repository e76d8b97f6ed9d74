"""What is wrong at every point of a sweep: it is refused before the first is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shapecalc.analysis.memory.optimizers import OPTIMIZERS
from shapecalc.analysis.sweep.figures import Terms
from shapecalc.analysis.sweep.points import Axis, Sweep
from shapecalc.engine.inputs import Given, inputs_of
from shapecalc.errors import ArchitectureError, ShapecalcError, UsageError, listed, nearest, quoted
from shapecalc.language.architecture import Architecture
from shapecalc.symbolic import Expr, symbols_in

MOST_POINTS = 10_000_000
DTYPES = ("float32", "bfloat16", "float16")


def check(swept: Sweep) -> None:
    """Refuse what is wrong at every point.

    Raises:
        UsageError: an axis is of no parameter or letter, or a value of no kind that it takes; a letter
            has no values; there are too many points.
    """
    if swept.size > MOST_POINTS:
        raise UsageError(f"the sweep has {swept.size:,} points, at most {MOST_POINTS:,} are taken")
    check_terms(swept.terms)
    if swept.zipped:
        _check_pairs(swept.axes)
    _check_names(swept.axes, swept.columns)
    for axis in swept.axes:
        if axis.letter:
            _check_sizes(axis)
    for architecture in swept.networks.values():
        _check_values(architecture, [axis for axis in swept.axes if not axis.letter])
        _check_letters(architecture, swept)


def check_terms(terms: Terms) -> None:
    """Refuse a dtype or an optimizer that there is not."""
    for what, name, known in (("dtype", terms.dtype, DTYPES), ("optimizer", terms.optimizer, OPTIMIZERS)):
        if name not in known:
            hint = nearest(name, known) or f"one of {listed(known)}"
            raise UsageError(f"there is no {what} {quoted(name)} to give bytes for", hint=hint)


def _check_pairs(axes: Sequence[Axis]) -> None:
    lengths = {axis.name: len(axis.values) for axis in axes if len(axis.values) > 1}
    if len({*lengths.values()}) > 1:
        counts = ", ".join(f"{name} has {length:,}" for name, length in lengths.items())
        raise UsageError(f"--zip takes the values of all axes side by side, and {counts}")


def _check_names(axes: Sequence[Axis], columns: Sequence[str]) -> None:
    names = [axis.name for axis in axes]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name} is varied twice", hint="one --set or --vary has all of its values")
        if name in columns or name in ("name", "note", "error", "pareto"):
            raise UsageError(
                f"{name} is varied, and is a column of its own, too", hint="leave out the column"
            )


def _check_sizes(axis: Axis) -> None:
    for value in axis.values:
        if type(value) is not int or value < 1:
            raise UsageError(f"--vary {axis.name}: a size is a whole number of at least 1, not {value}")


def _check_values(architecture: Architecture, axes: Sequence[Axis]) -> None:
    """Refuse a parameter that the file lacks, and a value of another kind than its default."""
    for axis in axes:
        numbers = {type(value): value for value in reversed(axis.values) if type(value) in (int, float)}
        others = [value for value in axis.values if type(value) not in numbers]
        for value in (*numbers.values(), *others):  # of numbers of a kind, one stands for all
            try:
                architecture.scope({axis.name: value})
            except UsageError:
                raise
            except ShapecalcError:  # together with the others' values it may be right
                continue


def _check_letters(architecture: Architecture, sweep: Sweep) -> None:
    """Refuse letters without values, and values for letters that are not there."""
    first = {axis.name: axis.values[0] for axis in sweep.axes if not axis.letter}
    varied = [axis.name for axis in sweep.axes if axis.letter]
    try:
        letters = _letters(architecture, sweep.input, first)
    except ArchitectureError:  # of the first values, which others need not have
        return
    for name in varied:
        if name not in letters:
            hint = (
                nearest(name, letters)
                or f"letters: {listed(sorted(letters)) or 'none'}, as in --input 1x3xSxS"
            )
            raise UsageError(
                f"--vary {name}: the input of {architecture.name} has no letter {name}", hint=hint
            )
    for name in sorted(letters - {*varied}):
        raise UsageError(
            f"{architecture.name} has the letter {name}, and a sweep needs numbers for it",
            hint=f"--vary {name}=FIRST..LAST:STEP, or a number in its place",
        )


def _letters(architecture: Architecture, given: Given, values: Mapping[str, object]) -> frozenset[str]:
    """The letters of the inputs, and of values for parameters."""
    inputs = inputs_of(architecture, given, values)
    formulas = [value for value in architecture.scope(values).values() if isinstance(value, Expr)]
    return symbols_in(*[size for tensor in inputs.values() for size in tensor.shape], *formulas)
