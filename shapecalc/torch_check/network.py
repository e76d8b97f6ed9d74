"""The network of an analysis, built in torch: each row is torch's class or function of its type's name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial, reduce
from itertools import chain
from typing import Any

import torch
from torch.utils._pytree import tree_iter

from shapecalc.analysis.memory.liveness import releases
from shapecalc.engine.results import Analysis, Edge, Row
from shapecalc.errors import shorten
from shapecalc.layers import LAYERS, Layer
from shapecalc.layers.experts import OfExperts, dispatch, experts, route
from shapecalc.layers.parametrized import Parametrized
from shapecalc.tensors import Tensor, is_differentiable
from shapecalc.torch_check.experts import Dispatch, Gather, Route, Stacked
from shapecalc.torch_check.functions import function_of, keywords_of
from shapecalc.torch_check.modules import module_class


def first_line(error: Exception) -> str:
    """The first line of torch's message."""
    return shorten(f"{error}\n".splitlines()[0].strip(), 200)


class BuildError(Exception):
    """torch refuses to build or to run a row."""

    def __init__(self, row: Row, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {first_line(error)}")
        self.row = row
        self.error = error


Observe = Callable[[Row, "tuple[Any, ...]"], None]

_ROUTING: Mapping[type[Layer], Callable[[Row], Any]] = {route: Route, dispatch: Dispatch, experts: Gather}
REFUSALS = (AssertionError, AttributeError, IndexError, RuntimeError, TypeError, ValueError)
"""What torch raises to refuse a layer or an input; NotImplementedError is a RuntimeError."""


@contextmanager
def from_left_to_right() -> Iterator[None]:
    """Take the products of an einsum in torch's own order, where opt_einsum may be there to find another.

    torch.backends.opt_einsum.flags fails where it is off already: it sets the strategy as well.
    """
    backend = torch.backends.opt_einsum
    before, backend.enabled = backend.enabled, False
    try:
        yield
    finally:
        backend.enabled = before


class Network(torch.nn.Module):
    """The network of an analysis; row number i is `layers[i]`, Identity where it is a function."""

    def __init__(self, analysis: Analysis) -> None:
        super().__init__()
        self.analysis = analysis
        self.float32 = "float32"
        self.releases = releases(analysis)
        self.layers = torch.nn.ModuleList([self.module(row) for row in analysis.rows])
        tie(self)
        for row, module in zip(analysis.rows, self.layers, strict=True):
            for name in row.frozen:
                module.get_parameter(name).requires_grad_(False)

    def module(self, row: Row) -> Any:
        """The module that holds the weights of a row and, unless the row is a function, runs it."""
        return _module(row)

    def converted(self, dtype: str) -> Network:
        """The same with this dtype in place of float32: of its weights, and where a step names it."""
        self.float32 = dtype
        self.to(getattr(torch, dtype))
        return self

    def samples(self, device: Any) -> list[Any]:
        """Inputs of the network, on a device."""
        return [sample(x, device, self.float32) for x in self.analysis.inputs.values()]

    def on(self, device: Any, zeroed: Callable[[Any], bool] = lambda _: True) -> Network:
        """The same on a device: its weights are what the memory holds, and 0 of those that are `zeroed`."""
        self.to_empty(device=device)
        with torch.no_grad():
            for tensor in filter(zeroed, (*self.parameters(), *self.buffers())):
                tensor.zero_()
        return self

    def forward(self, *inputs: Any, observe: Observe) -> tuple[Any, ...]:
        """Run every row on the tensors that its edges name; `observe` reads each row's outputs."""
        with from_left_to_right():
            return self.execute(inputs, observe)

    def execute(self, inputs: Sequence[Any], observe: Observe) -> tuple[Any, ...]:
        tensors = {Edge(-1, port): tensor for port, tensor in enumerate(inputs)}
        for number, row in enumerate(self.analysis.rows):
            arguments = [tensors[edge] for edge in row.edges]
            # What is made of no tensor lies where the inputs do.
            with nullcontext() if arguments or not inputs else inputs[0].device:
                outputs = self.run(row, self.layers[number], arguments)
            observe(row, outputs)
            tensors.update({Edge(number, port): tensor for port, tensor in enumerate(outputs)})
            for edge in self.releases[number]:
                tensors.pop(edge, None)
            del arguments, outputs  # or what nothing needs any more would live through the next row
        return tuple(tensors[edge] for edge in self.analysis.output_edges)

    def run(self, row: Row, module: Any, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """The outputs of a row; made up if torch refuses on `meta` to look at values."""
        call = _function(row, module, self.float32) if row.layer.function else module
        try:
            outputs = call(*row.layer.feed(*arguments))
        except REFUSALS as error:
            if row.layer.reads_values and any(x.device.type == "meta" for x in arguments):
                return tuple(sample(y, "meta") for y in row.outputs)
            raise BuildError(row, error) from error
        return tuple(y for y in tree_iter(outputs) if y is not None)  # of a recurrent layer, tuples of tuples


def build(analysis: Analysis) -> Network:
    """The network on `meta`, where nothing is allocated and no weight is initialised.

    Raises:
        BuildError: torch refuses a layer's arguments.
    """
    with torch.device("meta"):
        network = Network(analysis)
    network.eval()
    return network


def _module(row: Row) -> Any:
    if row.layer.function:
        return _learned(row) if row.weights else torch.nn.Identity()
    try:
        if isinstance(row.layer, OfExperts):
            return Stacked(row, _module, _function)
        if isinstance(row.layer, Parametrized):
            return parametrized(row.layer, row)
        if made := _ROUTING.get(type(row.layer)):
            return made(row)
        return module_of(row.layer, row.arguments)
    except REFUSALS as error:
        raise BuildError(row, error) from error


def parametrized(layer: Parametrized, row: Row) -> Any:
    """The module of the layer within, one of whose weights torch makes."""
    inner = layer.inner
    module = _module(row._replace(layer=inner, figures=inner.figures(row.inputs)))
    arguments = {name: vars(layer.by)[name] for name in layer.by.fields if name != "use"}
    return getattr(torch.nn.utils.parametrizations, layer.by.type)(module, **arguments)


def tie(network: Network) -> None:
    """Give the rows that share weights those of the row that owns them."""
    for row, module in zip(network.analysis.rows, network.layers, strict=True):
        if row.shares is not None:
            _share(network.layers[row.shares], module, row.shared)


def _share(owner: Any, module: Any, names: Iterable[str]) -> None:
    """Put the tensors of these names of `owner` in the place of those of `module`."""
    for name in names:
        path, _, last = name.rpartition(".")
        setattr(module.get_submodule(path), last, getattr(owner.get_submodule(path), last))


def _learned(row: Row) -> Any:
    """A module that owns the row's weights, for a layer that is nothing but them."""
    module = torch.nn.Module()
    for name, weight in row.weights.items():
        make = torch.nn.Buffer if weight.buffer else torch.nn.Parameter
        setattr(module, name, make(torch.empty(weight.shape, dtype=getattr(torch, weight.dtype))))
    return module


def owned(module: Any) -> Any:
    """The tensor of a module that owns one."""
    return next(chain(module.parameters(), module.buffers()))


def module_of(layer: Layer, arguments: Mapping[str, Any]) -> Any:
    """torch's module of a layer's type, made of torch's arguments."""
    arguments = {key: value for key, value in arguments.items() if key not in layer.called_with}
    if not layer.wraps:
        return module_class(layer.type)(**arguments)
    name, inner = layer.wraps
    inside = {key: value for key, value in arguments.items() if key in LAYERS[inner].fields}
    own = {key: value for key, value in arguments.items() if key not in inside}
    return getattr(torch.nn, layer.type)(**{name: getattr(torch.nn, inner)(**inside)}, **own)


def _function(row: Row, module: Any, float32: str = "float32") -> Callable[..., Any]:
    """torch's function of the row's type, with the layer's arguments."""
    if row.weights:
        # In inference a parameter may be no module's output: hooks look for where its gradient goes.
        return lambda: owned(module) if torch.is_grad_enabled() else owned(module).detach()
    named = keywords_of(row.layer, float32)
    call: Callable[..., Any] = partial(function_of(row.layer.function or ""), **named)
    return (lambda *xs: reduce(call, xs)) if row.layer.folds else call


def sample(tensor: Tensor, device: Any, float32: str = "float32") -> Any:
    """A tensor of that shape and dtype: random where floating-point, else zeros, which index anything.

    `float32` is the dtype in its place, of a network that was converted.
    """
    dtype = getattr(torch, float32 if tensor.dtype == "float32" else tensor.dtype)
    make = torch.rand if is_differentiable(tensor.dtype) else torch.zeros
    return make(tensor.shape, dtype=dtype, device=device)
