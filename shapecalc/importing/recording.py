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

from shapecalc.importing import rows as _rows  # noqa: F401  # which declares what functions become
from shapecalc.importing.leaves import arguments_of, is_leaf, keeps_shape, takes
from shapecalc.importing.program import Call, Region, Value
from shapecalc.importing.recorded import Recorded, unsayable
from shapecalc.importing.torch_calls import (
    EMPTY,
    OF_A_SHAPE,
    OF_VALUES,
    chosen,
    name_of,
    numbers_of,
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
        self.recorded = Recorded(type(module).__name__, weights, buffers)
        self.flops_of_constants = 0
        self.paths = {id(part): path for path, part in module.named_modules()}
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
                inputs[name if len(leaves) == 1 else f"{name}{number}"] = self.recorded.new(leaf)
        self.recorded.root.inputs = [*inputs.values()]
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
        region.inputs = self.recorded.known_of((args, kwargs))
        with self.recorded.inside(region):
            result = original(module, *args, **kwargs)
        region.outputs = self.recorded.known_of(result)
        return result

    def compiled(self, original: Callable[..., Any], module: Any, path: str, args: Any, kwargs: Any) -> Any:
        """The call of a compiled module, which is opaque: Python does not see what it computes."""
        inputs, before = self.recorded.read((args, kwargs)), self.counter.get_total_flops()
        self.silent = True
        try:
            result = original(module, *args, **kwargs)
        finally:
            self.silent = False
        owned = (*module.named_parameters(), *module.named_buffers())
        weights = self.recorded.names_of(owned, path)
        outputs = [self.recorded.new(x) for x in tensors_of(result)]
        reason = "it is compiled, and hidden from Python"
        with self.recorded.counted(self.counter.get_total_flops() - before):
            self.recorded.record(
                Call(module.original_name, {}, inputs, outputs, weights, path, reason=reason)
            )
        return result

    def leaf(self, original: Callable[..., Any], module: Any, path: str, args: Any, kwargs: Any) -> Any:
        given = tensors_of((args, kwargs))
        inputs, versions = self.recorded.read(given), [x._version for x in given]
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
        weights = self.recorded.names_of(module.named_parameters(), path)
        self.recorded.record(Call(type_, arguments_of(module), inputs, outputs, weights, path))
        for port, (x, value) in enumerate(zip(made, outputs, strict=True)):
            if any(x is y for y in written):  # as by ReLU(inplace=True)
                self.recorded.write(x, value)
            else:
                self.recorded.new(x, value, self.recorded.view(x, given, type_, (args, kwargs), made, port))
        return result

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.silent:
            return func(*args, **kwargs)
        if func is functional.multi_head_attention_forward:
            return self.opened(func, args, kwargs)
        given = tensors_of((args, kwargs))
        if not any(map(self.recorded.known, given)):
            return self.of_constants(func, args, kwargs, given)
        if func.__name__ in OF_A_SHAPE:
            args, kwargs = tree_map(stand_in, (args, kwargs))
            return self.of_constants(func, args, kwargs, given)
        versions = [x._version for x in given]
        before = self.counter.get_total_flops()
        result = func(*args, **kwargs)
        with self.recorded.counted(self.counter.get_total_flops() - before):
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

    def made(
        self, func: Any, args: Any, kwargs: Any, given: list[Any], versions: list[int], result: Any
    ) -> Any:
        """Record what a function has made of tensors, or has written to the first of them."""
        if writes(func) or (result is given[0] and given[0]._version != versions[0]):
            self.recorded.write(given[0], self.recorded.lowered(func, args, kwargs, [given[0]])[0])
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
            view = self.recorded.view(y, given, name_of(func), (args, kwargs), outputs, port)
            if view is not None and not any(y is x for x in given):
                self.recorded.take_note(y, view)
        return result

    def plain(self, func: Any, given: list[Any], result: Any) -> Any:
        """What is no tensor: a shape for example; not a value, of a constant that was written to since."""
        if func.__name__ in OF_VALUES and not hasattr(given[0], "fake_mode"):
            raise unsayable("the flow of control depends on values")
        return result

    def function(self, func: Any, args: Any, kwargs: Any, given: list[Any], outputs: list[Any]) -> None:
        values = self.recorded.lowered(func, args, kwargs, outputs)
        for port, (x, value) in enumerate(zip(outputs, values, strict=True)):
            self.recorded.new(
                x, value, self.recorded.view(x, given, name_of(func), (args, kwargs), outputs, port)
            )
