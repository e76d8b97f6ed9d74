"""The drawing of the house, `docs/house.svg`: the rooms of the import contract, and what each says of itself.

python -m tests.house                draw it anew
"""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from collections.abc import Iterator
from html import escape

from tests.readme import DOCS, ROOT

DRAWING = DOCS / "house.svg"
_WIDTH, _GAP, _LINE, _INSET = 880, 8, 16, 12  # pixels
_LETTER = 6.6  # pixels that a letter of the text takes at most, on the average


def contract() -> list[list[str]]:
    """The floors of the house from the top, each with its rooms: imports point down."""
    first = _contracts()[0]
    return [[room.strip() for room in floor.split("|")] for floor in first["layers"]]


def libraries() -> dict[str, str]:
    """Room → the library that few rooms may import, it among them, by the contracts' exceptions."""
    allowed = [line for contract in _contracts() for line in contract.get("ignore_imports", [])]
    found = (re.match(r"shapecalc\.(\w+)\S* -> (\w+)", line) for line in allowed)
    return {match[1]: match[2] for match in found if match}


def _contracts() -> list[dict[str, list[str]]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, list[str]]] = settings["tool"]["importlinter"]["contracts"]
    return contracts


def first_sentence(room: str) -> str:
    """What the text at the top of a room's file, or of its `__init__`, says first."""
    folder = ROOT / "shapecalc" / room
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return re.split(r"(?<=\.)\s", " ".join(text.replace("`", "").split()))[0]


def inner_rooms(room: str) -> list[str]:
    """The folders in a room, of one that has several."""
    folders = sorted(path.parent.name for path in (ROOT / "shapecalc" / room).glob("*/__init__.py"))
    return folders if len(folders) > 1 else []


def draw() -> str:
    """The drawing as a text of SVG, a floor below the other."""
    top = _GAP
    boxes: list[str] = []
    for floor in contract():
        width = (_WIDTH - _GAP) / len(floor) - _GAP
        texts = [_lines(room, width) for room in floor]
        height = _LINE * max(map(len, texts)) + _INSET
        for number, lines in enumerate(texts):
            boxes.extend(_box(_GAP + number * (width + _GAP), top, width, height, lines))
        top += height + _GAP
    return "\n".join([*_head(top), *boxes, "</svg>", ""])


def _head(height: float) -> Iterator[str]:
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:g}" role="img"'
    yield '  font-family="sans-serif" font-size="12.5" fill="#1a1a1a">'
    yield "<title>The rooms of shapecalc, each above those that it imports</title>"
    yield '<rect width="100%" height="100%" fill="#ffffff"/>'


def _lines(room: str, width: float) -> list[str]:
    """The room's name, and what it says of itself in lines that its box is wide enough for."""
    allowed: list[str | None] = [*libraries().values()]
    library = libraries().get(room)
    alone = "alone " if allowed.count(library) == 1 else ""
    name = f"{room}, which {alone}imports {library}" if library else room
    said = textwrap.wrap(first_sentence(room), int((width - 2 * _INSET) / _LETTER))
    inside = inner_rooms(room)
    return [name, *said, *([f"[{']  ['.join(inside)}]"] if inside else [])]


def _box(left: float, top: float, width: float, height: float, lines: list[str]) -> Iterator[str]:
    place = f'x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}"'
    yield f'<rect {place} rx="4" fill="#eef4fa" stroke="#4a6d8c"/>'
    for number, line in enumerate(lines):
        weight = "" if number else ' font-weight="bold"'
        y = top + _LINE * (number + 1)
        yield f'<text x="{left + _INSET:g}" y="{y:g}"{weight}>{escape(line)}</text>'


if __name__ == "__main__":
    DRAWING.write_text(draw(), encoding="utf-8")
