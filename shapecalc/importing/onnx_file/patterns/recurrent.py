"""Recurrent layers whose weights are put together of torch's, gate by gate, within the graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.patterns.joining import Joining, in_place_of, last

_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}
"""The places in torch of the gates in ONNX's order: input, output, forget, cell; update, reset, new."""


@last("LSTM", "GRU", "RNN")
def _of_torch(of: Joining, node: Node) -> Node | None:
    """The layer with torch's own weights, as `whole`, if it has each of them as a whole."""
    rows = _Rows(of)
    gates = [row for gate in _GATES[node.type] for row in _part(gate, node.attributes["hidden_size"])]
    parts = {}
    for number, ends in ((1, ("weight_ih",)), (2, ("weight_hh",)), (3, ("bias_ih", "bias_hh"))):
        found = rows.read(node.input(number)) if node.input(number) else None
        if node.input(number) and (
            found is None or found.ndim != 2 or found.shape[1] != len(ends) * len(gates)
        ):
            return None
        for direction, each in enumerate(found if found is not None else ()):
            for end, part in zip(ends, numpy.split(each, len(ends)), strict=True):
                parts[f"{end}_l0{'_reverse' * direction}"] = rows.whole(part, gates)
    if not all(parts.values()):
        return None
    return in_place_of(node, node.type, *_but_weights(node), **node.attributes, whole=parts)


def _part(gate: int, hidden: int) -> range:
    return range(gate * hidden, (gate + 1) * hidden)


def _but_weights(node: Node) -> Iterator[str]:
    """The inputs, without those that are weights."""
    return (name if not 1 <= number <= 3 else "" for number, name in enumerate(node.inputs))


class _Rows:
    """Which rows of which weights tensors are made of, by a number for each row of each weight."""

    def __init__(self, of: Joining) -> None:
        self.of = of
        self.starts: dict[str, int] = {}
        self.end = 0

    def read(self, name: str) -> Any:
        """The numbers of the rows of a tensor; None if it is made of weights in another way."""
        if name in self.of.graph.learned:
            return self.numbered(name)
        node = self.of.maker.get(name)
        make = (
            {"Slice": self.cut, "Concat": self.joined, "Unsqueeze": self.raised}.get(node.type)
            if node
            else None
        )
        return None if make is None or node is None else make(node)

    def numbered(self, name: str) -> Any:
        if name not in self.starts:
            self.starts[name] = self.end
            self.end += self.size(name)
        return self.starts[name] + numpy.arange(self.size(name))

    def size(self, name: str) -> int:
        return self.of.graph.stored[name].shape[0]

    def whole(self, rows: Any, order: list[int]) -> str | None:
        """The weight whose rows these are, all of them in this order."""
        for name, start in self.starts.items():
            if self.size(name) == len(order) and (rows == start + numpy.array(order)).all():
                return name
        return None

    def cut(self, node: Node) -> Any:
        rows = self.read(node.input(0))
        start, end, axis, step = (self.of.number(node.input(n)) if node.input(n) else 1 for n in (1, 2, 3, 4))
        if rows is None or None in (start, end) or (axis, step) != (0, 1):
            return None
        return rows[int(start) : int(end)]  # type: ignore[arg-type]

    def joined(self, node: Node) -> Any:
        found = [self.read(name) for name in node.inputs]
        if node.attributes.get("axis") != 0 or any(rows is None for rows in found):
            return None
        return numpy.concatenate(found) if len({rows.shape[1:] for rows in found}) == 1 else None

    def raised(self, node: Node) -> Any:
        rows = self.read(node.input(0))
        return rows[None] if rows is not None and self.of.number(node.input(1)) == 0 else None
