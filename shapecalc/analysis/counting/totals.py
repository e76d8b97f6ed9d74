"""How much work a network is: multiply-accumulates (MACs), those without padding, operations by kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat

from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis, Row
from shapecalc.operations import Operations, Unknown
from shapecalc.symbolic import Dim, summed


@dataclass(frozen=True, slots=True)
class Work:
    """Sums over rows. A sum in which one figure is unknown is unknown too, for the first reason."""

    macs: Dim
    macs_without_padding: Dim | Unknown
    ops: Operations | Unknown
    unknown: tuple[tuple[str, str], ...]
    """The paths of the rows of which a figure is unknown, with the reasons."""

    @classmethod
    def of(cls, rows: Iterable[Row], times: Iterable[int] = repeat(1)) -> Work:
        """The sums, of rows each of which is there so many times."""
        macs: list[Dim] = []
        macs_without_padding: list[Dim] = []
        ops: list[Operations] = []
        missing: dict[str, list[tuple[str, str]]] = {"macs_without_padding": [], "ops": []}
        for row, count in zip(rows, times, strict=False):
            macs.append(count * row.macs)
            if isinstance(row.macs_without_padding, Unknown):
                missing["macs_without_padding"].append((row.path, row.macs_without_padding.reason))
            else:
                macs_without_padding.append(count * row.macs_without_padding)
            if isinstance(row.ops, Unknown):
                missing["ops"].append((row.path, row.ops.reason))
            else:
                ops.append(row.ops * count)
        return cls(
            summed(macs),
            _reason(missing["macs_without_padding"]) or summed(macs_without_padding),
            _reason(missing["ops"]) or Operations.of_all(ops),
            (*missing["macs_without_padding"], *missing["ops"]),
        )

    @classmethod
    def of_all(cls, analysis: Analysis) -> Work:
        return cls.of(analysis.rows, analysis.times)

    @classmethod
    def under(cls, analysis: Analysis, node: Node) -> Work:
        """The work of the rows under a node of the tree."""
        return cls.of(analysis.rows[node.start : node.stop], analysis.under(node)[1])

    @property
    def flops(self) -> Dim:
        return 2 * self.macs


def _reason(missing: list[tuple[str, str]]) -> Unknown | None:
    return Unknown(": ".join(missing[0])) if missing else None
