"""What is drawn of a random network: a step at a time, of the tensors that are there."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shapecalc.tensors import Shape, Tensor, is_floating


class Draft(NamedTuple):
    """A step that may fit: its type, its arguments, and the names of its inputs."""

    type: str
    arguments: Mapping[str, Any]
    sources: tuple[str, ...]
    share: str = ""
    """The name of the step whose weights it uses."""


@dataclass
class Net:
    """What there is of a network so far."""

    rng: random.Random
    tensors: dict[str, Tensor]
    in_place: bool
    images: bool
    targets: bool = False
    """Whether a step may bring an input of its own: whole numbers, where none of the tensors fit it."""
    added: dict[str, Tensor] = field(default_factory=dict)
    drafts: list[tuple[str, Draft]] = field(default_factory=list)
    """The steps so far, each with the name of its first output."""

    def pick(self, *ranks: int, integers: bool = False) -> tuple[str, Tensor] | None:
        """One of the tensors, mostly of the last ones; of these numbers of axes, if any are named."""
        fitting = [
            (name, x)
            for name, x in self.tensors.items()
            if (not ranks or x.rank in ranks) and is_floating(x.dtype) != integers
        ]
        if not fitting:
            return None
        return fitting[-1] if self.rng.random() < 0.6 else self.rng.choice(fitting)

    def like(self, fits: Callable[[Tensor], bool], integers: bool = False) -> str | None:
        found = [name for name, x in self.tensors.items() if is_floating(x.dtype) != integers and fits(x)]
        return self.rng.choice(found) if found else None

    def whole(self, shape: Shape) -> str | None:
        """Whole numbers of this shape, of an input if there are no others."""
        found = self.like(lambda y: (y.shape, y.dtype) == (shape, "int64"), integers=True)
        if found or not self.targets or not shape:
            return found
        name = f"target{len(self.added)}"
        self.added[name] = self.tensors[name] = Tensor(shape, "int64")
        return name

    def size(self) -> int:
        return self.rng.choice((1, 2, 3, 4, 6, 8))

    def divisor(self, size: Any) -> int:
        """A small one of the size's."""
        return self.rng.choice([d for d in (1, 2, 3, 4) if size % d == 0])

    def flag(self) -> bool:
        return self.rng.random() < 0.5

    def axis(self, x: Tensor) -> int:
        axis = self.rng.randrange(max(x.rank, 1))
        return axis - x.rank if x.rank and self.flag() else axis


Draw = Callable[[Net], "Draft | None"]


def plain(*types: str, ranks: Sequence[int] = (), **arguments: Mapping[str, Any]) -> Draw:
    """A step without arguments, but for those that a type must have."""

    def draw(net: Net) -> Draft | None:
        picked, kind = net.pick(*ranks), net.rng.choice(types)
        return picked and Draft(kind, arguments.get(kind, {}), (picked[0],))

    return draw
