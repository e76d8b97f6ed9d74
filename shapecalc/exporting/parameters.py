"""Which parameters of the file are arguments of the network's class: those that may be letters.

The network is analysed with letters in their places, so that each size that depends on them is a formula,
which the code has as an expression. What a parameter decides otherwise, such as how many copies of a step
there are, is decided in the code: it is a number there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.engine.inputs import inputs_of
from shapecalc.engine.results import Analysis
from shapecalc.engine.run import analyse
from shapecalc.errors import ShapecalcError
from shapecalc.exporting.grouping import Classes, Freed
from shapecalc.exporting.literals import same, unique
from shapecalc.exporting.program import Region
from shapecalc.exporting.solving import UnlikeError
from shapecalc.exporting.structure import structured
from shapecalc.language.expressions import Expression
from shapecalc.symbolic import symbol


def classes_of(analysis: Analysis, root: Region) -> Classes:
    """The classes of a network, with as many parameters of the file as arguments as can be."""
    names = [name for name in _candidates(analysis) if _may_be_letter(analysis, name)]
    found = _with_free(analysis, root, names)
    if found is None and len(names) > 1:
        found = _one_by_one(analysis, root, names)
    return found or Classes(root, analysis.parameters)


def _one_by_one(analysis: Analysis, root: Region, names: Sequence[str]) -> Classes | None:
    """The classes with those parameters as arguments that can be beside the ones before."""
    free: list[str] = []
    found = None
    for name in names:
        more = _with_free(analysis, root, [*free, name])
        if more is not None:
            found = more
            free.append(name)
    return found


def _candidates(analysis: Analysis) -> list[str]:
    """Parameters that are whole numbers, but for those that follow from others or from a given input."""
    fixed = () if _has_own_input(analysis) else analysis.architecture.decided
    return [
        name
        for name, value in analysis.parameters.items()
        if type(value) is int and name not in fixed and not _is_formula(analysis, name)
    ]


def _may_be_letter(analysis: Analysis, name: str) -> bool:
    """Whether a parameter is analysed as a letter: at once, since copies of a step are skipped."""
    try:
        _freed(analysis, [name], brief=True)
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


def _with_free(analysis: Analysis, root: Region, names: Sequence[str]) -> Classes | None:
    """The classes with these parameters as arguments; None if they can't be."""
    if not names:
        return None
    try:
        freed = _freed(analysis, names)
        return Classes(root, analysis.parameters, Freed(structured(freed), freed.parameters, names))
    except (ShapecalcError, UnlikeError):
        return None


def _freed(analysis: Analysis, names: Sequence[str], brief: bool = False) -> Analysis:
    """The network with letters in the place of these parameters, and formulas for what follows from them."""
    letters = {name: symbol(unique(name, analysis.symbols)) for name in names}
    if _has_own_input(analysis):
        return analyse(analysis.architecture, None, {**_given(analysis), **letters}, brief=brief)
    kept = analysis.architecture.undecided(_given(analysis))
    return analyse(analysis.architecture, analysis.inputs, {**kept, **letters}, brief=brief)


def _given(analysis: Analysis) -> dict[str, Any]:
    """The values of parameters that do not follow from those of others."""
    plain = {name: v for name, v in analysis.parameters.items() if not _is_formula(analysis, name)}
    follows = analysis.architecture.scope(plain)
    changed = {name: v for name, v in analysis.parameters.items() if not same(v, follows[name])}
    return {**plain, **changed}
