"""A figure as a chain of equal terms: its formula in names, the same with numbers put in, the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from shapecalc.symbolic import Dim, Expr, symbol
from shapecalc.symbolic.notation import Notation, substituted, text
from shapecalc.window import Window


class Formula(NamedTuple):
    """A formula in names, the values of these, and the order in which a product has them."""

    size: Dim
    values: Mapping[str, Dim]
    order: tuple[str, ...] = ()

    def chain(self, notation: Notation) -> tuple[str, ...]:
        """The formula, and the same with the numbers put in."""
        ranks = {name: rank for rank, name in enumerate(dict.fromkeys(self.order))}
        notation = replace(notation, order=ranks)
        lone = [name for name in self.values if self.size == symbol(name)]
        values = text(self.values[lone[0]], notation) if lone else None
        return text(self.size, notation), values or substituted(self.size, self.values, notation)


class WindowCount(NamedTuple):
    """The number of windows on an axis of n elements, in the textbooks' letters: n, k, p and s."""

    window: Window
    n: Dim

    def chain(self, notation: Notation) -> tuple[str, ...]:
        """The formula, and the same with the numbers put in."""
        w = self.window
        sizes = (self.n, w.extent, w.before + w.after, w.stride, w.before)
        numbers = [text(size, notation) for size in sizes]
        return self._written(notation, "n", "k", "p", "s", "p/2"), self._written(notation, *numbers)

    def _written(self, notation: Notation, n: str, k: str, p: str, s: str, half: str) -> str:
        if not self.window.ceil_mode:
            over = f"{n} {notation.minus} {k} + {p} + {s}"
            return notation.floor.format(f"({over})", s, over, s)
        if self.window.may_drop and isinstance(self.n, Expr):  # the formula knows for which sizes
            return notation.ceil.format(f"({n} + {half})", s, f"{n} + {half}", s)
        over = f"{n} {notation.minus} {k} + {p}"
        size = f"{notation.ceil.format(f'({over})', s, over, s)} + 1"
        return f"{size} {notation.minus} 1" if self.drops else size

    @property
    def drops(self) -> bool:
        """Whether torch leaves out a last window, which would start beyond the input."""
        w = self.window
        if not w.may_drop or isinstance(self.n, Expr):
            return False
        rounded_up = -(-(self.n - w.extent + w.before + w.after) // w.stride) + 1
        return rounded_up != w.windows_on(self.n)


class Derivation(NamedTuple):
    """`names` = formula = formula with numbers = result."""

    names: tuple[str, ...]
    formula: Formula | WindowCount
    result: Dim

    def chain(self, notation: Notation) -> list[str]:
        """The names and what they are equal to, step by step; a step that changes nothing is left out."""
        names = map(notation.symbol, self.names)
        steps = [*names, *self.formula.chain(notation), text(self.result, notation)]
        return [step for i, step in enumerate(steps) if i == 0 or step != steps[i - 1]]
