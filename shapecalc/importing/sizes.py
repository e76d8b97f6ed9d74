"""Numbers that follow from the sizes of the input → what they mean, known from runs at several sizes.

What no −1 can say is an expression over the sizes of the input, which a file has as parameters: of the
network's formulas at letters that one is taken which has the number's value in every run.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from shapecalc.importing.alignment import Varied
from shapecalc.importing.arguments import without_defaults
from shapecalc.importing.forms import Forms
from shapecalc.importing.formulas import Formulas
from shapecalc.importing.program import Call, Node, Program, Region, Value, renamed
from shapecalc.importing.reshaping import Axis, axes


def inferred(program: Program) -> None:
    """Let the sizes of a program follow from its inputs, as far as its runs tell; the rest is `fixed`."""
    forms = Forms(program)
    letters = _letters(program)
    formulas = Formulas(program.inputs, letters)
    same: dict[Value, Value] = {}
    _Sizing(program, forms, formulas, same).region(program.body)
    renamed(program.body, same)
    _spell(program, letters, formulas.used)


def _spell(
    program: Program, letters: Mapping[Value, Sequence[str | None]], used: Container[str | None]
) -> None:
    """Let the inputs have letters where expressions use them, and the file these as parameters."""
    parameters = {}
    spelled = {}
    for name, value in program.inputs.items():
        sizes = []
        for letter, size in zip(letters[value], value.known.shape, strict=True):
            if letter and letter in used and isinstance(size, int):
                parameters[letter] = size
            sizes.append(str(letter if letter in parameters else size))
        dtype = value.known.dtype
        spelled[name] = "x".join(sizes) + ("" if dtype == "float32" else f":{dtype}")
    program.spelled, program.parameters = spelled, parameters


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
        forms: Forms,
        formulas: Formulas,
        same: dict[Value, Value],
    ) -> None:
        self.program = program
        self.forms = forms
        self.told = {id(call): arguments for call, arguments in forms.told}
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
        made = self.forms.said(call, arguments)
        if not made:
            self.same[call.outputs[0]] = call.inputs[0]
        for one in made:
            self.write(one)
            self.formulas.follow(one)
        return made

    def write(self, call: Call) -> None:
        """Expressions in place of what differs between the runs; numbers where there are none."""
        arguments = {name: self.written(call, name, value) for name, value in call.arguments.items()}
        call.arguments = without_defaults(call.type, arguments)

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
    forms = Forms(program)
    return any(
        _differs(value)
        for call, arguments in forms.told
        for made in forms.said(call, arguments)
        for value in made.arguments.values()
    )


def _differs(value: Any) -> bool:
    return isinstance(value, Varied) or (isinstance(value, list) and any(map(_differs, value)))
