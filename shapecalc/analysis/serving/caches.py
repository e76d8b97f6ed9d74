"""What is kept from token to token, and the bytes that it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from shapecalc.allocation.mode import bytes_of
from shapecalc.analysis.serving.cut import Place, places_kept
from shapecalc.analysis.serving.following import End, Followed, Following
from shapecalc.analysis.serving.masks import Masks
from shapecalc.engine.results import Edge
from shapecalc.errors import UsageError
from shapecalc.symbolic import Dim, at, minimum, number, summed
from shapecalc.tensors import Tensor, for_json, with_size

KEYS, WINDOW, STATE, GIVEN = "keys and values", "window", "state", "other inputs"
ONE_BYTE = {"fp8": 1, "int8": 1}
"""What keys and values may be stored as beside a dtype of torch's, with the bytes of an element."""


class Cache(NamedTuple):
    """A tensor that is kept."""

    path: str
    kind: str
    shape: Tensor
    """With letters for the batch and the tokens."""
    bytes: Dim
    each: Dim
    """Bytes for one token more of one sequence, as long as that adds any."""
    window: int | None
    """At most so many tokens are kept; None for all."""
    times: int
    """How many layers keep such a one."""
    edge: Edge
    read: tuple[str, ...]
    """The paths of the layers that read it."""
    becomes: tuple[Tensor, ...] = ()
    """Where other tensors are made of it before they are read, these, with as many tokens."""

    @property
    def total(self) -> Dim:
        return self.times * self.bytes

    def to_dict(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "kind": self.kind,
            "shape": for_json(self.shape.shape),
            "bytes": for_json(self.bytes),
            "window": self.window,
            "layers": self.times,
            "read_by": list(self.read),
            "becomes": [for_json(x.shape) for x in self.becomes],
        }


class Kept(NamedTuple):
    """All that a network keeps from token to token."""

    following: Following
    found: Followed
    places: Mapping[Edge, int]
    """The tensors kept for attention, with the axis of their tokens."""
    sizes: Mapping[int, Dim]
    """Of rows that see the last few tokens alone, how many there are."""
    caches: tuple[Cache, ...]
    assumed: tuple[str, ...]
    """The paths of attention that is taken to see no later tokens, which nothing in the file says."""

    @property
    def bytes(self) -> Dim:
        return summed([cache.total for cache in self.caches])

    @property
    def windows(self) -> list[int]:
        """The numbers of tokens from which on something no longer grows."""
        return sorted({cache.window for cache in self.caches if cache.window is not None})


def kept_of(following: Following, dtype: str, kv: str) -> Kept:
    """What a network keeps: keys and values in `kv`, states of convolutions in `dtype`.

    Raises:
        UsageError: it keeps nothing.
        ArchitectureError: something of all tokens is needed that can't be kept.
    """
    network = following.network
    found = following.follow()
    masks = Masks(following, found)
    windows: dict[int, int | None] = {}
    assumed: dict[str, None] = dict.fromkeys(network.assumed)
    for end in found.ends:
        seen = masks.seen(end)
        if seen and not seen.proved:
            assumed[following.rows[end.row].path] = None
        if seen:
            windows[end.row] = seen.window
    scores = {end.row for end in found.ends} - windows.keys()
    for row in scores:
        after = [window for of, window in windows.items() if row in masks.behind.get(of, ())]
        windows[row] = None if None in after else max((w for w in after if w is not None), default=None)
    places = places_kept(following, found, lambda place: _width(following, place))
    caches = [*_keys(following, found, places, windows, kv), *_others(following, found, dtype, kv)]
    if not caches:
        message = (
            f"{network.whole.name} keeps nothing from token to token: it has no attention over a sequence"
        )
        raise UsageError(message, hint="memory and flops say what a forward pass costs")
    sizes = {row: minimum(network.tokens, w) for row, w in windows.items() if w is not None}
    return Kept(following, found, dict(places), sizes, tuple(caches), tuple(assumed))


def _tensor(following: Following, edge: Edge) -> Tensor:
    if edge.row < 0:
        return list(following.network.analysis.inputs.values())[edge.port]
    return following.rows[edge.row].outputs[edge.port]


def _width(following: Following, place: Place) -> int:
    """The bytes of one token of one sequence."""
    x = _tensor(following, place[0])
    return number(at(x.bytes, _ones(following)))


def _ones(following: Following) -> dict[str, Dim]:
    """One token of one sequence."""
    return dict.fromkeys(following.network.analysis.symbols, 1)


def _keys(
    following: Following, found: Followed, places: list[Place], windows: Mapping[int, int | None], kv: str
) -> Iterator[Cache]:
    """The tensors kept for attention, each with those that read it."""
    tokens = following.network.tokens
    readers = _readers(following, found, {edge for edge, _ in places})
    for edge, axis in places:
        rows = list(dict.fromkeys([end.row for end in readers[edge]]))
        all_windows = [windows.get(row) for row in rows]
        window = None if None in all_windows or not rows else max(w for w in all_windows if w is not None)
        x = _tensor(following, edge)
        shape = with_size(x, axis, tokens if window is None else minimum(tokens, window))
        each = at(x.elements, _ones(following)) * _element(x.dtype, kv)
        others = dict.fromkeys([end.edge for end in readers[edge] if end.edge != edge])
        becomes = tuple([_tensor(following, other) for other in others])
        kept = _cache(following, edge, KEYS, shape, kv, [following.rows[row].path for row in rows], window)
        yield kept._replace(each=each, becomes=becomes)


def _readers(following: Following, found: Followed, places: set[Edge]) -> dict[Edge, list[End]]:
    """Where all tokens are read of what each tensor becomes."""
    readers: dict[Edge, list[End]] = {edge: [] for edge in places}
    for end in found.ends:
        left = [(end.edge, end.axis)]
        while left:
            edge, axis = left.pop()
            if edge in readers:
                if end not in readers[edge]:
                    readers[edge].append(end)
            else:
                left += following.before(edge, axis) or ()
    return readers


def _others(following: Following, found: Followed, dtype: str, kv: str) -> Iterator[Cache]:
    """Windows of convolutions, states of scans, and what is made of other inputs."""
    for window in found.windows:
        x = _tensor(following, window.edge)
        shape, read = with_size(x, window.axis, window.tokens), [following.rows[window.row].path]
        yield _cache(following, window.edge, WINDOW, shape, dtype, read, window.tokens)
    for place in found.states:
        row = following.rows[place]
        state = row.layer.carried(*row.inputs)
        assert state is not None
        yield _cache(following, Edge(place, 0), STATE, state, dtype, [row.path])
    for edge, paths in _given(following, found).items():
        yield _cache(following, edge, GIVEN, _tensor(following, edge), kv, paths)


def _given(following: Following, found: Followed) -> dict[Edge, list[str]]:
    """The tensors of other inputs that the newest token meets, with the rows where it does."""
    met: dict[Edge, list[str]] = {}
    for edge in found.alone:
        if edge.row >= 0:
            row = following.rows[edge.row]
            for source in row.edges:
                if source in following.given and row.path not in met.setdefault(source, []):
                    met[source].append(row.path)
    return dict(sorted(met.items()))


def _cache(
    following: Following,
    edge: Edge,
    kind: str,
    shape: Tensor,
    dtype: str,
    read: Sequence[str],
    window: int | None = None,
) -> Cache:
    """What is kept of a tensor, in `dtype` if it is of float32."""
    analysis, size = following.network.analysis, shape.elements * _element(shape.dtype, dtype)
    path, times = list(analysis.inputs)[edge.port], 1
    if edge.row >= 0:
        path, times = analysis.rows[edge.row].path, analysis.times[edge.row]
    return Cache(path, kind, shape, size, 0, window, times, edge, tuple(read))


def _element(own: str, dtype: str) -> int:
    """Bytes of an element, of one of float32 in `dtype`."""
    return {**bytes_of("float32"), **ONE_BYTE}[dtype if own == "float32" else own]
