"""YAML text → `Architecture`: a frozen tree of steps, each with its place in the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from shapecalc import document, nodes
from shapecalc.blocks import block_names, read_blocks
from shapecalc.errors import ArchitectureError, UsageError, listed, nearest, quoted, written
from shapecalc.expressions import parse_expression
from shapecalc.garbage import without_collecting
from shapecalc.inputs import InputSpec, check_symbol, parse_input
from shapecalc.nodes import Node, Scalar, Source, kind
from shapecalc.reader import StepReader
from shapecalc.steps import Argument, Block, Steps, resolve
from shapecalc.symbolic import Dim, Expr, symbol
from shapecalc.values import WORDS, Words, identifier, read_value, require_mapping

FIGURES = ("params", "macs", "output", "source")
KEYS = ("name", "source", "notes", "input", "parameters", "expect", "blocks", "layers")


@dataclass(frozen=True, slots=True)
class Expectation:
    """Published figures of the network at its own input and parameters; None where none is given."""

    node: Node
    params: int | None = None
    macs: int | None = None
    output: InputSpec | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Architecture:
    """A network as its file describes it."""

    name: str
    document: Source
    inputs: Mapping[str, InputSpec]
    input_nodes: Mapping[str, Node]
    parameters: Mapping[str, Argument]
    blocks: Mapping[str, Block]
    layers: Steps
    source: str | None = None
    notes: str | None = None
    expect: Expectation | None = None

    @property
    def decided(self) -> frozenset[str]:
        """The parameters that are sizes of an input by themselves: a given input decides them."""
        texts = (size.text for spec in self.inputs.values() for size in spec.sizes)
        return frozenset(text for text in texts if text in self.parameters)

    def scope(self, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The values of the file's parameters, `overrides` in place of their defaults.

        Raises:
            UsageError: an override is for a parameter that the file lacks, or of another kind.
            ArchitectureError: a default can't be evaluated.
        """
        overrides = overrides or {}
        for name in map(str, overrides):
            if name not in self.parameters:
                known = listed(self.parameters) or "none"
                hint = nearest(name, self.parameters) or f"the file's parameters: {known}"
                raise UsageError(f"{self.name} has no parameter {quoted(name)}", hint=hint)
        scope: dict[str, Any] = {}
        for name, default in self.parameters.items():
            try:
                value = resolve(default.value, scope)
            except ArchitectureError as error:
                raise error.at(self.document.place_of(default.node)) from None
            scope[name] = _override(name, overrides[name], value) if name in overrides else value
        return scope


def _override(name: str, value: object, default: object) -> object:
    """The value for a parameter, which must be of its default's kind."""
    if isinstance(value, (list, tuple)) and all(type(item) is int for item in value):
        value = tuple(value)
    elif isinstance(value, str) and type(default) is int and value not in WORDS:
        value = _formula(name, value)
    elif type(value) not in (int, float, bool, str, Expr):
        raise UsageError(
            f"the parameter {name} can't be {written(value)}: a value is one, or a list of sizes"
        )
    if type(value) is type(default) or (isinstance(default, float) and type(value) is int):
        return value
    if isinstance(value, Expr) and type(default) is int:
        return value
    if _judged_by_a_layer(value) and _judged_by_a_layer(default):
        return value
    needed = {int: "a whole number", float: "a number", bool: "true or false"}.get(type(default))
    needed = needed or f"of the kind of its default, {written(default)}"
    raise UsageError(f"the parameter {name} must be {needed}, not {written(value)}")


def _formula(name: str, text: str) -> Dim:
    """The formula, or the number, that a text in place of a number stands for."""
    try:
        expression = parse_expression(text)
        for own in sorted(expression.names):
            check_symbol(own)
        value: Dim = expression({own: symbol(own) for own in expression.names})
    except ArchitectureError as error:
        raise UsageError(
            f"the parameter {name} can't be {quoted(text)}: {error.message}", hint=error.hint
        ) from None
    return value


def _judged_by_a_layer(value: object) -> bool:
    """A kernel may be 3 or [3, 5], a padding 2 or same: which of them, the layer it is for knows."""
    return type(value) is int or isinstance(value, tuple) or (isinstance(value, str) and value in WORDS)


def given_value(text: str) -> object:
    """What the text of a value for a parameter stands for, as in a file: a constant, a word or a list.

    Raises:
        UsageError: it is none of these.
    """
    node = document.read(Source("the value", text))
    if isinstance(node, nodes.Sequence) and all(isinstance(item, Scalar) for item in node.items):
        return tuple(item.value() for item in node.items if isinstance(item, Scalar))
    if not isinstance(node, Scalar):
        raise UsageError(f"{quoted(text)} is no value for a parameter")
    return node.value()


@without_collecting
def parse(text: str, name: str = "<text>") -> Architecture:
    """The architecture that a YAML text describes; `name` is what errors call the text.

    Raises:
        UsageError: the text is not YAML, or no mapping.
        ArchitectureError: what it describes is wrong.
    """
    if not isinstance(text, str):
        raise UsageError(f"a text is needed, not {type(text).__name__}")
    source = Source(name, text)
    root = document.read(source)
    if root is None or (isinstance(root, Scalar) and root.value() is None):
        raise UsageError(f"{name}: the file is empty", hint="an architecture has the keys input and layers")
    if not isinstance(root, nodes.Mapping):
        raise UsageError(
            f"an architecture is a mapping with the keys input and layers, not {kind(root)}",
            place=source.place_of(root),
        )
    return _FileReader(source, root).architecture()


class _FileReader:
    """Reads the keys of a file; each key's method takes the key's node."""

    def __init__(self, source: Source, root: nodes.Mapping) -> None:
        self.source = source
        self.root = root
        self.words = Words(self.read("blocks", lambda blocks: block_names(blocks, source), ()))

    def architecture(self) -> Architecture:
        for key, (node, _) in self.root.entries.items():
            if key not in KEYS:
                hint = nearest(key, KEYS) or f"the keys of a file: {', '.join(KEYS)}"
                raise self.source.error(f"the key {quoted(key)} is unknown", node, hint)
        for key in ("input", "layers"):
            if key not in self.root.entries:
                hint = "input: 1x3x224x224" if key == "input" else "layers: [Flatten, Linear: 10]"
                raise self.source.error(f"the key {key!r} is missing", self.root, f"for example {hint}")
        parameters = self.read("parameters", self.parameters, {})
        inputs = self.inputs(self.root.entries["input"][1])
        blocks = self.read("blocks", lambda node: read_blocks(node, self.source, parameters, self.words), {})
        headers = {name: block.parameters for name, block in blocks.items()}
        reader = StepReader(self.source, parameters, headers, self.words, taken=inputs)
        layers = reader.steps(self.root.entries["layers"][1], "layers")
        if not layers:
            raise self.source.error("layers is empty", self.root.entries["layers"][1])
        return Architecture(
            name=self.read("name", self.line, PurePath(self.source.name).stem),
            document=self.source,
            inputs={name: spec for name, (spec, _) in inputs.items()},
            input_nodes={name: node for name, (_, node) in inputs.items()},
            parameters=parameters,
            blocks=blocks,
            layers=layers,
            source=self.read("source", self.text, None),
            notes=self.read("notes", self.text, None),
            expect=self.read("expect", self.expectation, None),
        )

    def read(self, key: str, read: Callable[[Node], Any], default: Any) -> Any:
        entry = self.root.entries.get(key)
        return read(entry[1]) if entry else default

    def text(self, node: Node) -> str:
        if not isinstance(node, Scalar) or not node.text.strip():
            raise self.source.error(f"text is needed here, not {kind(node)}", node)
        return node.text.strip()

    def line(self, node: Node) -> str:
        """Text for one line of a terminal."""
        return "".join(c if c.isprintable() else " " for c in " ".join(self.text(node).split()))

    def parameters(self, node: Node) -> dict[str, Argument]:
        """Defaults in the file's order; each may be an expression over those before it."""
        parameters: dict[str, Argument] = {}
        for key, value in require_mapping(node, self.source, "parameters").entries.values():
            name = identifier(key, self.source, "a parameter")
            default = read_value(value, self.source, parameters, self.words)
            if default is None:
                raise self.source.error(f"the parameter {name} needs a default", value)
            parameters[name] = Argument(default, value)
        return parameters

    def inputs(self, node: Node) -> dict[str, tuple[InputSpec, Node]]:
        if not isinstance(node, nodes.Mapping):
            return {"input": (self.input(node), node)}
        if not node.entries:
            raise self.source.error("at least one input is needed", node)
        entries = node.entries.values()
        return {identifier(key, self.source, "an input"): (self.input(v), v) for key, v in entries}

    def input(self, node: Node) -> InputSpec:
        if not isinstance(node, Scalar) or isinstance(node.value(), (bool, float, type(None))):
            hint = "write the sizes of all axes joined by x: 1x3x224x224"
            raise self.source.error(f"a shape is text, not {kind(node)}", node, hint)
        try:
            return parse_input(node.text)
        except ArchitectureError as error:
            raise error.at(self.source.place_of(node)) from None

    def expectation(self, node: Node) -> Expectation:
        figures: dict[str, Any] = {}
        for name, (key, value) in require_mapping(node, self.source, "expect").entries.items():
            if name not in FIGURES:
                hint = nearest(name, FIGURES) or f"figures: {', '.join(FIGURES)}"
                raise self.source.error(f"expect: the figure {quoted(name)} is unknown", key, hint)
            figures[name] = self.figure(name, value)
        return Expectation(node, **figures)

    def figure(self, name: str, node: Node) -> object:
        if name == "output":
            spec = self.input(node)
            if spec.dtype or any(size.names for size in spec.sizes):
                raise self.source.error("expect: output is sizes alone, as in 1x10", node)
            return spec
        if name == "source":
            return self.text(node)
        value = node.value() if isinstance(node, Scalar) else None
        if type(value) is not int or value < 0:
            raise self.source.error(f"expect: {name} must be a whole number, not {kind(node)}", node)
        return value
