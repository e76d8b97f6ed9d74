"""`domain` and `solve`: the inputs that work, and those that give a wanted output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from math import prod
from typing import Any

from shapecalc.analysis.domain.boxes import Box
from shapecalc.analysis.domain.domain import Domain, Solved
from shapecalc.analysis.domain.own_weights import KEPT
from shapecalc.analysis.domain.sizesets import EVERY
from shapecalc.analysis.domain.wanted import Solutions
from shapecalc.engine.results import Analysis
from shapecalc.render.grid import Column, Grid, Line, print_as
from shapecalc.render.show import heading
from shapecalc.symbolic import Dim, at
from shapecalc.symbolic.notation import shape_text
from shapecalc.tensors import for_json

_MOST_LISTED = 8
_MOST_RANGES = 10_000
_CONDITIONS = (
    Column("condition", "Condition"),
    Column("path", "Layer"),
    Column("why", "So that"),
)


def print_domain(domain: Domain, form: str) -> None:
    """Print which inputs work."""
    print_as(form, lambda: domain_json(domain), lambda: domain_grid(domain))


def domain_grid(domain: Domain) -> Grid:
    """The conditions, and what they leave."""
    lines = list(_conditions(domain))
    notes = [*_inputs(domain), *_border(domain)]
    return Grid(heading(domain.analysis), _CONDITIONS if lines else (), lines, notes)


def _conditions(domain: Domain) -> Iterator[Line]:
    """A line for each layer with conditions that decide; those of one kind, as of two axes, together."""
    lines: dict[tuple[str, str], list[Solved]] = {}
    for solved in domain.decisive:
        lines.setdefault((solved.condition.path, solved.condition.why), []).append(solved)
    for (path, why), group in lines.items():
        yield Line((", ".join(grouped([*map(str, group)])), path, why))


def _inputs(domain: Domain) -> Iterator[str]:
    smallest = domain.smallest
    if not domain.boxes:
        yield "Inputs      none works"
        return
    if smallest is None:
        yield "Smallest    none was found among the first inputs that were tried"
    else:
        yield f"Smallest    {_input_text(domain.analysis, smallest)}"
    if _too_many(domain):
        yield f"Inputs      {', '.join(limits(domain))}"
        yield f"            --format json lists their {len(domain.boxes):,} ranges"
        return
    for number, box in enumerate(domain.boxes):
        yield f"{'Inputs      ' if number == 0 else '         or '}{_box_text(domain, box)}"
    yield from (f"Besides     {Solved(condition, None)}" for condition in domain.open)


def _too_many(domain: Domain) -> bool:
    """Whether the conditions are shorter than the ranges that they leave."""
    return len(domain.boxes) > _MOST_LISTED + 1


def _border(domain: Domain) -> Iterator[str]:
    """Where all is read to the end, of the first box, and what is not of the given input."""
    first = domain.lossless[0] if domain.lossless and domain.windows and not _too_many(domain) else {}
    for number, (name, found) in enumerate(first.items()):
        head = "Border      " if number == 0 else "            "
        sizes = [*map(str, islice(found, 5))]
        if sizes:
            yield f"{head}all is read to the end for {_listed(found.text(name), name, sizes)}"
        else:
            yield f"{head}for every {name}, some window does not read to the end"
    for axes, paths in _losses(domain, domain.own).items() if domain.own else ():
        listed = ", ".join(paths[:_MOST_LISTED]) + (", …" if len(paths) > _MOST_LISTED else "")
        yield f"            at {_values(domain.own)}, {listed} leave{'s'[: len(paths) == 1]} {axes} unread"


def _listed(text: str, name: str, sizes: Sequence[str]) -> str:
    """Some sizes in words, and the first of them in figures where the words leave any out."""
    if len(sizes) == 1 or text == f"{name} ≥ {sizes[0]}":
        return f"any {name}" if text == f"{name} ≥ 1" else text
    return f"{text}: {', '.join(sizes if len(sizes) < 5 else [*sizes[:4], '…'])}"


def _losses(domain: Domain, own: Mapping[str, int]) -> dict[str, list[str]]:
    """What is left unread at given sizes → the layers that do so."""
    losses: dict[str, list[str]] = {}
    for lost, unread in domain.losses(own):
        losses.setdefault(lost.path, []).append(f"{unread} {lost.unit}{'s'[: unread != 1]}")
    found: dict[str, list[str]] = {}
    for path, axes in losses.items():
        found.setdefault(" and ".join(axes), []).append(path)
    return found


def _input_text(analysis: Analysis, sizes: Mapping[str, int]) -> str:
    """The inputs at given sizes, and the parameters that have a symbol."""
    inputs = [shape_text(at(size, sizes) for size in x.shape) for x in analysis.inputs.values()]
    named = inputs if len(inputs) == 1 else [f"{n} {s}" for n, s in zip(analysis.inputs, inputs, strict=True)]
    return f"{', '.join(named)} ({_values(sizes)})" if sizes else ", ".join(named)


def _values(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())


def grouped(texts: list[str]) -> list[str]:
    """Texts to stand beside each other: one of several parts in parentheses, unless it has them."""
    if len(texts) == 1:
        return texts
    return [f"({text})" if " or " in text and not text.startswith("(") else text for text in texts]


def limits(domain: Domain) -> list[str]:
    """What the sizes of a network are limited to, in few words: a text for each that has a limit.

    What is said of a size alone is said once; what is said of several together stays as it is.
    """
    box, others = domain.apart
    limited = {name: own for name, own in box.items() if own != EVERY}
    if not all(own and own.readable for own in limited.values()):
        return grouped([str(one) for one in domain.decisive])
    return grouped([*(own.text(name) for name, own in limited.items()), *map(str, others)])


def _box_text(domain: Domain, box: Box) -> str:
    texts = [box[name].text(name) for name in domain.symbols if box.get(name, EVERY) != EVERY]
    texts = grouped(texts)
    free = [name for name in domain.symbols if box.get(name, EVERY) == EVERY]
    return ", ".join([*texts, *([f"any {' and '.join(free)}"] if free else [])]) or "any"


def domain_json(domain: Domain) -> dict[str, Any]:
    return {
        "name": domain.analysis.name,
        "inputs": {name: x.to_dict() for name, x in domain.analysis.inputs.items()},
        "smallest": domain.smallest,
        "conditions": [
            {"path": s.condition.path, "condition": s.ascii(), "why": s.condition.why}
            for s in domain.decisive
        ],
        "solutions": _ranges(domain.symbols, domain.boxes),
        "open": [Solved(condition, None).ascii() for condition in domain.open],
        "every_element_read": None if domain.lossless is None else _ranges(domain.symbols, domain.lossless),
    }


def _ranges(symbols: Sequence[str], boxes: Sequence[Box]) -> list[dict[str, list[int | None]]] | None:
    """Boxes as ranges [first, last, step] of each symbol; last is None where there is no end.

    None stands for more ranges than anyone reads.
    """
    found: list[dict[str, list[int | None]]] = []
    for box in boxes:
        sets = [box.get(name, EVERY) for name in symbols]
        if len(found) + prod(own.pieces for own in sets) > _MOST_RANGES:
            return None
        found += [
            dict(zip(symbols, map(list, choice), strict=True))
            for choice in product(*(own.progressions() for own in sets))
        ]
    return found


def print_solutions(
    solutions: Solutions, form: str, layer: str | None, formula: tuple[Dim, ...], wanted: str
) -> None:
    """Print which inputs give an output; `formula` is its shape in general."""
    asked = solutions, layer, formula, wanted
    print_as(form, lambda: _solutions_json(*asked), lambda: _solutions_grid(*asked))


def _solutions_json(
    solutions: Solutions, layer: str | None, formula: tuple[Dim, ...], wanted: str
) -> dict[str, Any]:
    return {
        "name": solutions.domain.analysis.name,
        "layer": layer,
        "formula": for_json(formula),
        "output": wanted,
        "solutions": _ranges(solutions.domain.symbols, solutions.boxes),
        "conditions": [Solved(condition, None).ascii() for condition in solutions.open],
        "reason": solutions.reason,
    }


def _solutions_grid(solutions: Solutions, layer: str | None, formula: tuple[Dim, ...], wanted: str) -> Grid:
    domain, title = solutions.domain, heading(solutions.domain.analysis)
    where = f"the output of {layer}" if layer else "the output"
    shape = "×".join(wanted.split("x"))
    notes = [f"In general  {where} is {shape_text(formula)}"]
    notes += [f"Besides     {Solved(condition, None)}" for condition in solutions.open]
    if any(condition.why == KEPT for condition in domain.analysis.conditions):
        kept = "they keep their shape, that at the file's own input; --any-weights takes others too"
        notes.append(f"Weights     {kept}")
    if solutions.reason:
        return Grid(title, (), [], [f"No input gives {shape}: {solutions.reason}", *notes])
    columns = tuple(Column(name, name) for name in domain.symbols)
    lines = [Line(tuple(box.get(n, EVERY).text(n) for n in domain.symbols)) for box in solutions.boxes]
    small = next(iter(islice(domain.in_order(solutions.boxes, solutions.open), 1)), None)
    if small is not None:
        notes.insert(0, f"Smallest    {_input_text(domain.analysis, small)}")
    return Grid(f"{title}: {where} is {shape} for", columns, lines, notes)
