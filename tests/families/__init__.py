"""What the property tests have to know of single layer types, one module for each file of layers.

A type is drawn from its declaration alone. It is named in a module here only where something can't be read
off its fields: `INPUTS` and `ARGUMENTS` that have to fit together (`FITTED` for some arguments only),
`ELEMENTS` of inputs that torch looks at, `STRICTER` refusals of shapecalc's own, `RARE` cases that are drawn
too seldom, `TAKES_ALL` types that refuse nothing, `UNSEEN` types whose products torch's counter does not see,
with a decomposition into products that it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import Drawn, Stricter

_modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]


def _mapping(name: str) -> dict[str, Any]:
    return {key: value for module in _modules for key, value in getattr(module, name, {}).items()}


def _sequence(name: str) -> list[Any]:
    return [item for module in _modules for item in getattr(module, name, ())]


INPUTS: Mapping[str, Callable[[], st.SearchStrategy[tuple[Tensor, ...]]]] = _mapping("INPUTS")
"""Type → its inputs."""
ARGUMENTS: Mapping[str, Callable[[tuple[Tensor, ...]], st.SearchStrategy[dict[str, Any]]]] = _mapping(
    "ARGUMENTS"
)
"""Type → its arguments, given the inputs."""
FITTED: Mapping[str, Callable[[tuple[Tensor, ...]], st.SearchStrategy[dict[str, Any]]]] = _mapping("FITTED")
"""Type → some of its arguments, given the inputs; they take the place of those drawn from the fields."""
ELEMENTS: Mapping[str, Callable[[tuple[Tensor, ...]], Mapping[int, list[int]]]] = _mapping("ELEMENTS")
"""Type → by the number of an input, its elements in torch; all others are zeros."""
UNSEEN: Mapping[str, Callable[[Drawn], int]] = _mapping("UNSEEN")
"""Type → the multiply-accumulates of a draw, counted by torch in a decomposition."""
STRICTER: list[Stricter] = _sequence("STRICTER")
RARE: list[Drawn] = _sequence("RARE")
TAKES_ALL: set[str] = set(_sequence("TAKES_ALL"))
