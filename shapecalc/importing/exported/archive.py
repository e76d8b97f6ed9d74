"""A .pt2 file → the text of its program. The archive's pickles and weights are never read.

Source: torch/export/pt2_archive, and torch/_export/serde/schema.py for what the text holds.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from shapecalc.checkpoints.archive import content, records
from shapecalc.checkpoints.files import Opened, opened
from shapecalc.checkpoints.json_text import json_object

_MODEL = re.compile(r"[^/]+/models/[^/]+\.json")
_OLD = "serialized_exported_program.json"
_AGAIN = "torch 2.8 or newer writes one that is read: torch.export.save(program, 'model.pt2')"
_SCHEMA = 8
_LARGEST = 16_000_000
_MOST_VALUES = 1_500_000
"""Of the program's text: some 5,000 operators take half of it, and the worst one keeps within 500 MB."""
_MOST_CALLS = 20_000


def read_archive(path: Path) -> dict[str, Any]:
    """The program in a file, as torch's schema has it.

    Raises:
        UsageError: there is no such file, or it is no archive with one program of a known schema.
    """
    with opened(path) as source:
        found = records(source)
        names = [name for name in found if _MODEL.fullmatch(name)]
        if not names:
            old = any(name.endswith(_OLD) for name in found)
            what = "a program as older versions of torch wrote it" if old else "no program of torch.export's"
            raise source.error(f"it has {what}", _AGAIN)
        if len(names) > 1:
            raise source.error(f"it has {len(names)} programs, where one is needed", _AGAIN)
        if (size := found[names[0]].size) > _LARGEST:
            raise source.error(f"its program has {size:,} bytes, and at most {_LARGEST:,} are read")
        text = content(source, names[0], found[names[0]])
        program = json_object(text, source, f"the program {names[0]}", floats=True, most=_MOST_VALUES)
        version = program.get("schema_version")
        major = version.get("major") if isinstance(version, dict) else None
        if major != _SCHEMA:
            raise source.error(f"its program is of schema {major}, and {_SCHEMA} is read", _AGAIN)
        _refuse_long(program, source)
        return program


def _refuse_long(program: dict[str, Any], source: Opened) -> None:
    """Refuse a program of more calls or tensors than are looked at within the limits of time."""
    module = program.get("graph_module")
    graph = module.get("graph") if isinstance(module, dict) else None
    for key in ("nodes", "tensor_values") if isinstance(graph, dict) else ():
        found = graph.get(key) if isinstance(graph, dict) else None
        if isinstance(found, (list, dict)) and len(found) > _MOST_CALLS:
            raise source.error(f"its program has {len(found):,} {key}, and at most {_MOST_CALLS:,} are read")
