"""What a network needs of memory: bytes alive at every moment, and bytes kept for the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from shapecalc.analysis.liveness import releases
from shapecalc.errors import ArchitectureError
from shapecalc.results import Analysis, Edge, Row
from shapecalc.symbolic import Dim, difference, least, maximum
from shapecalc.tape import Given, Kernel, Made, Mode, Recipe, bytes_of
from shapecalc.tensors import Tensor


class Peak:
    """The greatest of many sizes, and where it was met; of formulas those that may be the greatest."""

    def __init__(self) -> None:
        self.number = -1
        self.at = -1
        self.formulas: list[tuple[Dim, int]] = []

    def meet(self, size: Dim, at: int) -> None:
        if isinstance(size, int):
            if size > self.number:
                self.number, self.at = size, at
        elif not any(exceeds(other, size) for other, _ in self.formulas):
            kept = [(other, place) for other, place in self.formulas if not exceeds(size, other)]
            self.formulas = [*kept, (size, at)]

    def size(self) -> Dim:
        sizes = [size for size, _ in self.formulas]
        result, *others = sizes or [self.number]
        for size in [*others, *([self.number] if sizes and self.number > 0 else [])]:
            result = maximum(result, size)
        return result

    def places(self) -> list[int]:
        """Where it is met; in several places where the sizes decide which of them it is."""
        return [place for _, place in self.formulas] or [self.at]


def exceeds(first: Dim, second: Dim) -> bool:
    """Whether the first size is certainly at least as great as the second."""
    if first == second:
        return True
    low = least(difference(first, second))
    return low is not None and low >= 0


class Step(NamedTuple):
    """A kernel as a row runs it: values and storages by their numbers in the network."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    kept: tuple[int, ...]
    passes: bool
    weights: tuple[int, ...]
    row: int


class Account:
    """The storages that are alive, who holds them, and the bytes of all together."""

    def __init__(self) -> None:
        self.alive: Dim = 0
        self.peak = Peak()
        self.row = -1
        self.sizes: list[Dim] = []
        self.holders: list[int] = []
        self.values: list[Dim] = []
        """The bytes of each value's gradient."""
        self.kept: set[int] = set()
        self.steps: list[Step] = []

    def storage(self, size: Dim) -> int:
        self.sizes.append(size)
        self.holders.append(0)
        return len(self.sizes) - 1

    def hold(self, storage: int) -> None:
        self.holders[storage] += 1
        if self.holders[storage] == 1:
            self.alive = self.alive + self.sizes[storage]
            self.peak.meet(self.alive, self.row)

    def release(self, storage: int) -> None:
        self.holders[storage] -= 1
        if not self.holders[storage]:
            self.alive = self.alive - self.sizes[storage]

    def saved(self) -> Dim:
        """Bytes of the storages that autograd keeps."""
        total: Dim = 0
        for storage in self.kept:
            total = total + self.sizes[storage]
        return total

    def play(
        self, recipe: Recipe, inputs: Sequence[int], values: Mapping[int, int] = MappingProxyType({})
    ) -> list[tuple[int, int]]:
        """Follow the events of a layer.

        Args:
            recipe: of the layer.
            inputs: the storages that its inputs lie in.
            values: for its values that are known in the network, their numbers there.

        Returns:
            Of each output its storage, which is held then, and its value.
        """
        first = len(self.values)
        self.values += recipe.values
        numbers = list(range(first, len(self.values)))
        for number, known in values.items():
            numbers[number] = known
        storages = [*inputs, *map(self.storage, recipe.sizes[len(inputs) :])]
        own: set[int] = set()
        for event in recipe.events:
            if isinstance(event, Kernel):
                self.keep(event, storages, numbers)
            elif isinstance(event, Made):
                own.add(event.storage)
                self.hold(storages[event.storage])
            elif event.storage in own:
                own.discard(event.storage)
                self.release(storages[event.storage])
        outputs = [(storages[output.storage], numbers[output.value]) for output in recipe.outputs]
        for storage, _ in outputs:
            self.hold(storage)
        for number in own:
            self.release(storages[number])
        return outputs

    def keep(self, kernel: Kernel, storages: Sequence[int], numbers: Sequence[int]) -> None:
        """What autograd keeps for a kernel, and how it goes back through it."""
        kept = tuple([storages[number] for number in kernel.kept])
        for storage in kept:
            self.hold(storage)
        self.kept.update(kept)
        inputs, outputs, weights = (
            tuple([numbers[number] for number in side])
            for side in (kernel.inputs, kernel.outputs, kernel.weights)
        )
        self.steps.append(Step(inputs, outputs, kept, kernel.passes, weights, self.row))


class Flow(NamedTuple):
    """A tensor on its way through the network: how it lies, its storage and its value."""

    given: Given
    storage: int
    value: int


class Forward:
    """A forward pass that lets each tensor go after its last use; the network's inputs stay."""

    def __init__(self, analysis: Analysis, mode: Mode) -> None:
        """Raises UnknownError where it is not known what a layer allocates."""
        self.analysis = analysis
        self.mode = mode
        self.account = Account()
        self.flows: dict[Edge, Flow] = {}
        self.parameters: dict[tuple[int, str], int] = {}
        """The values that are weights, by the row that they belong to and their name in it."""
        for port, tensor in enumerate(analysis.inputs.values()):
            self.enter(Edge(-1, port), tensor)
        for number, (row, freed) in enumerate(zip(analysis.rows, releases(analysis), strict=True)):
            self.account.row = number
            self.run(number, row)
            for edge in freed:
                if edge.row >= 0:
                    self.account.release(self.flows.pop(edge).storage)

    def enter(self, edge: Edge, tensor: Tensor) -> None:
        account = self.account
        storage = account.storage(tensor.elements * bytes_of(self.mode.dtype)[tensor.dtype])
        account.hold(storage)
        account.values.append(0)
        self.flows[edge] = Flow(Given(tensor), storage, len(account.values) - 1)

    def run(self, number: int, row: Row) -> None:
        flows = [self.flows[edge] for edge in row.edges]
        given = [flow.given for flow in flows]
        for i, edge in enumerate(row.edges):
            first = row.edges.index(edge)
            if first < i:
                given[i] = given[i]._replace(same_as=first)
        try:
            recipe = row.layer.recipe(tuple(given), self.mode)
        except ArchitectureError as error:
            raise error.at(None, row.path) from None
        values = {i: flow.value for i, flow in enumerate(flows)}
        for name, value in recipe.parameters.items():
            owner = row.shares if row.shares is not None and name in row.shared else number
            known = self.parameters.setdefault((owner, name), len(self.account.values) + value)
            values[value] = known
        made = self.account.play(recipe, [flow.storage for flow in flows], values)
        for port, (output, (storage, value)) in enumerate(zip(recipe.outputs, made, strict=True)):
            flow = Flow(Given(output.tensor, output.strides, output.tracked), storage, value)
            self.flows[Edge(number, port)] = flow


def backward(forward: Forward) -> Account:
    """The way back through all kernels, from gradients of the network's outputs to those of its weights.

    The account goes on: what was kept for a kernel is let go after it, the gradients of weights stay.
    """
    account = forward.account
    gradients: dict[int, int] = {}
    for edge in dict.fromkeys(forward.analysis.output_edges):
        flow = forward.flows[edge]
        if flow.given.tracked:
            gradients[flow.value] = held(account, account.values[flow.value])
            account.hold(gradients[flow.value])  # the caller's
    for step in reversed(account.steps):
        account.row = step.row
        found = [gradients.pop(value) for value in step.outputs if value in gradients]
        if not found:
            continue
        arriving: list[tuple[int, int]] = []
        for value in step.inputs:
            if step.passes:
                account.hold(found[0])
            arriving.append((value, found[0] if step.passes else held(account, account.values[value])))
        arriving += [(value, held(account, account.values[value])) for value in step.weights]
        for storage in (*found, *step.kept):
            account.release(storage)
        for value, storage in arriving:
            if value not in gradients:
                gradients[value] = storage
                continue
            total = held(account, account.values[value])
            account.release(gradients[value])
            account.release(storage)
            gradients[value] = total
    return account


def held(account: Account, size: Dim) -> int:
    storage = account.storage(size)
    account.hold(storage)
    return storage
