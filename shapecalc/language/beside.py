"""What is written beside a step, or in its head: conditions, copies, names of tensors and of weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from shapecalc.language.expressions import Expression
from shapecalc.language.names import read_names
from shapecalc.language.resolved import CHANNELS, copies_of, is_frozen, is_there, names_in, stored_as
from shapecalc.language.tree import Argument, Name
from shapecalc.language.values import read_value
from shapecalc.language.yaml_nodes import Source, YamlNode

if TYPE_CHECKING:
    from shapecalc.language.reader import StepReader


class BesideReader:
    """Reads the keys beside the steps of one body, over the names that are in scope in `steps`."""

    def __init__(self, steps: StepReader) -> None:
        self.steps = steps
        self.source = steps.source

    def read(self, beside: Mapping[str, YamlNode]) -> dict[str, Any]:
        """The fields of a step that these keys decide, but for its names and its loop."""
        found: dict[str, Any] = {}
        values = []
        for key, check in (("when", is_there), ("times", copies_of)):
            if key in beside:
                found[key] = self.value(beside[key], check, channels=True)
                values.append(found[key].value)
        if "from" in beside:
            found["sources"] = read_names(beside["from"], self.source, self.steps.scope, "from")
        if "share" in beside:
            found["shares"] = self.shared(beside["share"])
        if "frozen" in beside:
            found["frozen"] = self.value(beside["frozen"], is_frozen)
        if "weights" in beside:
            found["weights"] = read_weights(beside["weights"], self.source, self.steps.scope)
        return {**found, "asks": any(CHANNELS in names_in(value) for value in values)}

    def value(self, node: YamlNode, check: Callable[[object], object], *, channels: bool = False) -> Argument:
        """The value of a key, checked here unless it depends on parameters."""
        scope = self.steps.arguments.scope if channels else self.steps.scope
        value = read_value(node, self.source, scope)
        if not isinstance(value, Expression):
            with self.source.placing(node):
                check(value)
        return Argument(value, node)

    def shared(self, node: YamlNode) -> Name:
        names = read_names(node, self.source, self.steps.scope, "share")
        if len(names) > 1:
            raise self.source.error("share: the weights of one step are shared, not of several", node)
        return names[0]

    def with_names(self, common: Mapping[str, Any], beside: Mapping[str, YamlNode]) -> Mapping[str, Any]:
        """Enter the step's `as` after what is inside of it, since a step can't read its own output."""
        if "as" not in beside:
            return common
        names = read_names(beside["as"], self.source, self.steps.scope, "as")
        for name in names:
            self.steps.bound.bind(name, perhaps="when" in beside)
        return {**common, "names": names}


def read_weights(node: YamlNode, source: Source, scope: Collection[str]) -> Argument:
    """What matrices are stored as: a scheme's own text, or a parameter that is one."""
    value = read_value(node, source, scope, numeric=False)
    if not isinstance(value, Expression):
        with source.placing(node):
            stored_as(value)
    return Argument(value, node)
