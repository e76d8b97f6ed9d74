"""Bytes of tensors in torch, measured on `meta`: the most alive at once, and those that autograd keeps."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from shapecalc.allocation.mode import Mode
from shapecalc.analysis.memory.backward import Backward
from shapecalc.analysis.memory.forward import Forward
from shapecalc.engine.results import Analysis
from shapecalc.symbolic import Dim, number
from shapecalc.torch_check.network import Network, build

WRITING_OVER = {
    torch.ops.aten.index_add.default: torch.ops.aten.index_add_.default,
    torch.ops.aten.index_put.default: torch.ops.aten.index_put_.default,
    torch.ops.aten.scatter.src: torch.ops.aten.scatter_.src,
    torch.ops.aten.scatter_add.default: torch.ops.aten.scatter_add_.default,
}
"""Kernels that torch's way back has under a dispatch mode alone → those in their place without one.

They add a gradient to zeros, which are written over. Source: isTensorSubclassLike in torch's C++ code, by
which its FunctionsManual.cpp decides.
"""


class Alive(TorchDispatchMode):
    """Follows the storages that kernels allocate: the `bytes` alive now, and the most at once, `peak`."""

    def __init__(self, owned: Iterable[Any], given: Iterable[Any]) -> None:
        """`owned` are tensors whose storages do not count, `given` those that are there already."""
        super().__init__()
        self.bytes = self.peak = 0
        self.owned = {key(tensor) for tensor in owned}
        self.known: dict[int, int] = {}
        for tensor in given:
            self.meet(tensor)
        self.peak = self.bytes

    def meet(self, tensor: Any) -> None:
        """Count its storage; one that is known may have been enlarged."""
        storage, number = tensor.untyped_storage(), key(tensor)
        if number in self.owned:
            return
        if number not in self.known:
            self.known[number] = 0
            weakref.finalize(storage, self.part, number)
        self.bytes += storage.nbytes() - self.known[number]
        self.known[number] = storage.nbytes()

    def part(self, storage: int) -> None:
        self.bytes -= self.known.pop(storage)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch._C._current_autograd_node() is not None:
            function = WRITING_OVER.get(function, function)
        made = function(*args, **(kwargs or {}))
        for tensor in tree_iter(made):
            if isinstance(tensor, torch.Tensor):
                self.meet(tensor)
        self.peak = max(self.peak, self.bytes)
        return made


COPYING_STORAGES = {torch.ops.aten.slice_scatter.default, torch.ops.aten.select_scatter.default}
"""Kernels that copy the whole storage of a part of it; those of `meta` alone leave out what lies after it."""


class Told(TorchDispatchMode):
    """Gives False for a truth that is read of a tensor, and 1 for a number, since `meta` has no values.

    So no element is in a mask, and a norm that counts its batches is at the first one.
    """

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in COPYING_STORAGES:
            kernel = torch._C.DispatchKey.CompositeExplicitAutogradNonFunctional
            return function._op_dk(kernel, *args, **(kwargs or {}))
        if function is torch.ops.aten._local_scalar_dense.default:
            return int(args[0].dtype != torch.bool)
        return function(*args, **(kwargs or {}))


def key(tensor: Any) -> int:
    """A number for the storage of a tensor."""
    number: int = tensor.untyped_storage()._cdata
    return number


@contextmanager
def kept(owned: Iterable[Any]) -> Iterator[dict[int, int]]:
    """The storages that autograd keeps, with their bytes; those of `owned` tensors are left out."""
    known = {key(tensor) for tensor in owned}
    found: dict[int, int] = {}
    held = []  # a storage that is let go of leaves its key to the next

    def pack(tensor: Any) -> Any:
        if key(tensor) not in known:
            found[key(tensor)] = tensor.untyped_storage().nbytes()
            held.append(tensor.untyped_storage())
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        yield found


def attributes(made: Any) -> dict[int, int]:
    """The storages that torch's Python code keeps for the way back of what it has made, with their bytes.

    They are attributes of its nodes: hooks are not told of them.
    """
    nodes, seen = [y.grad_fn for y in tree_iter(made) if isinstance(y, torch.Tensor)], {None}
    found = {}
    while nodes:
        if (node := nodes.pop()) not in seen:
            seen.add(node)
            nodes += [before for before, _ in node.next_functions]
            held = [x for x in getattr(node, "__dict__", {}).values() if isinstance(x, torch.Tensor)]
            found.update({key(x): x.untyped_storage().nbytes() for x in held})
    return found


class Compared(NamedTuple):
    """Bytes as shapecalc and as torch has them."""

    what: str
    expected: Dim
    measured: int
    at_least: bool = False
    """Whether `expected` is a lower bound: not all is known that a layer allocates."""

    @property
    def agrees(self) -> bool:
        if self.at_least:
            return number(self.expected) <= self.measured
        return bool(self.expected == self.measured)


def compare(analysis: Analysis, dtype: str = "float32") -> Iterator[Compared]:
    """The bytes that a network needs, by shapecalc and by torch on `meta`.

    Raises:
        UnknownError: it is not known what a layer allocates.
        ArchitectureError: torch can't train the network.
        BuildError: torch refuses a row.
    """
    network = build(analysis).converted(dtype)
    mode = Mode(dtype=dtype)
    prediction = Forward(analysis, mode)
    peak = prediction.ledger.peak.size()
    yield Compared("peak of activations", peak, run(network, mode).peak, bool(prediction.bounded))
    for name, mode in {
        "training": Mode(grad=True, training=True, dtype=dtype),
        "evaluation": Mode(grad=True, dtype=dtype),
    }.items():
        ours = Forward(analysis, mode)
        expected = sum(ours.ledger.saved().values())
        if refusal := Backward(ours).refusal:
            raise refusal
        theirs = run(network, mode)
        yield Compared(f"bytes kept for the backward pass in {name}", expected, theirs.saved)
        peak = ours.ledger.peak.size()
        yield Compared(f"peak of activations and gradients in {name}", peak, theirs.peak)


class Measured(NamedTuple):
    """Bytes that autograd keeps, and the most that were alive at once."""

    saved: int
    peak: int


def run(network: Network, mode: Mode) -> Measured:
    """Measure one forward pass on `meta` and, where autograd is on, the backward pass."""
    network.train(mode.training)
    network.zero_grad(set_to_none=True)
    inputs = network.samples("meta")
    owned = [*network.parameters(), *network.buffers()]

    def forward() -> tuple[Any, ...]:
        outputs: tuple[Any, ...] = network(*inputs, observe=lambda *_: None)
        return outputs

    found: dict[int, int] = {}
    if mode.grad:  # else there is nothing that would keep
        with Told(), kept(owned) as found:
            made = forward()  # by itself: what the hooks hold on to is not let go as it is without them
            found.update(attributes(made))
            del made
    with torch.set_grad_enabled(mode.grad), Told(), Alive(owned, inputs) as alive:
        outputs = forward()
        tracked = [y for y in outputs if y.requires_grad]
        if tracked:
            torch.autograd.backward(tracked, [torch.ones_like(y) for y in tracked])
    return Measured(sum(found.values()), alive.peak)
