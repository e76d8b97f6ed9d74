"""Parts of an axis, each of which loses it."""

from __future__ import annotations

import numpy

from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.patterns.joining import Joining, in_place_of, last


@last("Squeeze")
def _unbound(of: Joining, node: Node) -> Node | None:
    """One of the parts of size 1 that an axis is split into, without that axis: what is at its place."""
    split = of.made(node.input(0), "Split")
    if split is None or any(of.inferred.tensors[y].shape == () for y in split.outputs):
        return None
    tensor = of.inferred.tensors[node.input(0)]
    axis = split.attributes.get("axis", 0) % tensor.rank
    axes = node.attributes.get("axes", None)
    array = of.inferred.values.get(node.input(1))
    axes = [int(a) % tensor.rank for a in (axes if axes is not None else [] if array is None else array.flat)]
    if axes != [axis] or any(of.inferred.tensors[y].shape[axis] != 1 for y in split.outputs):
        return None
    place = f"place {split.outputs.index(node.input(0))}"
    of.inferred.values[place] = numpy.array(split.outputs.index(node.input(0)))
    return in_place_of(node, "Gather", split.input(0), place, axis=axis)
