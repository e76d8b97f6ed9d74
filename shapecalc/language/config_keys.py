"""`config`: what the keys of a published configuration, a config.json, are for the parameters of a file.

config:
  model_type: {qwen2: {bias: true}, qwen3: {bias: false}}
  n_embd: width
  hidden_act: [silu]
  ignored: [max_window_layers]
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from shapecalc.language.values import require_mapping
from shapecalc.language.yaml_nodes import Constant, Scalar, Source, YamlList, YamlMapping, YamlNode, kind

IGNORED = "ignored"
MODEL_TYPE = "model_type"
_OTHERWISE = "else"
_HINT = "a key has a parameter, n_embd: width, a list of the values it may have, or what each of these sets"


class ConfigKey(NamedTuple):
    """What becomes of the value of a key: a parameter has it, or each value it may have sets parameters."""

    parameter: str | None
    values: tuple[tuple[Constant, Mapping[str, Any]], ...] = ()


class Config(NamedTuple):
    """The keys of a configuration that a file reads, and the keys that change none of its figures."""

    keys: Mapping[str, ConfigKey]
    ignored: frozenset[str]

    @property
    def model_types(self) -> tuple[Constant, ...]:
        """The families that the file is for."""
        return tuple(value for value, _ in self.keys[MODEL_TYPE].values)


def read_config(node: YamlNode, source: Source, parameters: Collection[str]) -> Config:
    """The keys after `config` of a file that has these parameters.

    Raises:
        ArchitectureError: a value is of none of the forms, or names no parameter.
    """
    entries = dict(require_mapping(node, source, "config").entries.values())
    reader = _Reader(source, parameters)
    ignored = [x for key, value in entries.items() if key.text == IGNORED for x in reader.listed(value)]
    keys = {key.text: reader.key(value) for key, value in entries.items() if key.text != IGNORED}
    if MODEL_TYPE not in keys or not keys[MODEL_TYPE].values:
        raise source.error(f"config needs {MODEL_TYPE}", node, f"{MODEL_TYPE}: [llama]")
    return Config(keys, frozenset(map(str, ignored)))


class _Reader:
    def __init__(self, source: Source, parameters: Collection[str]) -> None:
        self.source = source
        self.parameters = parameters

    def key(self, node: YamlNode) -> ConfigKey:
        if isinstance(node, Scalar):
            return ConfigKey(self.parameter(node))
        if isinstance(node, YamlList):
            return ConfigKey(None, tuple((value, {}) for value in self.listed(node)))
        entries = dict(node.entries.values())
        otherwise = [self.parameter(value) for key, value in entries.items() if key.text == _OTHERWISE]
        values = tuple(
            (key.value(), self.settings(value)) for key, value in entries.items() if key.text != _OTHERWISE
        )
        return ConfigKey(otherwise[0] if otherwise else None, values)

    def listed(self, node: YamlNode) -> list[Constant]:
        items = node.items if isinstance(node, YamlList) else [node]
        return [self.constant(item) for item in items]

    def settings(self, node: YamlNode) -> dict[str, Constant]:
        if not isinstance(node, YamlMapping):
            raise self.source.error(f"config: a mapping is needed, not {kind(node)}", node, _HINT)
        return {self.parameter(key): self.constant(value) for key, value in node.entries.values()}

    def constant(self, node: YamlNode) -> Constant:
        if not isinstance(node, Scalar):
            raise self.source.error(f"config: a value is needed, not {kind(node)}", node, _HINT)
        return node.value()

    def parameter(self, node: YamlNode) -> str:
        if not isinstance(node, Scalar) or node.text not in self.parameters:
            what = node.text if isinstance(node, Scalar) else kind(node)
            raise self.source.error(f"config: {what} is no parameter of the file", node, _HINT)
        return node.text
