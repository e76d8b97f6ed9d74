"""Results in a notebook: tables as HTML and Markdown, the page in a frame of its own, a cell of YAML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import Any

from shapecalc.analysis.compare.difference import Difference
from shapecalc.analysis.counting.totals import Work
from shapecalc.analysis.domain.domain import Domain
from shapecalc.analysis.memory.prediction import Prediction
from shapecalc.engine.results import Analysis
from shapecalc.engine.run import analyse
from shapecalc.errors import visible
from shapecalc.render.diff import diff_grid
from shapecalc.render.domain import domain_grid
from shapecalc.render.flops import work_grid
from shapecalc.render.grid import Grid, markdown_of, text_of
from shapecalc.render.memory import memory_grid
from shapecalc.render.show import show_grid
from shapecalc.shown import Shown
from shapecalc.zoo import parse

_MOST_LINES = 60
"""Lines of a table that are seen at once; of a longer one the outer blocks, and the rest on a click."""


_TABLES: Sequence[tuple[type, Callable[[Any], list[Grid]]]] = (
    (Analysis, lambda found: _short_first(partial(show_grid, found))),
    (Prediction, lambda found: _short_first(partial(memory_grid, found))),
    (Work, lambda found: [work_grid(found)]),
    (Domain, lambda found: [domain_grid(found)]),
    (Difference, lambda found: [diff_grid(found)]),
)
"""By the type of a result its tables: the first is seen, a second one on a click."""


def _short_first(make: Callable[[int | None], Grid]) -> list[Grid]:
    whole = make(None)
    return [whole] if len(whole.lines) <= _MOST_LINES else [make(1), whole]


def bundle(found: Shown) -> dict[str, str]:
    """A result in the forms that notebooks, and the programs that convert them, choose from."""
    grids = next(tables(found) for kind, tables in _TABLES if isinstance(found, kind))
    return {
        "text/plain": text_of(grids[0]),
        "text/markdown": markdown_of(grids[0]),
        "text/html": _html(grids),
    }


def _html(grids: list[Grid]) -> str:
    first, *more = grids
    inside = "".join(f"<details><summary>All layers</summary>{_table(grid)}</details>" for grid in more)
    notes = "<br>".join(_text(note) for note in first.notes if note)
    return f"<div><p><b>{_text(first.heading)}</b></p>{_table(first)}{inside}<p>{notes}</p></div>"


def _table(grid: Grid) -> str:
    if not grid.columns:
        return ""
    heads = "".join(_cell("th", column.title, column.right) for column in grid.columns)
    rows = []
    for texts in grid.texts():
        cells = zip(texts, grid.columns, strict=True)
        rows.append("<tr>" + "".join(_cell("td", text, column.right) for text, column in cells) + "</tr>")
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _cell(kind: str, text: str, right: bool) -> str:
    """A cell; the spaces before a name, which are its depth, stay."""
    said = _text(text).replace("  ", "\u00a0\u00a0")
    return f'<{kind} align="{"right" if right else "left"}">{said}</{kind}>'


def _text(said: str) -> str:
    return escape(visible(said))


class Page:
    """The page of a network, in a frame of its own, where its script runs and nothing else does."""

    def __init__(self, html: str) -> None:
        self.html = html

    def _repr_html_(self) -> str:
        frame = f'<iframe srcdoc="{escape(self.html)}" sandbox="allow-scripts allow-modals"'
        return f'{frame} width="100%" height="720" title="shapecalc"></iframe>'


def page(analysis: Analysis) -> Page:
    """The live page of an analysis, for a notebook."""
    from shapecalc.render.report.page import page as written

    return Page(written(analysis, f"shapecalc show {analysis.architecture.document.name}"))


def load_magic(shell: Any) -> None:
    """`%%shapecalc [INPUT]` on a cell of YAML shows that network."""

    def shapecalc(line: str, cell: str) -> Analysis:
        return analyse(parse(cell, "<cell>"), line.strip() or None, brief=True)

    shell.register_magic_function(shapecalc, "cell", "shapecalc")
