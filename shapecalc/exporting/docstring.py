"""What a file of code says at its top: the network, where it is from, and its figures."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from shapecalc.engine.results import Analysis
from shapecalc.errors import visible
from shapecalc.exporting.layout import WIDTH
from shapecalc.symbolic import Dim


def docstring(analysis: Analysis, title: str, facts: Sequence[str], *more: str) -> str:
    """The docstring, in lines of the width of code: a title, a paragraph of facts, and texts behind them."""
    source = analysis.architecture.source
    about = [f"Source: {source}"] if source else []
    paragraphs = [[f"{title}, written by shapecalc."], [*about, *facts], *[[text] for text in more]]
    text = "\n\n".join("\n".join(map(_wrapped, paragraph)) for paragraph in paragraphs)
    escaped = text.replace("\\", "\\\\").replace('"""', "'''")
    return f'"""{escaped}\n"""'


def _wrapped(text: str) -> str:
    return textwrap.fill(visible(" ".join(text.split())), WIDTH)


def counted(count: Dim) -> str:
    """A number with commas, or a formula."""
    return f"{count:,}" if isinstance(count, int) else str(count)
