"""Which weights rows have in common, which are not trained: `share`, `frozen`, `weights` beside a step."""

from __future__ import annotations

from collections.abc import Sequence

from shapecalc.engine.results import Row
from shapecalc.errors import ArchitectureError
from shapecalc.symbolic.notation import shape_text


def sharing(rows: list[Row], index: int, owner: int) -> Row:
    """A row with the weights of an earlier one in place of its own of the same names.

    Raises:
        ArchitectureError: a weight of both differs in its shape, or they have none of the same name.
    """
    first, row = rows[owner], rows[index]
    common = first.weights.keys() & row.weights.keys()
    for weight in sorted(common):
        shapes = first.weights[weight].shape, row.weights[weight].shape
        if shapes[0] != shapes[1]:
            found = " and ".join(map(shape_text, shapes))
            message = f"share: {weight} of {first.path} and of this differ: {found}"
            raise ArchitectureError(message, path=row.path)
    if row.weights and not common:
        message = f"share: {first.path} has no weight that this one has too"
        raise ArchitectureError(message, path=row.path)
    return row._replace(shares=owner if first.shares is None else first.shares, shared=frozenset(common))


def stored_alike(rows: Sequence[Row]) -> list[Row]:
    """The rows; a shared weight is stored under a scheme only if all rows that share it agree on that.

    So an embedding's table stays as it is, though a Linear reads it too.
    """
    if not any(row.stored for row in rows):
        return [*rows]
    found = [dict(row.stored) for row in rows]
    for number, row in enumerate(rows):
        if row.shares is None:
            continue
        for name in row.shared:
            if found[number].get(name) != found[row.shares].get(name):
                found[row.shares].pop(name, None)
    for number, row in enumerate(rows):
        if row.shares is not None:
            own = {name: scheme for name, scheme in found[number].items() if name not in row.shared}
            owners = {name: found[row.shares][name] for name in row.shared if name in found[row.shares]}
            found[number] = {**own, **owners}
    return [row._replace(stored=own) if row.stored else row for row, own in zip(rows, found, strict=True)]


def without_training(rows: Sequence[Row]) -> list[Row]:
    """The rows, with what is stored as whole numbers frozen: torch has gradients of real numbers alone."""
    return [row._replace(frozen=row.frozen.union(row.stored)) if row.stored else row for row in rows]


def frozen_everywhere(rows: list[Row]) -> list[Row]:
    """The rows; a shared weight that one row freezes is frozen in all of them.

    It is one tensor, and `requires_grad` is the tensor's.
    """
    if not any(row.frozen for row in rows):
        return rows
    rows = list(rows)
    for row in rows:
        if row.shares is not None and (more := row.frozen & row.shared):
            owner = rows[row.shares]
            rows[row.shares] = owner._replace(frozen=owner.frozen | more)
    owners = (row if row.shares is None else rows[row.shares] for row in rows)
    pairs = zip(rows, owners, strict=True)
    return [row._replace(frozen=row.frozen | (owner.frozen & row.shared)) for row, owner in pairs]
