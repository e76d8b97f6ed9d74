"""The modules that nodes belong to, as torch's exporters write them, and the regions that they are.

The older exporter names a node `/layer1/layer1.0/conv1/Conv`: the modules from the outermost on, children of
a Sequential with its name before theirs. The newer one has lists beside it, with the classes.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from shapecalc.importing.program import Call, Region, Value


class Scope(NamedTuple):
    """A module: its path in the whole, and its class or what stands for that."""

    path: str
    type: str
    guessed: bool = False
    """Whether the class is not told."""


Scopes: TypeAlias = tuple[Scope, ...]
_PATHS, _CLASSES = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy"


def scopes_of(name: str, beside: Mapping[str, str]) -> Scopes:
    """The modules of a node, by its name or by what stands beside it."""
    paths, classes = _listed(beside.get(_PATHS, "")), _listed(beside.get(_CLASSES, ""))
    if paths and len(paths) == len(classes):
        found = zip(paths[1:-1], classes[1:-1], strict=True)
        return tuple(Scope(path, type_.rpartition(".")[2]) for path, type_ in found if path)
    parts = [part for part in name.split("/") if part][:-1]
    scopes: list[Scope] = []
    for number, part in enumerate(parts):
        inside = number and part.startswith(f"{parts[number - 1]}.")
        own = part.removeprefix(parts[number - 1]) if inside else f".{part}"
        path = (scopes[-1].path if scopes else "") + own
        holds = number + 1 < len(parts) and parts[number + 1].startswith(f"{part}.")
        scopes.append(Scope(path.lstrip("."), "Sequential" if holds else _type(part), guessed=True))
    return tuple(scopes)


def _listed(text: str) -> list[str]:
    if not text:
        return []
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    return found if isinstance(found, list) and all(isinstance(item, str) for item in found) else []


def _type(part: str) -> str:
    """What stands for a class: a name without its number: of layer1.0 layer, of body.0 block."""
    *before, last = part.split(".")
    if last.isdigit() and before:
        one = re.sub(r"(?<=[a-z]{2})s$", "", re.sub(r"[\d_]+$", "", before[-1]))
        return one if one and one != before[-1] else "block"
    return re.sub(r"[\d_]+$", "", last) or "block"


def alive(
    calls: Sequence[Call], scopes: Sequence[Scopes], outputs: Sequence[Value]
) -> tuple[list[Call], list[Scopes]]:
    """The calls that an output hangs on, and the modules of each."""
    wanted, found = {*outputs}, []
    for call, own in zip(reversed(calls), reversed(scopes), strict=True):
        if wanted.intersection(call.outputs):
            wanted.update(call.inputs)
            found.append((call, own))
    return [call for call, _ in reversed(found)], [own for _, own in reversed(found)]


def regions(calls: Sequence[Call], scopes: Sequence[Scopes], outputs: Sequence[Value]) -> Region:
    """Calls that belong to modules as a tree of regions; calls of one module in a row are one region."""
    root = Region("", "")
    open_: list[Region] = [root]
    held: Scopes = ()
    for call, wanted in zip(calls, scopes, strict=True):
        common = 0
        while common < min(len(held), len(wanted)) and held[common] == wanted[common]:
            common += 1
        del open_[common + 1 :]
        for scope in wanted[common:]:
            region = Region(scope.type, scope.path, guessed=scope.guessed and scope.type != "Sequential")
            open_[-1].calls.append(region)
            open_.append(region)
        held = wanted
        open_[-1].calls.append(call)
    _give(root, Counter([*outputs, *(x for call in calls for x in call.inputs)]))
    root.outputs = [*outputs]
    return root


def _give(region: Region, uses: Counter[Value]) -> Counter[Value]:
    """Let each region give what is read outside of it; gives how often each value is read within."""
    within: Counter[Value] = Counter()
    for node in region.calls:
        within += Counter(node.inputs) if isinstance(node, Call) else _give(node, uses)
    made = [y for node in region.calls for y in node.outputs]
    region.outputs = [y for y in dict.fromkeys(made) if uses[y] > within[y]]
    return within
