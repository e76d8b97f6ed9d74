"""A grid of values and its four forms: a table for the terminal, Markdown, CSV and JSON."""

from __future__ import annotations

import json
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from typing import Any, NamedTuple, TypeAlias

from shapecalc.errors import cells, visible
from shapecalc.operations import Unknown
from shapecalc.render.cells import NUMBERS, UNKNOWN, per_axis, plain
from shapecalc.render.streams import writable
from shapecalc.render.wrapping import hung, least, screen, wrapped
from shapecalc.tensors import for_json

GAP = 2  # spaces between the columns of a table
DEFAULT_WIDTH = 80  # where there is no terminal to ask, and COLUMNS is not set


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its key (in CSV), its title, how a value is written, and whether it may be left out.

    Of the columns with a `spare` above 0, those with the largest are left out first where a terminal is
    too narrow.
    """

    key: str
    title: str
    text: Callable[[Any], str] = plain
    spare: int = 0

    @property
    def right(self) -> bool:
        return self.text in NUMBERS


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a grid: a value for each column; `strong` for what holds other rows, or a style of rich."""

    values: tuple[Any, ...]
    strong: bool = False
    style: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """What all forms are made of: a heading, columns, lines, and notes under them."""

    heading: str
    columns: tuple[Column, ...]
    lines: Sequence[Line]
    notes: Sequence[str] = field(default=())

    def texts(self) -> list[list[str]]:
        """Every value as it is written, line by line."""
        return [
            [writable(column.text(value)) for column, value in zip(self.columns, line.values, strict=True)]
            for line in self.lines
        ]


def print_as(form: str, values: Callable[[], object], grid: Callable[[], Grid]) -> None:
    """Print in a form: JSON of what `values` gives, else what `grid` does; the other is never asked for."""
    if form == "json":
        print_json(values())
    else:
        print_grid(grid(), form)


def print_grid(grid: Grid, form: str) -> None:
    """Print in one of the forms `table`, `markdown` and `csv`."""
    if form == "markdown":
        print(writable(markdown_of(grid)))
    else:
        {"table": print_table, "csv": print_csv}[form](grid)


def print_table(grid: Grid) -> None:
    """Print as wide as a terminal is or, where something has no place to be broken, wider: nothing is cut.

    The lines are the same on a terminal and where COLUMNS says its width. A pipe has no width: each row
    stays one line, which other programs read. Only a terminal gets styles, from rich, and only then is
    rich imported: it takes as long as all else that a command does.
    """
    width = screen()
    table = [*_laid_out(grid, _fit(_written(grid), width)), []] if grid.columns else []
    heading = [[(line, "bold")] for line in hung(writable(grid.heading), width)]
    written = "\n".join(map(writable, grid.notes)).split("\n") if grid.notes else []
    notes = [[(line, "")] for note in written for line in hung(note, width)]
    lines = [*heading, [], *table, *notes]
    while not lines[-1]:
        lines.pop()
    if sys.stdout.isatty():
        _print_styled(lines, width or DEFAULT_WIDTH)
    else:
        print("\n".join("".join(text for text, _ in line).rstrip() for line in lines))


_Styled: TypeAlias = list[tuple[str, str]]
"""A line as pieces of text, each with a style of rich's."""


class _Written(NamedTuple):
    """A column as it is printed: its title and a text for each row, each of them in one line or several."""

    column: Column
    texts: Sequence[Sequence[str]]
    width: int

    @classmethod
    def of(cls, column: Column, texts: Sequence[Sequence[str]]) -> _Written:
        return cls(column, texts, max(cells(line.rstrip()) for lines in texts for line in lines))


def _written(grid: Grid) -> list[_Written]:
    """The columns of a grid, each value written once."""
    rows = zip([column.title for column in grid.columns], *grid.texts(), strict=True)
    return [
        _Written.of(column, [(text,) for text in texts])
        for column, texts in zip(grid.columns, rows, strict=True)
    ]


def _laid_out(grid: Grid, columns: Sequence[_Written]) -> Iterator[_Styled]:
    """The header and the lines of a table, each value padded to the width of its column."""
    styles = ["bold", *("bold" if line.strong else line.style for line in grid.lines)]
    guides = [*_continued([lines[0] for lines in columns[0].texts])] if columns else []
    for number, row in enumerate(zip(*[c.texts for c in columns], strict=True)):
        tree, *others = row
        depth = max(map(len, row))
        tree = [*tree, *[guides[number]] * (depth - len(tree))]
        for texts in zip_longest(tree, *others, fillvalue=""):
            yield [*_padded(columns, texts, styles[number])]


def _padded(columns: Sequence[_Written], texts: Sequence[str], style: str) -> Iterator[tuple[str, str]]:
    for (column, _, width), text in zip(columns, texts, strict=True):
        shown = text.rstrip()
        space = " " * (width - cells(shown))
        padded = space + shown if column.right else shown + space
        yield padded + " " * GAP, "dim" if shown == "0" else style


def _print_styled(lines: Sequence[_Styled], width: int) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, width=width)
    for line in lines:
        text = Text.assemble(*line)
        text.rstrip()
        console.print(text, soft_wrap=True)


def _fit(columns: list[_Written], screen: int | None) -> list[_Written]:
    """The columns without the spare ones that there is no room for, a narrower tree, then wrapped."""
    columns = list(columns)
    width = screen or DEFAULT_WIDTH
    while _across(columns) > width:
        spare = [(c.column.spare, i) for i, c in enumerate(columns) if c.column.spare]
        if not spare:
            columns[0] = _narrow(columns[0])
            return _wrapped(columns, width) if screen and _across(columns) > width else columns
        del columns[max(spare)[1]]
    return columns


def _across(columns: Sequence[_Written]) -> int:
    return sum(c.width + GAP for c in columns) - GAP


def _narrow(tree: _Written) -> _Written:
    """The tree with two characters for each level in place of three."""
    shorter = [
        _GUIDES.sub(lambda guides: re.sub(r"(.)[─ -] ", r"\1 ", guides[0]), text) for (text,) in tree.texts
    ]
    return _Written.of(tree.column, [(text,) for text in shorter])


_GUIDES = re.compile(r"^(?:[│|]  |   )*[├└|`][─-] ")  # and as ASCII has them
_NARROW_GUIDES = re.compile(r"(?:[│|] |  )*[├└|`] ")


def _wrapped(columns: Sequence[_Written], width: int) -> list[_Written]:
    """The columns with the widest ones in as many lines as it takes for all to fit, as far as they can."""
    room = width - GAP * (len(columns) - 1)
    needed = [max(map(_least, {text for (text,) in c.texts})) for c in columns]

    def widths(most: int) -> list[int]:
        return [max(own, min(c.width, most)) for own, c in zip(needed, columns, strict=True)]

    most = bisect_right(range(width), room, key=lambda most: sum(widths(most))) - 1
    return [_filled(c, own) if own < c.width else c for c, own in zip(columns, widths(most), strict=True)]


def _least(text: str) -> int:
    """The least width of a column for a text, which may have a tree's guides before it."""
    guides = _guides(text)
    own = least(text[len(guides) :])
    return min(cells(text), len(guides) + _BELOW + own)


def _filled(column: _Written, width: int) -> _Written:
    """A column in lines of a width, those of the tree with guides to what is below."""
    texts = [text for (text,) in column.texts]
    below = zip(texts, _continued(texts), strict=True)
    return _Written.of(column.column, [_lines(text, guides, width) for text, guides in below])


def _lines(text: str, below: str, width: int) -> list[str]:
    guides = _guides(text)
    margin = f"{below:{len(guides) + _BELOW}}" if guides or below else ""
    return wrapped(text[len(guides) :], width, guides, margin)


def _continued(texts: Sequence[str]) -> Iterator[str]:
    """The guides between each line of a tree and the next: those of the next, without its branch."""
    for _, following in pairwise([*texts, ""]):
        yield _guides(following).translate(_THROUGH)


def _guides(text: str) -> str:
    found = _NARROW_GUIDES.match(text)
    return found[0] if found else ""


_BELOW = 2  # how much further in a label of the tree goes on
_THROUGH = str.maketrans("├└`", "││|")


def text_of(grid: Grid) -> str:
    """A grid as plain text, each line as long as it is."""
    lines = _laid_out(grid, _written(grid)) if grid.columns else []
    table = ["".join(text for text, _ in line).rstrip() for line in lines]
    return "\n".join([grid.heading, "", *table, "", *grid.notes])


def markdown_of(grid: Grid) -> str:
    bars = ["---:" if column.right else "---" for column in grid.columns]
    rows = [[column.title for column in grid.columns], bars, *grid.texts()]
    table = "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in rows)
    notes = "\n".join("- " + " ".join(note.split()) for note in grid.notes if note)
    parts = [f"**{grid.heading}**", *([table] if grid.columns else []), *([notes] if notes else [])]
    return "\n\n".join(parts)


def print_csv(grid: Grid) -> None:
    """Values as they are: counts without separators, shares as fractions, shapes as `--input` takes them."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.key for column in grid.columns])
    writer.writerows([_raw(value) for value in line.values] for line in grid.lines)


def _raw(value: object) -> str:
    if isinstance(value, Unknown):
        return UNKNOWN
    written = for_json(value)
    return "x".join(map(per_axis, written)) if isinstance(written, list) else visible(plain(written))


def print_json(value: object) -> None:
    """Print as JSON, in which no character is one that a terminal obeys."""
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(value, indent=2, ensure_ascii=not unicode)
    print(_BEYOND_ASCII.sub(_escaped, text))


_BEYOND_ASCII = re.compile(r"[^\x00-~]")


def _escaped(match: re.Match[str]) -> str:
    if match[0].isprintable():
        return match[0]
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
