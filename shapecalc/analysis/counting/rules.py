"""What a counting convention is made of, and the rules that several tools have in common.

A rule takes a row and its products, as the tool weighs them, and gives by name what the tool counts beside
them; what it does not see of them is negative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from shapecalc.engine.results import Analysis, Row
from shapecalc.layers import Layer
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import product

Beside: TypeAlias = "Mapping[str, Dim] | Unknown"
Rule: TypeAlias = Callable[[Row, Dim], Beside]

NO_BATCH = "it looks for the axis of a batch, and this input has none"


def nothing(row: Row, products: Dim) -> Beside:
    return {}


@dataclass(frozen=True, slots=True)
class Convention:
    """How a tool counts: in MACs if it counts 1 for each of them, in FLOPs if it counts 2."""

    name: str
    unit: str
    about: str
    source: str = ""
    table: Mapping[type[Layer], Rule] = field(default_factory=dict)
    """Layer type, or family of types, → what is counted beside its products."""
    rest: Rule = nothing
    """The rule of all other types."""
    of_modules: bool = False
    """Whether it sees modules alone, and no function that a network calls."""
    by_products: bool = False
    """Whether it counts the products that there are, whatever module they are of."""
    traced: bool = False
    """Whether rows that no output of the network depends on are not seen."""
    faults: tuple[str, ...] = ()
    training: Callable[[Analysis, Dim], Dim | Unknown] | None = None
    """What is counted of forward and backward pass together, made of the count of the forward pass."""
    too_many: Callable[[Analysis], Dim] | None = None
    """What of that is counted by a fault, the `fault_of_training`."""
    fault_of_training: str = ""

    @property
    def per_mac(self) -> int:
        return 2 if self.unit == "FLOPs" else 1

    def rule(self, layer: Layer) -> Rule | None:
        """The rule of the layer's type, or of the nearest family that it belongs to."""
        if layer.unmeasured and not self.by_products:
            return unmeasured_at_all
        if self.of_modules and layer.function:
            return unseen
        return next((self.table[cls] for cls in type(layer).__mro__ if cls in self.table), None)


def _per_mac(row: Row, products: Dim) -> int:
    """What the tool weighs a product with."""
    return 2 if products == 2 * row.macs else 1


# Rules for any type.


def undecided(row: Row, products: Dim) -> Beside:
    return Unknown(f"the products of {row.type} depend on the values of its inputs")


def unseen(row: Row, products: Dim) -> Beside:
    """A type that the tool has no rule for, or whose products it overlooks."""
    return {f"{row.layer.family}, not seen": -products}


def unmeasured_at_all(row: Row, products: Dim) -> Beside:
    by = "" if row.layer.measured else f" with {row.layer.given[-1]}"
    return Unknown(f"what it counts of {row.type}{by} has not been measured")


def unmeasured(row: Row, products: Dim) -> Beside:
    """Nothing for a row without products; for others unknown, since the tool has not been measured."""
    if products == 0:
        return {}
    return Unknown(f"what it counts of {row.type} has not been measured")


def per_input(times: int) -> Rule:
    """So many for each element of the first input."""
    return lambda row, _: {f"{row.layer.family}, {times} an input": times * row.inputs[0].elements}


def per_output(times: int) -> Rule:
    """So many for each element of the output."""
    return lambda row, _: {f"{row.layer.family}, {times} an output": times * row.output.elements}


def with_batch(rule: Rule) -> Rule:
    """For a tool that takes the first axis for the batch, the second for the channels."""

    def checked(row: Row, products: Dim) -> Beside:
        if row.inputs[0].rank != row.layer.axes + 2:
            return Unknown(NO_BATCH)
        return rule(row, products)

    return checked


# Images.


def biases(row: Row, products: Dim) -> Beside:
    """An addition for each output of a layer with a bias."""
    return {"biases": row.output.elements} if "bias" in row.weights else {}


def by_affine(learned: int, plain: int) -> Rule:
    """So many for each input of a normalisation with a weight, and of one without."""
    return lambda row, _: per_input(learned if "weight" in row.weights else plain)(row, 0)


def by_statistics(row: Row, products: Dim) -> Beside:
    """BatchNorm; without running statistics torch calls it as in training, which counts 5 or 4."""
    tracked = "running_mean" in row.weights
    return (by_affine(2, 1) if tracked else by_affine(5, 4))(row, products)


def upsampled(times: Mapping[str, int]) -> Rule:
    """So many for each output, by the mode and the number of axes: nearest2, bilinear2."""

    def rule(row: Row, products: Dim) -> Beside:
        layer: Any = row.layer
        number = times.get(f"{layer.mode}{row.output.rank - 2}", times.get(layer.mode, 0))
        return per_output(number)(row, 0) if number else {}

    return rule


# Products of factors, and attention.


def by_first_factor(row: Row, products: Dim) -> Beside:
    """A matrix product by the elements of the first factor: where that is repeated, too few."""
    first, second = row.inputs
    if second.rank < 2:
        return Unknown("it can't count a product with a vector")
    counted = _per_mac(row, products) * first.elements * second.shape[-1]
    return {f"{row.type}, repeated": counted - products}


def rounded(row: Row, products: Dim) -> Beside:
    return Unknown("it takes the count of einsum from a number that numpy has rounded")


def _scores(row: Row) -> Dim:
    """Each head's score of each query with each key."""
    layer: Any = row.layer
    queries, keys, _ = layer.sequences(*row.inputs)
    found: Dim = layer.num_heads * queries.samples * queries.length * (keys.length + layer.more_keys)
    return found


def unseen_scores(row: Row, products: Dim) -> dict[str, Dim]:
    """The products of queries, keys and values, which one operation without an entry makes."""
    layer: Any = row.layer
    queries, _, _ = layer.sequences(*row.inputs)
    counted = 2 * _per_mac(row, products) * _scores(row) * (queries.features // layer.num_heads)
    return {"attention, not seen": -counted}


def shares_of_heads(row: Row, products: Dim) -> dict[str, Dim]:
    """The softmax of attention, 1 for each score."""
    return {"softmax of attention": _scores(row)}


# Scans and recurrent layers.


def silu_of_scan(row: Row, products: Dim) -> dict[str, Dim]:
    """The activation of z at the end of a selective scan, 1 for each element, where there is one."""
    _, _, _, _, _, *more = row.inputs
    return {"silu of selective_scan": row.output.elements} if len(more) > 1 else {}


def unseen_scan(row: Row, products: Dim) -> Beside:
    return {**silu_of_scan(row, products), "selective_scan, not seen": -products}


def by_weights(axes: int, of_matrix: Callable[[Dim, Dim], Dim]) -> Rule:
    """Of each layer its two matrices, its biases and what joins the gates; twice with two directions.

    So much for each place on the first `axes`. `of_matrix` takes the elements of a matrix and its rows.
    """

    def rule(row: Row, products: Dim) -> Beside:
        layer: Any = row.layer
        if row.inputs[0].rank < 2:
            return Unknown(NO_BATCH)
        each: Dim = layer.num_layers * {1: 1, 3: 7, 4: 10}[layer.gates] * layer.hidden_size
        for name, weight in row.weights.items():
            if "reverse" not in name and "hr" not in name:
                added = "bias" in name
                each = each + (weight.elements if added else of_matrix(weight.elements, weight.shape[0]))
        counted = product(row.inputs[0].shape[:axes]) * each * len(layer.directions)
        return {f"gates and biases of {layer.family}": counted - products}

    return rule
