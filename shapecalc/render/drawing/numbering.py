"""Names of boxes and frames for other programs, in their order."""

from __future__ import annotations

from shapecalc.render.drawing.parts import Part


class Numbering:
    """`n0`, `n1`, …: the same part has the same name."""

    def __init__(self) -> None:
        self.known: dict[int, str] = {}

    def of(self, part: Part) -> str:
        return self.known.setdefault(id(part), f"n{len(self.known)}")
