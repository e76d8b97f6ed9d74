"""From the tree of an analysis to the boxes and lines of a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis, Edge
from shapecalc.render.drawing.parts import Box, Figure, Link, Part, Split, Stack, splits
from shapecalc.render.drawing.wording import step_name
from shapecalc.render.tree import Repeat, own_row

Runs = Callable[[Sequence[Node]], Sequence[Repeat]]
"""Puts together nodes that follow one another and are drawn as one."""


def is_join(node: Node) -> bool:
    """Whether the children of a node are the branches of a join."""
    return bool(node.children) and node.children[0].label.isdigit()


def is_block(analysis: Analysis, node: Node) -> bool:
    """Whether a node is a use of a block, which the file has a name for."""
    return bool(node.children) and node.type not in ("seq", "branch") and own_row(analysis, node) is None


@dataclass
class Builder:
    """Makes the parts of a picture; `closes` says of which nodes the inside is not drawn."""

    analysis: Analysis
    runs: Runs
    closes: Callable[[Node, int], bool]
    box: Callable[[Node, int], Box]
    """Makes the box of a node that stands for so many copies."""
    framed: Callable[[Node], bool] = lambda _: True
    """Of which nodes that are not closed the inside has a frame, unless they have no name."""
    made: dict[int, Box] = field(default_factory=dict)
    """By the number of a row, its box."""

    def stack(self, nodes: Sequence[Node], depth: int = 1) -> Stack:
        return Stack([part for run in self.runs(nodes) for part in self.parts(run, depth)])

    def parts(self, run: Repeat, depth: int) -> Iterable[Part]:
        """What is drawn of a run: nothing of steps that execute nothing."""
        node = run.first
        if node.start == node.stop:
            return
        if not node.children or self.closes(node, depth) or _is_plain_join(node):
            yield self._closed(run)
        elif is_join(node):
            yield self._split(run, depth)
        else:
            yield from self._opened(run, depth)
        for other in run.nodes[1:]:
            self._alike(node, other)

    def _closed(self, run: Repeat) -> Box:
        box = self.box(run.first, run.copies)
        self._enter(box, range(run.first.start, run.first.stop))
        return box

    def _split(self, run: Repeat, depth: int) -> Split | Stack:
        node = run.first
        branches = [self.stack(child.children, depth) for child in node.children]
        own = node._replace(start=node.stop - 1, children=())
        split = Split(branches, self._closed(Repeat(own, (own,), 1)))
        return Stack([split], step_name(node), node.path, several(run.copies)) if run.copies > 1 else split

    def _opened(self, run: Repeat, depth: int) -> Iterable[Part]:
        node = run.first
        parts = self.stack(node.children, depth + 1).parts
        if own_row(self.analysis, node):
            own = node._replace(start=node.stop - 1, children=())
            parts.append(self._closed(Repeat(own, (own,), 1)))
        stack = Stack(parts, step_name(node), node.path, several(run.copies))
        if self.framed(node) or (run.copies > 1 and len(parts) > 1):
            return [stack] if stack.title else parts
        for part in parts if run.copies > 1 else []:  # one step, which is all that is copied
            if not isinstance(part, Split):
                part.times = stack.times
        return parts

    def _enter(self, box: Box, rows: Iterable[int]) -> None:
        for number in rows:
            self.made[number] = box

    def _alike(self, node: Node, other: Node) -> None:
        """Let the rows of a node be drawn by the boxes of another, which is built in the same way."""
        for number, drawn in pairs(node, other, self.runs):
            if drawn in self.made:
                self.made[number] = self.made[drawn]


def several(copies: int) -> str:
    """A number of copies, where there are several."""
    return f"{copies:,}" if copies > 1 else ""


def _is_plain_join(node: Node) -> bool:
    """Whether no branch of a join executes anything."""
    return is_join(node) and all(not child.children for child in node.children)


def pairs(node: Node, other: Node, runs: Runs) -> Iterable[tuple[int, int]]:
    """The rows of a node, each with the row in whose box it is: one of another node that is built alike."""
    if not node.children:
        for number in range(other.start, other.stop):
            yield number, min(node.start + number - other.start, node.stop - 1)
        return
    for one, two in zip(runs(node.children), runs(other.children), strict=True):
        for each in two.nodes:
            yield from pairs(one.first, each, runs)
    if other.children and other.children[-1].stop < other.stop:
        yield other.stop - 1, node.stop - 1


def run_pairs(node: Node, other: Node, runs: Runs) -> Iterable[tuple[Repeat, Repeat]]:
    """The runs inside of a node, each with that of another node that is built alike."""
    for one, two in zip(runs(node.children), runs(other.children), strict=True):
        yield one, two
        yield from run_pairs(one.first, two.first, runs)


def with_rows(made: dict[int, Box]) -> None:
    """Tell each box the rows that it stands for."""
    rows: dict[int, list[int]] = {}
    for number, box in sorted(made.items()):
        rows.setdefault(id(box), []).append(number)
    for box in made.values():
        box.rows = tuple(rows[id(box)])


def links(
    analysis: Analysis, rows: Iterable[int], made: dict[int, Box], outside: dict[Edge, Box]
) -> list[Link]:
    """The lines between boxes, each once, in the order of execution.

    Copies that are drawn as one feed one another: those lines would lead back, and are left out.
    """
    order: dict[int, int] = {}
    for box in [*outside.values(), *made.values()]:
        order.setdefault(id(box), len(order))
    found: dict[tuple[int, int], Link] = {}
    for number in rows:
        target = made[number]
        for port, edge in enumerate(analysis.rows[number].edges):
            source = outside.get(edge) or made.get(edge.row)
            if source and source is not target and order[id(source)] < order[id(target)]:
                found.setdefault((id(source), id(target)), Link(source, target, port))
    return [*found.values()]


def with_ways(figure: Figure) -> Figure:
    """The figure, whose lines pass an empty branch only where there is one for them."""
    empty = {
        id(split.join): {n for n, branch in enumerate(split.branches) if not branch.parts}
        for split in splits(figure.root)
    }
    checked = [
        link if link.via in empty.get(id(link.target), ()) else link._replace(via=None)
        for link in figure.links
    ]
    return Figure(figure.root, checked)
