"""The weights of a network beside the tensors of a checkpoint: what is missing, superfluous or different."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shapecalc.analysis.compare.pairing import Pairing, pairing
from shapecalc.checkpoints.naming import EACH, TURNED, Names, Rule, common_prefix
from shapecalc.checkpoints.tensors import Checkpoint, Stored
from shapecalc.engine.results import Analysis
from shapecalc.errors import ArchitectureError, UsageError, listed

_NEAREST = 20
"""Missing tensors of which the nearest name is looked for, each among so many others: it takes its time."""
_COMPARED = 200
_MOST_PARTS = 4096
COUNT = "num_batches_tracked"
"""The buffer of norms that torch before 0.4.1 did not have, and that prediction never reads."""
_WRAPPED = "_orig_mod."


class Weight(NamedTuple):
    """A weight of the network: where it is, what a checkpoint calls it, and what it is."""

    path: str
    there: str
    shape: tuple[int, ...]
    dtype: str
    others: tuple[str, ...] = ()
    """Names in the checkpoint of steps that share it: stored once, it may bear any of them."""
    optional: bool = False
    """Whether it is a buffer that a checkpoint may do without."""

    @property
    def tensor(self) -> Stored:
        return Stored(self.there, self.shape, self.dtype)


class Difference(NamedTuple):
    """What is not the same on both sides; None where one has nothing."""

    what: str
    """One of `missing`, `superfluous`, `shape`, `dtype`."""
    weight: Weight | None
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
    differences: Sequence[Difference]
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


def weights_of(analysis: Analysis, names: Names) -> list[Weight]:
    """The weights of a network in the order of its layers, each once.

    Raises:
        UsageError: a size is a formula.
    """
    if analysis.symbols:
        hint = "give numbers in their place: --input 1x3x224x224, --set classes=10"
        raise UsageError(f"weights have numbers, and {listed(analysis.symbols)} stand for many", hint=hint)
    shared: dict[str, list[str]] = {}
    for row in analysis.rows:
        for name in row.shared:
            owner = analysis.rows[row.shares or 0]
            shared.setdefault(f"{owner.path}.{name}", []).append(names.there(f"{row.path}.{name}"))
    weights = (
        Weight(
            path := f"{row.path}.{name}",
            names.there(path),
            tuple(map(int, weight.shape)),  # type: ignore[arg-type]  # no formulas, by now
            weight.dtype,
            tuple(shared.get(path, ())),
            weight.buffer and (not row.sources or name.endswith(COUNT)),  # a buffer by itself may be computed
        )
        for row in analysis.rows
        for name, weight in row.own_weights.items()
    )
    return [part for weight in weights for part in _parts(_turned(weight))]


def _turned(weight: Weight) -> Weight:
    """A weight as the checkpoint has it, where that is with its axes in the opposite order."""
    if not weight.there.endswith(TURNED):
        return weight
    return weight._replace(there=weight.there.removesuffix(TURNED), shape=weight.shape[::-1])


def _parts(weight: Weight) -> list[Weight]:
    """A weight, or its parts along the first axis where the checkpoint has a tensor for each, as of experts.

    Raises:
        ArchitectureError: there are too many.
    """
    if EACH not in weight.there or not weight.shape:
        return [weight]
    if weight.shape[0] > _MOST_PARTS:
        message = (
            f"names: {weight.there} are {weight.shape[0]:,} tensors; at most {_MOST_PARTS:,} are compared"
        )
        raise ArchitectureError(message, path=weight.path)
    return [
        weight._replace(
            path=f"{weight.path}[{number}]",
            there=weight.there.replace(EACH, str(number)),
            shape=weight.shape[1:],
            others=tuple(name.replace(EACH, str(number)) for name in weight.others),
        )
        for number in range(weight.shape[0])
    ]


def compare(analysis: Analysis, checkpoint: Checkpoint, names: Names, dtype: str | None = None) -> Comparison:
    """Hold the weights of a network against the tensors of a checkpoint.

    `dtype` is what float32 of the network is in the checkpoint; any floating-point one unless given.
    """
    weights = weights_of(analysis, names)
    prefix = _prefix(checkpoint, weights)
    tensors = _by_name({_plain(tensor.name, prefix): tensor for tensor in checkpoint.tensors}, names)
    found = {weight: match for weight in weights if (match := _match(weight, tensors))}
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
            *(Difference("superfluous", None, one) for one in kept.values()),
        ],
        prefix,
        _dtypes(found, tensors),
        [weight.path for weight in lacking if weight.optional],
        len(spare) - len(kept),
        _unused(analysis, names),
        proposal,
    )


def _proposal(lacking: Sequence[Weight], spare: Mapping[str, Stored], ordered: bool) -> Pairing:
    """What seems to be what; buffers that may be absent count where some tensor has their shape."""
    tensors = {name: tensor.shape for name, tensor in spare.items() if not name.endswith(COUNT)}
    shapes = set(tensors.values())
    wanted = [weight for weight in lacking if not weight.optional or weight.shape in shapes]
    weights = {weight.path: weight.shape for weight in wanted if not weight.path.endswith(COUNT)}
    return pairing(weights, tensors, ordered)


def _prefix(checkpoint: Checkpoint, weights: Iterable[Weight]) -> str:
    """What wrappers have put before all names, unless the network's begin so themselves."""
    found = common_prefix(tensor.name for tensor in checkpoint.tensors)
    return "" if any(weight.there.startswith(found) for weight in weights) else found


def _plain(name: str, prefix: str) -> str:
    """A tensor's name without what wrappers have put there: torch.compile, around parts too."""
    return name.removeprefix(prefix).replace(_WRAPPED, "")


def _by_name(tensors: Mapping[str, Stored], names: Names) -> dict[str, Stored]:
    """Tensors by the names that the rules have for them; one whose name is another's keeps its own."""
    found: dict[str, Stored] = {}
    for name, tensor in tensors.items():
        usual = names.usual(name)
        found[name if usual in found or usual in tensors else usual] = tensor
    return found


def _match(weight: Weight, tensors: Mapping[str, Stored]) -> list[str]:
    """The tensors that a weight is in the checkpoint: several where one that is shared is stored twice."""
    names = (weight.there, *weight.others)
    return [name for name in names if name in tensors] or [
        name for name in map(_before_parametrizations, names) if name in tensors
    ]


_OLDER = {
    "original0": "{}_g",
    "original1": "{}_v",
    "original": "{}_orig",
    "0._u": "{}_u",
    "0._v": "{}_v",
}
"""What torch.nn.utils.weight_norm and spectral_norm, the older ones, called the parts of a weight."""


def _before_parametrizations(name: str) -> str:
    """What a part of a parametrized weight was called before torch.nn.utils.parametrizations."""
    module, found, rest = name.partition("parametrizations.")
    weight, _, part = rest.partition(".")
    return module + _OLDER[part].format(weight) if found and part in _OLDER else name


def _missing(missing: Sequence[Weight], spare: Mapping[str, Stored]) -> Iterator[Difference]:
    for number, weight in enumerate(missing):
        nearest = _nearest(weight, spare) if number < _NEAREST else None
        yield Difference("missing", weight, None, nearest)


def _nearest(weight: Weight, spare: Mapping[str, Stored]) -> str | None:
    """The name among those left over that is most like a weight's, of its shape if any is."""
    from difflib import get_close_matches  # only what is missing pays for this import

    alike = [name for name, tensor in spare.items() if tensor.shape == weight.shape]
    for names in (alike, list(spare)):
        if close := get_close_matches(weight.there[:100], names[:_COMPARED], n=1, cutoff=0.5):
            return close[0]
    return alike[0] if len(alike) == 1 else None


def _unequal(
    found: Mapping[Weight, Sequence[str]], tensors: Mapping[str, Stored], dtype: str | None
) -> Iterator[Difference]:
    for weight, names in found.items():
        for tensor in map(tensors.__getitem__, names):
            if tensor.shape != weight.shape:
                yield Difference("shape", weight, tensor)
            elif not _stands_for(tensor.dtype, weight.dtype, dtype):
                yield Difference("dtype", weight, tensor)


def _stands_for(stored: str, own: str, dtype: str | None) -> bool:
    """Whether a dtype in the checkpoint is what the network has, whose float32 may be another."""
    if own != "float32":
        return stored == own
    return stored == dtype if dtype else is_floating(stored)


def is_floating(dtype: str) -> bool:
    """Whether a dtype of a checkpoint is of floating point, of 8 bits and fewer too."""
    return dtype.startswith(("float", "bfloat"))


def _dtypes(found: Mapping[Weight, Sequence[str]], tensors: Mapping[str, Stored]) -> dict[str, int]:
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
