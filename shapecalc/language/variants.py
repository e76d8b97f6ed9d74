"""The key `variants`: the networks of a family by their names, each with what is its own.

variants:
  vgg13: {convolutions: [2, 2, 2, 2, 2], name: VGG-13, expect: {params: 133047848}}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from shapecalc.errors import ShapecalcError, UsageError, listed, nearest, quoted
from shapecalc.language.expectation import read_expectation
from shapecalc.language.expressions import Scope
from shapecalc.language.inputs import Inputs, read_inputs
from shapecalc.language.parameters import require_kind, values_of
from shapecalc.language.resolved import resolve
from shapecalc.language.tree import Argument
from shapecalc.language.values import Words, read_line, read_value, require_mapping
from shapecalc.language.yaml_nodes import Scalar, Source, YamlMapping, YamlNode, kind

OWN = ("name", "input", "expect")
"""The keys of a variant that are no parameters of the file."""
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_LONGEST_NAME = 100
_MOST_VALUES = 100_000


class Variant(NamedTuple):
    """The values and keys that a variant has in place of its file's."""

    parameters: Mapping[str, Argument]
    title: str | None = None
    inputs: Inputs | None = None
    figures: Mapping[str, Any] = MappingProxyType({})
    """Those of its `expect`."""


def read_variants(
    node: YamlNode, source: Source, parameters: Mapping[str, Argument], inputs: Inputs, words: Words
) -> dict[str, Variant]:
    """The variants of a file with these parameters and inputs, in the file's order."""
    for name, argument in parameters.items():
        if name in OWN:
            hint = f"{', '.join(OWN)} in a variant are the network's own"
            message = f"in a file with variants, no parameter can be called {name}"
            raise source.error(message, argument.node, hint)
    entries = require_mapping(node, source, "variants").entries
    if not entries:
        raise source.error("variants is empty", node)
    if len(entries) * max(len(parameters), 1) > _MOST_VALUES:
        count = f"{len(entries):,} variants of {len(parameters):,} parameters"
        raise source.error(f"{count}: at most {_MOST_VALUES:,} values are read", node)
    reader = _Reader(source, parameters, inputs, words)
    return {key.text: reader.variant(key, value) for key, value in entries.values()}


class _Reader:
    """Reads the variants of one file."""

    def __init__(
        self, source: Source, parameters: Mapping[str, Argument], inputs: Inputs, words: Words
    ) -> None:
        self.source = source
        self.file = parameters
        self.defaults = values_of(parameters, source, {})
        self.file_inputs = inputs
        self.words = words

    def variant(self, key: Scalar, node: YamlNode) -> Variant:
        like_a_file = key.text.lower().endswith((".yaml", ".yml"))
        if not re.fullmatch(NAME, key.text) or len(key.text) > _LONGEST_NAME or like_a_file:
            hint = "it is letters, digits, _, - and ., begins with a letter or digit, and has no .yaml"
            raise self.source.error(f"{quoted(key.text)} can't be the name of a variant", key, hint)
        if isinstance(node, Scalar) and node.value() is None:
            return Variant({})
        if not isinstance(node, YamlMapping):
            hint = f"{key.text}: {{parameter: value, …}}"
            raise self.source.error(f"a variant must be a mapping, not {kind(node)}", node, hint)
        own = {name: value for name, (_, value) in node.entries.items() if name in OWN}
        return Variant(
            self.parameters(node),
            title=read_line(own["name"], self.source) if "name" in own else None,
            inputs=self.inputs(own["input"]) if "input" in own else None,
            figures=read_expectation(own["expect"], self.source) if "expect" in own else {},
        )

    def parameters(self, node: YamlMapping) -> dict[str, Argument]:
        """The variant's values; each may be an expression over the parameters before it."""
        for name, (key, _) in node.entries.items():
            if name not in self.file and name not in OWN:
                hint = nearest(name, [*self.file, *OWN])
                hint = hint or f"the file's parameters: {listed(self.file) or 'none'}"
                raise self.source.error(f"the file has no parameter {quoted(name)}", key, hint)
        given: dict[str, Argument] = {}
        scope: dict[str, Any] = {}  # of the parameters before
        for name, default in self.file.items():
            argument = default
            if name in node.entries:
                _, value = node.entries[name]
                argument = given[name] = Argument(read_value(value, self.source, scope, self.words), value)
            scope[name] = self.value(name, argument, scope)
        return given

    def value(self, name: str, argument: Argument, scope: Scope) -> Any:
        """What a parameter is in the variant, which must be of the kind of its default."""
        try:
            value = resolve(argument.value, scope)
            require_kind(name, value, self.defaults[name])
        except UsageError as error:
            raise self.source.error(error.message, argument.node, error.hint) from None
        except ShapecalcError as error:
            raise error.at(self.source.place_of(argument.node)) from None
        return value

    def inputs(self, node: YamlNode) -> Inputs:
        """The inputs that the variant has in place of the file's, under the same names."""
        found = read_inputs(node, self.source)
        if found.specs.keys() != self.file_inputs.specs.keys():
            names = listed(self.file_inputs.specs)
            raise self.source.error(f"a variant has the inputs of its file, which are {names}", node)
        return found
