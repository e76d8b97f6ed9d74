"""What the functions of a Keras file take beside their own tensors: layers that are used twice, and anchors.

A Keras model is made of what its inputs go through. A weight that no tensor leads to becomes part of it by a
layer that is called on some tensor, its anchor; so does a layer on numbers that follow from no input.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from shapecalc.engine.results import Analysis, Edge, Row
from shapecalc.exporting.keras.calls import Again, Call, Made, Slot
from shapecalc.exporting.keras.layers import counterpart, refused
from shapecalc.exporting.literals import snake
from shapecalc.exporting.program import Item, Leaf, Region, owners, paths
from shapecalc.layers.embedding import Embedding
from shapecalc.layers.linear import Linear
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor

LAYER = -1
"""The port of an edge that is no tensor of a row's, but the row's layer, which is called twice or more."""


class Lent:
    """By row, what its layer takes beside its inputs; `lend` tells all regions between."""

    def __init__(self, analysis: Analysis, root: Region, batch: Dim | None) -> None:
        self.analysis, self.root, self.batch = analysis, root, batch
        self.rows: Sequence[Row] = analysis.rows
        self.owner: dict[int, int] = {}
        """By the number of a row, that of the row whose layer it is once more, or whose weights it uses."""
        self.made: dict[int, Region] = {}
        """By the number of such an owner, the region that makes its layer."""
        self.anchored: set[int] = set()
        """The numbers of the rows that need an anchor."""
        self.constants: set[Edge] = set()
        """The tensors that follow from no input, and own no weights."""
        self.constant_inputs: set[int] = set()
        """The numbers of the rows whose layer is on such tensors alone."""
        self.read = {edge for row in self.rows for edge in row.edges} | {*analysis.output_edges}
        self.places = {leaf.number: items for leaf, items in paths(root.items)}

    def lend(self) -> None:
        """Add to the inputs of leaves and regions what they need.

        Raises:
            ArchitectureError: a layer has no counterpart in Keras, or not with these shared weights.
        """
        for row, (number, items) in zip(self.rows, sorted(self.places.items()), strict=True):
            leaf = items[-1]
            assert isinstance(leaf, Leaf)
            self.classify(leaf, row)
            if row.shared:
                self.owner[number] = self.owner_of(row)
        for owner in dict.fromkeys(self.owner.values()):
            self.lend_layer(owner, [user for user, own in self.owner.items() if own == owner])
        self.anchor(self.root, Edge(-1, 0))

    @property
    def owning(self) -> set[int]:
        """The numbers of the rows whose layer is called twice, and of those that call it."""
        return {*self.owner, *self.owner.values()}

    def classify(self, leaf: Leaf, row: Row) -> None:
        """Whether the layer is of constants, and whether it needs an anchor."""
        calls = counterpart(row, ["x"] * len(row.inputs))
        alone = self.constants.issuperset(leaf.inputs)
        layers = [call for call in calls if isinstance(call, Made) and call.is_layer]
        if any(call.first for call in layers) and self.read.isdisjoint(leaf.outputs[1:]):
            self.drop(leaf)
        repeated = any(call.anchored for call in layers)
        if repeated and row.output.shape[0] != self.batch:
            raise refused(row, f"{row.output.shape[0]} is a number to code, unless it is the batch")
        if repeated or (alone and layers):
            self.anchored.add(leaf.number)
        if alone and layers and leaf.inputs and not repeated:
            self.constant_inputs.add(leaf.number)
        if alone and not layers:
            self.constants.update(leaf.outputs)

    def drop(self, leaf: Leaf) -> None:
        """Leave out all outputs of a layer but the first, which blocks around it may give out unread."""
        dropped, leaf.outputs = leaf.outputs[1:], leaf.outputs[:1]
        for item in self.places[leaf.number]:
            if isinstance(item, Region):
                item.outputs = [edge for edge in item.outputs if edge not in dropped]

    def owner_of(self, row: Row) -> int:
        """The row whose weights it uses.

        Raises:
            ArchitectureError: Keras has no layer that uses these of them.
        """
        assert row.shares is not None
        owner = self.rows[row.shares]
        if is_again(row, owner) or is_tied(row, owner):
            return row.shares
        raise refused(row, f"Keras' {row.type} uses weights of {owner.path} that are no whole layer's")

    def lend_layer(self, owner: int, users: Sequence[int]) -> None:
        """Make a layer in the innermost region that holds all that call it, and lend it to those inside."""
        places = [self.places[number] for number in (owner, *users)]
        common = takewhile(lambda items: all(item is items[0] for item in items), zip(*places, strict=False))
        around = [(depth, items[0]) for depth, items in enumerate(common, 1)]
        regions = [(depth, item) for depth, item in around if isinstance(item, Region)]
        depth, region = regions[-1] if regions else (0, self.root)
        edge = Edge(owner, LAYER)
        self.made[owner] = region
        first = self.places[owner][-1]
        name = f"{first.name or snake(self.rows[owner].type)}_layer"
        region.called[edge] = name
        for items in places:
            for item in items[depth:]:
                if isinstance(item, Region) and edge not in item.inputs:
                    item.inputs = [*item.inputs, edge]
                    item.called[edge] = name
                if isinstance(item, Leaf):
                    item.inputs = [edge, *item.inputs]

    def anchor(self, region: Region, own: Edge) -> None:
        """Give an anchor to what in a region needs one: a tensor of the region's with the batch as axis."""
        for item in owners(region.items):
            if isinstance(item, Leaf):
                if item.number in self.anchored:
                    item.inputs = [*item.inputs, own]
            elif any(number in self.anchored for number in numbers_in(item.items)):
                found = next((edge for edge in item.inputs if self.is_anchor(edge)), None)
                if found is None:
                    found = own
                    item.inputs = [*item.inputs, own]
                self.anchor(item, found)

    def is_anchor(self, edge: Edge) -> bool:
        if edge.port == LAYER or edge in self.constants:
            return False
        x = self.tensor(edge)
        return bool(x.rank) and (self.batch is None or x.shape[0] == self.batch)

    def tensor(self, edge: Edge) -> Tensor:
        if edge.row < 0:
            return [*self.analysis.inputs.values()][edge.port]
        return self.rows[edge.row].outputs[edge.port]


def numbers_in(items: Iterable[Item]) -> set[int]:
    return {leaf.number for leaf, _ in paths(items)}


def is_again(row: Row, owner: Row) -> bool:
    """Whether a layer is another one once more, with all its weights."""
    whole = row.shared == row.weights.keys() == owner.weights.keys()
    return whole and row.layer == owner.layer and row.arguments == owner.arguments


def is_tied(row: Row, owner: Row) -> bool:
    """Whether a Linear layer's matrix is the table of an Embedding."""
    return type(row.layer) is Linear and type(owner.layer) is Embedding and row.shared == {"weight"}


def shared_calls(row: Row, owner: Row, calls: Sequence[Call]) -> list[Call]:
    """The calls of a layer whose weights are another's."""
    if is_tied(row, owner):
        return [Made("TiedDense", [Slot("use_bias", row.arguments.get("bias", True), False)], held=True)]
    return [Again() if isinstance(call, Made) and call.is_main else call for call in calls]
