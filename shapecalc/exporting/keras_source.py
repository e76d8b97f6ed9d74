"""A network as Python code of Keras 3's functional API: a function for each block, one for the whole.

A block's function is found by its uses: those whose code is the same but for values of arguments are calls
of one function, and the arguments in which they differ are its parameters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from shapecalc.engine.results import Analysis, Edge
from shapecalc.errors import ArchitectureError
from shapecalc.exporting.keras_calls import NEEDED, Made, Slot, Written
from shapecalc.exporting.keras_layers import counterpart, refused
from shapecalc.exporting.layout import Doc, Group, call, lines, named
from shapecalc.exporting.literals import identifier, literal, same, snake, unique
from shapecalc.exporting.program import Leaf, Region, owners
from shapecalc.exporting.structure import structured
from shapecalc.exporting.torch_source import counted, wrapped
from shapecalc.symbolic import symbols_in

_LETTERS = ("x", "y", "z")
_IMPORTED = ("keras", "layers", "ops", "inputs")


class KerasSource(NamedTuple):
    """The text of a module of Python, and what its function is called."""

    text: str
    name: str
    statements: tuple[int, ...]
    """By row, how many statements its layer is: padding, say, and what is padded for."""


class Statement(NamedTuple):
    """Targets and what they are given: a layer's call, or that of another block's function."""

    targets: Sequence[str]
    call: Made | Written | Region
    inputs: Sequence[str]


@dataclass(eq=False)
class Function:
    """What all uses of one block have in common."""

    name: str
    first: Body
    parameters: list[Slot]
    """With the values of the first use."""
    names: list[str | None]
    """By slot, the parameter that it is."""


@dataclass(eq=False)
class Body:
    """One use of a block: its statements."""

    region: Region
    inputs: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def keras_source(analysis: Analysis) -> KerasSource:
    """The network as a function that makes a `keras.Model`.

    Raises:
        ArchitectureError: a layer has no counterpart in Keras.
    """
    writer = _Writer(analysis)
    text = writer.text()
    return KerasSource(text, writer.functions[-1].name, tuple(writer.count[n] for n in sorted(writer.count)))


class _Writer:
    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        first = next(iter(analysis.inputs.values()))
        self.batch = first.shape[0] if first.rank else None
        self.count: dict[int, int] = {}
        self.bodies: dict[int, Body] = {}
        self.kinds: dict[int, tuple[Any, ...]] = {}
        """By the identity of a region, what it has in common with those of the same function."""
        self.variables: set[str] = set()
        """All names of tensors, which hide a function's of the same name."""
        self.functions: list[Function] = []
        self.of: dict[int, tuple[Function, list[Slot]]] = {}
        """By the identity of a region, its function and its own slots."""

    def text(self) -> str:
        self.root = structured(self.analysis)
        self.read(self.root)
        grouped: dict[Any, list[Body]] = {}
        for number, body in self.bodies.items():
            grouped.setdefault(self.kinds[number], []).append(body)
        for bodies in grouped.values():
            self.functions.append(self.function(bodies))
        written = ["\n".join(self.written(function)) for function in self.functions]
        code = "\n\n\n".join(written) + "\n"
        names = [name for name in ("layers", "ops") if f"{name}." in code]
        imports = "import keras\n" + (f"from keras import {', '.join(names)}\n" if names else "")
        return f"{self.docstring()}\n\n{imports}\n\n{code}"

    def docstring(self) -> str:
        totals, source = self.analysis.totals, self.analysis.architecture.source
        facts = [
            *([f"Source: {source}"] if source else []),
            f"Parameters: {counted(totals.params)}."
            " Axes are in torch's order: channels before height and width.",
        ]
        paragraphs = [[f"{self.analysis.name} for Keras 3, written by shapecalc."], facts]
        text = "\n\n".join("\n".join(wrapped(*paragraph)) for paragraph in paragraphs)
        escaped = text.replace("\\", "\\\\").replace('"""', "'''")
        return f'"""{escaped}\n"""'

    def read(self, region: Region) -> None:
        """Write the statements of a region, of those in it first."""
        body = Body(region)
        several = region is self.root and len(region.inputs) > 1
        names = _Names(region, kept=region.inputs if several else ())
        body.inputs = [names.begin(edge) for edge in region.inputs]
        kind: list[Any] = []
        for item in owners(region.items):
            inputs = [names.of[edge] for edge in item.inputs]
            if isinstance(item, Region):
                self.read(item)
                calls: Sequence[Made | Written | Region] = [item]
            else:
                calls = self.layer(item, inputs)
            names.used(item.inputs)
            targets = [names.target(edge) for edge in item.outputs]
            for place, made in enumerate(calls):
                body.statements.append(Statement(targets, made, targets if place else inputs))
        body.outputs = [names.of[edge] for edge in region.outputs]
        self.variables.update(body.inputs, *(statement.targets for statement in body.statements))
        for statement in body.statements:
            kind.append((*statement.targets, "=", *statement.inputs, *self.kind(statement.call)))
        self.bodies[id(region)] = body
        self.kinds[id(region)] = (snake(region.title), *body.inputs, "→", *body.outputs, *kind)

    def kind(self, made: Made | Written | Region) -> tuple[Any, ...]:
        if isinstance(made, Region):
            return (self.kinds[id(made)],)
        if isinstance(made, Written):
            return (made.text,)
        return (made.function, *(a.name if isinstance(a, Slot) else f"={a}" for a in made.arguments))

    def layer(self, item: Leaf, inputs: Sequence[str]) -> list[Made | Written]:
        if item.alias:
            raise refused(item.row, "its weights are another layer's, and a Keras layer owns its weights")
        if any(_has_letters(weight.shape) for weight in item.row.weights.values()):
            raise refused(item.row, "the shape of its weights has a letter, where code needs a number")
        calls = counterpart(item.row, inputs)
        if whole := [y for y in item.row.outputs if y.shape[:1] != (self.batch,)]:
            raise refused(item.row, f"{whole[0]} does not begin with the batch axis, which Keras leaves free")
        for made in calls:
            for slot in made.arguments if isinstance(made, Made) else ():
                if isinstance(slot, Slot) and _has_letters(slot.value):
                    raise refused(item.row, f"{slot.name} is {slot.value}, where code needs a number")
        self.count[item.number] = len(calls)
        return calls

    def slots(self, body: Body) -> list[Slot]:
        """What uses of a block may differ in, in the order of its statements."""
        found: list[Slot] = []
        for _, made, _ in body.statements:
            found += self.slots_of(made)
        return found

    def slots_of(self, made: Made | Written | Region) -> list[Slot]:
        if isinstance(made, Region):
            function, own = self.of[id(made)]
            return self.given(function, own)
        return [a for a in made.arguments if isinstance(a, Slot)] if isinstance(made, Made) else []

    def given(self, function: Function, own: Sequence[Slot]) -> list[Slot]:
        """The arguments of one call of a block's function: its parameters, with that use's values."""
        values = dict(zip(function.names, own, strict=True))
        return [
            Slot(slot.name, values[slot.name].value, slot.default, slot.keyword)
            for slot in function.parameters
        ]

    def function(self, bodies: Sequence[Body]) -> Function:
        """The function of uses that are alike, and its parameters: where their values differ."""
        columns = [*zip(*(self.slots(body) for body in bodies), strict=True)]
        first = bodies[0]
        tensors = {*first.inputs, *(name for s in first.statements for name in s.targets)}
        taken = {*tensors, *_IMPORTED, *(function.name for function in self.functions)}
        found: dict[Any, Slot] = {}
        names: list[str | None] = []
        for column in columns:
            values = [slot.value for slot in column]
            if all(same(value, values[0]) for value in values):
                names.append(None)
                continue
            name = self.named(column, bodies)
            key = (name, repr(values))
            if key not in found:
                free = unique(name, {*taken, *(slot.name for slot in found.values())})
                found[key] = Slot(free, values[0], column[0].default, True)
            names.append(found[key].name)
        order = [identifier(name) for name in first.region.values]
        ordered = sorted(found.values(), key=lambda s: order.index(s.name) if s.name in order else len(order))
        needed = [slot for slot in ordered if slot.default is NEEDED]
        told = [slot for slot in ordered if slot.default is not NEEDED]
        parameters = [*(Slot(s.name, s.value, s.default, len(needed) > 1) for s in needed), *told]
        title = identifier(snake(first.region.title))
        title = f"{title}_block" if title in self.variables else title
        title = unique(title, {*taken, *self.variables})
        function = Function(title, first, parameters, names)
        for body in bodies:
            self.of[id(body.region)] = function, self.slots(body)
        return function

    def named(self, column: Sequence[Slot], bodies: Sequence[Body]) -> str:
        """The name of a parameter: the file's own, where the block has one of these values."""
        for name in bodies[0].region.values:
            values = [body.region.values.get(name) for body in bodies]
            if all(same(slot.value, value) for slot, value in zip(column, values, strict=True)):
                return identifier(name)
        return column[0].name

    def written(self, function: Function) -> list[str]:
        body = function.first
        root = body.region is self.root
        names = iter(function.names)
        statements = [self.statement(statement, names) for statement in body.statements]
        inner: list[str] = []
        for text, group in groupby("\n".join(statement) for statement in statements):
            times = len([*group])
            if times == 1:
                inner += text.split("\n")
            else:
                inner += [f"    for _ in range({times}):", *(f"    {line}" for line in text.split("\n"))]
        if root:
            return [f"def {function.name}():", *self.inputs(body), *inner, *self.model(body)]
        takes: list[Doc] = [*body.inputs]
        for slot in function.parameters:
            takes.append(slot.name if slot.default is NEEDED else f"{slot.name}={literal(slot.default)}")
        head = lines(Group(f"def {function.name}(", takes, "):"), 0)
        return [*head, *inner, f"    return {', '.join(body.outputs)}"]

    def statement(self, statement: Statement, names: Iterable[str | None]) -> list[str]:
        targets, made, inputs = statement
        if isinstance(made, Written):
            return [f"    {', '.join(targets)} = {made.text}"]
        arguments: list[Doc] = []
        numbers = iter(names)
        listed: Sequence[Slot | str] = self.slots_of(made) if isinstance(made, Region) else made.arguments
        for argument in listed:
            if isinstance(argument, str):
                arguments.append(argument)
                continue
            name = next(numbers)
            if name is None and argument.default is not NEEDED and same(argument.value, argument.default):
                continue
            text = name or literal(argument.value)
            arguments.append(named(argument.name, text) if argument.keyword else text)
        if isinstance(made, Region):
            doc: Group = call(self.of[id(made)][0].name, [*inputs, *arguments])
        else:
            head, inside, close = made.doc(inputs, arguments)
            doc = Group(head, inside, close)
        return lines(doc, 4, f"{', '.join(targets)} = ")

    def inputs(self, body: Body) -> list[str]:
        found: list[str] = []
        several = len(body.inputs) > 1
        for name, (own, x) in zip(body.inputs, self.analysis.inputs.items(), strict=True):
            if not x.rank:
                raise ArchitectureError("Keras needs the batch axis of an input, which has no axes")
            shape = tuple(n if isinstance(n, int) else None for n in x.shape[1:])
            dtype = [] if x.dtype == "float32" else [named("dtype", literal(x.dtype))]
            label = [named("name", literal(own))] if several else []
            target = f"{name} = " if several else f"inputs = {name} = "
            found += lines(call("keras.Input", [literal(shape), *dtype, *label]), 4, target)
        return found

    def model(self, body: Body) -> list[str]:
        outputs = body.outputs[0] if len(body.outputs) == 1 else f"[{', '.join(body.outputs)}]"
        name = named("name", literal(identifier(snake(self.analysis.name))))
        inputs = "inputs" if len(body.inputs) == 1 else f"[{', '.join(body.inputs)}]"
        return lines(call("keras.Model", [inputs, outputs, name]), 4, "return ")


def _has_letters(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return any(map(_has_letters, value))
    return bool(symbols_in(value)) if not isinstance(value, (str, float, bool, int, type(None))) else False


class _Names:
    """The variables of a function: a name is free once nothing reads what it stands for."""

    def __init__(self, region: Region, kept: Sequence[Edge]) -> None:
        """`kept`: what is read after all statements, too."""
        self.region = region
        self.of: dict[Edge, str] = {}
        self.left = Counter(edge for item in owners(region.items) for edge in item.inputs)
        self.left.update([*region.outputs, *kept])

    def begin(self, edge: Edge) -> str:
        """The name of an input."""
        return self.give(edge, {*self.of.values()})

    def used(self, edges: Iterable[Edge]) -> None:
        for edge in edges:
            self.left[edge] -= 1
            if not self.left[edge]:
                self.of.pop(edge, None)  # nothing reads it any more, and each new name is held to all

    def target(self, edge: Edge) -> str:
        """A name for a new tensor: its own, or a letter that is free."""
        live = {name for known, name in self.of.items() if self.left[known] > 0}
        return self.give(edge, live)

    def give(self, edge: Edge, live: set[str]) -> str:
        own = self.region.called.get(edge)
        taken = {*live, *_IMPORTED}
        letter = next((letter for letter in _LETTERS if letter not in live), "x")
        name = unique(identifier(own) if own else letter, taken)
        for known in [known for known, other in self.of.items() if other == name]:
            del self.of[known]
        self.of[edge] = name
        return name
