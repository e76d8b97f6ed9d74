"""The figure of textbooks: the network of its blocks, and beside it each block once, with what is inside.

A block whose uses differ in numbers alone is drawn once: what differs is said where it is used. One that is
built in several ways is drawn once for each of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from string import ascii_uppercase

from shapecalc.engine.execution import Executed
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis, Edge
from shapecalc.engine.run import traced
from shapecalc.render.drawing.building import (
    Builder,
    Runs,
    is_block,
    links,
    pairs,
    run_pairs,
    with_rows,
    with_ways,
)
from shapecalc.render.drawing.figures import BoxFigures
from shapecalc.render.drawing.graph import inputs_above, layer_box, network
from shapecalc.render.drawing.parts import Box, Figure, Link, Stack, stacks
from shapecalc.render.drawing.wording import common, differing, joined, lines, without_widths, words
from shapecalc.render.tree import Repeat, in_a_row, in_runs, own_row
from shapecalc.symbolic.notation import UNICODE, text

_MOST_SAID = 3
"""Of what differs between the uses of a block, how much fits into the box of one."""
_FEW = 3
"""Layers in a row without a branch, so many of which need no figure of their own."""
_MANY = 6
"""Neighbours in the network itself that are built alike, and are drawn as one if they are so many."""
_MOST_FORMS = 3
"""Of the ways in which one block is built, how many are drawn."""


@dataclass(eq=False)
class Form:
    """One way in which a block is built, and its uses."""

    name: str
    letter: str = ""
    uses: list[Node] = field(default_factory=list)
    made: dict[int, Box] = field(default_factory=dict)
    """By the number of a row of the use that is drawn, its box."""
    varying: dict[int, list[str]] = field(default_factory=dict)
    """By the box, the arguments in which its layers differ, of all uses and copies."""

    @property
    def drawn(self) -> Node:
        """The largest of the uses."""
        return max(self.uses, key=lambda node: node.stop - node.start)

    def layers(self, use: Node, runs: Runs) -> Iterator[tuple[Box, int]]:
        """The numbers of the rows of a use, each with its box."""
        for number, drawn in pairs(self.drawn, use, runs):
            if drawn in self.made:
                yield self.made[drawn], number


class Blocks:
    """Makes the figures of a network and of its blocks."""

    def __init__(self, figures: BoxFigures) -> None:
        self.analysis = figures.analysis
        self.figures = figures
        self.steps: dict[str, Executed] = {}
        if not self.analysis.brief:
            traced(self.analysis, self.steps)
        self.last_reader = _last_readers(self.analysis)
        self.runs: Runs = partial(in_runs, key=self._alike, fewest=2)
        self.forms: dict[object, Form] = {}

    def all(self) -> list[Figure]:
        """The network, and each form of each block in a frame with its name."""
        self._find(self.analysis.tree)
        self._name_forms()
        panels = {key: self._panel(form) for key, form in self.forms.items()}
        builder = self._builder(self._runs_of_network)
        whole = network(self.analysis, builder)
        self._say_uses(builder)
        return [whole, *[panels[key] for key in self._drawn()]]

    def _builder(self, runs: Runs) -> Builder:
        return Builder(
            self.analysis,
            runs,
            lambda node, _: self._is_drawn(node),
            self._box,
            lambda node: not is_block(self.analysis, node),
        )

    def _drawn(self) -> Iterator[object]:
        """The forms that are drawn: of a block that has many, those with most uses."""
        for keys in self._keys_by_block():
            most = sorted(keys, key=lambda key: -len(self.forms[key].uses))[:_MOST_FORMS]
            yield from [key for key in keys if key in most]

    def _name_forms(self) -> None:
        """Tell the forms of one block apart, by letters."""
        for keys in self._keys_by_block():
            for letter, key in zip(ascii_uppercase, keys if len(keys) > 1 else [], strict=False):
                self.forms[key].letter = f" {letter}"

    def _keys_by_block(self) -> Iterable[list[object]]:
        """The keys of the forms of each block."""
        found: dict[str, list[object]] = defaultdict(list)
        for key, form in self.forms.items():
            found[form.name].append(key)
        return found.values()

    def _box(self, node: Node, copies: int) -> Box:
        """The box of a layer, or of a block with the letter of its form."""
        box = layer_box(self.figures, node, copies)
        if self._is_drawn(node):
            first, *more = box.words
            box.words = (first + self.forms[node.type, self._built(node)].letter, *more)
        return box

    def _find(self, nodes: Sequence[Node]) -> None:
        """Gather all uses of blocks, outer ones first."""
        for node in nodes:
            if self._is_drawn(node):
                form = self.forms.setdefault((node.type, self._built(node)), Form(node.type))
                form.uses.append(node)
            self._find(node.children)

    def _is_drawn(self, node: Node) -> bool:
        """Whether a node is a use of a block that has a figure of its own: not one of few layers in a row."""
        if not is_block(self.analysis, node):
            return False
        alone = len(node.children) == 1 and is_block(self.analysis, node.children[0])
        few = node.stop - node.start <= _FEW and all(
            not inner.children or self._is_few(inner) for inner in node.children
        )
        return not (alone or few)

    def _is_few(self, node: Node) -> bool:
        return is_block(self.analysis, node) and not self._is_drawn(node)

    def _runs_of_network(self, nodes: Sequence[Node]) -> list[Repeat]:
        """Neighbours that do the same, and many that are built alike, of which none is read from afar."""
        found: list[Repeat] = []
        for many, group in groupby(in_runs(nodes, self._alike, _MANY), self._is_chain):
            runs = [*group]
            inside = [node for run in runs for node in run.nodes]
            found += runs if many else in_runs(inside, in_a_row(self.analysis), 2)
        return found

    def _is_chain(self, run: Repeat) -> bool:
        """Whether a run has several nodes, each read by the next one alone."""
        stop = run.nodes[-1].stop
        inner = range(run.first.start, run.nodes[-1].start)
        return len(run.nodes) > 1 and all(self.last_reader.get(n, 0) < stop for n in inner)

    def _alike(self, node: Node) -> object:
        """A key that is equal for neighbours which differ in widths alone; its own for a step with a name."""
        if not node.label.endswith("]") or node.start == node.stop:
            return node.path
        return node.label.partition("[")[0], self._said(node)

    def _said(self, node: Node) -> object:
        """What is said of the layers of a step, but for their widths."""
        row = own_row(self.analysis, node)
        own = tuple(without_widths(words(row)).items()) if row else node.type
        return own, tuple(map(self._said, node.children))

    def _built(self, node: Node) -> object:
        """How a step is built, whatever its numbers: the types in it, in their order, repeats as one."""
        row = own_row(self.analysis, node)
        return row.type if row else node.type, tuple(
            self._built(run.first) for run in self.runs(node.children)
        )

    def _panel(self, form: Form) -> Figure:
        """What is inside of a block, with its tensors above and below."""
        node = form.drawn
        builder = self._builder(self.runs)
        body = builder.stack(node.children)
        with_rows(builder.made)
        form.made = builder.made
        self._say_common(form)
        self._say_copies(form, body)
        entries = self._entries(node)
        found = links(self.analysis, range(node.start, node.stop), builder.made, entries)
        out = Box(role="port")
        found += [Link(box, out) for box in self._exits(form)]
        inside = Stack(
            [*inputs_above([*entries.values()]), *body.parts, out], form.name.lstrip("_") + form.letter
        )
        return with_ways(Figure(Stack([inside]), found))

    def _entries(self, node: Node) -> dict[Edge, Box]:
        """A port for each tensor that comes in, with its name where the block has one."""
        rows = range(node.start, node.stop)
        edges = dict.fromkeys(e for n in rows for e in self.analysis.rows[n].edges if e.row not in rows)
        executed = self.steps.get(node.path)
        names: Mapping[Edge, str] = {}
        if executed and executed.block:
            tensors = executed.block.signature.tensors
            names = {wire.edge: name.text for wire, name in zip(executed.takes, tensors, strict=False)}
        return {edge: Box((names.get(edge, ""),), "port") for edge in edges}

    def _exits(self, form: Form) -> list[Box]:
        """The boxes whose tensors are read outside of the block."""
        node = form.drawn
        read = [n for n in range(node.start, node.stop) if self.last_reader.get(n, -1) >= node.stop]
        return [*{id(form.made[n]): form.made[n] for n in read or [node.stop - 1]}.values()]

    def _say_common(self, form: Form) -> None:
        """Write into the boxes of a form what holds of all uses."""
        numbers: dict[int, list[int]] = defaultdict(list)
        for use in form.uses:
            for box, number in form.layers(use, self.runs):
                numbers[id(box)].append(number)
        for box in form.made.values():
            if box.role != "block":
                each = [words(self.analysis.rows[n]) for n in numbers[id(box)]]
                box.words = lines(common(each))
                form.varying[id(box)] = differing(each)
            if len(form.uses) > 1:
                box.figures = ()

    def _say_copies(self, form: Form, body: Stack) -> None:
        """Write beside what is repeated how often: of uses that differ in that, of each."""
        copies: dict[str, list[str]] = defaultdict(list)
        for use in form.uses:
            for one, other in run_pairs(form.drawn, use, self.runs):
                copies[one.first.path].append(f"{other.copies:,}")
        parts: list[Box | Stack] = [*form.made.values(), *stacks(body)]
        for part in parts:
            counts = [*dict.fromkeys(copies[part.path])]
            part.times = ", ".join(counts) if counts not in ([], ["1"]) else ""

    def _say_uses(self, builder: Builder) -> None:
        """Write into the boxes of the network what a use of a block has of its own."""
        for form in self.forms.values():
            for use in form.uses:
                box = builder.made.get(use.start)
                if box and box.path == use.path and (said := self._own(form, use)):
                    box.words += (said,)

    def _own(self, form: Form, use: Node) -> str:
        """The words of a use that differ between the uses of a block; without any, its output channels."""
        texts: list[str] = []
        for box, number in form.layers(use, self.runs):
            own = words(self.analysis.rows[number])
            texts += [own[name] for name in form.varying.get(id(box), ()) if "[" not in own.get(name, "[")]
        said = joined(texts, _MOST_SAID)
        return said or self._channels(form, use)

    def _channels(self, form: Form, use: Node) -> str:
        """How many channels a use gives, where the uses differ in that and have channels."""
        if not any("out_channels" in row.layer.fields for row in self.analysis.rows[use.start : use.stop]):
            return ""
        given = [text(x.output.shape[1], UNICODE) for x in (use, *form.uses)]
        return f"{given[0]} channels" if len({*given}) > 1 else ""


def _last_readers(analysis: Analysis) -> dict[int, int]:
    """By the number of a row, the last that reads it; the network's outputs are read after all."""
    found: dict[int, int] = {}
    for number, row in enumerate(analysis.rows):
        found.update(dict.fromkeys([edge.row for edge in row.edges], number))
    found.update(dict.fromkeys([edge.row for edge in analysis.output_edges], len(analysis.rows)))
    return found
