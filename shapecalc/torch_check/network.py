"""An analysis as a torch module: every row by the class or function of its name in torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any

import torch

from shapecalc.analysis.liveness import releases
from shapecalc.errors import shorten
from shapecalc.results import Analysis, Edge, Row
from shapecalc.tensors import Tensor, is_floating


def first_line(error: Exception) -> str:
    """What torch says, without the pages that may follow."""
    return shorten(f"{error}\n".splitlines()[0].strip(), 200)


class BuildError(Exception):
    """torch refuses to build or to run a row."""

    def __init__(self, row: Row, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {first_line(error)}")
        self.row = row
        self.error = error


Observe = Callable[[Row, "tuple[Any, ...]"], None]


class Network(torch.nn.Module):
    """The network of an analysis; row number i is `layers[i]`, Identity where it is a function."""

    def __init__(self, analysis: Analysis) -> None:
        super().__init__()
        self.analysis = analysis
        self.releases = releases(analysis)
        self.layers = torch.nn.ModuleList([_module(row) for row in analysis.rows])

    def forward(self, *inputs: Any, observe: Observe) -> tuple[Any, ...]:
        """Run every row on the tensors that its edges name; `observe` sees each row's outputs."""
        tensors = {Edge(-1, port): tensor for port, tensor in enumerate(inputs)}
        for number, row in enumerate(self.analysis.rows):
            arguments = [tensors[edge] for edge in row.edges]
            outputs = self.run(row, self.layers[number], arguments)
            observe(row, outputs)
            tensors.update({Edge(number, port): tensor for port, tensor in enumerate(outputs)})
            for edge in self.releases[number]:
                tensors.pop(edge, None)
        return tuple(tensors[edge] for edge in self.analysis.output_edges)

    def run(self, row: Row, module: Any, arguments: Sequence[Any]) -> tuple[Any, ...]:
        call = _function(row) if row.layer.function else module
        try:
            outputs = call(*row.layer.feed(*arguments))
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError) as error:
            raise BuildError(row, error) from error
        return tuple(_flat(outputs))


def _flat(outputs: Any) -> Iterator[Any]:
    """The tensors of an output, which may be tuples of tuples."""
    if isinstance(outputs, tuple):
        for output in outputs:
            yield from _flat(output)
    else:
        yield outputs


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
        return torch.nn.Identity()
    try:
        return getattr(torch.nn, row.type)(**row.arguments)
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise BuildError(row, error) from error


def _function(row: Row) -> Callable[..., Any]:
    """torch's function of the row's name, called as the layer's `function` says."""
    function = getattr(torch, row.type)
    # All arguments by name: where shapecalc has a default, torch's own may be another (concat's dim).
    arguments = {name: row.layer.__dict__[name] for name in row.layer.fields}
    calls: dict[str, Callable[..., Any]] = {
        "apply": lambda *xs: function(*xs, **arguments),
        "fold": lambda *xs: reduce(lambda a, b: function(a, b, **arguments), xs),
        "gather": lambda *xs: function(xs, **arguments),
    }
    return calls[row.layer.function or ""]


def sample(tensor: Tensor, device: Any) -> Any:
    """A tensor of that shape and dtype: random where floating-point, else zeros, which index anything."""
    dtype = getattr(torch, tensor.dtype)
    make = torch.rand if is_floating(tensor.dtype) else torch.zeros
    return make(tensor.shape, dtype=dtype, device=device)
