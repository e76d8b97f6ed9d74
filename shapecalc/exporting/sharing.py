"""Weights that several layers use: a module that is called twice, or a weight that is another's.

What shares all weights with what stands beside it, and does the same, is that module once more (an alias);
any other weight that is shared is tied in the class that holds both layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shapecalc.exporting.program import Item, Leaf, Region, Tie, leaves, paths


def share(root: Region) -> None:
    """Note in each region what of it is shared."""
    for region in _regions(root):
        _alias(region)
    places = {leaf.number: items for leaf, items in paths(root.items)}
    for leaf, items in paths(root.items):
        if leaf.row.shares is not None and not any(item.alias for item in items):
            _tie(root, leaf, items, places[leaf.row.shares])


def _regions(region: Region) -> Iterator[Region]:
    for item in region.items:
        for _, items in paths([item]):
            yield from (inner for inner in items if isinstance(inner, Region))
    yield region


def _alias(region: Region) -> None:
    """Find the items that are others of the same class once more."""
    holders = {leaf.number: item for item in region.items for leaf in leaves([item])}
    for item in region.items:
        owner = _owner(item, holders)
        if owner is not None and owner is not item and _alike(owner, item):
            item.alias = owner


def _owner(item: Item, holders: Mapping[int, Item]) -> Item | None:
    """The one item of a region whose weights all those of another are."""
    rows = [leaf.row for leaf in leaves([item]) if leaf.row.weights]
    owners = [holders[row.shares] for row in rows if row.shares is not None and row.shares in holders]
    whole = all(row.shared == row.weights.keys() for row in rows)
    return owners[0] if whole and owners and all(owner is owners[0] for owner in owners) else None


def _alike(first: Item, second: Item) -> bool:
    """Whether two items do the same, each layer of the second with the weights of that of the first."""
    ours, theirs = [*leaves([first])], [*leaves([second])]
    if type(first) is not type(second) or len(ours) != len(theirs):
        return False
    if isinstance(first, Region) and isinstance(second, Region) and first.title != second.title:
        return False
    known = {**dict(zip(first.inputs, second.inputs, strict=False))}
    for one, other in zip(ours, theirs, strict=True):
        edges = [known.get(edge) for edge in one.inputs]
        shares = other.row.shares == one.number if other.row.weights else True
        same = one.row.layer == other.row.layer and one.row.arguments == other.row.arguments
        if edges != other.inputs or not shares or not same:
            return False
        known.update(zip(one.outputs, other.outputs, strict=True))
    return len(first.inputs) == len(second.inputs) and [known[e] for e in first.outputs] == second.outputs


def _tie(root: Region, leaf: Leaf, items: Sequence[Item], owner: Sequence[Item]) -> None:
    """Note a tie in the innermost region that holds both."""
    region, depth = root, 0
    for place, (a, b) in enumerate(zip(items, owner, strict=False)):
        if a is not b:
            break
        if isinstance(a, Region):
            region, depth = a, place + 1
    tie = Tie(indices(region, items[depth:]), indices(region, owner[depth:]), tuple(sorted(leaf.row.shared)))
    region.ties.append(tie)


def indices(region: Region, items: Sequence[Item]) -> tuple[int, ...]:
    """The places of items, each in the one before it."""
    holders = [region.items, *[item.items for item in items[:-1] if not isinstance(item, Leaf)]]
    return tuple(
        next(i for i, inner in enumerate(held) if inner is item)
        for held, item in zip(holders, items, strict=True)
    )
