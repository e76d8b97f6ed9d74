"""The arguments of a layer or of a block: what a file has after the name of a step."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Set
from typing import Any

from shapecalc.errors import ArchitectureError, listed, nearest, quoted
from shapecalc.language.block import Signature
from shapecalc.language.names import read_name
from shapecalc.language.resolved import CHANNELS
from shapecalc.language.tree import Argument, Name
from shapecalc.language.values import Words, read_value
from shapecalc.language.yaml_nodes import Scalar, Source, YamlList, YamlMapping, YamlNode
from shapecalc.layers import Layer

PARAMETRIZATIONS = ("weight_norm", "spectral_norm")
BESIDE = ("when", "times", "as", "from", "share", "frozen", "weights", "for", *PARAMETRIZATIONS)
"""What may be written beside a step."""


class ArgumentReader:
    """Reads arguments as expressions over the names in scope, and over the channels that enter a step."""

    def __init__(self, source: Source, scope: Mapping[str, Any], words: Words) -> None:
        self.source = source
        self.scope = ChainMap({CHANNELS: None}, scope)  # type: ignore[arg-type]  # it is only read
        self.words = words

    def of_block(
        self, block: str, signature: Signature, key: Scalar, value: YamlNode | None, read: int = 1
    ) -> tuple[dict[str, Argument], dict[str, Name]]:
        """The values that a block is given, and the tensors that are named among them.

        `read`: how many tensors the step reads.
        """
        parameters = signature.parameters
        given = self.given(value, next(iter(parameters), None), key, bool(signature.takes))
        tensors = {}
        for tensor in signature.tensors:
            if tensor.text in given:
                _, node = given.pop(tensor.text)
                tensors[tensor.text] = read_name(
                    node, self.source, self.scope.parents, f"{block}: {tensor.text}"
                )
        arguments = {}
        for name, (where, node) in given.items():
            if name not in parameters:
                raise self.unknown(block, signature, name, where)
            arguments[name] = self.argument(node, f"{block}: {name}", self.words, numeric=True)
        for name, default in parameters.items():
            if default is None and name not in given:
                raise self.missing(block, signature, name, key, read)
        return arguments, tensors

    def missing(
        self, block: str, signature: Signature, name: str, key: Scalar, read: int
    ) -> ArchitectureError:
        """The error of a value that a block needs; tensors without a semicolon in its header are values."""
        takes = list(signature.takes)
        hint = f"{block} takes {listed(takes)}"
        if read > 1 and not signature.tensors:
            header = f"{block}({listed(takes[:read])}; {listed(takes[read:])}".rstrip() + ")"
            hint += f", all of them values; tensors stand before a semicolon in its header: {header}"
        return self.source.error(f"{block}: {name} is missing", key, hint)

    def unknown(self, block: str, signature: Signature, name: str, where: YamlNode) -> ArchitectureError:
        """The error of an argument that a block lacks."""
        takes = listed(signature.takes) or "no arguments"
        hint = nearest(name, signature.takes) or f"{block} takes {takes}"
        if name in BESIDE:
            hint = f"write it beside the step: {{{block}: …, {name}: …}}"
        return self.source.error(f"{block}: there is no argument {quoted(name)}", where, hint)

    def argument(self, node: YamlNode, subject: str, words: Set[str], *, numeric: bool) -> Argument:
        """The value of a node; a name that is a parameter's and a word is the parameter's."""
        try:
            return Argument(read_value(node, self.source, self.scope, words, numeric), node)
        except ArchitectureError as error:
            raise error.about(subject) from None

    def mapping(self, node: YamlMapping, subject: str) -> Argument:
        """The value of a mapping: pairs of a name and what stands there."""
        pairs = [
            (name, self.argument(value, subject, frozenset(), numeric=False).value)
            for name, (_, value) in node.entries.items()
        ]
        return Argument(tuple(pairs), node)

    def given(
        self, value: YamlNode | None, main: str | None, key: Scalar, takes_any: bool
    ) -> dict[str, tuple[YamlNode, YamlNode]]:
        """By an argument's name, where it is named and its value; a value without a name is `main`'s."""
        if value is None or (isinstance(value, Scalar) and value.value() is None):
            return {}
        if isinstance(value, YamlMapping):
            if "<<" in value.entries:
                hint = "write the arguments out, or make a block of what repeats"
                raise self.source.error("merge keys are not read", value.entries["<<"][0], hint)
            return dict(value.entries)
        if main is None:
            hint = "write each argument by its name: {name: value}"
            message = "no argument takes a single value" if takes_any else "it takes no arguments"
            raise self.source.error(f"{key.text}: {message}", value, hint if takes_any else None)
        return {main: (value, value)}

    def in_order(
        self, names: tuple[str, ...], values: YamlList, key: Scalar
    ) -> dict[str, tuple[YamlNode, YamlNode]]:
        """The same of a list, one value for each of these arguments in their order."""
        if len(values.items) != len(names):
            message = f"{key.text}: a list of {len(names)} values is needed, not of {len(values.items)}"
            raise self.source.error(message, values, f"{key.text}: [{', '.join(names)}]")
        return {name: (value, value) for name, value in zip(names, values.items, strict=True)}

    def of_layer(self, layer: type[Layer], name: str, where: YamlNode, node: YamlNode) -> Argument:
        field = layer.fields.get(name)
        if field is not None and field.mapped and isinstance(node, YamlMapping):
            return self.mapping(node, f"{layer.__name__}: {name}")
        if field is not None:
            subject = f"{layer.__name__}: {name}"
            return self.argument(node, subject, field.words, numeric=field.numeric)
        error = layer.unknown_argument(name).about(layer.__name__)
        if name in BESIDE:
            error.hint = f"write it beside the step: {{{layer.__name__}: …, {name}: …}}"
        if name == "dtype":
            error.hint = "memory --dtype says what float32 is; weights: int4 stores matrices of Linear layers"
        raise error.at(self.source.place_of(where))
