"""What counting tools count of a layer: the rules that the tables of conventions are made of.

A rule takes a row and its products, as the tool weighs them, and gives by name what the tool counts beside
them; what it does not see of them is negative.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from shapecalc.engine.results import Row
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import product

Beside: TypeAlias = "Mapping[str, Dim] | Unknown"
Rule: TypeAlias = Callable[[Row, Dim], Beside]

NO_BATCH = "it looks for the axis of a batch, and this input has none"


def nd(name: str) -> tuple[str, ...]:
    """The types of that name for one, two and three axes."""
    return tuple(f"{name}{axes}d" for axes in (1, 2, 3))


def of_each(types: tuple[str, ...], rule: Rule) -> dict[str, Rule]:
    return dict.fromkeys(types, rule)


def family(row: Row) -> str:
    """A type without its number of axes, BatchNorm of BatchNorm2d; attention by that word."""
    return "attention" if "Attention" in row.type else re.sub(r"[123]d$", "", row.type)


def per_mac(row: Row, products: Dim) -> int:
    """What the tool weighs a product with."""
    return 2 if products == 2 * row.macs else 1


# Rules for any type.


def nothing(row: Row, products: Dim) -> Beside:
    return {}


def undecided(row: Row, products: Dim) -> Beside:
    return Unknown(f"the products of {row.type} depend on the values of its inputs")


def unseen(row: Row, products: Dim) -> Beside:
    """A type that the tool has no rule for, or whose products it overlooks."""
    return {f"{family(row)}, not seen": -products}


def unmeasured(row: Row, products: Dim) -> Beside:
    """Nothing of what has no products; what the tool makes of other types is not known."""
    if products == 0:
        return {}
    return Unknown(f"what it counts of {row.type} has not been measured")


def per_input(times: int) -> Rule:
    """So many for each element of the first input."""
    return lambda row, _: {f"{family(row)}, {times} an input": times * row.inputs[0].elements}


def per_output(times: int) -> Rule:
    """So many for each element of the output."""
    return lambda row, _: {f"{family(row)}, {times} an output": times * row.output.elements}


def by_affine(learned: int, plain: int) -> Rule:
    """So many for each input of a normalisation with a weight, and of one without."""
    return lambda row, _: per_input(learned if "weight" in row.weights else plain)(row, 0)


def by_training(learned: int, plain: int) -> Rule:
    """BatchNorm; without running statistics torch calls it as in training, which counts 5 or 4."""

    def rule(row: Row, products: Dim) -> Beside:
        tracked = "running_mean" in row.weights
        return (by_affine(learned, plain) if tracked else by_affine(5, 4))(row, products)

    return rule


def biases(row: Row, products: Dim) -> Beside:
    """An addition for each output of a layer with a bias."""
    return {"biases": row.output.elements} if "bias" in row.weights else {}


def both(first: Rule, second: Rule) -> Rule:
    """Both rules, one after the other."""

    def rule(row: Row, products: Dim) -> Beside:
        found: dict[str, Dim] = {}
        for part in (first(row, products), second(row, products)):
            if isinstance(part, Unknown):
                return part
            found.update(part)
        return found

    return rule


def with_batch(rule: Rule) -> Rule:
    """For a tool that takes the first axis for the batch, the second for the channels."""

    def checked(row: Row, products: Dim) -> Beside:
        if row.inputs[0].rank != row.layer.axes + 2:
            return Unknown(NO_BATCH)
        return rule(row, products)

    return checked


# torch.utils.flop_counter.


def unseen_vectors(row: Row, products: Dim) -> Beside:
    """A matrix times a vector is no operation that the counter knows."""
    first, second = row.inputs
    if first.rank == 1 and second.rank > 2:
        return Unknown("by which operations torch multiplies a vector and several matrices varies")
    return unseen(row, products) if second.rank == 1 else {}


# XLA.


def padding_left_out(row: Row, products: Dim) -> Beside:
    if isinstance(row.macs_without_padding, Unknown):
        return row.macs_without_padding
    return {"zeros of padding": row.macs_without_padding - row.macs}


# torchinfo.


def by_module_parameters(row: Row, products: Dim) -> Beside:
    """Each parameter once for each sample: of convolutions and recurrent layers, for each place as well."""
    if row.layer.function:
        return unseen(row, products)
    parameters = {name: weight.elements for name, weight in row.weights.items() if not weight.buffer}
    counted = {name: size * _places(row, name) for name, size in parameters.items()}
    if products == 0:
        return {f"{family(row)} parameters": sum(counted.values())}
    added = sum(size for name, size in counted.items() if "bias" in name)
    matrices = sum(size for name, size in counted.items() if "bias" not in name)
    places = "by output" if "Conv" in row.type else "once a sample"
    return {"biases": added, f"{family(row)}, {places}": matrices - products}


def _places(row: Row, name: str) -> Dim:
    """How often torchinfo counts a parameter: by its name, and the class's."""
    sizes = row.output.shape
    if name not in ("weight", "bias"):
        return product(sizes[:2])
    return product((*sizes[:1], *sizes[2:])) if "Conv" in row.type else product(sizes[:1])


# fvcore.


def unless_named_padding(row: Row, products: Dim) -> Beside:
    """A padding of `same` or `valid` makes the convolution another operation, which has no entry."""
    layer: Any = row.layer
    return unseen(row, products) if isinstance(layer.padding, str) and layer.padding_mode == "zeros" else {}


def of_axes(fewest: int, most: int, rule: Rule) -> Rule:
    """For a tool that stops where an input has fewer or more axes."""

    def checked(row: Row, products: Dim) -> Beside:
        if not fewest <= row.inputs[0].rank <= most:
            return Unknown(f"it stops where the input has not {fewest} to {most} axes")
        return rule(row, products)

    return checked


def upsampled(times: Mapping[str, int]) -> Rule:
    """So many for each output, by the mode and the number of axes: nearest2, bilinear2."""

    def rule(row: Row, products: Dim) -> Beside:
        layer: Any = row.layer
        mode = getattr(layer, "mode", "bilinear" if "Bilinear" in row.type else "nearest")
        number = times.get(f"{mode}{row.output.rank - 2}", times.get(mode, 0))
        return per_output(number)(row, 0) if number else {}

    return rule


def untraceable(row: Row, products: Dim) -> Beside:
    return Unknown(f"it can't trace {row.type}")
