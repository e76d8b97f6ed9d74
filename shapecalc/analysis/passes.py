"""A pass forward through a network, and one back, on the account of its memory."""

from __future__ import annotations

from typing import NamedTuple

from shapecalc.analysis.account import Account, Run
from shapecalc.analysis.liveness import Releases, releases
from shapecalc.conditions import AT_LEAST, Condition
from shapecalc.errors import ArchitectureError
from shapecalc.results import Analysis, Row
from shapecalc.symbolic import Dim, symbol
from shapecalc.tape import Given, Kernel, Mode, Recipe, size_of
from shapecalc.tensors import Tensor, is_floating


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

    def __init__(
        self, analysis: Analysis, mode: Mode, freed: Releases | None = None, *, tracked: bool = False
    ) -> None:
        """`freed`: what `releases` gives, if that is known; `tracked`: gradients flow back to the inputs.

        Raises:
            UnknownError: it is not known what a layer allocates.
        """
        self.analysis = analysis
        self.mode = mode
        self.account = Account(assumed(analysis))
        self.flows: dict[tuple[int, int], Flow] = {}
        """By the row and the port that a tensor comes from."""
        self.vague: list[str] = []
        """The types of the rows of which not all is known that the way back allocates."""
        self.conditions: list[Condition] = []
        """What symbols must satisfy, beside what they must for the shapes."""
        self.parameters: dict[tuple[int, str], int] = {}
        """The values that are weights, by the row that they belong to and their name in it."""
        freed = releases(analysis) if freed is None else freed
        for port, tensor in enumerate(analysis.inputs.values()):
            self.enter(port, tensor, tracked and is_floating(tensor.dtype))
        for number, row in enumerate(analysis.rows):
            self.run(number, row)
            for edge in freed[number]:
                if edge.row >= 0:
                    self.account.release(self.flows.pop(edge).storage)

    def enter(self, port: int, tensor: Tensor, tracked: bool) -> None:
        account = self.account
        storage = account.held(size_of(tensor, self.mode), -1)
        self.flows[-1, port] = Flow(Given(tensor, None, tracked), storage, len(account.gradients))
        account.gradients.append(account.sizes[storage])

    def run(self, number: int, row: Row) -> None:
        flows = [self.flows[wire.row, wire.port] for wire in row.sources]
        try:
            recipe = row.layer.recipe(_given(flows), self.mode)
        except ArchitectureError as error:
            raise error.at(None, row.path) from None
        if not recipe.retraced and recipe.kernels and row.type not in self.vague:
            self.vague.append(row.type)
        if recipe.conditions:
            self.conditions += [c for c in recipe.conditions if c not in self.conditions]
        storages = self.account.play(recipe, [flow.storage for flow in flows], number)
        values = self.values(number, row, recipe, flows)
        if recipe.kernels:
            self.account.keep(Run(recipe.kernels, storages, values, number))
        for port, (given, value, storage) in enumerate(recipe.outputs):
            self.flows[number, port] = Flow(given, storages[storage], values[value])

    def values(self, number: int, row: Row, recipe: Recipe, flows: list[Flow]) -> list[int]:
        """The numbers in the network of a layer's values; inputs and shared weights have theirs already."""
        gradients = self.account.gradients
        first = len(gradients)
        gradients += recipe.values
        values = [*[flow.value for flow in flows], *range(first + len(flows), len(gradients))]
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
        for x, passes in zip(kernel.inputs, kernel.passing, strict=True):
            if passes:
                account.hold(found[0])
                arriving.append((values[x], found[0]))
            else:
                size = account.gradients[values[kernel.outputs[0] if kernel.broadcast else x]]
                arriving.append((values[x], account.held(size, run.row)))
        for w in kernel.weights:
            arriving.append((values[w], account.held(account.gradients[values[w]], run.row)))
        if kernel.broadcast:
            arriving = [
                (value, storage if storage == found[0] else self.summed(value, storage, run.row))
                for value, storage in arriving
            ]
        for storage in found:
            account.release(storage)
        for storage in kernel.kept:
            account.release(run.storages[storage])
        for value, storage in arriving:
            self.arrive(value, storage, run.row)

    def summed(self, value: int, storage: int, row: int) -> int:
        """A gradient in the size of its value."""
        size = self.account.gradients[value]
        if size == self.account.sizes[storage]:
            return storage
        smaller = self.account.held(size, row)
        self.account.release(storage)
        return smaller

    def arrive(self, value: int, storage: int, row: int) -> None:
        known = self.gradients.get(value)
        if known is not None:
            both = storage, known
            storage = self.account.held(self.account.gradients[value], row)
            for each in both:
                self.account.release(each)
        self.gradients[value] = storage
