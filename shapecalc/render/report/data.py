"""What the page computes with: formulas once each, and for every line of its table which of them it shows.

A size in the data is a number, or a list of one number: the formula of that place in `formulas`. Formulas are
in the form for programs, whose grammar stands in `shapecalc/symbolic/notation.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from shapecalc.analysis.domain.domain import Domain
from shapecalc.analysis.explain.derivation import Derivation, WindowCount
from shapecalc.analysis.explain.explain import Explanation, explain
from shapecalc.analysis.receptive.field import Receptive, receptive
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis
from shapecalc.errors import ShapecalcError
from shapecalc.render.field_columns import seen
from shapecalc.render.tree import arguments_text, folding, label, outline, own_row
from shapecalc.symbolic import Dim, symbols_in
from shapecalc.symbolic.conditions import Condition
from shapecalc.symbolic.notation import PLAIN, text

Ref: TypeAlias = "int | list[int]"
_SAFE = 2**53
"""Beyond which a number of JSON is not exact in a browser: there it is a formula, read as a whole number."""


class Numbered:
    """Texts by their places, each once."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def place(self, text: str) -> int:
        return self.places.setdefault(text, len(self.places))

    def ref(self, size: Dim) -> Ref:
        if isinstance(size, int) and abs(size) < _SAFE:
            return size
        return [self.place(text(size, PLAIN))]


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@dataclass
class Data:
    """Gathers what a page of an analysis with letters needs."""

    analysis: Analysis
    domain: Domain | None
    own: Mapping[str, int]
    """Symbol → its number when the page is opened."""
    formulas: Numbered = field(default_factory=Numbered)
    templates: Numbered = field(default_factory=Numbered)
    names: Numbered = field(default_factory=Numbered)
    kinds: Numbered = field(default_factory=Numbered)
    seen: Numbered = field(default_factory=Numbered)
    fields: Receptive | None = None

    def nodes(self) -> list[tuple[int, str, Node]]:
        """The lines of the table: depth, name and node; equal neighbours are one."""
        drawn = outline(self.analysis.tree, None, folding(self.analysis))
        return [(len(own) // 3, label(node), node) for own, _, node in drawn]

    def to_dict(self) -> dict[str, Any]:
        analysis = self.analysis
        lines, parents = [], [""]
        with suppress(ShapecalcError):  # a network without an image has none
            self.fields = receptive(self.analysis)
        for depth, name, node in self.nodes():
            lines.append(self._line(depth, name, node, parents[depth]))
            parents[depth + 1 :] = [node.path]
        conditions = [self._condition(*one) for one in self._conditions()]
        totals = {
            "params": self.formulas.ref(analysis.totals.params),
            "macs": self.formulas.ref(analysis.totals.macs),
            "outputs": [[self.formulas.ref(size) for size in x.shape] for x in analysis.outputs],
            "weight_bytes": self.formulas.ref(analysis.weight_bytes()),
        }
        inputs = {name: [self.formulas.ref(size) for size in x.shape] for name, x in analysis.inputs.items()}
        memory = list(self._memory())
        return {
            "name": analysis.name,
            "inputs": inputs,
            "symbols": list(self._symbols()),
            "lines": lines,
            "kinds": [json.loads(kind) for kind in self.kinds.places],
            "conditions": conditions,
            "totals": totals,
            "memory": memory,
            "formulas": [*self.formulas.places],
            "templates": [*self.templates.places],
            "names": [*self.names.places],
            "seen": [*self.seen.places],
        }

    def _symbols(self) -> Iterable[dict[str, Any]]:
        smallest = (self.domain.smallest if self.domain else None) or {}
        for name in [n for n in self.own if n in self.analysis.symbols]:
            value = self.own[name]
            yield {"name": name, "value": value, "min": smallest.get(name, 1), "max": max(4 * value, 8)}

    def _line(self, depth: int, name: str, node: Node, parent: str) -> list[Any]:
        """Depth, name, the path after the parent's, its rows, and the places of the rest and of the field."""
        end = node.path.removeprefix(f"{parent}.") if parent else node.path
        kind = self.kinds.place(_compact(self._kind(node)))
        return [depth, name, end, node.start, node.stop, kind, self.seen.place(self._field(node))]

    def _field(self, node: Node) -> str:
        """What an output element sees of the input."""
        return seen(self.fields, node)

    def _kind(self, node: Node) -> dict[str, Any]:
        """What many lines have in common: output, parameters, MACs and, of a layer, arguments and reasons."""
        ref, totals = self.formulas.ref, self.analysis.totals_of(node)
        row = own_row(self.analysis, node)
        found: dict[str, Any] = {
            "o": [ref(size) for size in node.output.shape],
            "w": ref(totals.params),
            "m": ref(totals.macs),
        }
        if row:
            found["a"] = arguments_text(row)
            found["y"] = self._why(node._replace(start=node.stop - 1, children=(), copies=1))
        return found

    def _why(self, node: Node) -> list[Any]:
        """The derivations of a row: local names with their values, and templates with their results."""
        try:
            (one,) = explain(self.analysis, node, None)
        except ShapecalcError:
            return []
        values: dict[int, Ref] = {}
        derived = [*self._derived(one, values)]
        return [[*values.items()], derived]

    def _derived(self, one: Explanation, values: dict[int, Ref]) -> Iterable[list[Any]]:
        for derivation in one.output:
            yield self._one(" = ".join(derivation.names), derivation, values)
        for name, derivation in one.weights.items():
            yield self._one(name, derivation, values)
        if one.macs:
            yield self._one("MACs", one.macs, values)

    def _one(self, name: str, derivation: Derivation, values: dict[int, Ref]) -> list[Any]:
        """A name, a template, the result, and values that hold for this one alone."""
        formula = derivation.formula
        written = formula.chain(PLAIN)[0]  # in the layer's own names
        own: list[list[Any]] = []
        if isinstance(formula, WindowCount):
            w = formula.window
            sizes = {"n": formula.n, "k": w.extent, "p": w.before + w.after, "s": w.stride}
            own = [[self.names.place(letter), self.formulas.ref(size)] for letter, size in sizes.items()]
        else:
            used = symbols_in(formula.size)
            for local in [name for name in formula.values if name in used]:  # in the same order each time
                values[self.names.place(local)] = self.formulas.ref(formula.values[local])
        found = [self.names.place(name), self.templates.place(written), self.formulas.ref(derivation.result)]
        return [*found, own] if own else found

    def _conditions(self) -> list[tuple[Condition, str]]:
        """Those that decide, in the words of `domain`."""
        if self.domain:
            return [(solved.condition, str(solved)) for solved in self.domain.decisive]
        return [(condition, str(condition)) for condition in self.analysis.decisive_conditions]

    def _condition(self, condition: Condition, said: str) -> dict[str, Any]:
        ref = self.formulas.ref
        return {
            "p": condition.path,
            "y": condition.why,
            "t": said,
            "l": ref(condition.left),
            "c": condition.relation,
            "g": ref(condition.right),
            **({"one": True} if condition.or_one else {}),
        }

    def _memory(self) -> Iterable[dict[str, Any]]:
        """Bytes in prediction and in training, of float32: the greatest of formulas, or why not."""
        from shapecalc.analysis.memory.memory import memory

        try:
            found = memory(self.analysis, "float32", "sgd")
        except ShapecalcError as error:
            yield {"what": "Memory", "why": str(error).splitlines()[0]}
            return
        least = ", at least" if found.bounded else ""
        most = [self.formulas.ref(size) for size in found.prediction.sizes]
        yield {"what": f"Prediction, at its peak{least}", "of": most}
        if found.refusal:
            yield {"what": "Training", "why": str(found.refusal).splitlines()[0]}
        else:
            what = f"A step of training with SGD, at its peak{least}"
            yield {"what": what, "of": [self.formulas.ref(size) for size in found.training.sizes]}
