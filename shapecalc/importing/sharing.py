"""Weights that several parts of a program use where no `share` can say so → tensors, handed on to the parts.

A block that is used again has weights of its own, or all those of an earlier one. What it has in part from
another is made once, before both: a parameter, which they take. Layers of such weights are functions then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

from shapecalc.engine.results import Analysis
from shapecalc.importing.arguments import stored
from shapecalc.importing.program import Call, Node, Program, Region, Value, calls, renamed
from shapecalc.importing.proof import ordered
from shapecalc.importing.steps import Body
from shapecalc.tensors import Tensor


def made_twice(program: Program, body: Body, analysis: Analysis) -> list[str]:
    """The module's names of weights that a file has more than once, where functions can read them."""
    rows = analysis.rows[len(program.unused()) :]
    found: Counter[str] = Counter()
    users: dict[str, list[Call]] = {}
    for row, call in zip(rows, ordered(body.steps), strict=False):
        for own, theirs in call.weights.items():
            users.setdefault(theirs, []).append(call)
            found[theirs] += own not in row.shared
    again = [name for name, often in found.items() if often > 1]
    return [name for name in again if all(map(_can_be_handed, users[name]))]


def hand_round(program: Program, names: Collection[str]) -> None:
    """Make these weights once, before all else, and let all that have them read what is made."""
    users = [call for call in calls(program.body) if not {*names}.isdisjoint(call.weights.values())]
    wanted = dict.fromkeys(name for call in users for name in call.weights.values())
    made: dict[str, Call] = {}
    for name in wanted:
        made[name] = _parameter(program, name)
    same: dict[Value, Value] = {}
    _replace(program.body, {id(call) for call in users}, made, same)
    renamed(program.body, same)
    program.body.calls[:0] = made.values()


def _can_be_handed(call: Call) -> bool:
    own = {"weight", "bias"} >= call.weights.keys() and call.arguments.get("padding_mode", "zeros") == "zeros"
    return call.type == "parameter" or (call.type in _FORMS and own)


def _parameter(program: Program, name: str) -> Call:
    """A step that makes a weight, the same in all runs."""
    tensor = program.weights.get(name) or program.buffers[name]
    kind = "parameter" if name in program.weights else "buffer"
    made = Value(tensor, [tensor] * len(program.runs))
    module, _, own = name.rpartition(".")
    return stored(kind, name, made, f"{module}_{own}" if module else own)


def _replace(region: Region, users: Collection[int], made: dict[str, Call], same: dict[Value, Value]) -> None:
    found: list[Node] = []
    for node in region.calls:
        if isinstance(node, Region):
            _replace(node, users, made, same)
            found.append(node)
        elif id(node) not in users:
            found.append(node)
        elif node.type == "parameter":
            (name,) = node.weights.values()
            same[node.outputs[0]] = made[name].outputs[0]
        else:
            weights = {own: made[theirs].outputs[0] for own, theirs in node.weights.items()}
            found += _FORMS[node.type](node, weights)
    region.calls = found


Weights = Mapping[str, Value]
Form = Callable[[Call, Weights], list[Call]]


def _after(call: Call, type_: str, inputs: list[Value], **arguments: Any) -> Call:
    """A call that gives a tensor like what another one gives, of its own; at the same place."""
    (y,) = call.outputs
    return Call(type_, arguments, inputs, [Value(y.tensor, [*y.others])], path=call.path, place=call.place)


def _ending(call: Call, steps: list[Call]) -> list[Call]:
    """The steps, the last of which gives what the call gave."""
    steps[-1].outputs = call.outputs
    return steps


def _linear(call: Call, weights: Weights) -> list[Call]:
    matrix = weights["weight"]
    turned = Tensor(matrix.known.shape[::-1], matrix.known.dtype)
    columns = Value(turned, [turned] * len(matrix.others))
    steps = [
        Call("transpose", {"dim0": 0, "dim1": 1}, [matrix], [columns], path=call.path, place=call.place),
        _after(call, "matmul", [*call.inputs, columns]),
    ]
    if "bias" in weights:
        steps.append(_after(call, "add", [*steps[-1].outputs, weights["bias"]]))
    return _ending(call, steps)


def _convolution(call: Call, weights: Weights) -> list[Call]:
    own = {"out_channels", "kernel_size", "bias"}
    arguments = {name: value for name, value in call.arguments.items() if name not in own}
    return _ending(call, [_after(call, call.type.lower(), [*call.inputs, *weights.values()], **arguments)])


def _norm(call: Call, weights: Weights) -> list[Call]:
    """Of features along the last axes, as the parameters are."""
    steps = [_after(call, call.type, call.inputs, **{**call.arguments, "elementwise_affine": False})]
    for join, weight in zip(("mul", "add"), weights.values(), strict=False):
        steps.append(_after(call, join, [*steps[-1].outputs, weight]))
    return _ending(call, steps)


def _table(call: Call, weights: Weights) -> list[Call]:
    return _ending(call, [_after(call, "index", [weights["weight"], *call.inputs])])


_FORMS: Mapping[str, Form] = {
    "Linear": _linear,
    "LayerNorm": _norm,
    "RMSNorm": _norm,
    "Embedding": _table,
    **dict.fromkeys(("Conv1d", "Conv2d", "Conv3d"), _convolution),
}
"""By the type of a layer, the functions that compute the same of weights that are tensors."""
