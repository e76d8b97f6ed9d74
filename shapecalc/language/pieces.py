"""Parts of a text with marks between them, commas for example, each a value with its own place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from shapecalc.language.yaml_nodes import Scalar, Source


def outside(text: str, mark: str, start: int = 0, stop: int | None = None) -> Iterator[re.Match[str]]:
    """Where a mark, a regular expression, stands in no brackets and no quotes."""
    depth = 0
    for match in _piece(mark).finditer(text, start, len(text) if stop is None else stop):
        if match["mark"] is None:
            depth += (match[0] in "([") - (match[0] in ")]")
        elif depth == 0:
            yield match


def split(whole: Scalar, source: Source, mark: str, start: int = 0, stop: int | None = None) -> list[Scalar]:
    """The parts between marks; of nothing but white space none."""
    stop = len(whole.text) if stop is None else stop
    marks = [match.span() for match in outside(whole.text, mark, start, stop)]
    spans = [(a, b) for (_, a), (b, _) in pairwise([(start, start), *marks, (stop, stop)])]
    parts = [source.part(whole, *span) for span in spans]
    return parts if len(parts) > 1 or parts[0].text else []


@lru_cache(maxsize=20)
def _piece(mark: str) -> re.Pattern[str]:
    return re.compile(rf"""'[^']*'|"[^"]*"|[(\[]|[)\]]|(?P<mark>{mark})""")
