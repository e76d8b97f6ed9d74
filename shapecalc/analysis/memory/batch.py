"""The batch of a network, the first axis of its inputs, and budgets of bytes for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shapecalc.analysis.quantities import SIZE, read_quantity
from shapecalc.engine.results import Analysis
from shapecalc.engine.run import analyse
from shapecalc.errors import UsageError, quoted
from shapecalc.symbolic import Dim, at, difference, number, symbol
from shapecalc.tensors import LARGEST, Tensor


def with_batch(analysis: Analysis, batch: Dim) -> Analysis:
    """The network with another size of the first axis of its inputs.

    Raises:
        UsageError: the first axis of the inputs is no batch.
        ArchitectureError: the network does not take such a batch.
    """
    sizes = batched(analysis.inputs, batch)
    found = analyse(analysis.architecture, sizes, analysis.given, brief=analysis.brief)
    check_same_weights(analysis, found)
    return found


def batched(inputs: Mapping[str, Tensor], batch: Dim) -> dict[str, Tensor]:
    """The inputs with another size of their first axis.

    Raises:
        UsageError: it is no batch: an input has no axes, or their first axes differ.
    """
    for name, tensor in inputs.items():
        if not tensor.rank:
            raise UsageError(f"the input {name} has no axis that could be a batch")
    (first, x), *others = inputs.items()
    for name, other in others:
        if x.shape[0] != other.shape[0]:
            raise UsageError(
                f"the inputs {first} {x} and {name} {other} differ in their first axis, so it is no batch",
                hint="give their sizes by --input",
            )
    return {name: Tensor((batch, *tensor.shape[1:]), tensor.dtype) for name, tensor in inputs.items()}


def check_same_weights(analysis: Analysis, found: Analysis) -> None:
    """Refuse another size of the first axis where it makes other weights: these do not depend on a batch."""
    others = {row.path: row for row in found.rows}
    for row in analysis.rows:
        other = others.get(row.path)
        if other is not None and row.own_weights != other.own_weights:
            raise UsageError(
                "the first axis of the inputs is no batch:"
                f" with another size the weights of {row.path} change",
                hint="an input with a batch has it as its first axis, as in 1x3x32x32",
            )


def budget_of(text: str, option: str = "--fit") -> int:
    """The bytes of a text as 24GiB (2^30), 24GB or 24G (10^9); of a number alone they are bytes.

    Raises:
        UsageError: it is no such text.
    """
    found = read_quantity(text)
    size = found.of(SIZE) if found else None
    if size is None or size < 0:
        raise UsageError(f"{option} {quoted(text)} is no size in bytes", hint="as in 24GiB, 512MiB, 80GB")
    if size >= LARGEST + 1:
        raise UsageError(f"{option} {quoted(text)} is more than {LARGEST:,} B, which no memory has")
    return int(size)


class LinearBytes(NamedTuple):
    """Bytes that grow with a number n alone: fixed + each · n."""

    fixed: int
    each: int


def linear(size: Dim, name: str) -> LinearBytes | None:
    """How bytes grow with a symbol, if they do so."""
    one, two = (number(at(size, {name: n})) for n in (1, 2))
    each = two - one
    return LinearBytes(one - each, each) if difference(size, one - each + each * symbol(name)) == 0 else None


def free_name(analysis: Analysis) -> str:
    """A name for the batch that no symbol or parameter has."""
    taken = {*analysis.symbols, *analysis.parameters}
    name = "N"
    while name in taken:
        name += "_"
    return name
