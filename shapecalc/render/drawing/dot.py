"""A picture as a graph in DOT, for graphviz and what reads its language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shapecalc.errors import visible
from shapecalc.render.drawing.parts import Box, Figure, Numbering, Part, Stack, inside


def dot(figures: Sequence[Figure], direction: str, name: str) -> str:
    """The graph as text; frames are clusters."""
    names = Numbering()
    lines = [f"digraph {_text([name])} {{", f"  rankdir={direction};", "  node [shape=box, style=rounded];"]
    for figure in figures:
        lines += _part(figure.root, names, "  ")
        lines += [f"  {names.of(a)} -> {names.of(b)};" for a, b, _ in figure.links]
    return "\n".join([*lines, "}\n"])


def _part(part: Part, names: Numbering, indent: str) -> Iterator[str]:
    if isinstance(part, Box):
        shape = ", shape=plaintext" if part.role == "port" else ""
        yield f"{indent}{names.of(part)} [label={_text(part.lines)}{shape}];"
        return
    title = part.title if isinstance(part, Stack) else ""
    if title:
        yield f"{indent}subgraph cluster_{names.of(part)} {{"
        yield f"{indent}  label={_text([title])};"
    for inner in inside(part):
        yield from _part(inner, names, indent + "  " if title else indent)
    if title:
        yield f"{indent}}}"


def _text(lines: Sequence[str]) -> str:
    """Lines as one string in quotes."""
    each = [visible(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines if line]
    return '"' + "\\n".join(each) + '"'
