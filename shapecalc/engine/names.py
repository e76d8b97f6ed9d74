"""What the names in one body stand for: a tensor each, and the rows of the step that gave it."""

from __future__ import annotations

from collections.abc import Iterator

from shapecalc.engine.copies import Exit
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

    def __init__(self, walk: Walk, wires: dict[str, Wire] | None = None, around: Names | None = None) -> None:
        self.walk = walk
        self.around = around
        self.wires = {} if wires is None else wires
        self.owners: dict[str, Rows] = {}
        self.bound: list[str] = []
        """Those that were bound here, in their order."""
        self.closed = True
        """Whether no name was looked up yet that is not bound here."""

    def inner(self) -> Names:
        """The names of an inner body, in which these are visible too."""
        return Names(self.walk, around=self)

    def outward(self) -> Iterator[Names]:
        """These names and then, since a name is not among them, those around them."""
        names: Names | None = self
        while names is not None:
            yield names
            names.closed = False
            names = names.around

    def key(self, name: Name, scope: Scope) -> str:
        """What a name is called here: of an element, with its index."""
        with self.walk.source.placing(name.node):
            return name.key(scope)

    def wire(self, name: Name, scope: Scope) -> Wire:
        """The tensor of a name."""
        key = self.key(name, scope)
        for names in self.outward():
            if key in names.wires:
                return names.wires[key]
        known = self.all_wires()
        family = [other for other in known if other.startswith(f"{name.text}.")]
        hint = nearest(key, family or known) or f"named here: {listed(family or known)}"
        if family and name.index is None:
            hint = f"it has elements: {listed(family)}"
        if name.text in LAYERS or name.text in self.walk.known:
            hint = f"a step is a branch in a list of its own: [{name.text}]"
        raise self.walk.source.error(f"no tensor above is named {quoted(key)}", name.node, hint)

    def owner(self, name: Name, scope: Scope, before: int) -> Rows:
        """The rows of the step of a name, which ends before this row."""
        key = self.key(name, scope)
        rows = next((names.owners[key] for names in self.outward() if key in names.owners), None)
        if rows is None or rows[1] > before:
            named = [known for known, (_, stop) in self.all_owners().items() if stop <= before]
            hint = nearest(key, named) or f"steps with a name: {listed(named) or 'none'}"
            raise self.walk.source.error(f"share: no step above is named {quoted(key)}", name.node, hint)
        return rows

    def all_wires(self) -> dict[str, Wire]:
        """The tensors of all names that are visible, those bound first before others."""
        return {**self.around.all_wires(), **self.wires} if self.around else self.wires

    def all_owners(self) -> dict[str, Rows]:
        """The rows of the steps of all these."""
        return {**self.around.all_owners(), **self.owners} if self.around else self.owners

    def bind(self, name: Name, scope: Scope, wire: Wire, rows: Rows) -> None:
        """Let a name stand for a tensor, and for the step of these rows."""
        key = self.key(name, scope)
        self.wires[key] = wire
        self.owners[key] = rows
        self.bound.append(key)

    def exit(self, wires: tuple[Wire, ...], bound: int) -> Exit:
        """What a finished copy hands to the next: its outputs, and the names after the first `bound`."""
        return Exit(wires, {name: (self.wires[name], self.owners[name]) for name in self.bound[bound:]})
