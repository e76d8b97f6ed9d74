"""`verify --weights`: what differs between a network and a checkpoint, and which names would be the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby

from shapecalc.analysis.compare.network_weights import NamedWeight
from shapecalc.analysis.compare.pairing import Pairing
from shapecalc.analysis.compare.weights import Comparison, WeightDifference
from shapecalc.checkpoints.tensors import Stored
from shapecalc.errors import listed
from shapecalc.render.cells import how_many, shape
from shapecalc.render.grid import Column, Grid, Line, print_as

_DIFFERENCES = (
    Column("weight", "Weight"),
    Column("tensor", "Tensor"),
    Column("expected", "Expected"),
    Column("found", "Found"),
    Column("what", "What"),
)
_MOST = 20
"""Lines of a kind in a table; JSON has all."""


def print_comparison(found: Comparison, form: str) -> None:
    """Print what is missing, superfluous or different."""
    print_as(form, found.to_dict, partial(_grid, found))


def _grid(found: Comparison) -> Grid:
    kinds = groupby(_unexplained(found), lambda one: one.what)
    lines = [line for _, kind in kinds for line in _first([*kind])]
    return Grid(
        f"{found.name} · {found.checkpoint.name}", _DIFFERENCES if lines else (), lines, [*_notes(found)]
    )


def _unexplained(found: Comparison) -> Iterator[WeightDifference]:
    """The differences, without those that other names would be the end of."""
    proposal = found.proposal
    if proposal is None or not proposal.sure:
        yield from found.differences
        return
    named = {pair.there for pair in proposal.pairs}
    for one in found.differences:
        name = one.tensor.name.removeprefix(found.prefix) if one.tensor else ""
        explained = one.what == "superfluous" and (name in named or name.rpartition(".")[0] in named)
        if one.what != "missing" and not explained:
            yield one


def _first(differences: Sequence[WeightDifference]) -> Iterator[Line]:
    yield from map(_line, differences[:_MOST])
    if len(differences) > _MOST:
        rest = len(differences) - _MOST
        yield Line((f"… {rest:,} more", "", "", "", differences[0].what))


def _line(difference: WeightDifference) -> Line:
    weight, tensor, near = difference.weight, difference.tensor, difference.nearest
    what = difference.what
    if near:
        what += f", nearest {near}"
    if weight and tensor and len(weight.shape) == 2 and weight.shape == tensor.shape[::-1] != tensor.shape:
        what += ", transposed"
    name = tensor.name if tensor else weight.there if weight and weight.there != weight.path else ""
    return Line((weight.path if weight else "", name, _tensor(weight), _tensor(tensor), what))


def _tensor(tensor: NamedWeight | Stored | None) -> str:
    return f"{shape(tensor.shape)} {tensor.dtype}" if tensor else ""


def _notes(found: Comparison) -> Iterator[str]:
    tensors, here = len(found.checkpoint.tensors), found.weights
    has = how_many(tensors, "tensor")
    yield f"{found.equal:,} of {how_many(here, 'weight')} are in the checkpoint, which has {has}"
    yield from _remarks(found)
    if found.proposal:
        yield from _proposal(found.proposal)


def _remarks(found: Comparison) -> Iterator[str]:
    """What was made equal, or left out, before it was compared."""
    if found.prefix:
        yield f"Names begin with {found.prefix}, which torch puts there and is left out"
    others = {dtype: count for dtype, count in found.dtypes.items() if dtype != "float32"}
    if others:
        stored = " and ".join(f"{count:,} in {dtype}" for dtype, count in found.dtypes.items())
        yield f"Weights of float32 are stored otherwise: {stored} (--dtype says which is needed)"
    if found.absent and not found.proposal:  # others may be there under other names
        yield f"Buffers that are not stored: {listed(found.absent, 3)}, {len(found.absent):,} in all"
    if found.ignored:
        yield f"Tensors that the names ignore: {found.ignored:,}"
    for rule in found.unused[:_MOST]:
        yield f"No weight of {found.name} is at {rule.here}, which the names have"


def _proposal(proposal: Pairing) -> Iterator[str]:
    """Names that would fit, as a mapping."""
    if proposal.pairs:
        yield ""
    if proposal.same_order:
        yield "By shapes, and in the same order, all others are there under other names:"
    elif proposal.sure:
        yield "By shapes, all others are there under other names:"
    elif proposal.pairs:
        yield "By shapes, these may be the same under other names, ? where others have that shape too:"
    for pair in proposal.pairs[:_MOST]:
        yield f"  {pair.here}: {pair.there}{'' if pair.sure else '  ?'}"
    if len(proposal.pairs) > _MOST:
        yield f"  … {len(proposal.pairs) - _MOST:,} more"
    if proposal.sure:
        yield "--write-names FILE writes these names, --names FILE reads them"
