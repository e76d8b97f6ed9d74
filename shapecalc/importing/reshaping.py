"""Reshapes as what they do to axes: some become one, one becomes several, and −1 is the size that follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from shapecalc.importing.alignment import Varied
from shapecalc.importing.program import Call, Value
from shapecalc.tensors import Tensor

Axis = tuple[int, ...]
"""The size of an axis in each of the runs."""
Partition = tuple[tuple[int, int], ...]
"""Into which groups axes fall: of each the number of axes before and after."""


def axes(value: Value) -> list[Axis] | None:
    """The axes of a value, if its shape is known in all runs."""
    tensors = [value.tensor, *value.others]
    if any(t is None or t.rank != tensors[0].rank for t in tensors if tensors[0] is not None):
        return None
    return None if tensors[0] is None else [*zip(*(t.shape for t in tensors if t is not None), strict=True)]


def varies(axis: Sequence[Any]) -> bool:
    """Whether a size differs between the runs."""
    return len(set(axis)) > 1


def size(axis: Axis) -> Any:
    """An axis as an argument: a number, or what differs."""
    return Varied(axis) if varies(axis) else axis[0]


class _Part(NamedTuple):
    """A part of a reshape: the axes from `start` to `end` become those made, of the result from `at` on."""

    start: int
    end: int
    made: list[Axis]
    at: int

    @property
    def kept(self) -> bool:
        """Whether an axis stays as it is."""
        return self.end - self.start == 1 == len(self.made)

    @property
    def several(self) -> bool:
        """Whether several axes become several others, for which there is no other word than reshape."""
        return self.end - self.start > 1 < len(self.made)


class Reshaping:
    """How reshapes of tensors of the same ranks are said, all alike if that holds for all."""

    def __init__(self, pairs: Sequence[tuple[list[Axis], list[Axis]]]) -> None:
        own = {_partition(before, after): None for before, after in pairs}
        fit = [p for p in own if all(_parts(p, before, after) for before, after in pairs)]
        self.partition = max(fit, key=len) if fit else None
        """The groups that all have; None if they have none in common."""
        columns = zip(*(after for _, after in pairs), strict=True)
        self.free = [any(map(varies, column)) for column in columns]
        """Which axes of the result differ between the runs, in any of them."""
        self.alike = self.partition is not None and any(self.in_words(*pair) for pair in pairs)
        """Whether all are said as steps, since one is."""

    def parts(self, before: list[Axis], after: list[Axis]) -> list[_Part]:
        """The groups of one of them."""
        return _parts(self.partition or _partition(before, after), before, after)

    def in_words(self, before: list[Axis], after: list[Axis]) -> bool:
        """Whether a reshape is said as steps that join axes and part them."""
        steps = [part for part in self.parts(before, after) if not part.kept]
        several = sum(map(varies, after)) > 1
        return bool(steps) and (len(steps) < 3 or several) and not any(part.several for part in steps)

    def calls(self, call: Call) -> list[Call]:
        """The calls in place of one."""
        before, after = axes(call.inputs[0]), axes(call.outputs[0])
        assert before is not None
        assert after is not None
        if self.alike or self.in_words(before, after):
            return _chain(call, before, [*self.steps(before, after)])
        shape = self.sizes(after, 0)
        return [replace(call, arguments={"shape": shape if -1 in shape else [-1, *shape[1:]]})]

    def steps(self, before: list[Axis], after: list[Axis]) -> Iterator[tuple[str, dict[str, Any], _Part]]:
        """The steps of a reshape from the last axis to the first: what becomes of which axes."""
        for part in reversed(self.parts(before, after)):
            if part.kept:
                continue
            if len(part.made) == 1:
                last = -1 if part.end == len(before) else part.end - 1
                yield "flatten", {"start_dim": part.start, "end_dim": last}, part
            else:
                yield "unflatten", {"dim": part.start, "sizes": self.sizes(part.made, part.at)}, part

    def sizes(self, of: Sequence[Axis], start: int) -> list[Any]:
        """Axes from `start` on as an argument, the first that differs in any of the reshapes as −1."""
        free = self.free[start : start + len(of)]
        rest = free.index(True) if True in free else None
        return [-1 if n == rest else size(axis) for n, axis in enumerate(of)]


def _product(of: Sequence[Axis], runs: int) -> Axis:
    result = [1] * runs
    for axis in of:
        result = [a * b for a, b in zip(result, axis, strict=True)]
    return tuple(result)


def _partition(before: list[Axis], after: list[Axis]) -> Partition:
    """The smallest groups of axes that hold the same elements before and after, each with one at least."""
    runs = len(before[0]) if before else 1
    found: list[tuple[int, int]] = []
    start = made = 0
    for i in range(1, len(before) + 1):
        held = _product(before[start:i], runs)
        options = [j for j in range(made + 1, len(after) + 1) if _product(after[made:j], runs) == held]
        if not options:
            continue
        found.append((i - start, options[0] - made))
        start, made = i, options[0]
    if not found:
        return ((len(before), len(after)),)
    taken, given = found[-1]  # axes of 1 at the end go to the last group
    return (*found[:-1], (taken + len(before) - start, given + len(after) - made))


def _parts(partition: Partition, before: list[Axis], after: list[Axis]) -> list[_Part]:
    """The groups of a reshape by a partition; none if it does not fit."""
    found = []
    start = at = 0
    runs = len(before[0]) if before else 1
    for taken, given in partition:
        made = after[at : at + given]
        if _product(before[start : start + taken], runs) != _product(made, runs):
            return []
        found.append(_Part(start, start + taken, made, at))
        start, at = start + taken, at + given
    return found


def _chain(call: Call, shape: list[Axis], steps: Sequence[tuple[str, dict[str, Any], _Part]]) -> list[Call]:
    """Calls one after another in place of one; the last gives what that gives."""
    made: list[Call] = []
    x = call.inputs[0]
    for number, (type_, arguments, part) in enumerate(steps):
        shape = [*shape[: part.start], *part.made, *shape[part.end :]]
        y = call.outputs[0] if number == len(steps) - 1 else _valued(shape, x)
        made.append(Call(type_, arguments, [x], [y], path=call.path, place=call.place))
        x = y
    return made


def _valued(shape: list[Axis], like: Value) -> Value:
    """A value of this shape in each of the runs."""
    tensors = [Tensor(sizes_, like.known.dtype) for sizes_ in zip(*shape, strict=True)]
    return Value(tensors[0], [*tensors[1:]])
