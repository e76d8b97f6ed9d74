"""The roof of a device with a network's layers on it: operations a second over operations a byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from shapecalc.analysis.roofline.bound import KernelSum, Roofline
from shapecalc.engine.nodes import Node, leaves
from shapecalc.render.cells import duration
from shapecalc.render.drawing.wording import role
from shapecalc.render.plotting.plot import Dot, DotSeries, Guide, Plot
from shapecalc.render.plotting.scale import PlotAxis
from shapecalc.render.roofline import rate
from shapecalc.render.show import heading
from shapecalc.render.tree import own_row

_LABELLED = 14
"""Layers that bear their names."""


def roofline_plot(found: Roofline, depth: int | None) -> Plot:
    """The plot; what computes or moves nothing, or is not known, has no place on it.

    Raises:
        UsageError: no layer has one, or there are too many.
    """
    parts = list(_parts(found, depth))
    labels = _labels(parts)
    series: dict[str, list[Dot]] = {}
    for node, part in parts:
        label = labels.get(node.path, "")
        row = own_row(found.analysis, node)
        series.setdefault(role(row) if row else "block", []).append(_dot(node, part, label))
    drawn = [DotSeries(kind, dots, role=kind) for kind, dots in sorted(series.items())]
    guides = list(_roofs(found, [dot.x for dots in series.values() for dot in dots]))
    whole = f"at least {duration(found.at_least.seconds)}, unfused sum {duration(found.whole.seconds)}"
    title = f"{found.analysis.name} in {found.dtype} on {found.device.title}"
    x, y = PlotAxis("Operations a byte", log=True), PlotAxis("Operations a second", log=True)
    about = f"{heading(found.analysis)}: {len(parts):,} layers under the roof, {whole}."
    return Plot(title, about, x, y, drawn, guides)


def _parts(found: Roofline, depth: int | None) -> Iterator[tuple[Node, KernelSum]]:
    for node in leaves(found.analysis.tree, depth):
        part = found.under(node)
        if part.cost.operations and part.cost.bytes and not part.unknown:
            yield node, part


def _dot(node: Node, part: KernelSum, label: str) -> Dot:
    intensity = part.cost.intensity or Fraction()
    reached = part.cost.operations / part.seconds
    about = f"{node.path}: {float(intensity):,.2f} operations a byte, {duration(part.seconds)} or more"
    return Dot(intensity, reached, label, f"{about}, {rate(reached, 'OP')}")


def _labels(parts: Sequence[tuple[Node, KernelSum]]) -> Mapping[str, str]:
    """By their paths, the layers that take the most of the time: those of equal names once."""
    found: dict[str, str] = {}
    for node, _ in sorted(parts, key=lambda pair: -pair[1].seconds):
        first, _, rest = node.path.partition(".")
        found.setdefault(f"{first} … {rest.rpartition('.')[2]}" if rest else first, node.path)
    return {path: label for label, path in [*found.items()][:_LABELLED]}


def _roofs(found: Roofline, at: list[Fraction]) -> Iterator[Guide]:
    """The bandwidth as a slope up to the peak of products, and the lower peak of all others."""
    low, high = min(at, default=Fraction(1)), max(at, default=Fraction(1))
    peak, ridge = found.products.operations, found.ridge
    low, high = min(low, ridge / 4), max(high, ridge * 4)
    yield Guide([(low, low * found.device.bandwidth), (ridge, peak)], "", solid=True)
    yield Guide([(ridge, peak), (high, peak)], rate(peak, "FLOP"), solid=True)
    if found.others and found.others.operations < peak:
        other = found.others.operations
        yield Guide([(other / found.device.bandwidth, other), (high, other)], rate(other, "FLOP"))
