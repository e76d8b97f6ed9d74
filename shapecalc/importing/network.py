"""A network from elsewhere → an architecture, and the proof that both are the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from shapecalc.engine.results import Totals
from shapecalc.engine.run import analyse
from shapecalc.errors import ArchitectureError, ShapecalcError
from shapecalc.importing.cleaning import cleaned
from shapecalc.importing.folding import Folding
from shapecalc.importing.freezing import refuse_half_frozen, where_frozen
from shapecalc.importing.program import Call, Program, calls, flat
from shapecalc.importing.proof import Difference, differences, names
from shapecalc.importing.repetition import divided
from shapecalc.importing.structure import Body, structure
from shapecalc.importing.writer import Writer
from shapecalc.language.architecture import Architecture, parse


@dataclass(frozen=True)
class Imported:
    """A network that was read from elsewhere."""

    text: str
    """The file."""
    architecture: Architecture
    differences: tuple[Difference, ...]
    """In what the file differs from what was read; empty if they are equal."""
    fixed: tuple[str, ...]
    """What holds at the sizes of the inputs alone, and where in the user's code."""
    names: dict[str, str]
    """By a row's path and its weight, the module's name of the weight."""
    totals: Totals
    origin: str
    """Whose figures they are compared with, in words."""


def imported(program: Program, plain: bool = False) -> Imported:
    """The file of a program, compared with it: every layer's outputs and weights, and the products.

    A `plain` file has a step for each layer, and no blocks.
    """
    refuse_unsayable(program)
    refuse_half_frozen(program)
    region = cleaned(flat(program.body) if plain else program.body)
    body = structure(region)
    if program.undivided and not plain:
        body = divided(body)
    folding = Folding(body, where_frozen(program, region))
    text = Writer(program, body, folding, repeats=not plain).text()
    architecture = parse(text, f"{program.name}.yaml")
    at = program.at
    analysis = analyse(architecture, next(iter(at.values())) if at and len(at) == 1 else at)
    return Imported(
        text,
        architecture,
        tuple(differences(program, body, analysis)),
        (*program.fixed, *_at_other_sizes(program, body, architecture)),
        names(program, body, analysis),
        analysis.totals,
        program.origin,
    )


def _at_other_sizes(program: Program, body: Body, architecture: Architecture) -> Iterator[str]:
    """In what the file differs from the program's runs at other sizes, the first difference of each."""
    for number, run in enumerate(program.runs):
        tensors = [value.tensor for value in run.inputs.values() if value.tensor]
        inputs = dict(zip(architecture.inputs, tensors, strict=True))
        shapes = ", ".join(map(str, tensors))
        try:
            analysis = analyse(architecture, inputs)
        except ShapecalcError as error:
            yield f"at {shapes} the file is refused: {error.message}"
            continue
        for difference in islice(differences(program, body, analysis, number), 1):
            yield f"at {shapes}: {difference}"


def refuse_unsayable(program: Program) -> None:
    """Refuse a program with calls that nothing here does.

    Raises:
        ArchitectureError: there are some; it names each function, with how often and where it is called.
    """
    missing: dict[str, list[Call]] = {}
    for call in calls(program.body):
        if call.reason:
            missing.setdefault(call.type, []).append(call)
    if missing:
        told = "; ".join(_told(name, found) for name, found in missing.items())
        hint = "what computes it can be left out of the module, and written by hand"
        raise ArchitectureError(f"{program.name} calls what has no name here: {told}", hint=hint)


def _told(name: str, found: list[Call]) -> str:
    often = "once" if len(found) == 1 else f"{len(found)} times"
    return f"{name} ({often}, {found[0].place}): {found[0].reason}"


def from_torch(module: Any, *inputs: Any, **keywords: Any) -> Architecture:
    """The architecture of a torch module, which is run once on fake tensors and stays as it was.

    It is called with `inputs` and `keywords`: tensors, of which shape and dtype alone are read.

    Raises:
        ArchitectureError: the module does what no layer here does, or what depends on values.
    """
    from shapecalc.importing.runs import read_at_sizes

    return imported(read_at_sizes(module, inputs, keywords, type(module).__name__)).architecture
