"""Rows: executed layers, each with what it reads, where that comes from, and its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from shapecalc.errors import ArchitectureError
from shapecalc.layers import Figures, Layer
from shapecalc.layers.schemes import Scheme, size_in_bytes
from shapecalc.layers.weights import Weights
from shapecalc.operations import Operations, Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import BYTES, Tensor, for_json


class Edge(NamedTuple):
    """Where a tensor comes from: output `port` of row `row`; row −1 has the network's inputs."""

    row: int
    port: int


class Wire(NamedTuple):
    """A tensor and where it comes from, as in `Edge`."""

    tensor: Tensor
    row: int
    port: int

    @property
    def edge(self) -> Edge:
        return Edge(self.row, self.port)


class Row(NamedTuple):
    """One executed layer: what it reads, and its figures."""

    path: str
    layer: Layer
    sources: tuple[Wire, ...]
    figures: Figures
    shares: int | None = None
    """The number of the row whose weights this one uses, those of equal names."""
    shared: frozenset[str] = frozenset()
    """The names of the weights that belong to that row."""
    frozen: frozenset[str] = frozenset()
    """The names of the parameters that are not trained, shared ones too."""
    stored: Mapping[str, Scheme] = MappingProxyType({})
    """By their names, the weights that are stored as whole numbers with scales, shared ones too."""

    @classmethod
    def of(cls, path: str, layer: Layer, sources: Iterable[Wire]) -> Row:
        """The row of a layer with weights of its own."""
        wires = tuple(sources)
        return cls(path, layer, wires, layer.figures(tuple([wire.tensor for wire in wires])))

    @classmethod
    def alone(cls, path: str, layer: Layer, inputs: Iterable[Tensor]) -> Row:
        """The row of a layer that reads the inputs of a network."""
        return cls.of(path, layer, [Wire(x, -1, port) for port, x in enumerate(inputs)])

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return tuple([wire.tensor for wire in self.sources])

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Where each input comes from."""
        return tuple([wire.edge for wire in self.sources])

    @property
    def type(self) -> str:
        return self.layer.type

    def error(self, message: str, hint: str | None = None) -> ArchitectureError:
        """An error of this layer, with its type and its path."""
        return ArchitectureError(message, hint=hint).about(self.type).at(None, self.path)

    @property
    def arguments(self) -> dict[str, Any]:
        """torch's arguments: the inferred sizes and what the file gave."""
        return self.layer.arguments(self.inputs)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return self.figures.outputs

    @property
    def output(self) -> Tensor:
        """The first output, which flows on to the next step."""
        return self.figures.outputs[0]

    @property
    def weights(self) -> Weights:
        """Name → weight of what the layer owns."""
        return self.figures.weights

    @property
    def own_weights(self) -> Weights:
        """The weights that are no other row's."""
        if not self.shared:
            return self.figures.weights
        return {name: weight for name, weight in self.weights.items() if name not in self.shared}

    @property
    def learned(self) -> tuple[str, ...]:
        """The names of the weights that are parameters, frozen ones too."""
        return tuple([name for name, weight in self.weights.items() if not weight.buffer])

    @property
    def trained(self) -> frozenset[str]:
        """The names of the parameters that are not frozen."""
        return frozenset(self.learned) - self.frozen

    @property
    def macs(self) -> Dim:
        """Multiply-accumulates."""
        return self.figures.macs

    @property
    def counted(self) -> Dim | Unknown:
        """Multiply-accumulates; unknown where nobody has counted them, and `macs` are 0."""
        why = self.layer.uncounted
        return Unknown(why) if why else self.macs

    @property
    def ops(self) -> Operations | Unknown:
        """The operations beside the multiply-accumulates, in evaluation, by their kinds."""
        return self.layer.costs(self.inputs).ops

    @property
    def macs_without_padding(self) -> Dim | Unknown:
        """The multiply-accumulates without those of `left_out`: zeros of padding, hidden keys."""
        return self.layer.costs(self.inputs).macs_without_padding

    @property
    def params(self) -> Dim:
        """Elements of the layer's own parameters: what is shared is counted where it belongs."""
        return sum([w.elements for w in self.own_weights.values() if not w.buffer])

    @property
    def frozen_params(self) -> Dim:
        """Elements of the layer's own parameters that are not trained."""
        if not self.frozen:
            return 0
        return sum([w.elements for name, w in self.own_weights.items() if name in self.frozen])

    @property
    def active_params(self) -> Dim:
        """Elements of its own parameters that take part in what is made of one token."""
        return sum([self.layer.active(w) for w in self.own_weights.values() if not w.buffer])

    def weight_bytes(self, sizes: Mapping[str, int] = BYTES) -> dict[str, Dim]:
        """By the name of each of its own weights, its bytes; `sizes` are those of dtypes."""
        own = self.own_weights.items()
        return {name: size_in_bytes(weight, self.stored.get(name), sizes) for name, weight in own}

    @property
    def buffers(self) -> Dim:
        """Elements of the layer's own buffers."""
        return sum([w.elements for w in self.own_weights.values() if w.buffer])

    def to_dict(self) -> dict[str, Any]:
        outputs = [for_json(tensor.shape) for tensor in self.outputs]
        return {
            "path": self.path,
            "type": self.type,
            "arguments": {name: for_json(value) for name, value in self.arguments.items()},
            "inputs": [for_json(tensor.shape) for tensor in self.inputs],
            "edges": [edge._asdict() for edge in self.edges],
            "output": outputs[0],
            **({"outputs": outputs} if len(outputs) > 1 else {}),
            "weights": {name: for_json(weight.shape) for name, weight in self.weights.items()},
            **({"shared": sorted(self.shared)} if self.shared else {}),
            **({"frozen": sorted(self.frozen)} if self.frozen else {}),
            **(
                {"stored": {name: str(scheme) for name, scheme in self.stored.items()}} if self.stored else {}
            ),
            **({"measured": True} if self.layer.measured else {}),
            **{what: for_json(getattr(self, what)) for what in ("params", "buffers")},
            "macs": for_json(self.counted),
        }
