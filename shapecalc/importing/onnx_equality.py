"""An ONNX file that was written of a network is read again as data, and held to the network's figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx.checker import ValidationError, check_model
from onnx.shape_inference import InferenceError

from shapecalc.analysis.memory.liveness import needed
from shapecalc.engine.results import Analysis, Row
from shapecalc.engine.run import analyse
from shapecalc.errors import ShapecalcError
from shapecalc.importing.network import imported
from shapecalc.importing.onnx_file.reader import read_onnx
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, for_json, is_floating


def differences(path: Path, analysis: Analysis) -> Iterator[str]:
    """In what the file is another network, or no valid one: parameters, MACs, outputs, with their formulas.

    Layers that no output needs are not in the file, and are not compared.
    """
    try:
        _check(path)
        found = imported(read_onnx(path, None))
        letters = {name: name for name in found.architecture.parameters}  # sizes that the file leaves free
        again = analyse(found.architecture, parameters=letters)
    except (ValidationError, InferenceError, DecodeError) as error:
        yield f"the file is not valid: {str(error).strip().splitlines()[0]}"
        return
    except ShapecalcError as error:
        yield f"the file can't be read again: {error.message}"
        return
    for difference in found.differences:
        yield f"{difference.path}: {difference.what}: {difference.here}, in the file {difference.there}"
    live = [analysis.rows[number] for number in sorted(needed(analysis))]
    params = sum(row.params + _unnamed(row) - _without_axes(row) for row in live)
    here: tuple[object, ...] = params, sum(row.macs for row in live), analysis.outputs
    there: tuple[object, ...] = again.totals.params, again.totals.macs, again.outputs
    if len(analysis.outputs) > 1:
        here, there = (*here[:2], _sizes(analysis.outputs)), (*there[:2], _written_outputs(path))
    for what, own, other in zip(("parameters", "MACs", "outputs"), here, there, strict=True):
        if own != other:
            yield f"{what}: {_text(own)} in the network, {_text(other)} in the file"


def _check(path: Path) -> None:
    """Let onnx check a file; weights that lie outside, where there is nothing yet, as inputs of it."""
    model = onnx.load(path, load_external_data=False)
    outside = [x for x in model.graph.initializer if x.data_location == onnx.TensorProto.EXTERNAL]
    if not outside:
        check_model(str(path), full_check=True)
        return
    for x in outside:
        model.graph.initializer.remove(x)
        model.graph.input.append(onnx.helper.make_tensor_value_info(x.name, x.data_type, [*x.dims]))
    check_model(model, full_check=True)


def _unnamed(row: Row) -> Dim:
    """The elements of a buffer that a step gives as it is: ONNX does not tell it from a parameter."""
    return row.buffers if row.layer.function and is_floating(row.output.dtype) else 0


def _without_axes(row: Row) -> int:
    """Parameters that are one number each, without an axis, as which the file has them."""
    return sum(not weight.buffer and not weight.shape for weight in row.own_weights.values())


def _sizes(outputs: Iterable[Tensor]) -> tuple[str, ...]:
    """The sizes of tensors as the names of free axes have them."""
    return tuple([_text(tuple([str(for_json(size)) for size in x.shape])) for x in outputs])


def _written_outputs(path: Path) -> tuple[str, ...]:
    """The sizes of the outputs by the file itself: what is made of it has those of its last step alone."""
    graph = onnx.load(path, load_external_data=False).graph
    shapes = [x.type.tensor_type.shape.dim for x in graph.output]
    return tuple([_text(tuple([str(d.dim_param or d.dim_value) for d in shape])) for shape in shapes])


def _text(figure: object) -> str:
    return ", ".join(map(str, figure)) if isinstance(figure, tuple) else str(figure)
