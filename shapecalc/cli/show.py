"""What a network is: its layers, why their figures are what they are, its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from shapecalc.cli.networks import Network, Settings, analysed, settings
from shapecalc.cli.options import Arch, Ascii, Depth, ExplanationForm, Form, Input, Set, StoredAs, Unfold
from shapecalc.errors import ArchitectureError, UsageError
from shapecalc.render.tree import TABLE, Display

Columns = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,…",
        help="Of layer, path, type, arguments, input, output, dtype, weights, params, params_share,"
        " buffers, macs, macs_share, flops, receptive, receptive_stride, receptive_start.",
    ),
]
Layout = Annotated[
    Literal["NCHW", "NHWC"],
    typer.Option(help="The order of axes in printed shapes of four axes or more."),
]
OneLayer = Annotated[
    str | None,
    typer.Argument(metavar="[LAYER]", help="A path, or an end of one; all layers unless given."),
]
OfCache = Annotated[
    bool, typer.Option("--cache", help="What a decoder of text keeps from token to token, and why.")
]
ArchOrCheckpoint = Annotated[
    str,
    typer.Argument(
        metavar="ARCH",
        help="A YAML file, a name of the zoo, - for stdin; or a checkpoint, .safetensors, .pt.",
    ),
]
Dtype = Annotated[
    Literal["float16", "bfloat16", "float32", "float64"] | None,
    typer.Option(help="The dtype that bytes are given for; float32 unless given."),
]
Kept = Annotated[
    list[str] | None,
    typer.Option(metavar="PATH", help="With --weights, what stays as it is; repeatable."),
]


def show(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    depth: Depth = None,
    columns: Columns = None,
    layout: Layout = "NCHW",
    unfold: Unfold = False,
    format: Form = "table",
    ascii: Ascii = False,
) -> None:
    """Every layer of a network: output shape, parameters, MACs and its share of them."""
    from shapecalc.render.show import print_show

    print_show(analysed(arch, input, set), Display(format, depth, unfold), columns, layout)


def explain(
    arch: Arch,
    layer: OneLayer = None,
    input: Input = None,
    set: Set = None,
    format: ExplanationForm = "text",
    ascii: Ascii = False,
    cache: OfCache = False,
) -> None:
    """Why a layer's figures are what they are: its formulas, with the numbers put in."""
    if cache:
        if layer is not None or format not in ("text", "json"):
            hint = "without a LAYER, and with --format text or json"
            raise UsageError("--cache is of the whole network, as text or JSON", hint=hint)
        _explain_cache(settings(arch, input, set), format)
        return
    from shapecalc.analysis.domain.generalise import in_general
    from shapecalc.analysis.explain.explain import explain
    from shapecalc.render.explain import print_explanations

    analysis, general, problem = analysed(arch, input, set), None, None
    node = analysis.find(layer) if layer is not None else None
    try:
        general = in_general(analysis.architecture, analysis.inputs, analysis.parameters, batch=True)
    except ArchitectureError as error:
        problem = error.message
    print_explanations(analysis, explain(analysis, node, general), format, problem)


def _explain_cache(asked: Settings, form: str) -> None:
    from shapecalc.analysis.serving.serving import serving
    from shapecalc.render.cache import print_cache

    architecture, given, values = asked
    print_cache(serving(architecture, "N", "T", input=given, parameters=values), form)


def params(
    arch: ArchOrCheckpoint,
    input: Input = None,
    set: Set = None,
    depth: Depth = None,
    dtype: Dtype = None,
    weights: StoredAs = None,
    keep: Kept = None,
    unfold: Unfold = False,
    format: Form = "table",
    ascii: Ascii = False,
) -> None:
    """The named weights of a network or of a checkpoint, with shape and count, one by one and in total."""
    from shapecalc.checkpoints.reading import is_checkpoint, read

    if not is_checkpoint(arch):
        view = Display(format, depth, unfold)
        network_params(arch, input, set, dtype or "float32", weights, keep or [], view)
    elif input or set or dtype or weights or keep or unfold:
        raise UsageError("of a checkpoint, params takes --depth and --format alone")
    else:
        from shapecalc.render.checkpoint import print_checkpoint

        print_checkpoint(read(arch), format, depth)


def network_params(
    arch: Network,
    input: list[str] | None,
    set: list[str] | None,
    dtype: str = "float32",
    weights: str | None = None,
    keep: Sequence[str] = (),
    view: Display = TABLE,
) -> None:
    """Those of a network, as `params` prints them."""
    from shapecalc.analysis.quantized import quantized, scheme_of, stored_as
    from shapecalc.render.params import print_params

    if keep and weights is None:
        raise UsageError("--keep is for what --weights would convert")
    scheme = scheme_of(weights) if weights is not None else None
    if view.form == "csv" and weights is not None:
        raise UsageError("--weights is for bytes, which CSV does not have", hint="--format json has them")
    analysis = analysed(arch, input, set)
    if weights is not None:
        analysis = stored_as(analysis, scheme, keep)
    stored = quantized(analysis, dtype) if analysis.schemes or weights is not None else None
    print_params(analysis, view, dtype, stored)
