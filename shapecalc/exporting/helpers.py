"""Functions that torch does not have: their text, which is that of what `verify` runs."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

_JUDGE = Path(__file__).parents[1] / "torch_check"
"""Its files are read, not imported: they import torch, which an export does not need."""


def helper(name: str) -> list[str]:
    """The source of a helper function, preceded by those that it calls; nothing if torch has the function."""
    known = _functions()
    if name not in known:
        return []
    text, tree = known[name]
    calls = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    others = [other for other in known if other in calls and other != name]
    return [found for other in others for found in helper(other)] + [text]


@lru_cache(maxsize=1)
def foreign_modules() -> frozenset[str]:
    """The layer types that are modules, and that torch does not have: `verify` has classes of its own."""
    text = (_JUDGE / "modules.py").read_text(encoding="utf-8")
    return frozenset(node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef))


@lru_cache(maxsize=1)
def _functions() -> dict[str, tuple[str, ast.FunctionDef]]:
    text = (_JUDGE / "functions.py").read_text(encoding="utf-8")
    found = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {node.name: (ast.get_source_segment(text, node) or "", node) for node in found}
