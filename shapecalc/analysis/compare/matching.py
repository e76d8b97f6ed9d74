"""Which tensor of a checkpoint is which weight, by name: as rules, wrappers and old torch have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shapecalc.analysis.compare.network_weights import Weight
from shapecalc.checkpoints.naming import Names, common_prefix
from shapecalc.checkpoints.tensors import Checkpoint, Stored

_COMPARED = 200
_WRAPPED = "_orig_mod."


def prefix_of(checkpoint: Checkpoint, weights: Iterable[Weight]) -> str:
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


def match(weight: Weight, tensors: Mapping[str, Stored]) -> list[str]:
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


def nearest(weight: Weight, spare: Mapping[str, Stored]) -> str | None:
    """The name among those left over that is most like a weight's, of its shape if any is."""
    from difflib import get_close_matches  # only what is missing pays for this import

    alike = [name for name, tensor in spare.items() if tensor.shape == weight.shape]
    for names in (alike, list(spare)):
        if close := get_close_matches(weight.there[:100], names[:_COMPARED], n=1, cutoff=0.5):
            return close[0]
    return alike[0] if len(alike) == 1 else None
