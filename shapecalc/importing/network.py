"""A network from elsewhere → an architecture, and the proof that both are the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from shapecalc.engine.results import Analysis, Totals
from shapecalc.engine.run import analyse
from shapecalc.errors import ArchitectureError, ShapecalcError
from shapecalc.importing.cleaning import cleaned
from shapecalc.importing.folding import Folding
from shapecalc.importing.freezing import refuse_half_frozen, where_frozen
from shapecalc.importing.program import Call, Program, Value, calls, flat
from shapecalc.importing.proof import Difference, differences, names
from shapecalc.importing.repetition import divided
from shapecalc.importing.sharing import hand_round, made_twice
from shapecalc.importing.steps import Body
from shapecalc.importing.structure import structure
from shapecalc.importing.writer import Writer
from shapecalc.language.architecture import Architecture, parse
from shapecalc.layers.fields.measured import text_of


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
    opaque: tuple[str, ...]
    """What has no counterpart here, with its place in the user's code: the file has it as measured."""
    lost: tuple[str, ...]
    """The constants whose values are not in the file, each with its shape and its place."""
    unread: tuple[str, ...]
    """The module's buffers that no layer of the file has."""
    totals: Totals
    origin: str
    """Whose figures they are compared with, in words."""


def imported(program: Program, plain: bool = False, strict: bool = True) -> Imported:
    """The file of a program, compared with it: every layer's outputs and weights, and the products.

    A `plain` file has a step for each layer, and no blocks.

    Raises:
        ArchitectureError: the program has what no file has; if `strict`, what no layer type here does, too.
    """
    opaque = unsayable(program)
    if strict and opaque:
        hint = "what computes it can be left out of the module, and written by hand"
        raise ArchitectureError(f"{program.name} calls what has no name here: {'; '.join(opaque)}", hint=hint)
    let_be_measured(program)
    refuse_half_frozen(program)
    body, text, architecture, analysis = _written(program, plain)
    if again := made_twice(program, body, analysis):
        hand_round(program, again)
        body, text, architecture, analysis = _written(program, plain)
    found = names(program, body, analysis)
    return Imported(
        text,
        architecture,
        tuple(differences(program, body, analysis)),
        (*program.fixed, *_at_other_sizes(program, body, analysis)),
        found,
        opaque,
        tuple([f"{_text(c, c.outputs[0])}, {c.place}" for c in calls(program.body) if c.lost]),
        tuple(sorted({*program.buffers} - {*found.values()})),
        analysis.totals,
        program.origin,
    )


def _written(program: Program, plain: bool) -> tuple[Body, str, Architecture, Analysis]:
    """The steps of a program, their file, and what it comes to."""
    region = cleaned(flat(program.body) if plain else program.body)
    body = structure(region)
    if not body.steps:
        message = f"{program.name} calls no layer, and no function on a tensor: there is nothing to write"
        raise ArchitectureError(message, hint="its forward must make a tensor of what it is given")
    if program.undivided and not plain:
        body = divided(body)
    folding = Folding(body, where_frozen(program, region))
    text = Writer(program, body, folding, repeats=not plain).text()
    architecture = parse(text, f"{program.name}.yaml")
    at = program.at
    analysis = analyse(architecture, next(iter(at.values())) if at and len(at) == 1 else at)
    return body, text, architecture, analysis


def _at_other_sizes(program: Program, body: Body, own: Analysis) -> Iterator[str]:
    """In what the file differs from the program's runs at other sizes, the first difference of each.

    That a step was measured at its own size alone is said once.
    """
    architecture = own.architecture
    measured, said = {row.path for row in own.rows if row.layer.measured}, False
    for number, run in enumerate(program.runs):
        tensors = [value.tensor for value in run.inputs.values() if value.tensor]
        inputs = dict(zip(architecture.inputs, tensors, strict=True))
        shapes = ", ".join(map(str, tensors))
        try:
            analysis = analyse(architecture, inputs)
        except ShapecalcError as error:
            known = error.path in measured
            if not (known and said):
                yield f"at {shapes} the file is refused: {error.message}"
            said = said or known
            continue
        for difference in islice(differences(program, body, analysis, number), 1):
            yield f"at {shapes}: {difference}"


def unsayable(program: Program) -> tuple[str, ...]:
    """The functions that nothing here does, each with how often and where it is called."""
    missing: dict[str, list[Call]] = {}
    for call in calls(program.body):
        if call.reason:
            missing.setdefault(call.type, []).append(call)
    return tuple([_told(name, found) for name, found in missing.items()])


def let_be_measured(program: Program) -> None:
    """Let calls that nothing here does be steps with what was measured of them."""
    for call in calls(program.body):
        if call.reason:
            call.arguments, call.type = _measured(program, call), "opaque"


def _measured(program: Program, call: Call) -> dict[str, Any]:
    weights: dict[str, dict[str, str]] = {"params": {}, "buffers": {}}
    for own, name in call.weights.items():
        kind, of = ("params", program.weights) if name in program.weights else ("buffers", program.buffers)
        weights[kind][own] = text_of(of[name])
    tensors = {"inputs": call.inputs, "outputs": call.outputs}
    shapes = {key: [_text(call, x) for x in values] for key, values in tensors.items()}
    owned = {key: names for key, names in weights.items() if names}
    return {"call": call.type, **shapes, **owned, **({} if call.macs is None else {"macs": call.macs})}


def _text(call: Call, value: Value) -> str:
    if value.tensor is None:
        raise ArchitectureError(f"{call.place}: a shape of what comes to {call.type} is not known")
    return text_of(value.tensor)


def _told(name: str, found: list[Call]) -> str:
    often = "once" if len(found) == 1 else f"{len(found)} times"
    return f"{name} ({often}, {found[0].place}): {found[0].reason}"


def from_torch(module: Any, *inputs: Any, strict: bool = False, **keywords: Any) -> Architecture:
    """The architecture of a torch module, which is run once on fake tensors and stays as it was.

    It is called with `inputs` and `keywords`: tensors, of which shape and dtype alone are read. What no layer
    here does is a step `opaque` with what was measured of it; the analysis has such rows as `measured`.

    Raises:
        ArchitectureError: the module does what depends on values, or its figures are others; if `strict`,
            what no layer here does, too.
    """
    from shapecalc.importing.runs import read_at_sizes

    found = imported(read_at_sizes(module, inputs, keywords, type(module).__name__), strict=strict)
    for difference in found.differences:
        raise ArchitectureError(f"the architecture differs from the module: {difference}")
    return found.architecture
