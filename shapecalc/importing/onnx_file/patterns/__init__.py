"""What exporters write as several operators, as the one that it is: found where it computes exactly that."""

from __future__ import annotations

from shapecalc.importing.onnx_file.graph import Graph, Node
from shapecalc.importing.onnx_file.inference import Inferred
from shapecalc.importing.onnx_file.patterns import activations, norms, parts, products, recurrent
from shapecalc.importing.onnx_file.patterns.joining import Joining


def joined(graph: Graph, inferred: Inferred) -> list[Node]:
    """The nodes of a graph, those that are one layer of torch's written as one, where the last of them is."""
    return Joining(graph, inferred).nodes()


__all__ = ["activations", "joined", "norms", "parts", "products", "recurrent"]
