"""`weight_norm` and `spectral_norm` beside a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shapecalc.language.arguments import PARAMETRIZATIONS
from shapecalc.language.resolved import names_in
from shapecalc.language.tree import LayerStep
from shapecalc.language.yaml_nodes import YamlMapping, YamlNode
from shapecalc.layers.parametrized import PARAMETRIZED

if TYPE_CHECKING:
    from shapecalc.language.reader import StepReader


def parametrizations(reader: StepReader, beside: Mapping[str, YamlNode]) -> tuple[LayerStep, ...]:
    """Those that are written beside a step, as steps of their own."""
    return tuple([_read(reader, key, beside[key]) for key in PARAMETRIZATIONS if key in beside])


def _read(reader: StepReader, key: str, node: YamlNode) -> LayerStep:
    """`true`, `false`, a parameter that is one of these, or arguments by their names."""
    kind = PARAMETRIZED[key]
    written = node.entries if isinstance(node, YamlMapping) else {"use": (node, node)}
    given = {name: reader.arguments.of_layer(kind, name, *found) for name, found in written.items()}
    uses = frozenset().union(*[names_in(argument.value) for argument in given.values()])
    step = LayerStep(node=node, label=key, type=kind, arguments=given, uses=tuple(sorted(uses)))
    if not uses:
        reader.check(step)
    return step
