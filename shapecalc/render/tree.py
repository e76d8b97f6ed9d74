"""The tree of an analysis, line by line, with the guides that draw it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shapecalc.results import Analysis, Node, Row


def outline(
    nodes: Sequence[Node], depth: int | None, prefix: str = "", top: bool = True
) -> Iterator[tuple[str, str, Node]]:
    """Each node with the guides before its label and before what hangs below it, parents first."""
    for number, node in enumerate(nodes):
        last = number == len(nodes) - 1
        own = "" if top else prefix + ("└─ " if last else "├─ ")
        below = "" if top else prefix + ("   " if last else "│  ")
        yield own, below, node
        if depth is None or depth > 1:
            yield from outline(node.children, depth and depth - 1, below, top=False)


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
