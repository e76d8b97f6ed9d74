"""What a convention counts of a network: the total, and what it is made of."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat

from shapecalc.analysis.counting.rules import Beside, Convention
from shapecalc.analysis.memory.liveness import needed
from shapecalc.engine.results import Analysis, Row
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, summed
from shapecalc.symbolic.conditions import collecting


@dataclass(frozen=True, slots=True)
class Count:
    """What a convention counts of rows: their products as it weighs them, and what it counts beside them."""

    convention: Convention
    products: Dim
    beside: Mapping[str, Dim]
    unknown: tuple[tuple[str, str], ...] = ()
    """The paths of rows whose count is not known, with the reasons."""

    @property
    def total(self) -> Dim | Unknown:
        if self.unknown:
            path, reason = self.unknown[0]
            return Unknown(f"{path}: {reason}")
        return summed([self.products, *self.beside.values()])


def seen(convention: Convention, analysis: Analysis) -> Container[int]:
    """The numbers of the rows that the tool reads."""
    return needed(analysis) if convention.traced else range(len(analysis.rows))


def count(convention: Convention, analysis: Analysis) -> Count:
    """What is counted of the network."""
    live = seen(convention, analysis)
    return count_rows(convention, analysis, range(len(analysis.rows)), live, analysis.times)


def count_rows(
    convention: Convention,
    analysis: Analysis,
    chosen: Iterable[int],
    live: Container[int],
    each: Iterable[int] = repeat(1),
) -> Count:
    """What is counted of some rows, of which the tool reads the `live` ones; of `each` so many times."""
    products: list[Dim] = []
    beside: dict[str, list[Dim]] = {}
    unknown: list[tuple[str, str]] = []
    for number, times in zip(chosen, each, strict=False):
        row = analysis.rows[number]
        macs = row.macs if times == 1 else times * row.macs
        products.append(macs)
        if number in live:
            found = beside_products(convention, row, times)
        else:
            found = {"rows that no output needs": -convention.per_mac * macs}
        if row.layer.uncounted:
            found = Unknown(row.layer.uncounted)
        if isinstance(found, Unknown):
            unknown.append((row.path, found.reason))
            continue
        for what, more in found.items():
            beside.setdefault(what, []).append(more)
    sums = {what: summed(parts) for what, parts in beside.items()}
    return Count(
        convention,
        convention.per_mac * summed(products),
        {w: n for w, n in sums.items() if n != 0},
        tuple(unknown),
    )


def training(convention: Convention, analysis: Analysis) -> Dim | Unknown | None:
    """What is counted of the forward and the backward pass; None where the tool counts no backward pass."""
    if convention.training is None:
        return None
    forward = count(convention, analysis).total
    return forward if isinstance(forward, Unknown) else convention.training(analysis, forward)


def beside_products(convention: Convention, row: Row, times: int) -> Beside:
    """What is counted of so many rows beside their products."""
    found = _beside(convention, row)
    if times == 1 or isinstance(found, Unknown):
        return found
    return {what: times * number for what, number in found.items()}


def _beside(convention: Convention, row: Row) -> Beside:
    """What is counted of a row: by the rule for its type, or as the sum over the layers it is made of."""
    rule = convention.rule(row.layer)
    parts = () if rule else row.layer.parts(*row.inputs)
    if not parts:
        with collecting():  # what has to hold was recorded with the figures
            return (rule or convention.rest)(row, convention.per_mac * row.macs)
    total: dict[str, Dim] = {}
    for part in parts:
        found = _beside(convention, Row.alone(f"{row.path}.{part.layer.type}", part.layer, part.inputs))
        if isinstance(found, Unknown):
            return found
        for what, more in found.items():
            total[what] = total.get(what, 0) + part.times * more
    return total
