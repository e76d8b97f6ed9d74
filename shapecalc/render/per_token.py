"""`flops --tokens`: the rule of 6·N·D beside the exact count, with what makes the difference."""

from __future__ import annotations

from collections.abc import Iterator

from shapecalc.analysis.counting.per_token import PerToken
from shapecalc.operations import Unknown
from shapecalc.render.cells import count, short
from shapecalc.render.grid import Column, Grid, Line, print_as
from shapecalc.render.show import heading

_COLUMNS = (
    Column("what", "FLOPs of one token"),
    Column("forward", "Forward", count),
    Column("training", "And backward", count),
)


def print_per_token(found: PerToken, form: str) -> None:
    """Print the rule, what it leaves out and counts too many, and the exact count."""
    print_as(form, found.to_dict, lambda: _grid(found))


def _grid(found: PerToken) -> Grid:
    lines = [
        Line(("2·N and 6·N", 2 * found.params, 6 * found.params), strong=True),
        *[Line((d.what, d.forward, d.training)) for d in found.differences],
        Line(("exact", found.forward, found.training), strong=True),
    ]
    return Grid(heading(found.analysis), _COLUMNS, lines, list(_notes(found)))


def _notes(found: PerToken) -> Iterator[str]:
    yield f"Parameters  N = {count(found.params)}"
    tokens = count(found.tokens)
    if isinstance(found.training, Unknown):
        yield f"Unknown     the way back: {found.training.reason}"
        return
    if isinstance(found.tokens, int) and isinstance(found.training, int) and isinstance(found.params, int):
        rule, exact = (short(each * found.tokens, "FLOPs") for each in (6 * found.params, found.training))
        yield f"Training    of {tokens} tokens: 6·N·D = {rule}, exact {exact}"
