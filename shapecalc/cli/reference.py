"""What there is: architectures, layer types, and the language as a schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Literal, TypeVar

import typer

from shapecalc.cli.networks import settings
from shapecalc.cli.options import Ascii, Form, ReportForm
from shapecalc.engine.results import Analysis
from shapecalc.engine.run import abridged
from shapecalc.errors import ShapecalcError
from shapecalc.render import streams
from shapecalc.zoo import Entry, known_libraries, load_library, matching, matching_libraries


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
    blocks: Annotated[
        bool, typer.Option("--blocks", help="The libraries of blocks, which a network has by use.")
    ] = False,
    format: Form = "table",
) -> None:
    """The architectures that there are, with their inputs and totals."""
    from shapecalc.render.listing import print_libraries, print_list

    if blocks:
        libraries = matching_libraries(patterns or [])
        read, errors = _each(libraries, lambda name: load_library(name, libraries[name]))
        print_libraries(list(read.values()), format)
    else:
        entries = matching(patterns or [])
        found, errors = _each(entries, lambda name: _analysed(entries[name]))
        print_list(list(found.items()), format, sort)
    raise typer.Exit(max((error.exit_code for error in errors), default=0))


_Read = TypeVar("_Read")


def _each(
    names: Iterable[str], read: Callable[[str], _Read]
) -> tuple[dict[str, _Read], list[ShapecalcError]]:
    """The networks of these names; errors of wrong names are printed."""
    found, errors = {}, {}
    for name in names:
        try:
            found[name] = read(name)
        except ShapecalcError as error:
            errors[str(error)] = error  # once, if all variants of a file have it
    for text in errors:
        streams.complain(f"error: {text}")
    return found, list(errors.values())


def _analysed(entry: Entry) -> Analysis:
    architecture, _, _ = settings(entry, None, None)
    return abridged(architecture)


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

    print_json(schema(list(known_libraries())))
