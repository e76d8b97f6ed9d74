"""The bytes that torch has, by nothing of shapecalc's: what hooks are handed, which storages are alive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

OUT_OF_PLACE = ("index_add", "index_put", "scatter", "scatter_add")
"""What the way back adds to zeros by while a mode looks on; else, by the same in place."""


def unwatched(function: Any) -> Any:
    """The kernel that torch has on the way back where no mode looks on."""
    name, _, overload = function.__name__.partition(".")
    if torch._C._current_autograd_node() is None or name not in OUT_OF_PLACE:
        return function
    return getattr(getattr(torch.ops.aten, f"{name}_"), overload)


class Living(TorchDispatchMode):
    """After every kernel counts the bytes of the storages that are still there, of all that it has seen."""

    def __init__(self, uncounted: Iterable[torch.Tensor], counted: Iterable[torch.Tensor] = ()) -> None:
        super().__init__()
        self.uncounted = {x.untyped_storage()._cdata for x in uncounted}
        self.seen: dict[int, tuple[StorageWeakRef, int]] = {}
        self.see(counted)
        self.peak = self.now()

    def see(self, values: Any) -> None:
        for x in tree_leaves(values):
            if isinstance(x, torch.Tensor) and x.untyped_storage()._cdata not in self.uncounted:
                storage = x.untyped_storage()
                self.seen[storage._cdata] = StorageWeakRef(storage), storage.nbytes()

    def now(self) -> int:
        self.seen = {at: known for at, known in self.seen.items() if not known[0].expired()}
        return sum([size for _, size in self.seen.values()])

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = unwatched(function)(*args, **(kwargs or {}))
        self.see(made)
        self.peak = max(self.peak, self.now())
        return made


class Measured(NamedTuple):
    """Bytes that autograd keeps, and the most that are alive at once."""

    kept: int
    peak: int


def kept_bytes(run: Callable[[], Any], uncounted: Iterable[torch.Tensor]) -> int:
    """Of the storages that autograd keeps while `run` runs."""
    own = {x.untyped_storage()._cdata for x in uncounted}
    kept: dict[int, torch.UntypedStorage] = {}

    def pack(x: torch.Tensor) -> torch.Tensor:
        kept[x.untyped_storage()._cdata] = x.untyped_storage()
        return x

    with saved_tensors_hooks(pack, lambda x: x):
        nodes = [y.grad_fn for y in tree_leaves(run()) if isinstance(y, torch.Tensor)]
    known = {None}
    while nodes:  # what Python code of torch's keeps, as attributes, the hooks are not handed
        node = nodes.pop()
        if node not in known:
            known.add(node)
            nodes += [before for before, _ in node.next_functions]
            for x in getattr(node, "__dict__", {}).values():
                if isinstance(x, torch.Tensor):
                    pack(x)
    return sum([storage.nbytes() for at, storage in kept.items() if at not in own])


def measure(
    run: Callable[..., Sequence[torch.Tensor]],
    inputs: Sequence[torch.Tensor],
    weights: Sequence[torch.Tensor],
) -> Measured:
    """Of a pass forward and, where autograd watches, back from all outputs at once.

    Raises:
        RuntimeError: torch refuses to go back.
    """
    kept = kept_bytes(lambda: run(*inputs), weights)
    with Living(weights, inputs) as living:
        outputs = run(*inputs)  # all of them are there to the end, indices too
        tracked = [y for y in outputs if y.requires_grad]
        if tracked:
            torch.autograd.backward(tracked, [torch.ones_like(y) for y in tracked])
    return Measured(kept, living.peak)
