"""A torch module → the program that one forward pass of it is, recorded on fake tensors.

Modules of torch.nn are recorded as layers, with nothing inside of them; other modules are regions, and what
they call beside modules is recorded as functions. No weight is allocated, and the module stays as it was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.flop_counter import FlopCounterMode

from shapecalc.errors import ArchitectureError
from shapecalc.importing import rows as _rows  # noqa: F401  # which declares what functions become
from shapecalc.importing.leaves import arguments_of, is_leaf
from shapecalc.importing.lowering import Lowering
from shapecalc.importing.program import Call, Program, Region, Value
from shapecalc.language.inputs import parse_input
from shapecalc.tensors import Tensor
from shapecalc.torch_check.uncounted import UNCOUNTED

_OWN = str(Path(__file__).resolve().parent.parent)
_TORCH = str(Path(torch.__file__).resolve().parent)


def described(tensor: Any) -> Tensor:
    """The shape and the dtype of a torch tensor."""
    return Tensor(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


def sample_inputs(shapes: str | Mapping[str, str] | None) -> tuple[list[Any], dict[str, Any]]:
    """Tensors of these shapes, on `meta`: the one input, or those that are named, as keywords.

    Raises:
        ArchitectureError: a text is no shape, or has letters.
    """
    named = {"": shapes} if isinstance(shapes, str) else dict(shapes or {})
    made = {}
    for name, text in named.items():
        tensor = parse_input(text).tensor({})
        if not all(type(size) is int for size in tensor.shape):
            raise ArchitectureError(f"the input {text} has letters: a module is run at numbers")
        made[name] = torch.empty(tensor.shape, dtype=getattr(torch, tensor.dtype), device="meta")
    alone = made.pop("", None)
    return ([] if alone is None else [alone]), made


def read_module(module: Any, inputs: Sequence[Any], keywords: Mapping[str, Any], name: str) -> Program:
    """The program of a module, run once on fake tensors like `inputs` and `keywords`.

    Raises:
        ArchitectureError: the module fails on fake tensors, or its run depends on values.
    """
    mode = _mode_of(module)
    with _left_as_it_was(module), mode, torch.no_grad():
        weights = {key: _fake(mode, p) for key, p in module.named_parameters(remove_duplicate=False)}
        buffers = {key: _fake(mode, b) for key, b in module.named_buffers(remove_duplicate=False)}
        state = _tied(module, {**weights, **buffers})
        recorder = Recorder(
            module, {key: state[key] for key in weights}, {key: state[key] for key in buffers}
        )
        arguments, options = tree_map(lambda x: _fake(mode, x), (tuple(inputs), dict(keywords)))
        given = recorder.take_inputs(module, arguments, options)
        counter = FlopCounterMode(display=False, custom_mapping=UNCOUNTED)
        with _plain_attention(), counter, recorder.recording():
            result = functional_call(module, state, arguments, options, tie_weights=False)
    body = recorder.whole(result)
    return Program(
        name,
        given,
        body,
        {key: described(state[key]) for key, _ in module.named_parameters()},
        {key: described(state[key]) for key, _ in module.named_buffers()},
        counter.get_total_flops() // 2,
    )


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Keep MultiheadAttention from torch's fused kernel, whose products torch's counter does not see."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def _mode_of(module: Any) -> Any:
    """The fake mode that the module was built in: tensors of two don't meet."""
    for weight in module.parameters():
        if isinstance(weight, FakeTensor):
            return weight.fake_mode
    return FakeTensorMode(allow_non_fake_inputs=True)


def _fake(mode: Any, x: Any) -> Any:
    """A fake tensor like `x` on the CPU, wherever that is; what is no tensor stays."""
    if not isinstance(x, torch.Tensor):
        return x
    with mode:
        return torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="cpu")


def _tied(module: Any, state: dict[str, Any]) -> dict[str, Any]:
    """The same, one tensor for all names of a weight that has several."""
    owners: dict[int, str] = {}
    originals = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    return {key: state[owners.setdefault(id(tensor), key)] for key, tensor in originals}


@contextmanager
def _left_as_it_was(module: Any) -> Iterator[None]:
    """In evaluation for a while; every module's own mode comes back, and so does the random state."""
    modes = [(part, part.training) for part in module.modules()]
    state = torch.get_rng_state()
    try:
        module.eval()
        yield
    finally:
        for part, training in modes:
            part.training = training
        torch.set_rng_state(state)


class Recorder(TorchFunctionMode):
    """Records calls of modules and of functions while `recording`, each tensor by the value that it is."""

    def __init__(self, module: Any, weights: Mapping[str, Any], buffers: Mapping[str, Any]) -> None:
        super().__init__()
        self.paths = {id(part): path for path, part in module.named_modules()}
        self.names = {id(part): key for key, part in reversed([*weights.items(), *buffers.items()])}
        self.buffers = {id(part) for part in buffers.values()}
        self.alive: list[Any] = [module, *weights.values(), *buffers.values()]
        """What must live as long as its identity is looked up."""
        self.values: dict[int, Value] = {}
        self.owned: dict[tuple[int, int], Value] = {}
        """By region and tensor, the value of a weight or a constant."""
        self.stale: set[int] = set()
        """Tensors that were written over by way of a view."""
        self.pending: dict[Value, Call] = {}
        """Calls that make weights and constants, until another reads them."""
        self.root = Region(type(module).__name__, "")
        self.open: list[Region] = [self.root]
        self.silent = False

    def take_inputs(
        self, module: Any, arguments: Sequence[Any], options: Mapping[str, Any]
    ) -> dict[str, Value]:
        """The values of the network's inputs, by the names that the module's forward gives them."""
        code = getattr(type(module).forward, "__code__", None)
        names = list(code.co_varnames[1 : code.co_argcount]) if code else []
        given: dict[str, Any] = {}
        for number, x in enumerate(arguments):
            given[names[number] if number < len(names) else f"input{number}"] = x
        given |= options
        inputs: dict[str, Value] = {}
        for name, x in given.items():
            leaves = [leaf for leaf in tree_leaves(x) if isinstance(leaf, torch.Tensor)]
            for number, leaf in enumerate(leaves):
                inputs[name if len(leaves) == 1 else f"{name}{number}"] = self.new(leaf)
        self.root.inputs = [*inputs.values()]
        return inputs

    @contextmanager
    def recording(self) -> Iterator[None]:
        original = torch.nn.Module.__call__

        def call(module: Any, *args: Any, **kwargs: Any) -> Any:
            return self.module(original, module, args, kwargs)

        torch.nn.Module.__call__ = call
        try:
            with self:
                yield
        finally:
            torch.nn.Module.__call__ = original

    def whole(self, result: Any) -> Region:
        self.root.outputs = self.read(result)
        return self.root

    def new(self, tensor: Any, value: Value | None = None) -> Value:
        """Let a tensor be a value; it stays alive, so that no other gets its identity."""
        value = value or Value()
        value.tensor = described(tensor)
        self.values[id(tensor)] = value
        self.alive.append(tensor)
        return value

    def known(self, tensor: Any) -> bool:
        """Whether a tensor follows from an input or from a weight."""
        return id(tensor) in self.values or id(tensor) in self.names

    def value(self, tensor: Any) -> Value:
        """The value that a tensor is; a weight or a constant is one by a step of its own, once it is read."""
        if id(tensor) in self.stale:
            raise self.unsayable("a tensor is read that was written over by way of a view")
        if id(tensor) in self.values:
            return self.values[id(tensor)]
        where = id(self.open[-1]), id(tensor)
        if where not in self.owned:
            self.owned[where] = self.source(tensor)
            self.alive.append(tensor)
        return self.owned[where]

    def source(self, tensor: Any) -> Value:
        """The value of a tensor that is made of nothing, its call not yet among the region's."""
        found, name = described(tensor), self.names.get(id(tensor))
        arguments: dict[str, Any] = {"shape" if name else "size": list(found.shape)}
        if found.dtype != "float32":
            arguments["dtype"] = found.dtype
        made = "buffer" if id(tensor) in self.buffers else "parameter"
        value = Value(found)
        weights = {"weight": name} if name else {}
        self.pending[value] = Call(made if name else "zeros", arguments, [], [value], weights)
        return value

    def read(self, tree: Any) -> list[Value]:
        return [self.value(x) for x in tree_leaves(tree) if isinstance(x, torch.Tensor)]

    def record(self, call: Call) -> None:
        """Add a call, after those that make the weights it reads."""
        for value in call.inputs:
            if source := self.pending.pop(value, None):
                self.record(source)
        call.place = call.place or _place()
        call.path = call.path or self.open[-1].path
        self.open[-1].calls.append(call)

    def weight(self, value: Value) -> str | None:
        """The name of the weight that a value is, if no step has read it as a tensor."""
        source = self.pending.get(value)
        return next(iter(source.weights.values()), None) if source else None

    def module(self, original: Callable[..., Any], module: Any, args: Any, kwargs: Any) -> Any:
        path = self.paths.get(id(module))
        if self.silent or path is None or module is self.alive[0]:
            return original(module, *args, **kwargs)
        if is_leaf(module):
            return self.leaf(original, module, path, args, kwargs)
        region = Region(type(module).__name__, path)
        region.inputs = [self.value(x) for x in tree_leaves((args, kwargs)) if self.followed(x)]
        self.open[-1].calls.append(region)
        self.open.append(region)
        try:
            result = original(module, *args, **kwargs)
        finally:
            self.open.pop()
        region.outputs = [self.value(x) for x in tree_leaves(result) if self.followed(x)]
        return result

    def followed(self, x: Any) -> bool:
        return isinstance(x, torch.Tensor) and self.known(x)

    def leaf(self, original: Callable[..., Any], module: Any, path: str, args: Any, kwargs: Any) -> Any:
        inputs = self.read((args, kwargs))
        self.silent = True
        try:
            result = original(module, *args, **kwargs)
            for x in tree_leaves(result):
                if id(x) in self.values:  # written over, as by ReLU(inplace=True)
                    self.overwrite(x)
        finally:
            self.silent = False
        type_ = type(module).__name__
        if type_ == "Identity" or getattr(module, "p", 1) == 0:  # a Dropout of nothing
            return result
        made = [x for x in tree_leaves(result) if isinstance(x, torch.Tensor)]
        outputs = [Value() for _ in made]
        weights = {name: self.names.get(id(w), f"{path}.{name}") for name, w in module.named_parameters()}
        self.record(Call(type_, arguments_of(module), inputs, outputs, weights, path))
        for x, value in zip(made, outputs, strict=True):
            self.new(x, value)
        return result

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.silent:
            return func(*args, **kwargs)
        given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        versions = [x._version for x in given]
        result = func(*args, **kwargs)
        outputs = [x for x in tree_leaves(result) if isinstance(x, torch.Tensor)]
        if _writes(func) and any(map(self.known, given)):
            raise self.unsayable("a part of a tensor is written in place")
        same = [n for n, x in enumerate(given) if len(outputs) == 1 and x is outputs[0]]
        in_place = _in_place(func) or any(given[n]._version != versions[n] for n in same)
        if in_place and given and self.known(given[0]):
            self.overwrite(given[0])
        if not outputs or not any(map(self.known, given)) or func.__name__ in _OF_A_SHAPE:
            return result
        if same and not in_place:
            return result
        self.function(func, args, kwargs, outputs)
        return result

    def overwrite(self, tensor: Any) -> None:
        """Take note that a tensor is written over: what it is a view of is not what it was."""
        base = tensor._base
        if base is None or not self.known(base):
            return
        if base.numel() > tensor.numel():
            raise self.unsayable("a part of a tensor is written in place")
        self.stale.add(id(base))

    def function(self, func: Any, args: Any, kwargs: Any, outputs: list[Any]) -> None:
        lowering = Lowering(self.record, self.weight)
        name = resolve_name(func) or getattr(func, "__name__", str(func))
        seen, options = tree_map(self.seen, (list(args), kwargs))
        values = lowering.lower(name, seen, options, [described(x) for x in outputs])
        for x, value in zip(outputs, values, strict=True):
            self.new(x, value)

    def seen(self, x: Any) -> Any:
        return self.value(x) if isinstance(x, torch.Tensor) else x

    def unsayable(self, what: str) -> ArchitectureError:
        return ArchitectureError(f"{_place()}: {what}", hint="")


_OF_A_SHAPE = {f"new_{word}" for word in ("zeros", "ones", "full", "empty", "tensor")}
_OF_A_SHAPE |= {f"{word}_like" for word in ("zeros", "ones", "full", "empty")}
"""Functions that read a tensor's shape alone: what they make is a constant."""


def _in_place(func: Any) -> bool:
    name = getattr(func, "__name__", "")
    return (name.endswith("_") and not name.endswith("__")) or name.startswith("__i")


def _writes(func: Any) -> bool:
    return getattr(func, "__name__", "") == "__setitem__"


def _place() -> str:
    """File and line of the code that calls torch, which is neither torch's nor ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame and frame.f_code.co_filename.startswith((_OWN, _TORCH, "<")):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else ""
