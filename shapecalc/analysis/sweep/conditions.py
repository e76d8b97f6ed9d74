"""Comparisons of columns, as `--where` has them: parsed into two sides and a relation, never run as code."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from shapecalc.analysis.quantities import SIZE, read_quantity
from shapecalc.errors import UsageError, listed, nearest, quoted

Side: TypeAlias = "str | Fraction"
"""A column by its name, a number, or a word."""

_RELATIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_COMPARISON = re.compile(r"\s*([^<>=!]+?)\s*(<=|>=|==|!=|<|>|=)\s*([^<>=!]+?)\s*")
_WRITTEN = re.compile(r"[+-]?[0-9]{1,400}(?:/[0-9]{1,30}|(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?)")
"""A number as a file may have it, of no more digits than are quickly read."""
_HINT = "as in 'macs <= 600M', 'peak < 8GiB' or 'S >= width': K, M, G are powers of 1000, KiB of 1024"


class Comparison(NamedTuple):
    """A comparison of two columns, or of a column with a number or a word."""

    left: Side
    relation: str
    right: Side
    columns: frozenset[str]
    """Those of the sides that are columns."""

    def holds(self, row: Mapping[str, object]) -> bool | None:
        """Whether it is true of a row; None where a figure is not there, or is no number."""
        left, right = self._of(row, self.left), self._of(row, self.right)
        first, second = numeric(left), numeric(right)
        if first is not None and second is not None:
            return _RELATIONS[self.relation](first, second)
        if left is None or right is None or not self.compares_words:
            return None
        return _RELATIONS[self.relation](_word(left), _word(right))

    def _of(self, row: Mapping[str, object], side: Side) -> object:
        return row[side] if isinstance(side, str) and side in self.columns else side

    @property
    def compares_words(self) -> bool:
        """Whether words can be so related: they are equal or not, none is above another."""
        return self.relation in ("==", "!=", "=")


def read_comparison(text: str, columns: Collection[str], words: Collection[str]) -> Comparison:
    """The comparison that a text is; `words` are the columns whose values may be words.

    Raises:
        UsageError: it is none, or names a column that there is not.
    """
    match = _COMPARISON.fullmatch(text)
    if not match:
        raise UsageError(f"--where {quoted(text)} is no comparison", hint=_HINT)
    left, relation, right = match.groups()
    known = frozenset({left, right} & {*columns})
    if not known:
        wrong = next((side for side in (left, right) if not read_quantity(side)), None)
        if wrong is None:
            raise UsageError(f"--where {quoted(text)} compares no column", hint=_HINT)
        raise no_column("--where", wrong, columns)
    sides = [side if side in known else _constant(side, text) for side in (left, right)]
    found = Comparison(sides[0], relation, sides[1], known)
    for side in sides:
        if isinstance(side, str) and side not in known and not (known & {*words} and found.compares_words):
            raise no_column("--where", side, columns)
    return found


def no_column(option: str, name: str, columns: Collection[str]) -> UsageError:
    """The error of a column that there is not."""
    hint = nearest(name, columns) or f"columns: {listed(columns, 20)}"
    return UsageError(f"{option}: there is no column {quoted(name)}", hint=hint)


def _constant(text: str, whole: str) -> Side:
    """A number with its suffix, or a word."""
    found = read_quantity(text)
    if found is None:
        return text
    value = found.of(SIZE)
    if value is None:
        what = f"{quoted(found.suffix)} is no suffix of a number"
        raise UsageError(f"--where {quoted(whole)}: {what}", hint=_HINT)
    return value


def numeric(value: object) -> Fraction | None:
    """The number that a value is, as it is written: 0.1 is one tenth; None of one that is none."""
    if isinstance(value, Fraction):
        return value
    if type(value) is int:
        return Fraction(value)
    text = str(value) if type(value) in (float, str) else ""
    try:
        return Fraction(text) if _WRITTEN.fullmatch(text) else None
    except ZeroDivisionError:  # 1/0
        return None


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
