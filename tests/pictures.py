"""The pictures in `docs/pictures/`, each a file that `draw` makes.

python -m tests.pictures             draw them anew
"""

from __future__ import annotations

from typing import Any

import shapecalc
from tests.readme import DOCS

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


def draw(file: str) -> str:
    name, view, options = PICTURES[file]
    return shapecalc.draw(shapecalc.analyse(shapecalc.load(name), brief=True), view, **options).text


if __name__ == "__main__":
    for name in PICTURES:
        (FOLDER / name).write_text(draw(name), encoding="utf-8")
