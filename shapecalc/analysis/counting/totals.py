"""How much work a network is: multiply-accumulates (MACs), those without padding, operations by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis, Row
from shapecalc.operations import Operations, Unknown
from shapecalc.shown import Shown
from shapecalc.symbolic import Dim, summed


@dataclass(frozen=True, slots=True)
class Work(Shown):
    """Sums over rows. A sum in which one figure is unknown is unknown too, for the first reason."""

    macs: Dim | Unknown
    macs_without_padding: Dim | Unknown
    ops: Operations | Unknown
    unknown: tuple[tuple[str, str], ...]
    """The paths of the rows of which a figure is unknown, with the reasons."""
    left_out: tuple[str, ...] = ()
    """What `macs_without_padding` leaves out, of the rows where that is fewer."""

    @classmethod
    def of(cls, rows: Iterable[Row], times: Iterable[int] = repeat(1)) -> Work:
        """The sums, of rows each of which is there so many times."""
        counted = list(zip(rows, times, strict=False))
        inside, unread = _total([(row.path, row.macs_without_padding, n) for row, n in counted], summed)
        macs, uncounted = _total([(row.path, row.counted, n) for row, n in counted], summed)
        ops, undecided = _total([(row.path, row.ops, n) for row, n in counted], Operations.of_all)
        fewer = (row.layer.left_out for row, _ in counted if row.macs_without_padding != row.macs)
        return cls(macs, inside, ops, (*uncounted, *unread, *undecided), tuple(dict.fromkeys(fewer)))

    @classmethod
    def of_all(cls, analysis: Analysis) -> Work:
        return cls.of(analysis.rows, analysis.times)

    @classmethod
    def under(cls, analysis: Analysis, node: Node) -> Work:
        """The work of the rows under a node of the tree."""
        return cls.of(analysis.rows[node.start : node.stop], analysis.under(node)[1])


def _total(
    figures: Sequence[tuple[str, Any, int]], add: Callable[[list[Any]], Any]
) -> tuple[Any, list[tuple[str, str]]]:
    """The sum of the figures of paths, each so many times, and the paths with the reasons of unknown ones."""
    unknown = [(path, figure.reason) for path, figure, _ in figures if isinstance(figure, Unknown)]
    if unknown:
        return Unknown(": ".join(unknown[0])), unknown
    return add([figure if times == 1 else figure * times for _, figure, times in figures]), []
