"""A torch module run at inputs of several sizes: at those that it takes, with the same calls.

What is changed together: the batch of all inputs; of an axis its size, wherever another input has the same
one; and if it runs at no other size of one, all axes of that size.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from math import prod
from typing import Any, TypeAlias

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

from shapecalc.importing.alignment import alike
from shapecalc.importing.program import Program, calls
from shapecalc.importing.sizes import inferred, undecided
from shapecalc.importing.torch_module import Copies, read_module

Group: TypeAlias = tuple[tuple[int, int], ...]
"""Axes that have one size: each by the number of its input and its own."""
Kind: TypeAlias = Callable[[int, int], int]
"""What other size is made of a size, by the number of a step."""

_RUNS = 6
"""Runs from which an expression is read: with fewer, it may be chance."""
_MOST = 100
"""How many times the given inputs' elements are tried: what hangs on sizes alone, as masks, has values."""

_KINDS: tuple[Kind, ...] = (
    lambda size, step: size + 2 * step - 1,
    lambda size, step: size + (size & -size) * step,
    lambda size, step: size - 2 * step + 1,
    lambda size, step: size - (size & -size) * step,
    lambda size, step: size * (1 + step),
)
"""Larger sizes, those that the same power of two divides; smaller ones in the same two ways; multiples."""
_LARGER = (_KINDS[0], _KINDS[1], _KINDS[4])


def read_at_sizes(module: Any, inputs: Sequence[Any], keywords: Mapping[str, Any], name: str) -> Program:
    """The program of a module as `read_module` has it, with its runs at other sizes of the inputs.

    Raises:
        ArchitectureError: the module fails at the sizes given.
    """
    copies = Copies(module)

    def read(kinds: Sequence[Kind]) -> Program:
        program = read_module(module, inputs, keywords, name, copies)
        if not any(
            call.reason for call in calls(program.body)
        ):  # what is measured holds at these sizes alone
            _Runs(module, (tuple(inputs), dict(keywords)), program, copies, kinds).find()
        inferred(program)
        return program

    program = read(_KINDS)
    if program.fixed:  # windows may be as small as their input is, and of one size in all that are larger
        larger = read(_LARGER)
        return larger if larger.runs and len(larger.fixed) < len(program.fixed) else program
    return program


class _Runs:
    """Searches the sizes at which a module makes the same calls."""

    def __init__(
        self, module: Any, given: Any, program: Program, copies: Copies, kinds: Sequence[Kind]
    ) -> None:
        self.module = module
        self.copies = copies
        self.kinds = kinds
        self.leaves, self.tree = tree_flatten(given)
        self.shapes = [[*leaf.shape] if isinstance(leaf, torch.Tensor) else [] for leaf in self.leaves]
        self.program = program

    def find(self) -> None:
        """Run once at other sizes of all axes that can have them and, if numbers are left unsaid, again."""
        plan, first = self.plan()
        self.program.runs = [first] if first else []
        if first and undecided(self.program):
            more = [self.attempt(plan, number) for number in range(2, _RUNS)]
            self.program.runs += [run for run in more if run]

    def plan(self) -> tuple[dict[Group, Kind], Program | None]:
        """The axes that can have other sizes together, which ones, and the run at them."""
        groups = self.groups(lambda axis, size: (axis, size))
        for some in _subsets(groups):
            for kind in self.kinds:
                together = dict.fromkeys(some, kind)
                if run := self.attempt(together, 1):
                    return together, run
        found = None
        plan = self.alone(groups)
        free = {axis for group in plan for axis in group}
        tied = [group for group in self.groups(lambda _, size: size) if len(group) > 1]
        plan |= self.alone([group for group in tied if not free & {*group}])
        while plan and not (found := self.attempt(plan, 1)):
            plan.popitem()
        return plan, found if plan else None

    def alone(self, groups: Sequence[Group]) -> dict[Group, Kind]:
        """Of those that can change by themselves, to which sizes."""
        found: dict[Group, Kind] = {}
        for group in groups:
            kind = next((kind for kind in self.kinds if self.attempt({group: kind}, 1)), None)
            if kind:
                found[group] = kind
        return found

    def groups(self, key: Callable[[int, int], Any]) -> list[Group]:
        """The axes of all inputs by a key of their number and size."""
        found: dict[Any, list[tuple[int, int]]] = {}
        for number, shape in enumerate(self.shapes):
            for axis, size in enumerate(shape):
                found.setdefault(key(axis, size), []).append((number, axis))
        return [tuple(group) for group in found.values()]

    def attempt(self, plan: Mapping[Group, Kind], number: int) -> Program | None:
        """The run of that number with other sizes, if the module makes the same calls there."""
        shapes = self.changed(plan, number)
        if number == 1 and sum(map(prod, shapes)) > _MOST * sum(map(prod, self.shapes)):
            return None
        try:
            inputs, keywords = tree_unflatten([*map(_resized, self.leaves, shapes)], self.tree)
            with _quiet():
                found = read_module(self.module, inputs, keywords, self.program.name, self.copies)
        except (
            Exception,
            SystemExit,
        ):  # whatever a module of the user's raises at a size that it does not take
            return None
        return found if alike(self.program, found) else None

    def changed(self, plan: Mapping[Group, Kind], number: int) -> list[list[int]]:
        """The shapes of the inputs in the run of that number."""
        shapes = [[*shape] for shape in self.shapes]
        for place, (group, kind) in enumerate(plan.items()):
            # Differences grow, so that no two sizes differ alike, and none is always of one divisor's parts.
            step = number * (2 * place + 1) - place % 2 + number * (number - 1)
            for leaf, axis in group:
                size = kind(shapes[leaf][axis], step)
                shapes[leaf][axis] = size if size > 0 else _KINDS[0](shapes[leaf][axis], step)
        return shapes


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is said of what fails at a size that is only tried."""
    disabled = logging.root.manager.disable
    logging.disable()
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(disabled)


def _resized(leaf: Any, shape: Sequence[int]) -> Any:
    return (
        torch.empty(tuple(shape), dtype=leaf.dtype, device="meta") if isinstance(leaf, torch.Tensor) else leaf
    )


def _subsets(groups: Sequence[Group]) -> Iterator[list[Group]]:
    """All; those without channels, in the second axis or in the last: the likeliest to change together."""
    yield [*groups]
    for place in (1, -1):
        number = max((axis for group in groups for _, axis in group), default=0) if place < 0 else place
        rest = [group for group in groups if group[0][1] != number]
        if rest and len(rest) < len(groups):
            yield rest
