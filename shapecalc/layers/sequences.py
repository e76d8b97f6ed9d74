"""What layers on sequences have in common: which axis is the length, which the batch; parts with weights."""

from __future__ import annotations

from typing import NamedTuple

from shapecalc.errors import ArchitectureError
from shapecalc.layers.checks import check_floating
from shapecalc.layers.fields import FixedSize
from shapecalc.layers.weights import Weight, Weights
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import multiple
from shapecalc.tensors import Shape, Tensor, check_equal, product

MOST_LAYERS = 100  # of one stack: each has weights of its own and kernels, looked at one by one


def layer_count(default: int | None = None) -> FixedSize:
    """The argument that says how many layers are stacked."""
    return FixedSize(most=MOST_LAYERS) if default is None else FixedSize(default, most=MOST_LAYERS)


class Sequence(NamedTuple):
    """A tensor (length, batch, features), or without a batch (length, features), axis by axis."""

    length: Dim
    batch: Shape
    """The axis of the batch, or none."""
    features: Dim

    @property
    def samples(self) -> Dim:
        """How many sequences there are."""
        return product(self.batch)


def sequence(x: Tensor, batch_first: bool, what: str = "the input") -> Sequence:
    """The axes of a sequence, with `batch_first` (batch, length, features); `what` names it in errors."""
    if x.rank not in (2, 3):
        raise ArchitectureError(
            f"{what} needs 2 or 3 axes, not {x.rank} ({x})",
            hint=f"a sequence is {'N×L' if batch_first else 'L×N'}×F, or L×F without a batch",
        )
    check_floating(x, "float32")
    first, *others, features = x.shape
    if not others:
        return Sequence(first, (), features)
    return Sequence(others[0], (first,), features) if batch_first else Sequence(first, (others[0],), features)


def check_batch(first: Sequence, second: Sequence, what: str) -> None:
    """Refuse sequences of different batches; `what` names the two, as "query and key"."""
    if len(first.batch) != len(second.batch):
        (batch,) = first.batch or second.batch
        raise ArchitectureError(f"{what} differ: one of them has a batch of {batch}, the other none")
    for a, b in zip(first.batch, second.batch, strict=True):
        hint = "batch_first says which of the first two axes is the batch"
        check_equal(b, a, f"{what} differ in the batch: {a} and {{0}}", hint, why="the batches agree")


def check_heads(features: Dim, heads: Dim, names: tuple[str, str]) -> None:
    """Refuse heads that do not divide the features; `names` are those of the two arguments."""
    if not multiple(features, heads, "the heads divide the features"):
        raise ArchitectureError(
            f"{names[0]} {features} is not divisible by {names[1]} {heads}",
            hint="each head takes an equal part of the features",
            argument=names[1],
        )


def inside(name: str, weights: Weights) -> dict[str, Weight]:
    """The weights of a part, by their names in the whole: `self_attn.out_proj.weight`."""
    return {f"{name}.{own}": weight for own, weight in weights.items()}
