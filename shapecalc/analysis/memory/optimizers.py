"""What an optimizer keeps from step to step, parameter by parameter, and what its update makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from shapecalc.errors import ArchitectureError
from shapecalc.symbolic import Dim, maximum, minimum, summed
from shapecalc.tensors import Shape, product


class Trained(NamedTuple):
    """A tensor that an optimizer updates: a parameter, or what a rank has of all of them."""

    path: str
    """What messages call it."""
    shape: Shape
    width: int
    """Bytes of an element."""
    hidden: bool = False
    """Whether it is a matrix between the network's first layers and its last one."""
    times: int = 1
    """How many there are of it."""

    @property
    def elements(self) -> Dim:
        return product(self.shape)

    @property
    def bytes(self) -> Dim:
        return self.elements * self.width

    @property
    def all_bytes(self) -> Dim:
        return self.times * self.bytes


class Update(NamedTuple):
    """Bytes that an update makes and lets go of."""

    bytes: Dim
    at_most: bool = False
    """Whether it may be less."""


class Optimizer(NamedTuple):
    """An optimizer, by the bytes that it allocates beside parameters and gradients."""

    title: str
    state: Callable[[Trained], Dim]
    """What it keeps for a parameter; the counter of steps, a number for each, is on the CPU."""
    update: Callable[[Sequence[Trained]], Update]
    """What it makes for a step."""
    once: Callable[[Sequence[Trained]], Dim] = lambda _: 0
    """What it keeps for all parameters together."""
    whole: bool = False
    """Whether it has to see the matrices as they are, so that no rank can hold a part of one."""

    def kept(self, trained: Sequence[Trained]) -> Dim:
        """Bytes of its state.

        Raises:
            ArchitectureError: they hang on sizes that are letters in a way that has no formula.
        """
        return summed([x.times * self.state(x) for x in trained]) + self.once(trained)


def total(trained: Iterable[Trained]) -> Dim:
    """Bytes of the parameters themselves."""
    return summed([x.all_bytes for x in trained])


def copies(number: int) -> Callable[[Trained], Dim]:
    """So many tensors of the parameter's shape and dtype."""
    return lambda x: number * x.bytes


def nothing(_: Sequence[Trained]) -> Update:
    """Of kernels that write the state and the parameter in place."""
    return Update(0)


def at_once(trained: Sequence[Trained]) -> Update:
    """A tensor for each parameter, of all at once: torch's way on a GPU (`foreach`)."""
    return Update(total(trained))


BLOCK = 256
SMALLEST = 4096


def _has_blocks(x: Trained) -> bool:
    if not isinstance(x.elements, int):
        raise ArchitectureError(
            f"adam8bit keeps 8 bits from {SMALLEST:,} elements on, and {x.path} has {x.elements}",
            hint="give numbers for the sizes of weights",
        )
    return x.elements >= SMALLEST


def _of_8_bits(x: Trained) -> Dim:
    """Both moments: a byte an element and a float32 for each block of 256; in float32 where there are few."""
    if not _has_blocks(x):
        return 2 * 4 * x.elements
    return 2 * (x.elements - 4 * (-x.elements // BLOCK))


def _maps(trained: Sequence[Trained]) -> Dim:
    """What the 256 numbers of 8 bits stand for, in float32: once with a sign, once without."""
    return 2 * 4 * 256 if any(_has_blocks(x) for x in trained) else 0


def _factors(x: Trained) -> Dim:
    """Of a matrix a row and a column, of more axes for each of the first ones; of a vector as many."""
    if len(x.shape) < 2:
        return x.bytes
    *lead, rows, columns = x.shape
    return x.width * product(tuple(lead)) * (rows + columns)


def _largest(sizes: Iterable[Dim]) -> Dim:
    most: Dim = 0
    for size in sizes:
        most = maximum(most, size)
    return most


def _factored(trained: Sequence[Trained]) -> Update:
    """One parameter after the other; the tensors made for one stay until the next one's are there.

    For each an estimate of its size, for a vector its square too, and the factors' means, as large as these.
    """
    matrices = [x.bytes + 2 * _factors(x) for x in trained if len(x.shape) > 1]
    vectors = [2 * x.bytes for x in trained if len(x.shape) < 2]
    return Update(2 * (_largest(matrices) + _largest(vectors)) + 16, at_most=True)


def _orthogonal(trained: Sequence[Trained]) -> Update:
    """One matrix after the other, in bfloat16 and with products of its shorter side; then the others.

    The update in the matrix's own dtype, two matrices in bfloat16 and three squares of the shorter side.
    """
    sizes = []
    for x in (x for x in trained if x.hidden):
        side = minimum(*x.shape)
        sizes.append((x.width + 4) * x.elements + 6 * side * side + 16)
    others = total([x for x in trained if not x.hidden])
    return Update(maximum(_largest(sizes), others), at_most=bool(sizes))


OPTIMIZERS: Mapping[str, Optimizer] = {
    "sgd": Optimizer("SGD", copies(0), nothing),
    "momentum": Optimizer("SGD with momentum", copies(1), nothing),  # the velocity
    "adam": Optimizer("Adam", copies(2), at_once),  # both moments; the root of the second one
    "adamw": Optimizer("AdamW", copies(2), at_once),
    "adam8bit": Optimizer("8-bit Adam", _of_8_bits, nothing, once=_maps),
    "adafactor": Optimizer("Adafactor", _factors, _factored),
    "muon": Optimizer(
        "Muon, and AdamW beside it",
        lambda x: x.bytes if x.hidden else 2 * x.bytes,
        _orthogonal,
        whole=True,
    ),
    "lion": Optimizer("Lion", copies(1), nothing),  # the momentum
}
"""Sources, each followed as its code runs by default:

- sgd, momentum, adam, adamw: torch.optim.SGD, Adam and AdamW, with `foreach`;
- adam8bit: Dettmers et al. 2021, arXiv:2110.02861; bitsandbytes.optim.Adam8bit from 0.44 on, whose blocks
  have 256 elements (2,048 before), whose kernels write in place, and which has tensors of less than 4,096
  elements in float32;
- adafactor: Shazeer & Stern 2018, arXiv:1804.04235; torch.optim.Adafactor, which has no first moment;
- muon: Jordan et al. 2024, kellerjordan.github.io/posts/muon; torch.optim.Muon, which takes matrices alone:
  those of hidden layers, and torch.optim.AdamW the rest, tables and the last layer too, as its author says;
- lion: Chen et al. 2023, arXiv:2302.06675; deepspeed.ops.lion.FusedLion, whose kernel writes in place.
"""
