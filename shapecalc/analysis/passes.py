"""A pass forward through a network, and one back, on the account of its memory."""

from __future__ import annotations

from typing import NamedTuple

from shapecalc.analysis.account import Account, Run
from shapecalc.analysis.liveness import releases
from shapecalc.conditions import AT_LEAST
from shapecalc.errors import ArchitectureError
from shapecalc.results import Analysis, Row
from shapecalc.symbolic import Dim, symbol
from shapecalc.tape import Given, Kernel, Mode, Recipe, size_of
from shapecalc.tensors import Tensor


class Flow(NamedTuple):
    """A tensor on its way through the network: how it lies, its storage and its value."""

    given: Given
    storage: int
    value: int


def assumed(analysis: Analysis) -> dict[str, Dim]:
    """What is known of symbols by the network's conditions: H ≥ 67 is H + 66 for any H."""
    least: dict[str, int] = {}
    for left, relation, right, *_ in analysis.conditions:
        if relation == AT_LEAST and isinstance(right, int) and left == symbol(str(left)):
            least[str(left)] = max(right, least.get(str(left), 1))
    return {name: symbol(name) + (size - 1) for name, size in least.items()}


class Forward:
    """A forward pass that lets each tensor go after its last use; the network's inputs stay."""

    def __init__(self, analysis: Analysis, mode: Mode) -> None:
        """Raises UnknownError where it is not known what a layer allocates."""
        self.analysis = analysis
        self.mode = mode
        self.account = Account(assumed(analysis))
        self.flows: dict[tuple[int, ...], Flow] = {}
        """By the edge that a tensor is on."""
        self.parameters: dict[tuple[int, str], int] = {}
        """The values that are weights, by the row that they belong to and their name in it."""
        for port, tensor in enumerate(analysis.inputs.values()):
            self.enter(port, tensor)
        for number, (row, freed) in enumerate(zip(analysis.rows, releases(analysis), strict=True)):
            self.run(number, row)
            for edge in freed:
                if edge.row >= 0:
                    self.account.release(self.flows.pop(edge).storage)

    def enter(self, port: int, tensor: Tensor) -> None:
        account = self.account
        storage = account.held(size_of(tensor, self.mode), -1)
        self.flows[-1, port] = Flow(Given(tensor), storage, len(account.gradients))
        account.gradients.append(0)

    def run(self, number: int, row: Row) -> None:
        flows = [self.flows[wire.row, wire.port] for wire in row.sources]
        try:
            recipe = row.layer.recipe(_given(flows), self.mode)
        except ArchitectureError as error:
            raise error.at(None, row.path) from None
        storages = self.account.play(recipe, [flow.storage for flow in flows], number)
        values = self.values(number, row, recipe, flows)
        if recipe.kernels:
            self.account.keep(Run(recipe.kernels, storages, values, number))
        for port, (tensor, strides, tracked, value, storage) in enumerate(recipe.outputs):
            flow = Flow(Given(tensor, strides, tracked), storages[storage], values[value])
            self.flows[number, port] = flow

    def values(self, number: int, row: Row, recipe: Recipe, flows: list[Flow]) -> list[int]:
        """The numbers in the network of a layer's values; inputs and shared weights have theirs already."""
        gradients = self.account.gradients
        first = len(gradients)
        gradients += recipe.values
        values = list(range(first, len(gradients)))
        values[: len(flows)] = [flow.value for flow in flows]
        if self.mode.grad:
            for name, value in recipe.parameters.items():
                owner = row.shares if row.shares is not None and name in row.shared else number
                values[value] = self.parameters.setdefault((owner, name), values[value])
        return values


def _given(flows: list[Flow]) -> tuple[Given, ...]:
    """The inputs of a layer; one that is the same value as another before says so."""
    if len(flows) == 1:
        return (flows[0].given,)
    values = [flow.value for flow in flows]
    firsts = [values.index(value) for value in values]
    return tuple(
        [
            flow.given if first == i else flow.given._replace(same_as=first)
            for i, (flow, first) in enumerate(zip(flows, firsts, strict=True))
        ]
    )


class Backward:
    """The way back through all kernels, from gradients of the network's outputs, which the caller holds.

    The account of the pass forward goes on: what was kept for a kernel is let go after it, the gradients of
    weights stay. Gradients that meet are summed in a new storage, as where a mode of torch's looks on.
    """

    def __init__(self, forward: Forward) -> None:
        self.account = forward.account
        self.gradients: dict[int, int] = {}
        """The storage of the gradient of each value, while it is there."""
        last = len(forward.analysis.rows) - 1
        for edge in dict.fromkeys(forward.analysis.output_edges):
            flow = forward.flows[edge]
            if flow.given.tracked:
                gradient = self.account.held(self.account.gradients[flow.value], last)
                self.gradients[flow.value] = gradient
                self.account.hold(gradient)
        for run in reversed(self.account.runs):
            for kernel in reversed(run.kernels):
                self.pass_through(kernel, run)

    def pass_through(self, kernel: Kernel, run: Run) -> None:
        account, values = self.account, run.values
        found = [self.gradients.pop(values[y]) for y in kernel.outputs if values[y] in self.gradients]
        if not found:
            return
        arriving: list[tuple[int, int]] = []
        for x in kernel.inputs:
            if kernel.passes:
                account.hold(found[0])
                arriving.append((values[x], found[0]))
            else:
                arriving.append((values[x], account.held(account.gradients[values[x]], run.row)))
        for w in kernel.weights:
            arriving.append((values[w], account.held(account.gradients[values[w]], run.row)))
        for storage in found:
            account.release(storage)
        for storage in kernel.kept:
            account.release(run.storages[storage])
        for value, storage in arriving:
            self.arrive(value, storage, run.row)

    def arrive(self, value: int, storage: int, row: int) -> None:
        known = self.gradients.get(value)
        if known is not None:
            both = storage, known
            storage = self.account.held(self.account.gradients[value], row)
            for each in both:
                self.account.release(each)
        self.gradients[value] = storage
