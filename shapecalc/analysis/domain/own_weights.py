"""Which inputs keep the shapes of a network's weights, which are those at its file's own input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shapecalc.engine.inputs import inputs_of
from shapecalc.engine.results import Analysis, Row
from shapecalc.engine.run import analyse
from shapecalc.errors import ShapecalcError
from shapecalc.symbolic import Expr
from shapecalc.symbolic.conditions import EQUAL, Condition
from shapecalc.symbolic.notation import shape_text
from shapecalc.tensors import Shape, Tensor

KEPT = "its weights keep their shape"
"""Why there is a condition on weights: the text that is shown beside it."""


class Change(NamedTuple):
    """A weight whose shape an input changes: `shape`, in place of `own` at the file's own input."""

    path: str
    name: str
    shape: Shape
    own: Shape

    def __str__(self) -> str:
        shapes = f"{shape_text(self.shape)}, at the file's own input {shape_text(self.own)}"
        return f"{self.path}: the {self.name} is {shapes}"


def change(analysis: Analysis) -> Change | None:
    """The first weight whose shape the inputs of an analysis change; formulas are not compared."""
    own = _analysed(analysis, {})
    before_by_path = {row.path: row.weights for row in own.rows} if own else {}
    for row in analysis.rows:
        for name, weight in row.weights.items():
            before = before_by_path.get(row.path, {}).get(name, weight).shape
            known = zip(weight.shape, before, strict=False)
            if any(isinstance(n, int) and isinstance(m, int) and n != m for n, m in known):
                return Change(row.path, name, weight.shape, before)
    return None


def keeping(general: Analysis) -> tuple[Condition, ...]:
    """The conditions of a network in general, and those under which its weights keep their shapes.

    These are the shapes at the file's own input, where symbols have the file's own sizes; sizes that are
    formulas there too are not compared. Where a tensor made of weights alone meets another one, none of the
    two is broadcast, unless that happens at the file's own input.
    """
    inputs = _own_sizes(general)
    own = _analysed(general, inputs) if inputs else None
    if own is None:
        return general.conditions
    sizes = {
        str(size): n
        for name, x in general.inputs.items()
        for size, n in zip(x.shape, own.inputs[name].shape, strict=True)
        if isinstance(size, Expr) and isinstance(n, int)
    }
    joins = {row.path for row in _joins_with_weights(general)}
    kept = [_strict(c, sizes) if c.path in joins else c for c in general.conditions]
    more = _same_weights(general, own)
    return (*kept, *(c for c in more if not any(known.implies(c) for known in kept)))


def _analysed(analysis: Analysis, inputs: Mapping[str, Tensor]) -> Analysis | None:
    """The analysis at the file's own input, or at `inputs`; None where the network does not take that."""
    values = _given(analysis, analysis.given)
    try:
        return analyse(analysis.architecture, inputs or None, values, brief=analysis.brief)
    except ShapecalcError:
        return None


def _given(analysis: Analysis, values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with other values than the file's."""
    defaults = analysis.architecture.scope()
    return {name: value for name, value in values.items() if value != defaults[name]}


def _own_sizes(general: Analysis) -> dict[str, Tensor] | None:
    """The inputs with the file's own sizes in place of formulas; None where an input is of another rank."""
    found = {}
    for name, own in inputs_of(general.architecture).items():
        x = general.inputs[name]
        if x.rank != own.rank:
            return None
        sizes = zip(x.shape, own.shape, strict=True)
        shape = tuple(n if isinstance(size, Expr) and isinstance(n, int) else size for size, n in sizes)
        found[name] = Tensor(shape, x.dtype)
    return found


def _same_weights(general: Analysis, own: Analysis) -> Iterator[Condition]:
    """That each size of a weight that is a formula is as at the file's own input; each size once."""
    known = set()
    before = {row.path: row.weights for row in own.rows}
    for row in general.rows:
        for name, weight in row.weights.items():
            mine = before.get(row.path, {}).get(name, weight)
            for size, n in zip(weight.shape, mine.shape, strict=True):
                if size != n and (size, n) not in known and isinstance(size, Expr):
                    known.add((size, n))
                    yield Condition(size, EQUAL, n, KEPT, path=row.path)


def _joins_with_weights(analysis: Analysis) -> Iterator[Row]:
    """The rows where a tensor made of weights alone meets one that depends on the input."""
    learned: set[int] = set()
    for index, row in enumerate(analysis.rows):
        of_weights = [wire.row in learned for wire in row.sources]
        if all(of_weights):
            learned.add(index)
        elif any(of_weights):
            yield row


def _strict(condition: Condition, sizes: Mapping[str, int]) -> Condition:
    """A condition on a join without its exception for a size of 1, unless these sizes need that."""
    if condition.relation != EQUAL or not condition.symbols <= sizes.keys() or not condition.holds(sizes):
        return condition
    return condition.strict
