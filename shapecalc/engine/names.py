"""What the names in one body stand for: a tensor each, and the rows of the step that gave it."""

from __future__ import annotations

from collections import ChainMap

from shapecalc.engine.brief import Exit
from shapecalc.engine.results import Wire
from shapecalc.engine.walk import Walk
from shapecalc.errors import listed, nearest, quoted
from shapecalc.language.expressions import Scope
from shapecalc.language.tree import Name
from shapecalc.layers import LAYERS

Rows = tuple[int, int]
"""The first row of a step, and the one after its last."""


class Names:
    """The names of a body, beside those of the body around it."""

    def __init__(
        self, walk: Walk, wires: ChainMap[str, Wire] | None = None, owners: ChainMap[str, Rows] | None = None
    ) -> None:
        self.walk = walk
        self.wires: ChainMap[str, Wire] = ChainMap() if wires is None else wires
        self.owners: ChainMap[str, Rows] = ChainMap() if owners is None else owners
        self.bound: list[str] = []
        """Those that were bound here, in their order."""

    def inner(self) -> Names:
        """The names of an inner body, in which these are visible too."""
        return Names(self.walk, self.wires.new_child(), self.owners.new_child())

    def key(self, name: Name, scope: Scope) -> str:
        """What a name is called here: of an element, with its index."""
        with self.walk.source.placing(name.node):
            return name.key(scope)

    def wire(self, name: Name, scope: Scope) -> Wire:
        """The tensor of a name."""
        key = self.key(name, scope)
        wire = self.wires.get(key)
        if wire is None:
            family = [known for known in self.wires if known.startswith(f"{name.text}.")]
            hint = nearest(key, family or self.wires) or f"named here: {listed(family or self.wires)}"
            if family and name.index is None:
                hint = f"it has elements: {listed(family)}"
            if name.text in LAYERS or name.text in self.walk.known:
                hint = f"a step is a branch in a list of its own: [{name.text}]"
            raise self.walk.source.error(f"no tensor above is named {quoted(key)}", name.node, hint)
        return wire

    def owner(self, name: Name, scope: Scope, before: int) -> Rows:
        """The rows of the step of a name, which ends before this row."""
        key = self.key(name, scope)
        rows = self.owners.get(key)
        if rows is None or rows[1] > before:
            named = [known for known, (_, stop) in self.owners.items() if stop <= before]
            hint = nearest(key, named) or f"steps with a name: {listed(named) or 'none'}"
            raise self.walk.source.error(f"share: no step above is named {quoted(key)}", name.node, hint)
        return rows

    def bind(self, name: Name, scope: Scope, wire: Wire, rows: Rows) -> None:
        """Let a name stand for a tensor, and for the step of these rows."""
        key = self.key(name, scope)
        self.wires[key] = wire
        self.owners[key] = rows
        self.bound.append(key)

    def exit(self, wires: tuple[Wire, ...], bound: int) -> Exit:
        """What a finished copy hands to the next: its outputs, and the names after the first `bound`."""
        return Exit(wires, {name: (self.wires[name], self.owners[name]) for name in self.bound[bound:]})
