"""A network as code of another tool, or as its model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from shapecalc.cli.needs import ONNX, needed
from shapecalc.cli.networks import analysed, settings
from shapecalc.cli.options import Arch, Input, Output, Set, write_or_print, write_whole
from shapecalc.engine.inputs import inputs_of
from shapecalc.engine.results import Analysis
from shapecalc.errors import ArchitectureError, UsageError
from shapecalc.render import streams


def export(
    arch: Arch,
    to: Annotated[
        Literal["torch", "onnx", "keras"],
        typer.Option(
            "--to", help="A module of torch or a model of Keras 3 as code, or an ONNX model, which needs -o."
        ),
    ] = "torch",
    output: Output = None,
    input: Input = None,
    set: Set = None,
) -> None:
    """A network as a module of torch, with a class for each block, as Keras code or as an ONNX model."""
    from shapecalc.exporting.keras import keras_source
    from shapecalc.exporting.torch_source import torch_source

    if to == "onnx" and output is None:
        raise UsageError("an ONNX model is no text for a screen", hint="-o net.onnx is where it goes")
    if to == "torch" and output is not None and output.suffix == ".onnx":
        raise UsageError(f"{output} is an ONNX model by its name, and --to is torch", hint="--to onnx")
    analysis = analysed(arch, input, set)
    source = keras_source(analysis) if to == "keras" else torch_source(analysis)
    if to == "onnx" and output is not None:
        sizes = _sizes(arch, analysis, set)
        _write_onnx(output, analysis, (source.text, source.name), sizes)
    else:
        write_or_print(source.text, output)


def _sizes(arch: str, analysis: Analysis, set: list[str] | None) -> dict[str, int]:
    """Numbers for the letters of an input: those of the file's own, or else the smallest that there are."""
    from shapecalc.analysis.domain.domain import domain
    from shapecalc.analysis.domain.generalise import sizes_of

    architecture, _, values = settings(arch, None, set)
    sizes = sizes_of(inputs_of(architecture, None, values), analysis.inputs)
    if sizes.keys() >= {*analysis.symbols}:
        return sizes
    smallest = domain(analysis).smallest
    if smallest is None:
        raise UsageError("no numbers are found for the letters", hint="--input 1x3x224x224 has numbers alone")
    return dict(smallest)


def _write_onnx(path: Path, analysis: Analysis, source: tuple[str, str], sizes: dict[str, int]) -> None:
    with needed("onnx or torch", ONNX):
        from shapecalc.importing.onnx_equality import differences
        from shapecalc.torch_check.onnx_model import is_too_large, onnx_model

    def check(written: Path) -> None:
        found = list(differences(written, analysis))
        for difference in found[:20]:
            streams.complain(difference)
        if found:
            raise ArchitectureError("the ONNX model is not equal to the network, and is not kept")

    beside = f"{path.name}.data"
    write_whole(path, onnx_model(analysis, source, sizes, beside), check)
    if is_too_large(analysis):
        streams.note(f"{path}: the weights are left to a file {beside} beside it, which is not written")
    streams.note(f"{path}: parameters, MACs and outputs read again as data, equal; checked by onnx")
