"""Numbers that follow from the sizes of the input → what they mean, known from runs at several sizes.

A reshape is what it does to axes: some become one, one becomes several, and −1 is the size that follows. What
no −1 can say is an expression over the sizes of the input, which a file has as parameters: of the network's
formulas at letters that one is taken which has the number's value in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from shapecalc.importing.alignment import Varied, align
from shapecalc.importing.formulas import Formulas
from shapecalc.importing.program import Call, Node, Program, Region, Value, renamed
from shapecalc.layers import LAYERS
from shapecalc.tensors import Tensor

Axis = tuple[int, ...]
"""The size of an axis in each of the runs."""


def inferred(program: Program) -> None:
    """Let the sizes of a program follow from its inputs, as far as its runs tell; the rest is `fixed`."""
    told = {id(call): arguments for call, arguments in align(program)}
    letters = _letters(program)
    formulas = Formulas(program.inputs, letters)
    same: dict[Value, Value] = {}
    _Sizing(program, told, formulas, same).region(program.body)
    renamed(program.body, same)
    _spell(program, letters, formulas.used)


def _spell(
    program: Program, letters: Mapping[Value, Sequence[str | None]], used: Container[str | None]
) -> None:
    """Let the inputs have letters where expressions use them, and the file these as parameters."""
    parameters = {}
    spelled = {}
    for name, value in program.inputs.items():
        assert value.tensor is not None
        sizes = []
        for letter, size in zip(letters[value], value.tensor.shape, strict=True):
            if letter and letter in used and isinstance(size, int):
                parameters[letter] = size
            sizes.append(str(letter if letter in parameters else size))
        dtype = value.tensor.dtype
        spelled[name] = "x".join(sizes) + ("" if dtype == "float32" else f":{dtype}")
    program.spelled, program.parameters = spelled, parameters


def axes(value: Value) -> list[Axis] | None:
    """The axes of a value, if its shape is known in all runs."""
    tensors = [value.tensor, *value.others]
    if any(t is None or t.rank != tensors[0].rank for t in tensors if tensors[0] is not None):
        return None
    return None if tensors[0] is None else [*zip(*(t.shape for t in tensors if t is not None), strict=True)]


def _letters(program: Program) -> dict[Value, tuple[str | None, ...]]:
    """Of each input the letters of the axes that differ between runs; those that do alike have one."""
    names: dict[Axis, str] = {}
    found = {}
    for value in program.inputs.values():
        sizes = axes(value) or []
        usual = ("N", *_USUAL.get(len(sizes), ()))
        row: list[str | None] = []
        for number, axis in enumerate(sizes):
            if len(set(axis)) == 1:
                row.append(None)
                continue
            wanted = usual[number] if number < len(usual) else "L"
            options = [wanted, *(f"{wanted}{n}" for n in range(2, 100))]
            row.append(names.setdefault(axis, next(o for o in options if o not in names.values())))
        found[value] = tuple(row)
    return found


_USUAL = {2: ("L",), 3: ("L", "F"), 4: ("C", "H", "W"), 5: ("C", "D", "H", "W")}
"""By the number of axes, the letters of those after the batch."""


class _Sizing:
    """Rewrites the calls of a program in their order."""

    def __init__(
        self,
        program: Program,
        told: Mapping[int, dict[str, Any]],
        formulas: Formulas,
        same: dict[Value, Value],
    ) -> None:
        self.program = program
        self.told = told
        self.formulas = formulas
        self.same = same
        self.runs = 1 + len(program.runs)

    def region(self, region: Region) -> None:
        calls: list[Node] = []
        for node in region.calls:
            if isinstance(node, Region):
                self.region(node)
                calls.append(node)
            else:
                calls += self.call(node, self.told[id(node)])
        region.calls = calls

    def call(self, call: Call, arguments: dict[str, Any]) -> list[Call]:
        """The calls in place of one: none if it changes nothing at any size."""
        call.inputs = [self.same.get(x, x) for x in call.inputs]
        if _changes_nothing(call, arguments):
            self.same[call.outputs[0]] = call.inputs[0]
            return []
        made = _said(call, arguments)
        for one in made:
            self.write(one)
            self.formulas.follow(one)
        return made

    def write(self, call: Call) -> None:
        """Expressions in place of what differs between the runs; numbers where there are none."""
        arguments = {name: self.written(call, name, value) for name, value in call.arguments.items()}
        call.arguments = _without_defaults(call.type, arguments)

    def written(self, call: Call, name: str, value: Any, place: int = 0) -> Any:
        if isinstance(value, Varied):
            found = self.formulas.expression(call, value, place)
            if found is None:
                said = f"{name} {value[0]} of {call.type}"
                self.program.fixed.append(f"{said}, {call.place}" if call.place else said)
            return value[0] if found is None else found
        if not isinstance(value, list):
            return value
        return [self.written(call, name, item, number) for number, item in enumerate(value)]


def undecided(program: Program) -> bool:
    """Whether some number differs between the runs that no −1 can say."""
    return any(
        _differs(value)
        for call, arguments in align(program)
        if not _changes_nothing(call, arguments)
        for made in _said(call, arguments)
        for value in made.arguments.values()
    )


def _differs(value: Any) -> bool:
    return isinstance(value, Varied) or (isinstance(value, list) and any(map(_differs, value)))


def _said(call: Call, arguments: dict[str, Any]) -> list[Call]:
    return _FORMS.get(call.type, _as_it_is)(call, arguments)


def _changes_nothing(call: Call, arguments: Mapping[str, Any]) -> bool:
    """Whether a call gives what it takes, in all runs."""
    if call.type not in _OFTEN_NOTHING or len(call.inputs) != 1:
        return False
    if call.type == "pad":
        return not any(arguments["pad"])
    before, after = axes(call.inputs[0]), axes(call.outputs[0])
    return before is not None and before == after


_OFTEN_NOTHING = {"reshape", "expand", "narrow", "slice", "pad"}


def _without_defaults(type_: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    fields = LAYERS[type_].fields if type_ in LAYERS else {}

    def is_default(name: str, value: Any) -> bool:
        if name not in fields or fields[name].required:
            return False
        default = fields[name].default
        return type(value) is type(default) and bool(value == default)

    return {name: value for name, value in arguments.items() if not is_default(name, value)}


def _as_it_is(call: Call, arguments: dict[str, Any]) -> list[Call]:
    return [replace(call, arguments=arguments)]


def _varies(axis: Sequence[Any]) -> bool:
    return len(set(axis)) > 1


def size(axis: Axis) -> Any:
    """An axis as an argument: a number, or what differs."""
    return Varied(axis) if _varies(axis) else axis[0]


def sizes(of: Sequence[Axis], most: int = 1) -> list[Any]:
    """Axes as an argument of which so many may be −1: the first that differ."""
    found: list[Any] = []
    for axis in of:
        rest = _varies(axis) and most > 0
        most -= rest
        found.append(-1 if rest else size(axis))
    return found


def _product(of: Sequence[Axis], runs: int) -> Axis:
    result = [1] * runs
    for axis in of:
        result = [a * b for a, b in zip(result, axis, strict=True)]
    return tuple(result)


def _reshape(call: Call, arguments: dict[str, Any]) -> list[Call]:
    before, after = axes(call.inputs[0]), axes(call.outputs[0])
    if before is None or after is None:
        return _as_it_is(call, arguments)
    steps = [*_steps(before, after)]
    several = sum(map(_varies, after)) > 1
    if steps and (len(steps) < 3 or several) and all(step.type != "reshape" for step in steps):
        return _chain(call, steps)
    shape = sizes(after)
    return _as_it_is(call, {"shape": shape if -1 in shape else [-1, *shape[1:]]})


class _Part(NamedTuple):
    """A part of a reshape: a step, the axes from `start` to `end` that it takes, what becomes of them."""

    type: str
    arguments: dict[str, Any]
    start: int
    end: int
    made: list[Axis]


def _steps(before: list[Axis], after: list[Axis]) -> Iterator[_Part]:
    """The parts of a reshape from the last axis to the first: what becomes of which axes."""
    for start, end, made in reversed([*_parts(before, after)]):
        count = end - start
        if count == 1 and len(made) == 1:
            continue
        if len(made) == 1:
            last = -1 if end == len(before) else end - 1
            yield _Part("flatten", {"start_dim": start, "end_dim": last}, start, end, made)
        elif count == 1:
            yield _Part("unflatten", {"dim": start, "sizes": sizes(made)}, start, end, made)
        else:
            yield _Part("reshape", {}, start, end, made)


def _parts(before: list[Axis], after: list[Axis]) -> list[tuple[int, int, list[Axis]]]:
    """The smallest groups of axes that hold the same elements before and after, each with one at least."""
    runs = len(before[0]) if before else 1
    found: list[tuple[int, int, list[Axis]]] = []
    start = made = 0
    for i in range(1, len(before) + 1):
        held = _product(before[start:i], runs)
        options = [j for j in range(made + 1, len(after) + 1) if _product(after[made:j], runs) == held]
        if not options:
            continue
        found.append((start, i, after[made : options[0]]))
        start, made = i, options[0]
    if not found:
        return [(0, len(before), after)]
    first, _, own = found[-1]  # axes of 1 at the end go to the last group
    found[-1] = (first, len(before), [*own, *after[made:]])
    return found


def _chain(call: Call, steps: Sequence[_Part]) -> list[Call]:
    """Calls one after another in place of one; the last gives what that gives."""
    made: list[Call] = []
    x = call.inputs[0]
    shape = axes(x) or []
    for number, (type_, arguments, start, end, middle) in enumerate(steps):
        shape = [*shape[:start], *middle, *shape[end:]]
        y = call.outputs[0] if number == len(steps) - 1 else _valued(shape, x)
        made.append(Call(type_, arguments, [x], [y], path=call.path, place=call.place))
        x = y
    return made


def _valued(shape: list[Axis], like: Value) -> Value:
    """A value of this shape in each of the runs."""
    assert like.tensor is not None
    tensors = [Tensor(sizes_, like.tensor.dtype) for sizes_ in zip(*shape, strict=True)]
    return Value(tensors[0], [*tensors[1:]])


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
    if len(before) > 1 and not _varies(after):
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
    "reshape": _reshape,
    "expand": _expand,
    "interpolate": _interpolate,
    "select": _select,
    "unflatten": _unflatten,
    **{f"{word}Pool{n}d": _average for word in ("Avg", "Max") for n in (1, 2, 3)},
}
"""How the arguments of a call are said that follow from sizes."""
