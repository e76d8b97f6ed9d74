"""What there is: architectures, layer types, and the language as a schema."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from shapecalc.cli.networks import settings
from shapecalc.cli.options import Ascii, Form, ReportForm
from shapecalc.engine.run import analyse
from shapecalc.errors import ShapecalcError
from shapecalc.render import streams
from shapecalc.zoo import matching


def list_(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATTERN]...", help="Names, as in 'resnet*', a file, or a folder; all unless given."
        ),
    ] = None,
    sort: Annotated[
        Literal["name", "params", "macs"],
        typer.Option(help="By name within each folder, or all by a figure."),
    ] = "name",
    format: Form = "table",
) -> None:
    """The architectures that there are, with their inputs and totals."""
    from shapecalc.render.listing import print_list

    found, errors = [], {}
    for name, entry in matching(patterns or []).items():
        try:
            architecture, _, _ = settings(entry, None, None)
            found.append((name, analyse(architecture, brief=True)))
        except ShapecalcError as error:
            errors[str(error)] = error  # once, if all variants of a file have it
    for text in errors:
        streams.complain(f"error: {text}")
    print_list(found, format, sort)
    raise typer.Exit(max((error.exit_code for error in errors.values()), default=0))


def layers(
    type: Annotated[
        str | None, typer.Argument(metavar="[TYPE]", help="One layer type; all unless given.")
    ] = None,
    format: ReportForm = "table",
    ascii: Ascii = False,
) -> None:
    """The layer types with their arguments and formulas, and what of torch.nn is not among them."""
    from shapecalc.render.layers import print_layers

    print_layers(type, format)


def schema() -> None:
    """The language as JSON Schema, for the completion and the checks of an editor."""
    from shapecalc.language.schema import schema
    from shapecalc.render.grid import print_json

    print_json(schema())
