"""How the formulas of a network are printed: totals in fewer terms where its inputs allow that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shapecalc.engine.results import Analysis
from shapecalc.operations import Operations, Unknown
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import Condition

if TYPE_CHECKING:
    from shapecalc.analysis.domain.domain import Domain
    from shapecalc.analysis.memory.prediction import Moment


@dataclass(frozen=True, slots=True)
class PrintedFormulas:
    """How the formulas of a network are written."""

    domain: Domain | None
    """The inputs for which they hold; None where they do for all."""

    @classmethod
    def of(cls, analysis: Analysis, conditions: Sequence[Condition]) -> PrintedFormulas:
        """The formulas of a network that holds under these conditions."""
        if not conditions:
            return cls(None)
        from shapecalc.analysis.domain.domain import where_formulas_hold  # which numbers do not need

        return cls(where_formulas_hold(analysis, conditions))

    def total(self, size: Dim) -> Dim:
        """A total as it is written."""
        if isinstance(size, int):
            return size
        from shapecalc.analysis.domain.fewer_terms import fewer_terms

        return self.domain.fewer_terms(size) if self.domain else fewer_terms(size, {}, [])

    def known(self, size: Dim | Unknown) -> Dim | Unknown:
        return size if isinstance(size, Unknown) else self.total(size)

    def operations(self, found: Operations | Unknown) -> Operations | Unknown:
        return found if isinstance(found, Unknown) else found.each(self.total)

    def most(self, moment: Moment) -> Moment:
        """A peak as it is written, of formulas those alone that may be the greatest for the sizes meant."""
        return moment.rewritten(self.total, self.domain.in_multiples) if self.domain else moment

    def holds(self, margin: int) -> list[str]:
        """The note that says for which sizes they hold, if not for all; texts begin after the margin."""
        if not self.domain:
            return []
        from shapecalc.render.domain import limits

        return [f"{'Holds for':<{margin}}{', '.join(limits(self.domain))}"]
