"""Which tensors the last token needs alone, and of which it needs all tokens: where something has to be kept.

From the output back: an element that a layer makes for a token is made of those at the token's own place, as
the layer's rule of reading says. Where it reads all places of what tokens make, as keys and values are read,
these are the ends of what can be followed token by token.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shapecalc.analysis.serving.tokens import Tokens
from shapecalc.engine.results import Edge, Row
from shapecalc.errors import ArchitectureError
from shapecalc.layers.reads import POINT, Pattern, Reads
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, Expr
from shapecalc.tensors import Tensor


class Need(NamedTuple):
    """What a row needs of one input: so many of its last tokens along an axis, or all of it."""

    input: int
    edge: Edge
    axis: int | None
    """The axis of the tokens; None of a tensor without one, or of one that does not depend on tokens."""
    tokens: int | None
    """1, or as many as a window holds; None for all."""


class End(NamedTuple):
    """A tensor of which a row needs all tokens: keys or values."""

    row: int
    input: int
    edge: Edge
    axis: int


class LastTokens(NamedTuple):
    """A tensor of which a row needs the last few tokens, as a convolution does."""

    row: int
    edge: Edge
    axis: int
    tokens: int


class Followed(NamedTuple):
    """What is found from the output back."""

    alone: dict[Edge, int]
    """The tensors of which the last token alone is needed, each with the axis of its tokens."""
    ends: list[End]
    windows: list[LastTokens]
    states: list[int]
    """The rows that keep a state of one size."""


class Following:
    """The tensors of a network that tokens make, and what a token needs of them."""

    def __init__(self, network: Tokens) -> None:
        self.network = network
        self.rows = network.analysis.rows
        self.made = self._from(self.network.inputs)
        """The tensors that depend on what the tokens are."""
        others = frozenset(range(len(self.network.analysis.inputs))) - self.network.inputs
        self.given = self._from(others) - self.made
        """Those that depend on other inputs, and not on the tokens."""
        self._needs: dict[object, list[Need]] = {}

    def _from(self, inputs: frozenset[int]) -> set[Edge]:
        """The tensors that depend on these inputs."""
        made = {Edge(-1, port) for port in inputs}
        for number, row in enumerate(self.rows):
            if any(edge in made for edge in row.edges):
                made.update([Edge(number, port) for port in range(len(row.outputs))])
        return made

    def needs(self, edge: Edge, axis: int) -> list[Need]:
        """What the row of a tensor needs for the last token of it, along this axis."""
        row = self.rows[edge.row]
        made = tuple([source in self.made for source in row.edges])
        key = (id(row.layer), row.inputs, edge.port, axis, made)
        if key not in self._needs:
            self._needs[key] = [*self._needs_of(row, edge.port, axis, made)]
        known = self._needs[key]
        return [need._replace(edge=source) for need, source in zip(known, row.edges, strict=True)]

    def _needs_of(self, row: Row, port: int, axis: int, made: tuple[bool, ...]) -> Iterator[Need]:
        reads = row.layer.reads_of(row.inputs, port) or (None,) * len(row.inputs)
        kept = row.layer.carried(*row.inputs) is not None
        for number, (own, x) in enumerate(zip(reads, row.inputs, strict=True)):
            edge = row.edges[number]
            found = _along(own, axis) if own else _same(x, axis, self.network.tokens)
            if not made[number]:
                alone = found is not None and found[1] == 1 and x.shape[found[0]] == self.network.tokens
                yield Need(number, edge, found[0] if alone and found else None, 1 if alone else None)
            elif found:
                yield Need(number, edge, *found)
            else:
                place = self._place(row, x)
                yield Need(number, edge, place, 1 if kept else None)

    def _place(self, row: Row, x: Tensor) -> int:
        """The axis of all tokens of an input that is not read token by token.

        Raises:
            ArchitectureError: there is none, or none that can be told.
        """
        axes = [axis for axis, n in enumerate(x.shape) if n == self.network.tokens]
        if len(axes) == 1:
            return axes[0]
        message = f"where the tokens are in its input {x} can't be followed"
        hint = "what comes before the output is to be made token by token, but for attention"
        raise row.error(message, hint)

    def follow(self) -> Followed:
        """What the output's last token needs.

        Raises:
            ArchitectureError: what is needed of all tokens is no keys and values, and no state.
        """
        start = self.network.analysis.output_edges[0]
        found = Followed({}, [], [], [])
        left = [(start, self.network.axis)]
        seen: set[object] = set()
        while left:
            edge, axis = left.pop()
            if edge in found.alone:
                continue
            found.alone[edge] = axis
            if edge.row < 0:
                continue
            row = self.rows[edge.row]
            if row.layer.carried(*row.inputs) is not None and edge.row not in seen:
                seen.add(edge.row)
                found.states.append(edge.row)
            for need in self.needs(edge, axis):
                if need.axis is None:
                    continue
                if need.tokens == 1:
                    left.append((need.edge, need.axis))
                elif (edge.row, need.input) not in seen:
                    seen.add((edge.row, need.input))
                    self._stop(found, edge.row, need)
                    if need.tokens is not None:
                        left.append((need.edge, need.axis))
        found.ends.sort()
        found.windows.sort()
        found.states.sort()
        return found

    def _stop(self, found: Followed, number: int, need: Need) -> None:
        assert need.axis is not None
        if need.tokens is not None:
            found.windows.append(LastTokens(number, need.edge, need.axis, need.tokens))
            return
        row = self.rows[number]
        reads = row.layer.reads_of(row.inputs, 0)
        own = reads[need.input] if reads else None
        if (own is None or isinstance(own[need.axis], Unknown)) and not row.layer.is_causal:
            message = "what it keeps from token to token is not known"
            hint = "attention, convolutions and selective scans are followed"
            raise row.error(message, hint)
        if len(row.inputs) < 2:
            message = "what it makes of a token depends on later ones, so nothing of earlier ones stays"
            hint = "serve is for attention that sees earlier tokens alone: is_causal, or a mask"
            raise row.error(message, hint)
        found.ends.append(End(number, need.input, need.edge, need.axis))

    def before(self, edge: Edge, axis: int) -> list[tuple[Edge, int]] | None:
        """The tensors made of tokens that one is made of, token by token; None if it is not so made."""
        if edge.row < 0:
            return None
        try:
            needs = self.needs(edge, axis)
        except ArchitectureError:
            return None
        if self.rows[edge.row].layer.carried(*self.rows[edge.row].inputs) is not None:
            return None
        found = [need for need in needs if need.edge in self.made]
        if not found or any(need.tokens != 1 or need.axis is None for need in found):
            return None
        return [(need.edge, need.axis) for need in found if need.axis is not None]


def _along(reads: Reads, axis: int) -> tuple[int, int] | None:
    """The axis of an input that is read along this one of the output, and how many places: 1, its own."""
    for place, own in enumerate(reads):
        if isinstance(own, Pattern) and own.axis == axis and own.shift == 1 and len(own.offsets) == 1:
            offsets = own.offsets[0]
            if own.offsets == POINT:
                return place, 1
            if offsets.step == 1 and offsets.stop == 1:
                return place, len(offsets)
    return None


def _same(x: Tensor, axis: int, tokens: Expr) -> tuple[int, int] | None:
    """The same axis, of an input of which the shape alone is looked at."""
    shape: tuple[Dim, ...] = x.shape
    return (axis, 1) if axis < len(shape) and shape[axis] == tokens else None
