"""An ONNX file that was written of a network is read again as data, and held to the network's figures."""

from __future__ import annotations

from collections.abc import Iterator
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
from shapecalc.tensors import is_floating


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
    here = sum(row.params + _unnamed(row) for row in live), sum(row.macs for row in live), analysis.outputs
    there = again.totals.params, again.totals.macs, again.outputs
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


def _text(figure: object) -> str:
    return ", ".join(map(str, figure)) if isinstance(figure, tuple) else str(figure)
