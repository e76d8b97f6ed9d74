"""Programs made simpler, to compute the same: what grows is joined once, not anew each time."""

from __future__ import annotations

from collections.abc import Iterator

from shapecalc.importing.program import Call, Node, Region, Value, free
from shapecalc.layers import LAYERS
from shapecalc.layers.base import Rearranging
from shapecalc.layers.reduction import ArgExtreme


def cleaned(body: Region) -> Region:
    """The same program; in it, a region that first joins all that it takes gets the joined tensor."""
    _drop(body, {*body.outputs})
    _hoist(body)
    for region in _regions(body):
        _nest(region)
    return body


def _drop(region: Region, read: set[Value]) -> set[Value]:
    """Leave out calls that compute nothing and that nobody reads, from the last one on; `read` grows.

    Gives the values that are made no more: no region gives them, either.
    """
    kept: list[Node] = []
    gone: set[Value] = set()
    for node in reversed(region.calls):
        if isinstance(node, Region):
            gone |= _drop(node, read)
        elif _idle(node) and not read.intersection(node.outputs):
            gone.update(node.outputs)
            continue
        else:
            read.update(node.inputs)
        kept.append(node)
    region.calls = kept[::-1]
    region.outputs = [y for y in region.outputs if y not in gone]
    return gone


def _idle(call: Call) -> bool:
    """Whether a call only moves elements, none of them of a weight, or tells the places of some."""
    layer = LAYERS.get(call.type)
    if layer is None or call.weights or call.reason:
        return False
    return issubclass(layer, (Rearranging, ArgExtreme))


def _regions(region: Region) -> Iterator[Region]:
    for node in region.calls:
        if isinstance(node, Region):
            yield from _regions(node)
    yield region


def _hoist(region: Region) -> None:
    """Move a join of all that a region takes to where the region is called."""
    calls: list[Node] = []
    for node in region.calls:
        if isinstance(node, Region):
            _hoist(node)
            if join := _first_join(node):
                node.calls.remove(join)
                node.inputs = [*join.outputs]
                calls.append(join)
        calls.append(node)
    region.calls = calls


def _first_join(region: Region) -> Call | None:
    """The concat that alone reads what a region takes, which is several tensors."""
    taken = free(region)
    readers = [node for node in region.calls if any(x in taken for x in _reads(node))]
    if len(taken) < 2 or len(readers) != 1 or any(y in taken for y in region.outputs):
        return None
    (join,) = readers
    alone = isinstance(join, Call) and join.type == "concat" and set(join.inputs) == set(taken)
    return join if alone and isinstance(join, Call) else None


def _reads(node: Call | Region) -> list[Value]:
    return node.inputs if isinstance(node, Call) else free(node)


def _nest(region: Region) -> None:
    """Write a concat of all that an earlier one joined, and more, as that one's output and more."""
    earlier: dict[tuple[int, tuple[int, ...]], Call] = {}
    wide: dict[Value, list[Value]] = {}
    for node in region.calls:
        if not isinstance(node, Call) or node.type != "concat":
            continue
        dim = node.arguments.get("dim", 1)
        inputs = node.inputs
        for length in range(len(inputs), 1, -1):
            known = earlier.get((dim, tuple(map(id, inputs[:length]))))
            if known is not None:
                node.inputs = [known.outputs[0], *inputs[length:]]
                break
        earlier[dim, tuple(map(id, inputs))] = node
        wide[node.outputs[0]] = inputs
    region.calls = [node for node in region.calls if not _only_renames(node, region)]


def _only_renames(node: Call | Region, region: Region) -> bool:
    """Whether a concat is of one tensor; then its readers read that one."""
    if not isinstance(node, Call) or node.type != "concat" or len(node.inputs) > 1:
        return False
    old, new = node.outputs[0], node.inputs[0]
    for inner in _regions(region):
        for other in inner.calls:
            if isinstance(other, (Call, Region)):
                other.inputs = [new if x is old else x for x in other.inputs]
        inner.outputs = [new if x is old else x for x in inner.outputs]
    return True
