"""The pictures in `docs/pictures/`, each a file that `draw` makes, or a plot that a page's command makes.

python -m tests.pictures             draw them anew
"""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path
from typing import Any

import shapecalc
from tests.forked import command
from tests.readme import DOCS, blocks, pages

FOLDER = DOCS / "pictures"
PICTURES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "googlenet.svg": ("googlenet", "blocks", {}),
    "resnet50.svg": ("imagenet/resnet50", "blocks", {}),
    "densenet121.svg": ("imagenet/densenet121", "blocks", {}),
    "unet.svg": ("unet", "volumes", {}),
    "llama.svg": ("llm/llama-3-8b", "blocks", {}),
    "nin.svg": ("nin", "graph", {"depth": 1, "show": "shapes,params,macs", "colour": "macs"}),
}
"""File → the network, the view and the options."""


def plots() -> dict[str, tuple[Path, list[str]]]:
    """File → the page that tells how it is made, and the command there."""
    found = {}
    for page in pages():
        text = page.read_text(encoding="utf-8").replace("\\\n", "")
        for words, file in re.findall(r"^shapecalc (.*) -o (\w+\.svg)$", text, re.MULTILINE):
            if file not in PICTURES:
                found[file] = page, shlex.split(words)
    return found


def plot(page: Path, words: list[str]) -> str:
    """What a page's command writes, in a folder with the page's files."""
    with tempfile.TemporaryDirectory() as folder:
        for block in blocks(page):
            if block.title:
                Path(folder, block.title).write_text(block.text, encoding="utf-8")
        return command(*words, cwd=Path(folder), SHAPECALC_PATH="").out


def draw(file: str) -> str:
    name, view, options = PICTURES[file]
    return shapecalc.draw(shapecalc.analyse(shapecalc.load(name), brief=True), view, **options).text


if __name__ == "__main__":
    for name in PICTURES:
        (FOLDER / name).write_text(draw(name), encoding="utf-8")
    for name, made in plots().items():
        (FOLDER / name).write_text(plot(*made), encoding="utf-8")
