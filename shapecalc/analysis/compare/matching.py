"""Which tensor of a checkpoint is which weight, by name: as rules, wrappers and old torch have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shapecalc.analysis.compare.network_weights import NamedWeight
from shapecalc.checkpoints.naming import Names, common_prefix
from shapecalc.checkpoints.tensors import Checkpoint, Stored

_COMPARED = 200
_WRAPPED = "_orig_mod."


def prefix_of(checkpoint: Checkpoint, weights: Iterable[NamedWeight]) -> str:
    """What wrappers have put before all names, unless the network's begin so themselves."""
    found = common_prefix(tensor.name for tensor in checkpoint.tensors)
    return "" if any(weight.there.startswith(found) for weight in weights) else found


def plain(name: str, prefix: str) -> str:
    """A tensor's name without what wrappers have put there: torch.compile, around parts too."""
    return name.removeprefix(prefix).replace(_WRAPPED, "")


def by_name(tensors: Mapping[str, Stored], names: Names) -> dict[str, Stored]:
    """Tensors by the names that the rules have for them; one whose name is another's keeps its own."""
    found: dict[str, Stored] = {}
    for name, tensor in tensors.items():
        usual = names.usual(name)
        found[name if usual in found or usual in tensors else usual] = tensor
    return found


def unpacked(tensors: Mapping[str, Stored], weights: Iterable[NamedWeight]) -> dict[str, Stored]:
    """Tensors, with blocks and scales of mxfp4 as the matrices that they stand for, under a weight's name."""
    found = dict(tensors)
    for weight in weights:
        if matrix := _matrix(weight.there, found):
            del found[f"{weight.there}{_BLOCKS}"], found[f"{weight.there}{_SCALES}"]
            found[weight.there] = matrix
    return found


_BLOCKS, _SCALES = "_blocks", "_scales"
_BLOCK_BYTES = 16
_BLOCK = 32


def _matrix(name: str, tensors: Mapping[str, Stored]) -> Stored | None:
    """Matrices (…, inputs, outputs) that are stored in blocks of 32 inputs, two in a byte, with a scale each.

    Blocks (…, outputs, inputs/32, 16) and scales (…, outputs, inputs/32), of uint8.
    Source: Mxfp4 of Hugging Face transformers, integrations/mxfp4.py; OCP Microscaling Formats v1.0.
    """
    blocks, scales = tensors.get(name + _BLOCKS), tensors.get(name + _SCALES)
    if name in tensors or blocks is None or scales is None or {blocks.dtype, scales.dtype} != {"uint8"}:
        return None
    *lead, last = blocks.shape
    if last != _BLOCK_BYTES or scales.shape != tuple(lead) or len(lead) < 2:
        return None
    *lead, outputs, groups = lead
    return blocks._replace(name=name, shape=(*lead, groups * _BLOCK, outputs), dtype="float4_e2m1fn")


def match(weight: NamedWeight, tensors: Mapping[str, Stored]) -> list[str]:
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


def nearest(weight: NamedWeight, spare: Mapping[str, Stored]) -> str | None:
    """The name among those left over that is most like a weight's, of its shape if any is."""
    from difflib import get_close_matches  # only what is missing pays for this import

    alike = [name for name, tensor in spare.items() if tensor.shape == weight.shape]
    for names in (alike, list(spare)):
        if close := get_close_matches(weight.there[:100], names[:_COMPARED], n=1, cutoff=0.5):
            return close[0]
    return alike[0] if len(alike) == 1 else None
