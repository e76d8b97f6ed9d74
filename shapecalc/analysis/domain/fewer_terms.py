"""Formulas in fewer terms, for those sizes alone that a network takes.

Where H is 16⋅u, ⌊H/2⌋ is 8⋅u and ⌊H/4⌋ is 4⋅u: sums over layers of such sizes are one polynomial in u, which
is written with H again, or with the coarsest of these floors that its coefficients need.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import groupby
from math import prod
from typing import NamedTuple

from shapecalc.analysis.domain.boxes import Box
from shapecalc.analysis.domain.residues import ALL, Residues, merge
from shapecalc.analysis.domain.sizesets import SizeSet
from shapecalc.symbolic import Dim, Expr, at, lone_symbol, maximum, minimum, rises, summed, symbol, symbols_in
from shapecalc.symbolic.conditions import EQUAL, Condition
from shapecalc.symbolic.expr import Extreme, Factor, Floor, Product, Symbol, alone, total
from shapecalc.symbolic.sums import multiplied_out
from shapecalc.tensors import product as product_of

_MOST_PARTS = 500
"""Symbols and floors of a formula that is still looked at."""
_MOST_PARTED = 64
"""The largest number that a period is divided by, for a shorter one."""
_MOST_TRIED = 1_000
"""The largest divisor of floors that are tried."""


class _Run(NamedTuple):
    """The sizes of a symbol: period⋅u + offset + r for u from 1 on, and each r from 0 to width.

    A period of 0 is that of a single range of sizes.
    """

    period: int
    offset: int
    width: int

    def first(self, name: str) -> Dim:
        """The first of the sizes that belong to one u."""
        return self.period * symbol(_multiple(name)) + self.offset


class _Level(NamedTuple):
    """A size to write a formula with: ⌊H/4⌋, which is times⋅u + more."""

    size: Dim
    times: int
    more: int


def fewer_terms(size: Dim, box: Box, conditions: Sequence[Condition]) -> Dim:
    """A formula that is equal to `size` wherever its symbols lie in the box and meet the conditions."""
    if isinstance(size, int) or size.parts > _MOST_PARTS:
        return size
    inner, runs = _inner(size, box, conditions)
    endless = {name: run for name, run in runs.items() if run.period}
    shorter = min([*_written(inner, endless)][::-1], key=_length)  # of several the one with the finest floors
    return shorter if _length(shorter) < size.parts else size


def in_multiples(size: Dim, box: Box, conditions: Sequence[Condition]) -> Dim:
    """The same in symbols of its own, from 1 on: formulas in these are compared for the sizes alone."""
    return size if isinstance(size, int) or size.parts > _MOST_PARTS else _inner(size, box, conditions)[0]


def _inner(size: Expr, box: Box, conditions: Sequence[Condition]) -> tuple[Dim, dict[str, _Run]]:
    """A size with u in place of what is the same for all sizes that belong to one u."""
    equal = at(size, _same(conditions))
    runs = {name: run for name in sorted(symbols_in(equal)) if (run := _run(box.get(name)))}
    return _within(equal, runs), runs


def _length(size: Dim) -> int:
    return 0 if isinstance(size, int) else size.parts


def _shorter(size: Dim) -> Dim:
    """A size, multiplied out where that is shorter."""
    terms = None if isinstance(size, int) else multiplied_out(size.terms)
    return size if terms is None else min(size, total(terms), key=_length)


def _same(conditions: Sequence[Condition]) -> dict[str, Dim]:
    """By symbols that are equal to another size, that size: W is H."""
    found: dict[str, Dim] = {}
    for condition in conditions:
        left, right = (at(side, found) for side in (condition.left, condition.right))
        name = lone_symbol(left)
        if condition.relation == EQUAL and name and lone_symbol(right) and left != right:
            found = {other: at(size, {name: right}) for other, size in found.items()}
            found[name] = right
    return found


def _multiple(name: str) -> str:
    """The symbol of the u of a run."""
    return f"{name}/"


def _run(sizes: SizeSet | None) -> _Run | None:
    """The sizes of a set that is one run; None of others."""
    if sizes is None or len(sizes.segments) != 1:
        return None
    ((first, last, own),) = sizes.segments
    if last is not None and own == ALL:
        return _Run(0, first, last - first)
    for parts in range(1, _MOST_PARTED):
        period = own.period // parts
        band = None if own.period % parts else _band(own, period)
        if band:
            low, high = band
            before = -((high - first) // period) - 1
            return _Run(period, low + before * period, high - low)
    return None


def _band(own: Residues, period: int) -> tuple[int, int] | None:
    """The one band of remainders by a part of the period, maybe around its end; None where there are more."""
    (low, high), *others = merge((low % period, low % period + high - low) for low, high in own.bands)
    if others:
        (start, stop), *more = others
        if more or stop + 1 < low + period:
            return None
        low, high = start, max(stop, high + period)
    return (low, high) if high - low + 1 < period or period == 1 else None


def _within(size: Dim, runs: Mapping[str, _Run]) -> Dim:
    if isinstance(size, int):
        return size
    return summed([number * _product(product, runs) for product, number in size.terms.items()])


def _product(product: Product, runs: Mapping[str, _Run]) -> Dim:
    return product_of(tuple([_factor(factor, runs) for factor, power in product for _ in range(power)]))


def _factor(factor: Factor, runs: Mapping[str, _Run]) -> Dim:
    own = alone(factor)
    names = symbols_in(own)
    if len(names) == 1 and names <= runs.keys():
        (name,) = names
        run = runs[name]
        same = _same_throughout(own, name, run)
        if same is not None:
            return same
    match factor:
        case Floor(over, by):
            return _within(over, runs) // _within(by, runs)
        case Extreme(function, of):
            return reduce(maximum if function == "max" else minimum, [_within(one, runs) for one in of])
        case Expr():
            return _within(factor, runs)
    return own


def _same_throughout(size: Dim, name: str, run: _Run) -> Dim | None:
    """The size, in u, where it is the same for all sizes that belong to one u."""
    first = at(size, {name: run.first(name)})
    if run.width == 0:
        return first
    last = at(size, {name: run.first(name) + run.width})
    return first if first == last and rises(size, positive=False) else None


def _written(inner: Dim, runs: Mapping[str, _Run]) -> Iterator[Dim]:
    """The same formula without u, symbols that have the same sizes written in the same way."""
    chosen = {name: _Level((symbol(name) - run.offset) // run.period, 1, 0) for name, run in runs.items()}
    yield _shorter(at(inner, {_multiple(name): level.size for name, level in chosen.items()}))
    for run, names in groupby(sorted(runs, key=lambda name: runs[name]), key=runs.__getitem__):
        group = list(names)
        for levels in zip(*(_levels(name, run) for name in group), strict=True):
            finer = {**chosen, **dict(zip(group, levels, strict=True))}
            written = _with(inner, finer)
            if written is not None:
                chosen = finer
                yield written
                break


def _levels(name: str, run: _Run) -> Iterator[_Level]:
    """What is a multiple of u and a constant, the finest first: H, ⌊H/2⌋, ⌈H/2⌉ and so on."""
    own = symbol(name)
    for by in (by for by in range(1, min(run.period, _MOST_TRIED) + 1) if run.period % by == 0):
        for size in (own // by, -(-own // by)):
            same = _same_throughout(size, name, run)
            more = None if same is None else same - run.period // by * symbol(_multiple(name))
            if isinstance(more, int):
                yield _Level(size, run.period // by, more)


def _with(inner: Dim, levels: Mapping[str, _Level]) -> Dim | None:
    """A formula in u, written with sizes in its place; None where that would need fractions."""
    direct = {_multiple(name): one.size - one.more for name, one in levels.items() if one.times == 1}
    return _by_fractions(at(inner, direct), {_multiple(name): one for name, one in levels.items()})


def _by_fractions(inner: Dim, levels: Mapping[str, _Level]) -> Dim | None:
    """The same for u = (size − more)/times: all is multiplied by powers of `times`, then divided."""
    levels = {name: level for name, level in levels.items() if level.times > 1}
    terms = None if isinstance(inner, int) else multiplied_out(inner.terms)
    if terms == {}:
        return 0
    if terms is None or not levels:
        return None if levels and not isinstance(inner, int) else inner
    most = {name: max(_power(product, name) for product in terms) for name in levels}
    whole: list[Dim] = []
    for product, number in terms.items():
        rest = total({frozenset((f, p) for f, p in product if not _is_multiple(f, levels)): number})
        if levels.keys() & symbols_in(rest):
            return None  # u within a floor
        for name, (size, times, more) in levels.items():
            power = _power(product, name)
            rest = rest * times ** (most[name] - power) * product_of((size - more,) * power)
        whole.append(rest)
    return _divided(summed(whole), prod(level.times ** most[name] for name, level in levels.items()))


def _is_multiple(factor: Factor, levels: Mapping[str, _Level]) -> bool:
    return isinstance(factor, Symbol) and factor.name in levels


def _power(product: Product, name: str) -> int:
    return sum(power for factor, power in product if factor == Symbol(name))


def _divided(size: Dim, by: int) -> Dim | None:
    """A size divided by a number that divides all its coefficients, else None."""
    if isinstance(size, int):
        return size // by if size % by == 0 else None
    terms = multiplied_out(size.terms)
    if terms is None or any(number % by for number in terms.values()):
        return None
    return total({product: number // by for product, number in terms.items()})
