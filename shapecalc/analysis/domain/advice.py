"""The hint beside sizes that do not agree: the nearest inputs that fit, or a value of a parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from shapecalc.analysis.domain.boxes import Box
from shapecalc.analysis.domain.domain import Domain, domain
from shapecalc.analysis.domain.generalise import in_general, sizes_of
from shapecalc.analysis.domain.sizesets import EVERY, SizeSet
from shapecalc.engine.inputs import inputs_of
from shapecalc.engine.run import analyse
from shapecalc.errors import ArchitectureError, ShapecalcError
from shapecalc.language.architecture import Architecture
from shapecalc.symbolic import symbol
from shapecalc.symbolic.conditions import AT_LEAST
from shapecalc.tensors import Tensor

_MOST_PARAMETERS = 20
_SYMBOL = "value_of_it"


def advised(
    error: ArchitectureError, architecture: Architecture, given: Any, values: Mapping[str, Any]
) -> ArchitectureError:
    """The error of an analysis, with a hint at sizes that fit where it is about sizes that must agree."""
    try:
        inputs = inputs_of(architecture, given, values)
        general = in_general(architecture, inputs, values)
        own = sizes_of(inputs, general.inputs)
        concerned = any(c.path == error.path and c.relation != AT_LEAST for c in general.conditions)
        if own and concerned:
            parts = [*_settings(architecture, inputs, values), *_nearest(domain(general, own))]
            error.hint = "; ".join(parts) or error.hint
    except (ShapecalcError, TypeError):
        pass  # no formula for every input: the error stays as it is
    return error


def _nearest(found: Domain) -> Iterator[str]:
    """The nearest sizes below and above the given ones that the network takes, in words."""
    if found.boxes:
        box = min(found.boxes, key=lambda box: _distance(box, found.own))
        texts = [text for name, n in found.own.items() if (text := _near(box.get(name, EVERY), name, n))]
        if texts and not found.open:
            yield f"the nearest sizes that fit: {', '.join(texts)}"
    yield "shapecalc domain says which do"


def _distance(box: Box, sizes: Mapping[str, int]) -> int:
    return sum(
        min(abs(n - near) for near in _neighbours(box.get(name, EVERY), n)) for name, n in sizes.items()
    )


def _near(sizes: SizeSet, name: str, n: int) -> str:
    return "" if n in sizes else f"{name} = {' or '.join(map(str, _neighbours(sizes, n)))}"


def _neighbours(sizes: SizeSet, n: int) -> list[int]:
    """The members of a set next below and above a number; the number alone if it is a member."""
    if n in sizes:
        return [n]
    below, above = sizes & SizeSet.between(1, n), sizes & SizeSet.between(n, None)
    return [*below.last(), *islice(above, 1)]


def _settings(
    architecture: Architecture, inputs: Mapping[str, Tensor], values: Mapping[str, Any]
) -> Iterator[str]:
    """An option that sets a parameter to the one other value, above 1, with which the inputs are taken."""
    scope, decided = architecture.scope(), architecture.decided
    kept = architecture.undecided(values)
    free = [n for n, v in scope.items() if type(v) is int and n not in decided and n not in values]
    for name in free[:_MOST_PARAMETERS]:
        try:
            found = domain(analyse(architecture, inputs, {**kept, name: symbol(_SYMBOL)}), None, True)
            fitting = {n for box in found.boxes for n in islice(box[_SYMBOL], 3)}
            (number,) = fitting - {1} or fitting  # a size of 1 may be one that is repeated
            analyse(architecture, inputs, {**kept, name: number})
        except (ShapecalcError, ValueError, KeyError, TypeError):
            continue  # not this one
        yield f"--set {name}={number}"
        return
