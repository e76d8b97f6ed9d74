"""The weights of a network beside the tensors of a checkpoint: what is missing, superfluous or different."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shapecalc.analysis.compare.matching import by_name, match, nearest, plain, prefix_of, unpacked
from shapecalc.analysis.compare.network_weights import COUNT, NamedWeight, weights_of
from shapecalc.analysis.compare.pairing import Pairing, pairing
from shapecalc.checkpoints.naming import Names, Rule
from shapecalc.checkpoints.tensors import Checkpoint, Stored
from shapecalc.engine.results import Analysis
from shapecalc.errors import ArchitectureError

_NEAREST = 20
"""Missing tensors of which the nearest name is looked for, each among so many others: it takes its time."""


class WeightDifference(NamedTuple):
    """What is not the same on both sides; None where one has nothing."""

    what: str
    """One of `missing`, `superfluous`, `shape`, `dtype`."""
    weight: NamedWeight | None
    tensor: Stored | None
    nearest: str | None = None
    """Of a missing weight, the tensor that is most like it in name, of its shape if there is one."""

    def to_dict(self) -> dict[str, Any]:
        here, there = self.weight, self.tensor
        return {
            "what": self.what,
            "weight": here and here.path,
            "tensor": there.name if there else here and here.there,
            "expected": here and [list(here.shape), here.dtype],
            "found": there and [list(there.shape), there.dtype],
            **({"nearest": self.nearest} if self.nearest else {}),
        }


@dataclass(frozen=True)
class Comparison:
    """All that there is to say of a network and a checkpoint."""

    name: str
    checkpoint: Checkpoint
    weights: int
    """How many the network has, those that steps share once."""
    equal: int
    """How many are in the checkpoint with their shape and dtype."""
    differences: Sequence[WeightDifference]
    prefix: str = ""
    """What all names of the checkpoint begin with, as a wrapper has put it there."""
    dtypes: Mapping[str, int] = field(default_factory=dict)
    """By dtype, the tensors in it that stand for float32."""
    absent: Sequence[str] = ()
    """Paths of buffers that a checkpoint may do without, and this one does."""
    ignored: int = 0
    """How many tensors the names leave out."""
    unused: Sequence[Rule] = ()
    """The rules that are for no weight."""
    proposal: Pairing | None = None
    """Names by order and shapes, where those of the network are mostly not in the checkpoint."""

    @property
    def agrees(self) -> bool:
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "checkpoint": self.checkpoint.name,
            "status": "ok" if self.agrees else "mismatch",
            "weights": self.weights,
            "tensors": len(self.checkpoint.tensors),
            "equal": self.equal,
            "differences": [difference.to_dict() for difference in self.differences],
            "dtypes": dict(self.dtypes),
            **({"prefix": self.prefix} if self.prefix else {}),
            **({"absent_buffers": list(self.absent)} if self.absent else {}),
            **({"unused_names": [rule.here for rule in self.unused]} if self.unused else {}),
            **({"proposal": self.proposal.to_dict()} if self.proposal else {}),
        }


def compare(analysis: Analysis, checkpoint: Checkpoint, names: Names, dtype: str | None = None) -> Comparison:
    """Hold the weights of a network against the tensors of a checkpoint.

    `dtype` is what float32 of the network is in the checkpoint; any floating-point one unless given.
    """
    weights = weights_of(analysis, names)
    prefix = prefix_of(checkpoint, weights)
    tensors = by_name({plain(tensor.name, prefix): tensor for tensor in checkpoint.tensors}, names)
    tensors = unpacked(tensors, weights)
    found = {weight: found_as for weight in weights if (found_as := match(weight, tensors))}
    used = {name for matches in found.values() for name in matches}
    spare = {name: tensor for name, tensor in tensors.items() if name not in used}
    kept = {name: tensor for name, tensor in spare.items() if not names.ignores(name)}
    lacking = [weight for weight in weights if weight not in found]
    missing = [weight for weight in lacking if not weight.optional]
    unequal = [*_unequal(found, tensors, dtype)]
    proposal = _proposal(lacking, kept, checkpoint.in_order_of_module) if missing and kept else None
    return Comparison(
        analysis.name,
        checkpoint,
        len(weights),
        len(found) - len({difference.weight for difference in unequal}),
        [
            *_missing(missing, {} if proposal and proposal.sure else kept),
            *unequal,
            *(WeightDifference("superfluous", None, one) for one in kept.values()),
        ],
        prefix,
        _dtypes(found, tensors),
        [weight.path for weight in lacking if weight.optional],
        len(spare) - len(kept),
        _unused(analysis, names),
        proposal,
    )


def _proposal(lacking: Sequence[NamedWeight], spare: Mapping[str, Stored], ordered: bool) -> Pairing:
    """Which weight is probably which tensor; optional buffers count if some tensor has their shape."""
    tensors = {name: tensor.shape for name, tensor in spare.items() if not name.endswith(COUNT)}
    shapes = set(tensors.values())
    wanted = [weight for weight in lacking if not weight.optional or weight.shape in shapes]
    weights = {weight.path: weight.shape for weight in wanted if not weight.path.endswith(COUNT)}
    return pairing(weights, tensors, ordered)


def _missing(missing: Sequence[NamedWeight], spare: Mapping[str, Stored]) -> Iterator[WeightDifference]:
    for number, weight in enumerate(missing):
        like = nearest(weight, spare) if number < _NEAREST else None
        yield WeightDifference("missing", weight, None, like)


def _unequal(
    found: Mapping[NamedWeight, Sequence[str]], tensors: Mapping[str, Stored], dtype: str | None
) -> Iterator[WeightDifference]:
    for weight, names in found.items():
        for tensor in map(tensors.__getitem__, names):
            if tensor.shape != weight.shape:
                yield WeightDifference("shape", weight, tensor)
            elif not _stands_for(tensor.dtype, weight.dtype, dtype):
                yield WeightDifference("dtype", weight, tensor)


def _stands_for(stored: str, own: str, dtype: str | None) -> bool:
    """Whether a dtype in the checkpoint is what the network has, whose float32 may be another."""
    if own != "float32":
        return stored == own
    return stored == dtype if dtype else is_floating(stored)


def is_floating(dtype: str) -> bool:
    """Whether a dtype of a checkpoint is of floating point, of 8 bits and fewer too."""
    return dtype.startswith(("float", "bfloat"))


def _dtypes(found: Mapping[NamedWeight, Sequence[str]], tensors: Mapping[str, Stored]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for weight, names in found.items():
        dtype = tensors[names[0]].dtype
        if weight.dtype == "float32" and is_floating(dtype):
            counts[dtype] = counts.get(dtype, 0) + 1
    return counts


def _unused(analysis: Analysis, names: Names) -> list[Rule]:
    """The rules that are for no weight, of names that were given: a file's own are for its variants too."""
    if names is analysis.architecture.names:
        return []
    paths = (f"{row.path}.{name}" for row in analysis.rows for name in row.weights)
    used = {rule for path in paths for rule in names.rules_for(path)}
    return [rule for rule in names.rules if rule not in used]


def proposed_names(found: Comparison) -> Mapping[str, str]:
    """The proposal of a comparison, as names.

    Raises:
        ArchitectureError: shapes and order don't tell them.
    """
    proposal = found.proposal
    if proposal is None:
        raise ArchitectureError(
            "there are no names to write: no weight is missing that could be another tensor"
        )
    for path in proposal.unpaired[:1]:
        raise ArchitectureError(f"names can't be told: no tensor left has the shape of {path}")
    for pair in proposal.pairs:
        if not pair.sure:
            message = f"names can't be told: other tensors than {pair.there} have the shapes of {pair.here}"
            raise ArchitectureError(message, hint="names for some of them, by --names, may decide the others")
    return {pair.here: pair.there for pair in proposal.pairs}
