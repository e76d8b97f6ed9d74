"""A pass forward through a network, and one back, on the account of its memory."""

from __future__ import annotations

from typing import NamedTuple

from shapecalc.analysis.account import Account, Run
from shapecalc.analysis.liveness import Releases, releases
from shapecalc.conditions import AT_LEAST, Condition
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.recipe import Given, Recipe
from shapecalc.results import Analysis, Row
from shapecalc.symbolic import Dim, symbol
from shapecalc.tape import Kernel, Mode, size_of
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

        self.lowered: dict[tuple[int, str], int] = {}
        """The storages of copies of weights in a lower dtype, by the same."""
        self.made: list[Tensor] = []
        """The first output of each row, in the dtype that it has."""
        self.overwritten: dict[int, int] = {}
        """A row, and the first that writes over what autograd keeps for it."""
        for port, tensor in enumerate(analysis.inputs.values()):
            self.enter(port, tensor, tracked and is_floating(tensor.dtype))
        for number, row in enumerate(analysis.rows):
            self.run(number, row)
            for edge in freed[number]:
                if edge.row >= 0:
                    self.account.release(self.flows.pop(edge).storage)
        for storage in self.lowered.values():
            self.account.release(storage)

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
        self.made.append(recipe.outputs[0].given.tensor)
        storages = self.account.play(recipe, [flow.storage for flow in flows], number)
        for storage in recipe.written:
            if storages[storage] in self.account.kept:
                self.overwritten.setdefault(self.account.kept[storages[storage]], number)
        if recipe.lowered:
            self.lower(number, row, recipe, storages)
        values = self.values(number, row, recipe, flows)
        if recipe.kernels:
            self.account.keep(Run(recipe.kernels, storages, values, number))
        for port, (given, value, storage) in enumerate(recipe.outputs):
            self.flows[number, port] = Flow(given, storages[storage], values[value])

    def lower(self, number: int, row: Row, recipe: Recipe, storages: list[int]) -> None:
        """Hold the copies of weights in a lower dtype, as torch does until autocast is left."""
        for name, storage in recipe.lowered.items():
            weight = owner_of(number, row, name)
            if weight in self.lowered:
                message = "of a weight that layers share, the copy under autocast is not followed"
                raise UnknownError(message, path=row.path)
            self.lowered[weight] = storages[storage]
            self.account.hold(storages[storage])

    def values(self, number: int, row: Row, recipe: Recipe, flows: list[Flow]) -> list[int]:
        """The numbers in the network of a layer's values; inputs and shared weights have theirs already."""
        gradients = self.account.gradients
        first = len(gradients)
        gradients += recipe.values
        values = [*[flow.value for flow in flows], *range(first + len(flows), len(gradients))]
        if self.mode.grad:
            for name, value in recipe.parameters.items():
                weight = owner_of(number, row, name)
                values[value] = self.parameters.setdefault(weight, values[value])
        return values


def owner_of(number: int, row: Row, name: str) -> tuple[int, str]:
    """The row that a weight belongs to, and its name in it."""
    shared = row.shares is not None and name in row.shared
    return (row.shares if shared and row.shares is not None else number), name


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
        way = self.leading_to_outputs()
        self.refusal = _refusal(forward, {run.row for _, run in way})
        """Why torch can't go back, if it can't."""
        for kernel, run in way:
            self.pass_through(kernel, run)

    def leading_to_outputs(self) -> list[tuple[Kernel, Run]]:
        """The kernels on the way back; what was kept for others is let go, as it went with what they made."""
        reached = set(self.gradients)
        way: list[tuple[Kernel, Run]] = []
        for run in reversed(self.account.runs):
            for kernel in reversed(run.kernels):
                if reached.isdisjoint([run.values[y] for y in kernel.outputs]):
                    for storage in kernel.kept:
                        self.account.release(run.storages[storage])
                else:
                    reached.update([run.values[x] for x in (*kernel.inputs, *kernel.weights)])
                    way.append((kernel, run))
        return way

    def pass_through(self, kernel: Kernel, run: Run) -> None:
        account, values = self.account, run.values
        found = [self.gradients.pop(values[y]) for y in kernel.outputs if values[y] in self.gradients]
        arriving: list[tuple[int, int]] = []
        large = kernel.broadcast or (False,) * len(kernel.inputs)
        for x, passes, whole in zip(kernel.inputs, kernel.passing, large, strict=True):
            if passes:
                account.hold(found[0])
                arriving.append((values[x], found[0]))
            else:
                size = account.gradients[values[kernel.outputs[0] if whole else x]]
                arriving.append((values[x], account.held(size, run.row)))
        for w in kernel.weights:
            arriving.append((values[w], account.held(account.gradients[values[w]], run.row)))
        if any(kernel.broadcast):
            arriving = [
                (value, storage if storage == found[0] else self.summed(value, storage, run.row))
                for value, storage in arriving
            ]
        for storage in found:
            account.release(storage)
        for storage in kernel.kept:
            account.release(run.storages[storage])
        relaid = {values[w] for w in kernel.relaid}
        for value, storage in arriving:
            self.arrive(value, self.anew(value, storage, run.row) if value in relaid else storage, run.row)

    def summed(self, value: int, storage: int, row: int) -> int:
        """A gradient in the size of its value."""
        same = self.account.gradients[value] == self.account.sizes[storage]
        return storage if same else self.anew(value, storage, row)

    def anew(self, value: int, storage: int, row: int) -> int:
        """The gradient of a value in a storage of its own size, in place of the one that it is made from."""
        new = self.account.held(self.account.gradients[value], row)
        self.account.release(storage)
        return new

    def arrive(self, value: int, storage: int, row: int) -> None:
        known = self.gradients.get(value)
        if known is not None:
            both = storage, known
            storage = self.account.held(self.account.gradients[value], row)
            for each in both:
                self.account.release(each)
        self.gradients[value] = storage


def _refusal(forward: Forward, way: set[int]) -> ArchitectureError | None:
    """torch refuses to go back through what has been written over since it was kept."""
    rows = forward.analysis.rows
    for keeper, writer in forward.overwritten.items():
        if keeper in way:
            message = f"it writes over what {rows[keeper].path} keeps for the backward pass"
            hint = "torch can't go back through that: take inplace: false"
            return ArchitectureError(message, hint=hint).about(rows[writer].type).at(None, rows[writer].path)
    return None
