"""Which weight of a network is which tensor of a checkpoint, as far as shapes and order tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from shapecalc.checkpoints.naming import in_numeric_order, skeleton

Shape: TypeAlias = "tuple[int, ...]"
Kind: TypeAlias = "frozenset[tuple[str, Shape]]"
"""What a module owns: the last word of each name, and its shape. Of a weight by itself, its shape alone."""


class Match(NamedTuple):
    """A module of the network, or one weight, and what seems to be the same in a checkpoint."""

    here: str
    there: str
    kind: Kind
    sure: bool
    """Whether nothing else has its shapes, or order decides."""


@dataclass(frozen=True)
class Pairing:
    """A proposal: names by which the network's weights are in the checkpoint, as far as can be told."""

    pairs: Sequence[Match]
    """In the order of the network."""
    unpaired: Sequence[str]
    """Weights of the network that no tensor left over has the shape of."""
    same_order: bool
    """Whether the order of both is the same, too, in a checkpoint that keeps the order of modules."""

    @property
    def sure(self) -> bool:
        """Whether every weight has one tensor that it must be."""
        return not self.unpaired and all(pair.sure for pair in self.pairs)

    def to_dict(self) -> dict[str, Any]:
        return {
            "unambiguous": self.sure,
            "same_order": self.same_order,
            "names": {pair.here: pair.there for pair in self.pairs},
            "ambiguous": [pair.here for pair in self.pairs if not pair.sure],
            "unpaired": list(self.unpaired),
        }


def pairing(weights: Mapping[str, Shape], tensors: Mapping[str, Shape], ordered: bool) -> Pairing:
    """What the names would be; `ordered`: the tensors are in the order in which their module has them.

    Modules are paired that own weights of the same last words and shapes, then what is left by its shape
    alone: where several do, one after the other. That is sure where the whole order is the same, or where
    the checkpoint's names differ in numbers alone, as those of copies of a block do.
    """
    if not ordered:
        tensors = {name: tensors[name] for name in sorted(tensors, key=in_numeric_order)}
    by_module, same_order = _paired(_modules(weights), _modules(tensors), ordered)
    rest, others = (
        _without(weights, [p.here for p in by_module]),
        _without(tensors, [p.there for p in by_module]),
    )
    single, _ = _paired(_alone(rest), _alone(others), ordered=False)
    places: dict[str, int] = {}
    for place, name in enumerate(weights):
        places.setdefault(name.rpartition(".")[0], place)
        places[name] = place
    pairs = sorted([*by_module, *single], key=lambda pair: places[pair.here])
    return Pairing(pairs, list(_without(rest, [p.here for p in single])), same_order and not rest)


def _paired(here: Mapping[str, Kind], there: Mapping[str, Kind], ordered: bool) -> tuple[list[Match], bool]:
    """Those of each kind in order, and whether the order of all kinds is the same."""
    kinds, theirs = _by_kind(here), _by_kind(there)
    same = ordered and [*here.values()] == [kind for kind in there.values() if kind in kinds]
    return [
        Match(name, other, kind, same or _is_sure(theirs[kind], len(own)))
        for kind, own in kinds.items()
        for name, other in zip(own, theirs.get(kind, ()), strict=False)
    ], same


def _is_sure(theirs: Sequence[str], number: int) -> bool:
    """Whether those of a kind are told apart: there is one, or their names differ in numbers alone."""
    return len(theirs) == number and len({skeleton(name) for name in theirs}) == 1


def _modules(weights: Mapping[str, Shape]) -> dict[str, Kind]:
    """By the names without their last words, in the order of the first weight of each."""
    parts: dict[str, list[tuple[str, Shape]]] = {}
    for name, shape in weights.items():
        module, _, last = name.rpartition(".")
        if module:
            parts.setdefault(module, []).append((last, shape))
    return {module: frozenset(own) for module, own in parts.items()}


def _alone(weights: Mapping[str, Shape]) -> dict[str, Kind]:
    return {name: frozenset([("", shape)]) for name, shape in weights.items()}


def _by_kind(found: Mapping[str, Kind]) -> dict[Kind, list[str]]:
    kinds: dict[Kind, list[str]] = {}
    for name, kind in found.items():
        kinds.setdefault(kind, []).append(name)
    return kinds


def _without(weights: Mapping[str, Shape], paired: Iterable[str]) -> dict[str, Shape]:
    """The weights that are not paired yet, neither themselves nor with their module."""
    known = set(paired)
    return {n: shape for n, shape in weights.items() if n not in known and n.rpartition(".")[0] not in known}
