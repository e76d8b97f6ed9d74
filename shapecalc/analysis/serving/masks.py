"""How far back attention looks: what masks say, which are comparisons of the numbers of tokens.

The element of a mask for a query and a key so many tokens before it is worked out with a letter for the
query, so that what is found holds for all of them. Masks change only where positions differ by a number of
the file's: between the last key that is seen and the first that is not, halves are tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from shapecalc.analysis.serving.following import End, Followed, Following
from shapecalc.engine.results import Edge
from shapecalc.layers.reads import Pattern
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, symbol, symbols_in
from shapecalc.symbolic.searching import last

_QUERY = symbol("the place of the query")
_HIDDEN = -1.0e9
"""A score of at most this is nothing after a softmax."""
_FARTHEST = 2**24


class Seen(NamedTuple):
    """What a query sees of the keys."""

    window: int | None
    """So many tokens, its own among them; None for all up to its own."""
    proved: bool
    """Whether it is known to see no later token."""


class Masks:
    """What is seen by rows that read all tokens."""

    def __init__(self, following: Following, found: Followed) -> None:
        self.following = following
        self.found = found
        self.rows = following.rows
        self._known: dict[object, Seen | None] = {}
        self.behind: dict[int, set[int]] = {}
        """The rows that make the scores of a row that sees all tokens."""

    def seen(self, end: End) -> Seen | None:
        """What the newest token sees of a tensor; None of a row that gives a score for each key.

        Raises:
            ArchitectureError: it sees later tokens, too.
        """
        row = self.rows[end.row]
        y = row.outputs[0]
        axis = self.found.alone.get(Edge(end.row, 0))
        if axis is None or self._key_axis(y.shape, axis) is not None:
            return None
        masks = [*self._masks(end, axis)]
        key = tuple([self._alike(edge, axes) for edge, axes, _ in masks])
        if key not in self._known:
            self._known[key] = self._window(masks) if masks else None
        seen = self._known[key]
        if row.layer.is_causal:
            return Seen(seen.window if seen else None, True)
        if seen is None:
            message = "a token sees later ones, so nothing that is made of earlier ones stays as it is"
            hint = "is_causal: true, or a mask, lets it see earlier ones alone"
            raise row.error(message, hint)
        return seen

    def _alike(self, edge: Edge, axes: tuple[int, int]) -> object:
        """The same for masks that hide the same: by the tensors without tokens that they are made of."""
        fixed = tuple([source for source in self.rows[edge.row].edges if source not in self.following.made])
        return (fixed or edge, id(self.rows[edge.row].layer), axes)

    def _key_axis(self, shape: tuple[Dim, ...], query: int) -> int | None:
        """The other axis that has an element for each token, or one more."""
        length = self.following.network.length
        axes = [axis for axis, n in enumerate(shape) if axis != query and length in symbols_in(n)]
        return axes[0] if len(axes) == 1 else None

    def _masks(self, end: End, axis: int) -> Iterator[tuple[Edge, tuple[int, int], bool]]:
        """The tensors of scores on the way to a row, and masks that it takes: with the axes of query and key.

        True with those that are masks of what is seen, and not scores.
        """
        left = []
        for need in self.following.needs(Edge(end.row, 0), axis):
            if need.edge in self.following.made:
                left.append((need.edge, need.axis, need.tokens))
            elif need.axis is not None and need.edge.row >= 0:
                x = self.rows[need.edge.row].outputs[need.edge.port]
                key = self._key_axis(x.shape, need.axis)
                if key is not None:
                    yield need.edge, (need.axis, key), True
        seen: set[Edge] = set()
        while left:
            edge, query, tokens = left.pop()
            if tokens != 1 or query is None or edge in seen or edge.row < 0:
                continue
            seen.add(edge)
            self.behind.setdefault(end.row, set()).add(edge.row)
            key = self._key_axis(self.rows[edge.row].outputs[edge.port].shape, query)
            if key is None:
                continue
            needs = self.following.needs(edge, query)
            if self._chooses(edge):
                needs = [need for need in needs if need.edge in self.following.made]
            elif self._meets_places(edge):
                yield edge, (query, key), False
            left += [(need.edge, need.axis, need.tokens) for need in needs]

    def _meets_places(self, edge: Edge) -> bool:
        """Whether it is made with a tensor that has an element for each place, whatever the tokens are."""
        wires = [wire for wire in self.rows[edge.row].sources if wire.edge not in self.following.made]
        return any(self.following.network.length in symbols_in(*wire.tensor.shape) for wire in wires)

    def _chooses(self, edge: Edge) -> bool:
        """Whether values say which elements a row takes, as of `gather`: these hide nothing."""
        row = self.rows[edge.row]
        reads = row.layer.reads_of(row.inputs, edge.port) or (None,) * len(row.sources)
        taken = [own or () for own, e in zip(reads, row.edges, strict=True) if e in self.following.made]
        return any(isinstance(one, Unknown) for own in taken for one in own)

    def _window(self, masks: list[tuple[Edge, tuple[int, int], bool]]) -> Seen:
        def hidden(back: int) -> bool:
            return any(self._hidden(edge, axes, back, mask) for edge, axes, mask in masks)

        proved = hidden(-1) and hidden(-_FARTHEST)
        farthest = last(lambda back: not hidden(back), _FARTHEST)
        return Seen(None if farthest == _FARTHEST or hidden(0) else farthest + 1, proved)

    def _hidden(self, edge: Edge, axes: tuple[int, int], back: int, mask: bool) -> bool:
        places: list[Dim] = [0] * self.rows[edge.row].outputs[edge.port].rank
        places[axes[0]], places[axes[1]] = _QUERY, _QUERY - back
        value = self._element(edge, tuple(places))
        if isinstance(value, bool):
            return mask and not value
        return isinstance(value, (int, float)) and value <= _HIDDEN

    def _element(self, edge: Edge, places: tuple[Dim, ...]) -> Any:
        """The element of a tensor; None if it is not known."""
        if edge.row < 0:
            return None
        row = self.rows[edge.row]
        reads = row.layer.reads_of(row.inputs, edge.port) if row.sources else ()
        operands = []
        for own, source in zip(reads or (None,) * len(row.sources), row.edges, strict=True):
            inner = None if own is None or source in self.following.made else _moved(own, places)
            operands.append(None if inner is None else self._element(source, inner))
        return row.layer.element(places, *operands)


def _moved(reads: tuple[Any, ...], places: tuple[Dim, ...]) -> tuple[Dim, ...] | None:
    """The place of the one element of an input that an element reads; None if it reads more."""
    found: list[Dim] = []
    for own in reads:
        if not isinstance(own, Pattern) or len(own.offsets) != 1 or len(own.offsets[0]) != 1:
            return None
        place = 0 if own.axis is None else own.shift * places[own.axis]
        found.append(place + own.offsets[0].start)
    return tuple(found)
