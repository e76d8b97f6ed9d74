"""`list`: the architectures that there are, with their inputs and totals, and the libraries of blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, groupby, repeat, starmap

from shapecalc.engine.results import Analysis
from shapecalc.language.library import Library
from shapecalc.render.cells import count, how_many, shape
from shapecalc.render.grid import Column, Grid, Line, print_as

_COLUMNS = (
    Column("name", "Name"),
    Column("network", "Network", spare=1),
    Column("input", "Input shape", shape),
    Column("params", "Params", count),
    Column("macs", "MACs", count),
)


def print_list(analyses: Sequence[tuple[str, Analysis]], form: str, by: str) -> None:
    """Print the architectures by the names that commands know them by, sorted `by` name, params or macs."""
    ordered = analyses if by == "name" else sorted(analyses, key=lambda pair: _weight(pair, by))
    grouped = by == "name" and form == "table"
    print_as(form, lambda: list(starmap(to_json, ordered)), lambda: _grid(ordered, grouped))


def _grid(ordered: Sequence[tuple[str, Analysis]], grouped: bool) -> Grid:
    lines = [*(_grouped(ordered) if grouped else starmap(_line, ordered))]
    return Grid(how_many(len(ordered), "architecture"), _COLUMNS, lines)


_OF_LIBRARIES = (
    Column("library", "Library"),
    Column("block", "Block"),
    Column("version", "Version"),
    Column("source", "Source"),
)


def print_libraries(libraries: Sequence[Library], form: str) -> None:
    """Print libraries, each with the blocks that it offers and where they are from."""
    print_as(form, lambda: [*map(library_to_json, libraries)], lambda: _of_libraries(libraries, form))


def _of_libraries(libraries: Sequence[Library], form: str) -> Grid:
    many = f"{len(libraries)} librar{'y' if len(libraries) == 1 else 'ies'} of blocks"
    if form == "table":
        lines = [line for library in libraries for line in _of_library(library)]
        return Grid(many, _OF_LIBRARIES[:2], lines)
    rows = [
        Line((library.name, block.header, library.version, library.source))
        for library in libraries
        for block in library.offered.values()
    ]
    return Grid(many, _OF_LIBRARIES, rows)


def _of_library(library: Library) -> Iterator[Line]:
    """A library's blocks and, below them, its source: a column more would be wider than a terminal."""
    names = chain([library.name], repeat(""))
    for name, block in zip(names, library.offered.values(), strict=False):
        yield Line((name, block.header))
    if library.source:
        yield Line((next(names), f"source: {' '.join(library.source.split())}"))


def library_to_json(library: Library) -> dict[str, object]:
    return {
        **library.to_dict(),
        "title": library.title,
        "source": library.source,
        "notes": library.notes,
        "blocks": {name: block.header for name, block in library.offered.items()},
    }


def _weight(pair: tuple[str, Analysis], by: str) -> tuple[bool, int]:
    """Where a network stands in the order of a figure: after all numbers, if its own is a formula."""
    figure = getattr(pair[1].totals, by)
    return (False, figure) if isinstance(figure, int) else (True, 0)


def _grouped(analyses: Sequence[tuple[str, Analysis]]) -> Iterator[Line]:
    """A line for each architecture; before those of a folder, the folder's."""
    for folder, pairs in groupby(analyses, lambda pair: pair[0].rpartition("/")[0]):
        if folder:
            yield Line((f"{folder}/", *[None] * (len(_COLUMNS) - 1)), strong=True)
        for name, analysis in pairs:
            yield _line(name.replace(f"{folder}/", "  ", 1) if folder else name, analysis)


def _line(name: str, analysis: Analysis) -> Line:
    tensors = list(analysis.inputs.values())
    inputs = tensors[0].shape if len(tensors) == 1 else ", ".join(map(str, tensors))
    totals = analysis.totals
    return Line((name, analysis.name, inputs, totals.params, totals.counted))


def to_json(name: str, analysis: Analysis) -> dict[str, object]:
    return {
        "name": name,
        "folder": name.rpartition("/")[0],
        "network": analysis.name,
        "source": analysis.architecture.source,
        "inputs": {own: tensor.to_dict() for own, tensor in analysis.inputs.items()},
        "totals": analysis.totals.to_dict(),
    }
