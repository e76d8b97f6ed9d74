"""An ONNX file that was written of a network is read again as data, and held to the network's figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from onnx.checker import ValidationError, check_model
from onnx.shape_inference import InferenceError

from shapecalc.analysis.memory.liveness import needed
from shapecalc.engine.results import Analysis
from shapecalc.engine.run import analyse
from shapecalc.errors import ShapecalcError
from shapecalc.importing.network import imported
from shapecalc.importing.onnx_file.reader import read_onnx


def differences(path: Path, analysis: Analysis) -> Iterator[str]:
    """In what the file is another network, or no valid one: parameters, MACs, outputs, with their formulas.

    Layers that no output needs are not in the file, and are not compared.
    """
    try:
        check_model(str(path), full_check=True)
        found = imported(read_onnx(path, None))
        again = analyse(found.architecture)
    except (ValidationError, InferenceError) as error:
        yield f"the file is not valid: {str(error).strip().splitlines()[0]}"
        return
    except ShapecalcError as error:
        yield f"the file can't be read again: {error.message}"
        return
    for difference in found.differences:
        yield f"{difference.path}: {difference.what}: {difference.here}, in the file {difference.there}"
    live = [analysis.rows[number] for number in sorted(needed(analysis))]
    here = sum(row.params for row in live), sum(row.macs for row in live), analysis.outputs
    there = again.totals.params, again.totals.macs, again.outputs
    for what, own, other in zip(("parameters", "MACs", "outputs"), here, there, strict=True):
        if own != other:
            yield f"{what}: {_text(own)} in the network, {_text(other)} in the file"


def _text(figure: object) -> str:
    return ", ".join(map(str, figure)) if isinstance(figure, tuple) else str(figure)
