"""The ledger of a pass: which storages are held, by how many, and the bytes alive at every moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from shapecalc.allocation.footprint import Footprint
from shapecalc.allocation.peak import Level, Peak
from shapecalc.allocation.recording import Kernel
from shapecalc.analysis.memory.segments import Segment
from shapecalc.symbolic import Dim


class RowKernels(NamedTuple):
    """The kernels of a row that autograd goes back through, their storages and values in the network."""

    kernels: tuple[Kernel, ...]
    storages: Sequence[int]
    values: Sequence[int]
    row: int
    segment: Segment | None = None
    """What is computed again on the way back, if the row is part of such."""


class Ledger:
    """The storages of a pass, how many hold each, and the bytes of all that are held together."""

    def __init__(self, assumed: Mapping[str, Dim] = MappingProxyType({})) -> None:
        """`assumed`: of symbols, as for `Peak`."""
        self.peak = Peak(assumed)
        self.alive = Level(self.peak.space)
        self.sizes: list[Dim] = []
        self.holders: list[int] = []
        self.gradients: list[Dim] = []
        """The bytes of each value's gradient."""
        self.kept: dict[int, int] = {}
        """The storages that autograd keeps, and the first row that it keeps each for."""

    def storage(self, size: Dim) -> int:
        """A storage that nobody holds yet."""
        self.sizes.append(size)
        self.holders.append(0)
        return len(self.sizes) - 1

    def held(self, size: Dim, row: int) -> int:
        """A new storage, held once, at whose moment the peak may be."""
        storage = self.storage(size)
        self.hold(storage)
        self.peak.meet_level(self.alive, row)
        return storage

    def hold(self, storage: int) -> None:
        if not self.holders[storage]:
            self.alive.add(self.sizes[storage])
        self.holders[storage] += 1

    def release(self, storage: int, times: int = 1) -> None:
        """One holder less; `times`: how many copies' storages go with it."""
        self.holders[storage] -= 1
        if not self.holders[storage]:
            self.alive.add(self.sizes[storage], -times)

    def saved(self) -> dict[int, Dim]:
        """Bytes of the storages that autograd keeps, by the first row that it keeps each for."""
        saved: dict[int, Dim] = {}
        for storage, row in self.kept.items():
            saved[row] = saved.get(row, 0) + self.sizes[storage]
        return saved

    def play(self, footprint: Footprint, inputs: list[int], row: int) -> list[int]:
        """Run a layer on inputs in these storages → all that its footprint names, its outputs' held."""
        self.rise(footprint.rises, row)
        first = len(self.sizes)
        self.sizes += footprint.sizes
        self.holders += [0] * len(footprint.sizes)
        storages = [*inputs, *range(first, len(self.sizes))]
        for output in footprint.outputs:
            self.hold(storages[output.storage])
        return storages

    def rise(self, rises: Sequence[Dim], row: int) -> None:
        """The most bytes beyond those that are alive, for a moment."""
        for size in rises:
            self.alive.add(size)
            self.peak.meet_level(self.alive, row)
            self.alive.add(size, -1)

    def keep(self, storages: Sequence[int], row: int) -> None:
        """What autograd keeps for a kernel, to go back through it."""
        for storage in storages:
            self.hold(storage)
            self.kept.setdefault(storage, row)
