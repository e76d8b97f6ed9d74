"""The tree of an analysis, line by line, with the guides that draw it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, TypeAlias, TypeVar

from shapecalc.engine.limits import MOST_LISTED, refuse_long
from shapecalc.engine.nodes import Node, leaves
from shapecalc.engine.results import Analysis, Row
from shapecalc.engine.run import whole
from shapecalc.errors import UsageError, listed
from shapecalc.render.cells import count
from shapecalc.render.grid import Column

_Item = TypeVar("_Item")
FEWEST = 3
"""Layers or blocks in a row that are alike, which one line stands for: two are as quickly read."""


class Display(NamedTuple):
    """How the layers of a network are shown."""

    form: str = "table"
    depth: int | None = None
    """Levels of blocks; None for all."""
    unfold: bool = False
    """Whether each of the layers in a row that are alike has a line."""

    @property
    def first_column(self) -> Column:
        """That of the names of layers and blocks."""
        return Column("path", "Path") if self.form == "csv" else Column("layer", "Layer")


TABLE = Display()
"""All layers as a table, in which those that are alike are folded."""


def one_by_one(analysis: Analysis, view: Display) -> Analysis:
    """The analysis with every row, for a form that has each layer, or where nothing is to be folded.

    Raises:
        UsageError: there are too many.
    """
    if view.unfold or view.form in ("json", "csv"):
        what = "--unfold" if view.unfold else f"--format {view.form}"
        refuse_long(analysis.layers, what)
        return whole(analysis, what)
    return analysis


def folded_note(nodes: Iterable[Node]) -> list[str]:
    """The note under a table in which a line stands for several layers."""
    text = "Folded      × n are alike, in a row; counts are of all, shapes of each one"
    return [text] if any(node.copies > 1 for node in nodes) else []


def active_note(analysis: Analysis) -> list[str]:
    """The note under a table of a network with routed experts, of whose parameters a token meets a part."""
    if analysis.active_params is None:
        return []
    active, total = count(analysis.active_params), count(analysis.totals.params)
    return [f"Active      {active} of {total} parameters in total take part for a token"]


_MOST_MEASURED = 3
"""Layers that the note below names."""


def measured_note(analysis: Analysis, margin: int = 12) -> list[str]:
    """The note under a table of a network with layers whose figures were measured: which, and what not."""
    named = [f"{row.path} ({row.arguments['call']})" for row in analysis.measured]
    if not named:
        return []
    text = f"{listed(named, _MOST_MEASURED)}: at these shapes alone, by no formula"
    unknown = analysis.totals.uncounted
    return [f"{'Measured':<{margin}}{text}", *([f"{'Unknown':<{margin}}{unknown.reason}"] if unknown else [])]


Alike: TypeAlias = Callable[[int], Hashable]
"""Says of the number of a row what it has in common with those that are like it, beside its layer."""
Folding: TypeAlias = Callable[[Sequence[Node]], Sequence[Node]]
"""Makes fewer nodes of those that are side by side."""


def folding(analysis: Analysis, alike: Alike | None = None) -> Folding:
    """A function that folds layers or blocks in a row that do the same into one node."""

    def fold(nodes: Sequence[Node]) -> Sequence[Node]:
        runs = in_runs(nodes, in_a_row(analysis, alike), FEWEST)
        return [run.first if run.copies < FEWEST else _together(run.first, run.copies) for run in runs]

    return fold


class Repeat(NamedTuple):
    """Nodes in a row that are shown as one, the first of them."""

    first: Node
    nodes: tuple[Node, ...]
    copies: int


def in_runs(nodes: Sequence[Node], key: Callable[[Node], object], fewest: int) -> list[Repeat]:
    """Neighbours of equal keys together, if there are at least so many; all others by themselves."""
    found: list[Repeat] = []
    for _, group in groupby(nodes, key):
        run = tuple(group)
        copies = sum(node.copies for node in run)
        together = copies >= fewest
        found += [Repeat(run[0], run, copies)] if together else [Repeat(n, (n,), n.copies) for n in run]
    return found


def _together(first: Node, copies: int) -> Node:
    """A node for so many that are alike, of which this is the first."""
    name, index = _numbered(first.label)
    label = f"{name}[{index}…{index + copies - 1}] × {copies:,}"
    return first._replace(label=label, copies=copies)


def _numbered(label: str) -> tuple[str, int]:
    """The name and the number of `conv[3]`."""
    name, _, index = label.rstrip("]").rpartition("[")
    return name, int(index)


def in_a_row(analysis: Analysis, alike: Alike | None = None) -> Callable[[Node], Hashable]:
    """A function that gives equal keys to nodes in a row that do the same and are numbered on."""
    before = 0

    def key(node: Node) -> Hashable:
        nonlocal before
        before += node.copies
        if not node.label.endswith("]"):
            return node.path  # one with a name of its own is like no other
        name, index = _numbered(node.label)
        return name, index - before + node.copies, _work(analysis, alike, node)

    return key


def _work(analysis: Analysis, alike: Alike | None, node: Node) -> Hashable:
    """What a node does, whatever it reads from."""
    numbers = range(node.start, node.stop)
    layers = [
        (row.layer, row.inputs, row.outputs, row.shared, row.frozen, row.stored, alike and alike(n), times)
        for n, times, row in zip(numbers, node.times, analysis.rows[node.start : node.stop], strict=True)
    ]
    return node.type, node.output, tuple(layers)


def named_nodes(analysis: Analysis, view: Display, alike: Alike | None = None) -> list[tuple[str, Node]]:
    """What a table has a line for, by its name there: in CSV the layers by their paths, else the tree."""
    if view.form == "csv":
        return [(node.path, node) for node in leaves(analysis.tree, view.depth)]
    nodes = outline(analysis.tree, view.depth, list if view.unfold else folding(analysis, alike))
    return [(own + label(node), node) for own, _, node in nodes]


def outline(
    nodes: Sequence[Node], depth: int | None, fold: Folding = list
) -> Iterator[tuple[str, str, Node]]:
    """Each node with the guides before its label and before what hangs below it, parents first.

    Raises:
        UsageError: there are too many of them.
    """
    for number, line in enumerate(_outline(nodes, depth, fold, None, 1)):
        if number == MOST_LISTED:
            hint = "--depth 1 shows the blocks alone" if depth != 1 else "repeat layers by times"
            raise UsageError(f"the table has more than {MOST_LISTED:,} lines", hint=hint)
        yield line


def _outline(
    nodes: Sequence[Node], depth: int | None, fold: Folding, prefix: str | None, times: int
) -> Iterator[tuple[str, str, Node]]:
    for own, below, node in guided(fold(nodes), prefix):
        copies = times * node.copies
        yield own, below, node._replace(copies=copies)
        if depth is None or depth > 1:
            yield from _outline(node.children, depth and depth - 1, fold, below, copies)


def guided(items: Sequence[_Item], prefix: str | None) -> Iterator[tuple[str, str, _Item]]:
    """Each of the items that hang below one, with the guides before it and before what hangs below it.

    `prefix` stands before all of them; None if they hang below nothing.
    """
    for number, item in enumerate(items):
        branch, line = ("└─ ", "   ") if number == len(items) - 1 else ("├─ ", "│  ")
        yield *(("", "") if prefix is None else (prefix + branch, prefix + line)), item


def label(node: Node) -> str:
    """A node as the tree calls it: a layer by its label, a branch with what it reads."""
    if node.label.isdigit():
        return node.label if node.type == "branch" else f"{node.label} = {node.type}"
    named = node.label != node.type and not node.label.startswith(f"{node.type}[")
    return f"{node.label}: {node.type}" if named and node.type != "seq" else node.label


def arguments_text(row: Row) -> str:
    """The arguments of a layer in one line: `out_channels 96, kernel_size 11`."""
    fields = row.layer.fields
    return ", ".join(f"{name} {fields[name].text(value)}" for name, value in row.arguments.items())


def own_row(analysis: Analysis, node: Node) -> Row | None:
    """The row that a node is, if it is a layer or a join, not a block, branch or group."""
    row = analysis.rows[node.stop - 1] if node.stop > node.start else None
    return row if row and row.path == node.path else None
