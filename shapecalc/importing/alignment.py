"""Runs of one network at inputs of different sizes: whether they make the same calls, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from shapecalc.importing.program import Call, Node, Program, Region, Value, calls
from shapecalc.layers import LAYERS
from shapecalc.tensors import Tensor


class Varied(tuple[Any, ...]):
    """An argument that differs: what it is in each of the runs."""

    __slots__ = ()


def alike(one: Program, other: Program) -> bool:
    """Whether two runs made the same calls on the same tensors, whatever the sizes."""
    return bool(_outline(one) == _outline(other))


def _kind(tensor: Tensor | None) -> tuple[int, str] | None:
    return tensor and (tensor.rank, tensor.dtype)


def _outline(program: Program) -> Any:
    """All of a run but its sizes; values by the numbers of their first appearance."""
    numbers: dict[Value, int] = {}

    def seen(values: Iterable[Value]) -> list[Any]:
        return [(numbers.setdefault(v, len(numbers)), _kind(v.tensor)) for v in values]

    def outline(node: Node) -> Any:
        given = seen(node.inputs)
        inner = node.reason if isinstance(node, Call) else [outline(call) for call in node.calls]
        return node.type, node.path, given, inner, seen(node.outputs)

    return seen(program.inputs.values()), outline(program.body)


def align(program: Program) -> list[tuple[Call, dict[str, Any]]]:
    """Each call with its arguments, `Varied` where runs differ; values learn their tensors in the others."""
    tensors = [dict(_pairs(program, other)) for other in program.runs]
    for value in dict(_pairs(program, program)):
        value.others = [found[value] for found in tensors]
    rows = zip(*(calls(run.body) for run in (program, *program.runs)), strict=True)
    return [(same[0], _together(same)) for same in rows]


def _pairs(one: Program, other: Program) -> Iterator[tuple[Value, Tensor | None]]:
    """Each value of a run, and the tensor that it is in the other."""
    yield from _tensors(one.inputs.values(), other.inputs.values())
    yield from _in(one.body, other.body)


def _in(one: Region, other: Region) -> Iterator[tuple[Value, Tensor | None]]:
    for first, second in zip(one.calls, other.calls, strict=True):
        yield from _tensors(first.outputs, second.outputs)
        if isinstance(first, Region) and isinstance(second, Region):
            yield from _in(first, second)


def _tensors(ours: Iterable[Value], theirs: Iterable[Value]) -> Iterator[tuple[Value, Tensor | None]]:
    for value, other in zip(ours, theirs, strict=True):
        yield value, other.tensor


def _together(same: Sequence[Call]) -> dict[str, Any]:
    fields = LAYERS[same[0].type].fields if same[0].type in LAYERS else {}

    def argument(call: Call, name: str) -> Any:
        return call.arguments.get(name, fields[name].default if name in fields else None)

    names = dict.fromkeys(name for call in same for name in call.arguments)
    return {name: merged([argument(call, name) for call in same]) for name in names}


def merged(values: Sequence[Any]) -> Any:
    """What is the same in all runs, as it is; of lists each item by itself; the rest `Varied`."""
    first = values[0]
    if all(type(v) is type(first) and v == first for v in values):
        return first
    longest = max((len(v) for v in values if isinstance(v, list)), default=0)
    lists = [v if isinstance(v, list) else [v] * longest for v in values]  # one number stands for several
    if longest and all(len(v) == longest for v in lists):
        return [merged(items) for items in zip(*lists, strict=True)]
    return Varied(values)
