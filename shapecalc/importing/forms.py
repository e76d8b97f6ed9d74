"""How calls are said whose arguments follow from sizes, at several sizes of the input.

Calls of one line of the user's code, in modules of one class, are said alike where that holds for all of
them, so that the modules are one block: a part that is all of its tensor in one of them is a part there, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from shapecalc.importing.alignment import Varied, align
from shapecalc.importing.program import Call, Program, Region
from shapecalc.importing.reshaping import Axis, Reshaping, axes, size, varies


class Forms:
    """How the calls of a program are said: those that are alike, alike."""

    def __init__(self, program: Program) -> None:
        self.told = align(program)
        given = {id(call): arguments for call, arguments in self.told}
        self.groups: dict[Any, list[tuple[Call, dict[str, Any]]]] = {}
        """By what makes them alike, the calls with their arguments."""
        self.key: dict[int, Any] = {}
        for key, call in _keys(program.body):
            self.key[id(call)] = key
            self.groups.setdefault(key, []).append((call, given[id(call)]))
        groups = self.groups.items()
        self.idle = {key for key, group in groups if all(_changes_nothing(*one) for one in group)}
        self.reshapings = {key: _reshaping(group) for key, group in groups}

    def said(self, call: Call, arguments: dict[str, Any]) -> list[Call]:
        """The calls in place of one: none if it changes nothing at any size."""
        key = self.key[id(call)]
        if key in self.idle or (call.type in _ALONE and _changes_nothing(call, arguments)):
            return []
        if found := self.reshapings[key]:
            return found.calls(call)
        return _FORMS.get(call.type, _as_it_is)(call, arguments)


def _keys(region: Region) -> Iterator[tuple[Any, Call]]:
    """Each call, with what it has in common with those like it: class, line, type, ranks, number there."""
    seen: Counter[Any] = Counter()
    for node in region.calls:
        if isinstance(node, Region):
            yield from _keys(node)
            continue
        ranks = tuple([x.tensor and x.tensor.rank for x in (*node.inputs, *node.outputs)])
        key = region.type, node.place or id(node), node.type, ranks
        seen[key] += 1
        yield (*key, seen[key]), node


def _reshaping(group: Sequence[tuple[Call, Any]]) -> Reshaping | None:
    """How reshapes are said; None of other calls, and of those whose shapes are not known."""
    if group[0][0].type != "reshape":
        return None
    pairs = [(axes(call.inputs[0]), axes(call.outputs[0])) for call, _ in group]
    known = [(before, after) for before, after in pairs if before is not None and after is not None]
    return Reshaping(known) if len(known) == len(pairs) else None


def _changes_nothing(call: Call, arguments: Mapping[str, Any]) -> bool:
    """Whether a call gives what it takes, in all runs."""
    if call.type not in _OFTEN_NOTHING or len(call.inputs) != 1:
        return False
    if call.type == "pad":
        return not any(arguments["pad"])
    before, after = axes(call.inputs[0]), axes(call.outputs[0])
    return before is not None and before == after


_OFTEN_NOTHING = {"reshape", "expand", "narrow", "slice", "pad"}
_ALONE = {"reshape", "expand"}
"""Those that are left out where one alone changes nothing, whatever the others like it do."""


def _as_it_is(call: Call, arguments: dict[str, Any]) -> list[Call]:
    return [replace(call, arguments=arguments)]


def _expand(call: Call, arguments: dict[str, Any]) -> list[Call]:
    before, after = axes(call.inputs[0]), axes(call.outputs[0])
    if before is None or after is None:
        return _as_it_is(call, arguments)
    new = len(after) - len(before)
    kept = [i >= new and before[i - new] == axis for i, axis in enumerate(after)]
    return _as_it_is(call, {"sizes": [-1 if k else size(axis) for k, axis in zip(kept, after, strict=True)]})


def _interpolate(call: Call, arguments: dict[str, Any]) -> list[Call]:
    """A factor where it is the same whole number at all sizes; else the size."""
    before, after = axes(call.inputs[0]), axes(call.outputs[0])
    if "size" in arguments and before is not None and after is not None:
        factors = [_factor(b, a) for b, a in zip(before[2:], after[2:], strict=True)]
        if None not in factors:
            alone = factors[0] if len(set(factors)) == 1 else factors
            arguments = {"scale_factor": alone, **{k: v for k, v in arguments.items() if k != "size"}}
    return _as_it_is(call, arguments)


def _factor(before: Axis, after: Axis) -> int | None:
    """By which whole number an axis grows, if by the same in all runs and not to a fixed size."""
    if len(before) > 1 and not varies(after):
        return None
    found = {a // b if a % b == 0 else None for b, a in zip(before, after, strict=True)}
    return found.pop() if len(found) == 1 else None


def _select(call: Call, arguments: dict[str, Any]) -> list[Call]:
    """The last of an axis that differs is counted from the end."""
    before, index = axes(call.inputs[0]), arguments["index"]
    if isinstance(index, Varied) and before is not None:
        axis = before[arguments["dim"]]
        back = {i - n for i, n in zip(index, axis, strict=True)}
        if len(back) == 1:
            arguments = {**arguments, "index": back.pop()}
    return _as_it_is(call, arguments)


def _unflatten(call: Call, arguments: dict[str, Any]) -> list[Call]:
    given = arguments["sizes"]
    varied = [n for n, item in enumerate(given) if isinstance(item, Varied)]
    if varied and -1 not in given:
        given = [-1 if n == varied[0] else item for n, item in enumerate(given)]
    return _as_it_is(call, {**arguments, "sizes": given})


def _average(call: Call, arguments: dict[str, Any]) -> list[Call]:
    """The average of all there is, where a kernel is as large as its input at every size."""
    before, after = axes(call.inputs[0]), axes(call.outputs[0])
    kernel = arguments["kernel_size"]
    grows = isinstance(kernel, list) and all(isinstance(item, Varied) for item in kernel)
    if not grows or before is None or after is None or kernel != [Varied(a) for a in before[2:]]:
        return _as_it_is(call, arguments)
    return [replace(call, type=f"Adaptive{call.type}", arguments={"output_size": 1})]


_FORMS: dict[str, Callable[[Call, dict[str, Any]], list[Call]]] = {
    "expand": _expand,
    "interpolate": _interpolate,
    "select": _select,
    "unflatten": _unflatten,
    **{f"{word}Pool{n}d": _average for word in ("Avg", "Max") for n in (1, 2, 3)},
}
"""How the arguments of a call are said that follow from sizes."""
