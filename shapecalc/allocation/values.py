"""The tensors of a trace: the storage of each, its strides, and whether a gradient flows back to it.

A storage lives as long as a `Value` refers to it, and its `__del__` writes down when that ends. So a rule
that is written after torch's C++ code, name by name, has that code's lifetimes: both languages let a local
tensor go at the end of its function, and when its name is given to another. Where C++ ends a block or moves
a tensor away, a rule says `del`. To release each of some 300 intermediate values by a call of its own would
be as many lines more, and a forgotten one would be a wrong figure that looks right. What a layer is given
is held by whoever runs it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.allocation.mode import size_of
from shapecalc.allocation.strides import Strides, in_a_row
from shapecalc.symbolic import Dim
from shapecalc.tensors import Shape, Tensor, product

if TYPE_CHECKING:
    from shapecalc.allocation.recording import Recording

OUTPUT = Tensor((), "output")
"""Stands for a kernel's own output among the tensors that autograd keeps."""


class Made(NamedTuple):
    """A storage is allocated."""

    storage: int


class Freed(NamedTuple):
    """The last value in a storage is gone; its bytes stay where autograd keeps them."""

    storage: int


class Look(NamedTuple):
    """What the backward pass knows of a tensor: how it lies, and whether a gradient flows back to it."""

    shape: Shape
    dtype: str
    strides: Strides | None = None
    tracked: bool = False
    whole: Dim | None = None
    """The elements of its storage, if it is a view of a part of that."""

    @property
    def tensor(self) -> Tensor:
        return Tensor(self.shape, self.dtype)

    @property
    def all_strides(self) -> Strides:
        return in_a_row(self.shape) if self.strides is None else self.strides


class Storage:
    """A piece of memory, by its number on a trace."""

    __slots__ = ("number", "trace")

    def __init__(self, trace: Recording, bytes: Dim) -> None:
        self.trace = trace
        self.number = len(trace.sizes)
        trace.sizes.append(bytes)

    def __del__(self) -> None:
        self.trace.events.append(Freed(self.number))


class Value:
    """A tensor as a kernel reads it."""

    __slots__ = (
        *("base", "dtype", "number", "of_many", "offset", "shape", "storage", "strides", "tracked", "whole"),
    )

    def __init__(
        self, made: Tensor, storage: Storage, strides: Strides | None = None, tracked: bool = False
    ) -> None:
        self.shape, self.dtype = made
        self.storage = storage
        self.strides = strides
        """Elements from one index of an axis to the next; None where all lie in a row, axis by axis."""
        self.tracked = tracked
        """Whether a gradient flows back to it."""
        self.base: Value | None = None
        """The tensor that it is a view of, itself none."""
        self.of_many = False
        """Whether it is one of several views that one call gives, or a view of such a one."""
        self.whole: Dim | None = None
        """The elements of its storage, if it is a view of a part of that."""
        self.offset: Dim = 0
        """The elements of its storage that lie before its first one."""
        trace = storage.trace
        self.number = len(trace.values)
        trace.values.append(size_of(made, trace.mode) if tracked else 0)

    @property
    def frozen(self) -> bool:
        """Whether it is a weight that is not trained, or a view of one."""
        return self.base is not None and self.base.frozen

    @property
    def tensor(self) -> Tensor:
        return Tensor(self.shape, self.dtype)

    @property
    def look(self) -> Look:
        return Look(self.shape, self.dtype, self.strides, self.tracked, self.whole)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def elements(self) -> Dim:
        return product(self.shape)

    @property
    def all_strides(self) -> Strides:
        return in_a_row(self.shape) if self.strides is None else self.strides


class Scalar(Value):
    """A number beside a tensor, which takes no memory; hooks are not told that autograd keeps it.

    Source: the constructor of torch::autograd::SavedVariable, which leaves out wrapped numbers.
    """

    __slots__ = ()


class Parameter(Value):
    """A weight that is learned; under autocast its copy in a lower dtype, once made, is used again.

    Of a frozen one no copy stays.
    """

    __slots__ = ("lowered", "trained")

    def __init__(self, made: Tensor, storage: Storage, frozen: bool) -> None:
        super().__init__(made, storage, None, storage.trace.mode.grad and not frozen)
        self.trained = not frozen
        self.lowered: Value | None = None

    @property
    def frozen(self) -> bool:
        return not self.trained


class Handed(Value):
    """A weight that comes from another layer."""

    __slots__ = ()


def looks(values: Iterable[Value]) -> list[Look]:
    return [x.look for x in values]
