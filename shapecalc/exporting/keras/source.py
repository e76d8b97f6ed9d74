"""A network as Python code of Keras 3's functional API: a function for each block, one for the whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from shapecalc.engine.results import Analysis
from shapecalc.engine.run import whole
from shapecalc.errors import ArchitectureError
from shapecalc.exporting.docstring import counted, docstring
from shapecalc.exporting.keras.batch import batch_of, with_free_batch
from shapecalc.exporting.keras.bodies import BlockBody, Bodies, Statement
from shapecalc.exporting.keras.calls import NEEDED, Slot
from shapecalc.exporting.keras.functions import BlockFunction, Functions
from shapecalc.exporting.keras.lending import Lent
from shapecalc.exporting.keras.own import OWN
from shapecalc.exporting.layout import Bracketed, Doc, call, lines, named
from shapecalc.exporting.literals import identifier, literal, same, snake
from shapecalc.exporting.program import Region
from shapecalc.exporting.structure import regions
from shapecalc.symbolic import Expr


class KerasSource(NamedTuple):
    """The text of a module of Python, and what its function is called."""

    text: str
    name: str
    statements: tuple[int, ...]
    """By row, how many statements its layer is: padding, say, and what is padded for."""


def keras_source(analysis: Analysis) -> KerasSource:
    """The network as a function that makes a `keras.Model`, of a batch of any size where it takes one.

    Raises:
        ArchitectureError: a layer has no counterpart in Keras.
    """
    analysis = whole(analysis, "export")
    free = with_free_batch(analysis)
    if free is not None:
        try:
            return _Writer(free).source()
        except ArchitectureError:
            if free is analysis:
                raise
    return _Writer(analysis).source()


class _Writer:
    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.batch = batch_of(analysis)
        self.root = regions(analysis, "Keras")
        lent = Lent(analysis, self.root, self.batch if self.is_free else None)
        lent.lend()
        self.bodies = Bodies(self.root, lent)
        self.functions = Functions(self.bodies, [*OWN])

    @property
    def is_free(self) -> bool:
        """Whether the batch may be of any size."""
        return isinstance(self.batch, Expr)

    def source(self) -> KerasSource:
        count = self.bodies.count
        return KerasSource(self.text(), self.functions.all[-1].name, tuple(count[n] for n in sorted(count)))

    def text(self) -> str:
        written = ["\n".join(self.written(function)) for function in self.functions.all]
        code = "\n\n\n".join([*_own("\n".join(written)), *written]) + "\n"
        names = [name for name in ("layers", "ops") if re.search(rf"\b{name}\.", code)]
        imports = "import keras\n" + (f"from keras import {', '.join(names)}\n" if names else "")
        params = f"Parameters: {counted(self.analysis.totals.params)}."
        facts = [f"{params} Axes are in torch's order: channels before height and width."]
        about = docstring(self.analysis, f"{self.analysis.name} for Keras 3", facts)
        return f"{about}\n\n{imports}\n\n{code}"

    def written(self, function: BlockFunction) -> list[str]:
        body = function.first
        names = iter(function.names)
        statements = [self.statement(statement, names) for statement in body.statements]
        inner: list[str] = []
        for text, group in groupby("\n".join(statement) for statement in statements):
            times = len([*group])
            if times == 1:
                inner += text.split("\n")
            else:
                inner += [f"    for _ in range({times}):", *(f"    {line}" for line in text.split("\n"))]
        if body.region is self.root:
            return [f"def {function.name}():", *self.inputs(body), *inner, *self.model(body)]
        takes: list[Doc] = [*body.inputs]
        for slot in function.parameters:
            takes.append(slot.name if slot.default is NEEDED else f"{slot.name}={literal(slot.default)}")
        head = lines(Bracketed(f"def {function.name}(", takes, "):"), 0)
        return [*head, *inner, f"    return {', '.join(body.outputs)}"]

    def statement(self, statement: Statement, names: Iterable[str | None]) -> list[str]:
        targets, made, inputs = statement
        slots = self.functions.slots_of(made) if isinstance(made, Region) else made.arguments
        arguments = _arguments(slots, names)
        if isinstance(made, Region):
            doc: Doc = call(self.functions.of[id(made)][0].name, [*inputs, *arguments])
        else:
            doc = made.doc(inputs, arguments)
        return lines(doc, 4, f"{', '.join(targets)} = ")

    def inputs(self, body: BlockBody) -> list[str]:
        found: list[str] = []
        several = len(body.inputs) > 1
        for name, (own, x) in zip(body.inputs, self.analysis.inputs.items(), strict=True):
            if not x.rank:
                raise ArchitectureError("Keras needs the batch axis of an input, which has no axes")
            sizes = literal(tuple(n if isinstance(n, int) else None for n in x.shape[self.is_free :]))
            dtype = [] if x.dtype == "float32" else [named("dtype", literal(x.dtype))]
            label = [named("name", literal(own))] if several else []
            target = f"{name} = " if several else f"inputs = {name} = "
            shape = sizes if self.is_free else named("batch_shape", sizes)
            found += lines(call("keras.Input", [shape, *dtype, *label]), 4, target)
        return found

    def model(self, body: BlockBody) -> list[str]:
        anchor = "inputs" if len(body.inputs) == 1 else body.inputs[0]
        named_outputs = zip(self.root.outputs, body.outputs, strict=True)
        constants = self.bodies.lent.constants
        given = [f"Constant({n})({anchor})" if edge in constants else n for edge, n in named_outputs]
        outputs = given[0] if len(given) == 1 else f"[{', '.join(given)}]"
        name = named("name", literal(identifier(snake(self.analysis.name))))
        inputs = "inputs" if len(body.inputs) == 1 else f"[{', '.join(body.inputs)}]"
        return lines(call("keras.Model", [inputs, outputs, name]), 4, "return ")


def _arguments(slots: Sequence[Slot | str], names: Iterable[str | None]) -> list[Doc]:
    """The arguments of a call: a parameter of the function around it, or a value that is not the default."""
    found: list[Doc] = []
    numbers = iter(names)
    for slot in slots:
        if isinstance(slot, str):
            found.append(slot)
            continue
        name = next(numbers)
        if name is None and slot.default is not NEEDED and same(slot.value, slot.default):
            continue
        text = name or literal(slot.value)
        found.append(named(slot.name, text) if slot.keyword else text)
    return found


def _own(code: str) -> list[str]:
    """The classes and functions that the code uses, and that Keras does not have."""
    found: set[str] = set()
    texts = [code]
    while texts:
        text = texts.pop()
        more = {name for name in OWN if re.search(rf"(?<![.\w]){name}[()]", text)} - found
        found |= more
        texts += [OWN[name] for name in more]
    return [OWN[name] for name in OWN if name in found]
