"""What is recorded of a run: the calls that it makes, and the value that each tensor is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._pytree import tree_map

from shapecalc.errors import ArchitectureError
from shapecalc.importing.aliases import Aliases, View, shares
from shapecalc.importing.arguments import stored
from shapecalc.importing.constants import constant
from shapecalc.importing.leaves import described
from shapecalc.importing.lowering import Lowering
from shapecalc.importing.program import Call, Region, Value, let_out
from shapecalc.importing.torch_calls import name_of, place, tensors_of


class Recorded:
    """The calls so far, region within region, and the values of the tensors that are alive."""

    def __init__(self, name: str, weights: Mapping[str, Any], buffers: Mapping[str, Any]) -> None:
        self.names = {id(part): key for key, part in reversed([*weights.items(), *buffers.items()])}
        self.buffers = {id(part) for part in buffers.values()}
        self.alive: list[Any] = [*weights.values(), *buffers.values()]
        """What must live as long as its identity is looked up."""
        self.values: dict[int, Value] = {}
        self.aliases = Aliases(self.value, self.bind)
        self.owned: dict[tuple[int, int], Value] = {}
        """By region and tensor, the value of a weight or a constant."""
        self.pending: dict[Value, list[Call]] = {}
        """Calls that make weights and constants, until another reads them."""
        self.constants: dict[Value, Any] = {}
        """Values whose elements are known, as tensors."""
        self.root = Region(name, "")
        self.open: list[Region] = [self.root]
        self.flops = 0
        """Those of the function that is recorded."""

    def new(self, tensor: Any, value: Value | None = None, view: View | None = None) -> Value:
        """Let a tensor be a value; it stays alive, so that no other gets its identity."""
        value = value or Value()
        self.aliases.made(tensor, view)
        self.bind(tensor, value)
        return value

    def take_note(self, tensor: Any, view: View) -> None:
        """Let a view of a constant, which has no value yet, be known as one."""
        self.aliases.made(tensor, view)
        self.alive.append(tensor)

    def bind(self, tensor: Any, value: Value) -> None:
        value.tensor = described(tensor)
        self.values[id(tensor)] = value
        self.alive.append(tensor)

    def known(self, tensor: Any) -> bool:
        """Whether a tensor follows from an input or from a weight."""
        return id(tensor) in self.values or id(tensor) in self.names or self.aliases.is_stale(tensor)

    def value(self, tensor: Any) -> Value:
        """The value that a tensor is; a weight or a constant is one by a step of its own, once it is read."""
        if self.aliases.is_stale(tensor):
            self.see_again(tensor)
        if id(tensor) in self.values:
            return self.values[id(tensor)]
        where = id(self.open[-1]), id(tensor)
        if where not in self.owned:
            self.owned[where] = self.source(tensor)
            self.alive.append(tensor)
        return self.owned[where]

    def see_again(self, tensor: Any) -> None:
        """Make a view anew of what its tensor has become."""
        view = self.aliases.view(tensor)
        if view is None:
            raise unsayable("a tensor is read after it was written to in a way that can't be followed")
        self.value(view.of)
        args, kwargs = tree_map(self.seen, (view.args, view.kwargs))
        values = self.lowering().lower(view.name, args, kwargs, [described(x) for x in view.all])
        self.new(tensor, values[view.port], view)

    def source(self, tensor: Any) -> Value:
        """The value of a tensor that is made of nothing, its calls not yet among the region's."""
        name = self.names.get(id(tensor))
        value = Value(described(tensor))
        if name is None:
            self.pending[value] = constant(tensor, value)
            self.constants[value] = tensor
            return value
        self.pending[value] = [stored("buffer" if id(tensor) in self.buffers else "parameter", name, value)]
        return value

    def read(self, tree: Any) -> list[Value]:
        return [self.value(x) for x in tensors_of(tree)]

    def known_of(self, tree: Any) -> list[Value]:
        """The values of those of the tensors that follow from an input or a weight."""
        return [self.value(x) for x in tensors_of(tree) if self.known(x)]

    def names_of(self, weights: Iterable[tuple[str, Any]], path: str) -> dict[str, str]:
        """By their names in a module, the names of weights in the whole network."""
        return {name: self.names.get(id(weight), f"{path}.{name}") for name, weight in weights}

    def weight(self, value: Value) -> str | None:
        """The name of the parameter that a value is, if no step has read it as a tensor."""
        sources = self.pending.get(value)
        return sources[-1].weights.get("weight") if sources and sources[-1].type == "parameter" else None

    @contextmanager
    def inside(self, region: Region) -> Iterator[None]:
        """Record the calls of a region, which is itself one of those of the region around it."""
        self.open[-1].calls.append(region)
        self.open.append(region)
        try:
            yield
        finally:
            self.open.pop()

    def whole(self, result: Any) -> Region:
        """The network, whose outputs are the tensors of a result."""
        self.root.outputs = self.read(result)
        self.make(self.root.outputs)
        let_out(self.root)
        return self.root

    def record(self, call: Call) -> None:
        """Add a call, after those that make the weights and constants it reads."""
        self.make(call.inputs)
        call.place = call.place or place()
        call.path = call.path or self.open[-1].path
        call.macs = self.flops // 2 if call.reason else None
        self.open[-1].calls.append(call)

    def make(self, values: Sequence[Value]) -> None:
        """Add the calls that make those of the values that are weights or constants, at their first use."""
        for value in values:
            for source in self.pending.pop(value, ()):
                self.record(source)

    def lowering(self) -> Lowering:
        return Lowering(self.record, self.weight, self.constants.get)

    def lowered(self, func: Any, args: Any, kwargs: Any, outputs: list[Any]) -> list[Value]:
        seen, options = tree_map(self.seen, (list(args), dict(kwargs)))
        return self.lowering().lower(name_of(func), seen, options, [described(x) for x in outputs])

    def seen(self, x: Any) -> Any:
        return self.value(x) if isinstance(x, torch.Tensor) else x

    def write(self, tensor: Any, value: Value) -> None:
        self.aliases.write(tensor, value, self.lowering)

    def view(
        self, y: Any, given: list[Any], name: str, called: tuple[Any, Any], outputs: list[Any], port: int
    ) -> View | None:
        """How an output was made, if it is a view of the first tensor that was given."""
        if not given or not shares(y, given[0]):
            return None
        return View(given[0], name, called[0], called[1], outputs, port)

    @contextmanager
    def counted(self, flops: int) -> Iterator[None]:
        """What is recorded meanwhile is a call of so many FLOPs, where nothing else says how many."""
        self.flops = flops
        try:
            yield
        finally:
            self.flops = 0


def unsayable(what: str) -> ArchitectureError:
    """The error of a run that no file can say."""
    return ArchitectureError(f"{place()}: {what}", hint="")
