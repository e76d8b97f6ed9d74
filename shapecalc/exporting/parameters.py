"""Which parameters of the file are arguments of the network's class: those that may be letters.

The network is analysed with letters in their places, so that each size that depends on them is a formula,
which the code has as an expression. What a parameter decides otherwise, such as how many copies of a step
there are, is decided in the code: it is a number there.

What the file divides by another parameter, as a width by heads, is a letter times that one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from shapecalc.engine.inputs import inputs_of
from shapecalc.engine.results import Analysis
from shapecalc.engine.run import analyse
from shapecalc.errors import ShapecalcError
from shapecalc.exporting.grouping import Classes, WithLetters
from shapecalc.exporting.literals import same, unique
from shapecalc.exporting.program import Region
from shapecalc.exporting.solving import UnlikeError
from shapecalc.exporting.structure import structured
from shapecalc.language.expressions import Expression
from shapecalc.symbolic import symbol

_MOST = 64
"""The largest number of which multiples are looked for."""

Letters: TypeAlias = "Mapping[str, str | int | None]"
"""By a parameter of the file that has a letter, what it is a multiple of: another, a number, or None."""


def classes_of(analysis: Analysis, root: Region) -> Classes:
    """The classes of a network, with as many parameters of the file as arguments as can be."""
    candidates = _candidates(analysis)
    free: Letters = {name: None for name in candidates if _may_have(analysis, {name: None})}
    found = _with_free(analysis, root, free)
    if found is None and len(free) > 1:
        free, found = _one_by_one(analysis, root, [*free])
    for name in candidates:
        for of in _wholes(analysis, name, candidates) if name not in free else ():
            for more in _as_multiple(free, name, of, analysis):
                if name not in free and (classes := _with_free(analysis, root, more)):
                    free, found = more, classes
    return found or Classes(root, analysis.parameters)


def _one_by_one(analysis: Analysis, root: Region, names: Sequence[str]) -> tuple[Letters, Classes | None]:
    """The classes with those parameters as arguments that can be beside the ones before."""
    free: Letters = {}
    found = None
    for name in names:
        classes = _with_free(analysis, root, {**free, name: None})
        if classes is not None:
            found, free = classes, {**free, name: None}
    return free, found


def _wholes(analysis: Analysis, name: str, candidates: Sequence[str]) -> Iterator[str]:
    """The parameters that one must be a multiple of: the network refuses what lies between."""
    value = analysis.parameters[name]
    for of in candidates:
        part = analysis.parameters[of]
        divides = of != name and 1 < part <= _MOST and value > part and value % part == 0
        if divides and not any(_may_be(analysis, {name: value + more}) for more in range(1, part)):
            yield of


def _as_multiple(free: Letters, name: str, of: str, analysis: Analysis) -> Iterator[Letters]:
    """What has letters, with one more that is a multiple of another: of its letter, or of its number."""
    yield {**free, of: free.get(of), name: of}
    if of not in free:
        yield {**free, name: analysis.parameters[of]}


def _candidates(analysis: Analysis) -> list[str]:
    """Parameters that are whole numbers, but for those that follow from others or from a given input."""
    fixed = () if _has_own_input(analysis) else analysis.architecture.decided
    return [
        name
        for name, value in analysis.parameters.items()
        if type(value) is int and name not in fixed and not _is_formula(analysis, name)
    ]


def _may_have(analysis: Analysis, free: Letters) -> bool:
    """Whether parameters are analysed as letters: at once, since copies of a step are skipped."""
    return _may_be(analysis, _values(analysis, free))


def _may_be(analysis: Analysis, values: Mapping[str, Any]) -> bool:
    try:
        _freed(analysis, values, brief=True)
    except ShapecalcError:
        return False
    return True


def _is_formula(analysis: Analysis, name: str) -> bool:
    """Whether the file writes a parameter as an expression over others."""
    return _has_names(analysis.architecture.parameters[name].value)


def _has_names(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_has_names, value))
    return isinstance(value, Expression) and bool(value.names)


def _has_own_input(analysis: Analysis) -> bool:
    """Whether the inputs are those of the file."""
    return inputs_of(analysis.architecture, None, analysis.parameters) == dict(analysis.inputs)


def _with_free(analysis: Analysis, root: Region, free: Letters) -> Classes | None:
    """The classes with these parameters as arguments; None if they can't be."""
    if not free or not _may_have(analysis, free):
        return None
    letters = {_letter(analysis, name): [name, *([str(of)] if of else [])] for name, of in free.items()}
    try:
        freed = _freed(analysis, _values(analysis, free))
        return Classes(
            root, analysis.parameters, WithLetters(structured(freed), freed.parameters, [*free], letters)
        )
    except (ShapecalcError, UnlikeError):
        return None


def _letter(analysis: Analysis, name: str) -> str:
    return unique(name, analysis.symbols)


def _values(analysis: Analysis, free: Letters) -> dict[str, Any]:
    """What stands for the parameters that have letters."""
    alone: dict[str, Any] = {name: symbol(_letter(analysis, name)) for name in free}
    factors = {name: alone[of] if isinstance(of, str) else of or 1 for name, of in free.items()}
    return {name: letter * factors[name] for name, letter in alone.items()}


def _freed(analysis: Analysis, values: Mapping[str, Any], brief: bool = False) -> Analysis:
    """The network with these values of parameters, and formulas for what follows from them."""
    if _has_own_input(analysis):
        return analyse(analysis.architecture, None, {**_given(analysis), **values}, brief=brief)
    kept = analysis.architecture.undecided(_given(analysis))
    return analyse(analysis.architecture, analysis.inputs, {**kept, **values}, brief=brief)


def _given(analysis: Analysis) -> dict[str, Any]:
    """The values of parameters that do not follow from those of others."""
    plain = {name: v for name, v in analysis.parameters.items() if not _is_formula(analysis, name)}
    follows = analysis.architecture.scope(plain)
    changed = {name: v for name, v in analysis.parameters.items() if not same(v, follows[name])}
    return {**plain, **changed}
