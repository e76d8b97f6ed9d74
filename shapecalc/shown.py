"""What a notebook shows of a result: the same tables that the commands print.

The results are below the room that draws tables, so this asks for it by name when a notebook does.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Shown:
    """A result that shows itself, as HTML, Markdown and text, without a script."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle: dict[str, str] = import_module("shapecalc.render.notebook").bundle(self)
        return bundle

    def _repr_html_(self) -> str:
        return self._repr_mimebundle_()["text/html"]
