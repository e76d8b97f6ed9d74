"""A picture as a flowchart of Mermaid, which GitHub and GitLab draw in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shapecalc.errors import visible
from shapecalc.render.drawing.parts import Box, Figure, Numbering, Part, Stack, TooLargeError, inside

_MOST_EDGES = 500
_MOST_TEXT = 50_000
"""What Mermaid draws at most, unless a page says otherwise: its settings maxEdges and maxTextSize."""


def mermaid(figures: Sequence[Figure], direction: str) -> str:
    """The flowchart as text.

    Raises:
        TooLargeError: Mermaid would not draw it.
    """
    edges = sum(len(figure.links) for figure in figures)
    names = Numbering()
    lines = [f"flowchart {direction}"]
    for figure in figures:
        lines += _part(figure.root, names, "  ")
        lines += [f"  {names.of(a)} --> {names.of(b)}" for a, b, _ in figure.links]
    text = "\n".join(lines) + "\n"
    if edges > _MOST_EDGES or len(text) > _MOST_TEXT:
        found = f"{edges:,} lines between boxes and {len(text):,} characters"
        message = f"Mermaid draws {_MOST_EDGES} lines and {_MOST_TEXT:,} characters at most: here are {found}"
        raise TooLargeError(message)
    return text


def _part(part: Part, names: Numbering, indent: str) -> Iterator[str]:
    if isinstance(part, Box):
        yield indent + names.of(part) + _shape(part)
        return
    title = part.title if isinstance(part, Stack) else ""
    if title:
        yield f'{indent}subgraph {names.of(part)}["{_text(title)}"]'
    for inner in inside(part):
        yield from _part(inner, names, indent + "  " if title else indent)
    if title:
        yield f"{indent}end"


def _shape(box: Box) -> str:
    said = "<br>".join(_text(line) for line in box.lines if line)
    if box.role == "port":
        return f'(["{said or " "}"])'
    return f'["{said}"]'


def _text(said: str) -> str:
    """A text in quotes, in which no sign means anything to Mermaid."""
    plain = visible(said)
    return "".join(c if c.isalnum() or c in " ×,.:-_·⋅−+()/⌊⌋⌈⌉" else f"#{ord(c)};" for c in plain)
