"""The run of a torch module → the calls that it makes, each tensor by the value that it is.

What follows from an input or a weight is a fake tensor, and recorded. What follows from neither is a
constant: it is computed with its values, on which control flow may hang, and recorded once it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from shapecalc.errors import ArchitectureError
from shapecalc.importing import rows as _rows  # noqa: F401  # which declares what functions become
from shapecalc.importing.aliases import Aliases, View, shares
from shapecalc.importing.arguments import stored
from shapecalc.importing.constants import constant
from shapecalc.importing.leaves import arguments_of, described, is_leaf, keeps_shape, takes
from shapecalc.importing.lowering import Lowering
from shapecalc.importing.program import Call, Region, Value, let_out
from shapecalc.importing.torch_calls import (
    EMPTY,
    OF_A_SHAPE,
    OF_VALUES,
    chosen,
    name_of,
    numbers_of,
    place,
    stand_in,
    tensors_of,
    writes,
)


class Recorder(TorchFunctionMode):
    """Records calls of modules and of functions while `recording`."""

    def __init__(
        self, module: Any, weights: Mapping[str, Any], buffers: Mapping[str, Any], counter: Any
    ) -> None:
        super().__init__()
        self.module = module
        self.counter = counter
        self.flops_of_constants = 0
        self.flops = 0
        """Those of the function that is recorded."""
        self.paths = {id(part): path for path, part in module.named_modules()}
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
        self.root = Region(type(module).__name__, "")
        self.open: list[Region] = [self.root]
        self.silent = False

    def take_inputs(self, arguments: Sequence[Any], options: Mapping[str, Any]) -> dict[str, Value]:
        """The values of the network's inputs, by the names that the module's forward gives them."""
        code = getattr(type(self.module).forward, "__code__", None)
        names = list(code.co_varnames[1 : code.co_argcount]) if code else []
        given: dict[str, Any] = {}
        for number, x in enumerate(arguments):
            given[names[number] if number < len(names) else f"input{number}"] = x
        given |= options
        inputs: dict[str, Value] = {}
        for name, x in given.items():
            leaves = tensors_of(x)
            for number, leaf in enumerate(leaves):
                inputs[name if len(leaves) == 1 else f"{name}{number}"] = self.new(leaf)
        self.root.inputs = [*inputs.values()]
        return inputs

    @contextmanager
    def recording(self) -> Iterator[None]:
        original = torch.nn.Module.__call__

        def call(module: Any, *args: Any, **kwargs: Any) -> Any:
            return self.called(original, module, args, kwargs)

        torch.nn.Module.__call__ = call
        cond, torch.cond = torch.cond, chosen
        try:
            with self:
                yield
        finally:
            torch.nn.Module.__call__, torch.cond = original, cond

    def whole(self, result: Any) -> Region:
        self.root.outputs = self.read(result)
        self.make(self.root.outputs)
        let_out(self.root)
        return self.root

    def new(self, tensor: Any, value: Value | None = None, view: View | None = None) -> Value:
        """Let a tensor be a value; it stays alive, so that no other gets its identity."""
        value = value or Value()
        self.aliases.made(tensor, view)
        self.bind(tensor, value)
        return value

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
            raise self.unsayable("a tensor is read after it was written to in a way that can't be followed")
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

    def weight(self, value: Value) -> str | None:
        """The name of the parameter that a value is, if no step has read it as a tensor."""
        sources = self.pending.get(value)
        return sources[-1].weights.get("weight") if sources and sources[-1].type == "parameter" else None

    def lowering(self) -> Lowering:
        return Lowering(self.record, self.weight, self.constants.get)

    def called(self, original: Callable[..., Any], module: Any, args: Any, kwargs: Any) -> Any:
        """The call of a module, as a layer or as a region."""
        path = self.paths.get(id(module))
        if self.silent or path is None or module is self.module:
            return original(module, *args, **kwargs)
        if is_leaf(module) and takes(module, len(tensors_of((args, kwargs)))):
            return self.leaf(original, module, path, args, kwargs)
        if isinstance(module, torch.jit.ScriptModule):
            return self.compiled(original, module, path, args, kwargs)
        region = Region(type(module).__name__, path, attributes=numbers_of(module))
        region.inputs = [self.value(x) for x in tensors_of((args, kwargs)) if self.known(x)]
        self.open[-1].calls.append(region)
        self.open.append(region)
        try:
            result = original(module, *args, **kwargs)
        finally:
            self.open.pop()
        region.outputs = [self.value(x) for x in tensors_of(result) if self.known(x)]
        return result

    def compiled(self, original: Callable[..., Any], module: Any, path: str, args: Any, kwargs: Any) -> Any:
        """The call of a compiled module, which is opaque: Python does not see what it computes."""
        inputs, before = self.read((args, kwargs)), self.counter.get_total_flops()
        self.silent = True
        try:
            result = original(module, *args, **kwargs)
        finally:
            self.silent = False
        owned = (*module.named_parameters(), *module.named_buffers())
        weights = {name: self.names.get(id(w), f"{path}.{name}") for name, w in owned}
        outputs = [self.new(x) for x in tensors_of(result)]
        reason = "it is compiled, and hidden from Python"
        with self.counted(self.counter.get_total_flops() - before):
            self.record(Call(module.original_name, {}, inputs, outputs, weights, path, reason=reason))
        return result

    def leaf(self, original: Callable[..., Any], module: Any, path: str, args: Any, kwargs: Any) -> Any:
        given = tensors_of((args, kwargs))
        inputs, versions = self.read(given), [x._version for x in given]
        self.silent = True
        try:
            like = keeps_shape(module, args, kwargs)
            result = torch.empty_like(args[0]) if like else original(module, *args, **kwargs)
            type_ = type(module).__name__
            if type_ == "Identity" or getattr(module, "p", 1) == 0:  # a Dropout of nothing
                return result
            written = [x for x, version in zip(given, versions, strict=True) if x._version != version]
            if any(result is x for x in given) and not written:  # a Dropout, which does nothing in evaluation
                result = result.detach()
        finally:
            self.silent = False
        made = tensors_of(result)
        outputs = [Value() for _ in made]
        weights = {name: self.names.get(id(w), f"{path}.{name}") for name, w in module.named_parameters()}
        self.record(Call(type_, arguments_of(module), inputs, outputs, weights, path))
        for port, (x, value) in enumerate(zip(made, outputs, strict=True)):
            if any(x is y for y in written):  # as by ReLU(inplace=True)
                self.write(x, value)
            else:
                self.new(x, value, self.view(x, given, type_, (args, kwargs), made, port))
        return result

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.silent:
            return func(*args, **kwargs)
        if func is functional.multi_head_attention_forward:
            return self.opened(func, args, kwargs)
        given = tensors_of((args, kwargs))
        if not any(map(self.known, given)):
            return self.of_constants(func, args, kwargs, given)
        if func.__name__ in OF_A_SHAPE:
            args, kwargs = tree_map(stand_in, (args, kwargs))
            return self.of_constants(func, args, kwargs, given)
        versions = [x._version for x in given]
        before = self.counter.get_total_flops()
        result = func(*args, **kwargs)
        with self.counted(self.counter.get_total_flops() - before):
            return self.made(func, args, kwargs, given, versions, result)

    def opened(self, func: Any, args: Any, kwargs: Any) -> Any:
        """A function of torch's that is written in Python, by the functions that it calls."""
        words = vars(functional)
        asked, words["has_torch_function"] = words["has_torch_function"], lambda _: False
        try:
            with self:
                return func(*args, **kwargs)
        finally:
            words["has_torch_function"] = asked

    @contextmanager
    def counted(self, flops: int) -> Iterator[None]:
        """What is recorded meanwhile is a call of so many FLOPs, where nothing else says how many."""
        self.flops = flops
        try:
            yield
        finally:
            self.flops = 0

    def made(
        self, func: Any, args: Any, kwargs: Any, given: list[Any], versions: list[int], result: Any
    ) -> Any:
        """Record what a function has made of tensors, or has written to the first of them."""
        if writes(func) or (result is given[0] and given[0]._version != versions[0]):
            self.write(given[0], self.lowered(func, args, kwargs, [given[0]])[0])
            return None if result is None else given[0]
        outputs = tensors_of(result)
        if not any(y.numel() for y in outputs):  # what has no elements hangs on nothing
            return self.plain(func, given, result)
        if not any(result is x for x in given):
            self.function(func, args, kwargs, given, outputs)
        return result

    def of_constants(self, func: Any, args: Any, kwargs: Any, given: list[Any]) -> Any:
        """A call on nothing that is known: computed, and only taken note of where it makes views."""
        before = self.counter.get_total_flops()
        result = func(*args, **kwargs)
        self.flops_of_constants += self.counter.get_total_flops() - before
        outputs = tensors_of(result)
        if func.__name__ in EMPTY and not hasattr(result, "fake_mode"):
            result.zero_()
        for port, y in enumerate(outputs):
            view = self.view(y, given, name_of(func), (args, kwargs), outputs, port)
            if view is not None and not any(y is x for x in given):
                self.aliases.made(y, view)
                self.alive.append(y)
        return result

    def plain(self, func: Any, given: list[Any], result: Any) -> Any:
        """What is no tensor: a shape for example; not a value, of a constant that was written to since."""
        if func.__name__ in OF_VALUES and not hasattr(given[0], "fake_mode"):
            raise self.unsayable("the flow of control depends on values")
        return result

    def function(self, func: Any, args: Any, kwargs: Any, given: list[Any], outputs: list[Any]) -> None:
        values = self.lowered(func, args, kwargs, outputs)
        for port, (x, value) in enumerate(zip(outputs, values, strict=True)):
            self.new(x, value, self.view(x, given, name_of(func), (args, kwargs), outputs, port))

    def lowered(self, func: Any, args: Any, kwargs: Any, outputs: list[Any]) -> list[Value]:
        seen, options = tree_map(self.seen, (list(args), dict(kwargs)))
        return self.lowering().lower(name_of(func), seen, options, [described(x) for x in outputs])

    def view(
        self, y: Any, given: list[Any], name: str, called: tuple[Any, Any], outputs: list[Any], port: int
    ) -> View | None:
        """How an output was made, if it is a view of the first tensor that was given."""
        if not given or not shares(y, given[0]):
            return None
        return View(given[0], name, called[0], called[1], outputs, port)

    def write(self, tensor: Any, value: Value) -> None:
        self.aliases.write(tensor, value, self.lowering)

    def seen(self, x: Any) -> Any:
        return self.value(x) if isinstance(x, torch.Tensor) else x

    def unsayable(self, what: str) -> ArchitectureError:
        return ArchitectureError(f"{place()}: {what}", hint="")
