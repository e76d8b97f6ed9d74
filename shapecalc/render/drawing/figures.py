"""The lines of a box, as they are asked for: shapes, parameters, MACs, receptive fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis, Totals
from shapecalc.errors import UsageError, nearest, quoted
from shapecalc.render.cells import count, percent, share
from shapecalc.symbolic import Dim
from shapecalc.symbolic.notation import shape_text

if TYPE_CHECKING:
    from shapecalc.analysis.receptive.field import Receptive

SHOWN = ("shapes", "params", "macs", "receptive")


@dataclass(frozen=True)
class BoxFigures:
    """What is written into boxes beside the layers' own words, and what their colours mean."""

    analysis: Analysis
    shown: Sequence[str] = ()
    colour: str = "role"
    fields: Receptive | None = field(default=None, repr=False)

    @classmethod
    def of(cls, analysis: Analysis, show: str, colour: str) -> BoxFigures:
        """Those that an option names: `shapes,params`.

        Raises:
            UsageError: there is none of a name.
        """
        shown = [word.strip().lower() for word in show.split(",") if word.strip()]
        for word in shown:
            if word not in SHOWN:
                hint = nearest(word, SHOWN) or f"there are {', '.join(SHOWN)}"
                raise UsageError(f"--show: there is no {quoted(word)}", hint=hint)
        if "receptive" not in shown:
            return cls(analysis, shown, colour)
        from shapecalc.analysis.receptive.field import receptive  # which most pictures do not show

        found = receptive(analysis)
        return cls(found.analysis, shown, colour, found)

    def lines(self, node: Node, copies: int) -> tuple[str, ...]:
        """Those of a node, each with its unit; counts are of all of its copies."""
        totals = self.totals(node, copies)
        texts: dict[str, Callable[[], str]] = {
            "shapes": lambda: shape_text(node.output.shape),
            "params": lambda: _counted(totals.params, "params") + self._percent(totals, "params"),
            "macs": lambda: _counted(totals.macs, "MACs") + self._percent(totals, "macs"),
            "receptive": lambda: self._field(node),
        }
        wanted = [*self.shown, *([self.colour] if self.colour not in ("role", *self.shown) else [])]
        return tuple(filter(None, [texts[name]() for name in wanted]))

    def totals(self, node: Node, copies: int) -> Totals:
        rows, times = self.analysis.rows[node.start : node.stop], self.analysis.under(node)[1]
        factor = copies // node.copies
        return Totals.of(rows, [factor * n for n in times])

    def share(self, node: Node, copies: int) -> float | None:
        """The part of the network's figure that the colours are of."""
        if self.colour == "role":
            return None
        part, whole = self.totals(node, copies), self.analysis.totals
        return share(getattr(part, self.colour), getattr(whole, self.colour))

    def _percent(self, totals: Totals, what: str) -> str:
        if what != self.colour:
            return ""
        found = percent(share(getattr(totals, what), getattr(self.analysis.totals, what)))
        return f" ({found})" if found else ""

    def _field(self, node: Node) -> str:
        from shapecalc.render.field_columns import seen

        found = seen(self.fields, node)
        return f"sees {found}" if found else ""


def _counted(size: Dim, what: str) -> str:
    return f"{count(size)} {what}" if size != 0 else ""
