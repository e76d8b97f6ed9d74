"""A pass forward through a network, and one back, on the account of its memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shapecalc.analysis.account import Account, Run
from shapecalc.analysis.leaps import Leaps, check_settled
from shapecalc.analysis.liveness import Releases, releases
from shapecalc.conditions import AT_LEAST, Condition, collecting
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.gradients import Look, Way
from shapecalc.recipe import Given, Recipe, way_back
from shapecalc.results import Analysis, Row
from shapecalc.strides import alike, dense
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
            UnsettledError: of a brief analysis, copies that were left out do not all need the same.
        """
        self.analysis = analysis
        self.mode = mode
        self.account = Account(assumed(analysis))
        self.flows: dict[tuple[int, int], Flow] = {}
        """By the row and the port that a tensor comes from."""
        self.bounded: list[str] = []
        """The types of the rows of which not all is known that the way forward allocates."""
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
        leaps = Leaps(analysis) if analysis.brief else None
        kinds: list[object] = []
        for number, row in enumerate(analysis.rows):
            self.run(number, row)
            if leaps:
                kinds.append([self.flows[number, port].given for port in range(len(row.outputs))])
            for edge in freed[number]:
                if edge.row >= 0:
                    self.account.release(self.flows.pop(edge).storage)
            if leaps:
                self.account.alive = leaps.forward(number + 1, self.account.alive)
        if leaps:
            check_settled(analysis, kinds)
        for (number, _), storage in self.lowered.items():
            self.account.release(storage, analysis.times[number])

    def enter(self, port: int, tensor: Tensor, tracked: bool) -> None:
        account = self.account
        storage = account.held(size_of(tensor, self.mode), -1)
        self.flows[-1, port] = Flow(Given(tensor, None, tracked), storage, len(account.gradients))
        account.gradients.append(account.sizes[storage])

    def run(self, number: int, row: Row) -> None:
        flows = [self.flows[wire.row, wire.port] for wire in row.sources]
        try:
            recipe = row.layer.recipe(_given(flows), self.mode, row.frozen)
        except ArchitectureError as error:
            raise error.at(None, row.path) from None
        if not recipe.complete and row.type not in self.bounded:
            self.bounded.append(row.type)
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


@dataclass(slots=True, eq=False)
class Gradient:
    """A tensor on its way back; one that is passed on is the same to all that it is passed to."""

    storage: int
    look: Look
    seen: int = 0
    """How many values it is the gradient of, and the caller's own if it is one of these."""


class Backward:
    """The way back through all kernels, from gradients of the network's outputs, which the caller holds.

    The account of the pass forward goes on: what was kept for a kernel is let go after it, the gradients of
    weights stay. Gradients that meet are summed in a new storage, as where a mode of torch's looks on.
    """

    def __init__(self, forward: Forward) -> None:
        self.account = forward.account
        self.mode = forward.mode
        self.conditions = forward.conditions
        self.learned = set(forward.parameters.values())
        """The values that are weights."""
        self.gradients: dict[int, Gradient] = {}
        """The gradient of each value, while it is there."""
        self.seed(forward)
        times = forward.analysis.times
        way = self.leading_to_outputs(times)
        self.refusal = _refusal(forward, {run.row for _, run in way})
        """Why torch can't go back, if it can't."""
        self.awaited = Counter(run.values[x] for kernel, run in way for x in kernel.inputs)
        """How many gradients of each value are still to come."""
        leaps = Leaps(forward.analysis) if forward.analysis.brief else None
        place = len(forward.analysis.rows)
        for kernel, run in way:
            while leaps and place > run.row:
                self.account.alive = leaps.back(place, self.account.alive)
                place -= 1
            self.pass_through(kernel, run)

    def seed(self, forward: Forward) -> None:
        """Ones that lie as the outputs do, from which the way back starts."""
        last = len(forward.analysis.rows) - 1
        for edge in dict.fromkeys(forward.analysis.output_edges):
            given, _, value = forward.flows[edge]
            if given.tracked:
                storage = self.account.held(self.account.gradients[value], last)
                strides = given.strides and dense(given.tensor.shape, given.strides)
                self.gradients[value] = Gradient(storage, Look(*given.tensor, strides), seen=2)
                self.account.hold(storage)

    def leading_to_outputs(self, times: Sequence[int]) -> list[tuple[Kernel, Run]]:
        """The kernels on the way back; what was kept for others is let go, as it went with what they made."""
        reached = set(self.gradients)
        way: list[tuple[Kernel, Run]] = []
        for run in reversed(self.account.runs):
            for kernel in reversed(run.kernels):
                if reached.isdisjoint([run.values[y] for y in kernel.outputs]):
                    for storage in kernel.kept:
                        self.account.release(run.storages[storage], times[run.row])
                else:
                    reached.update([run.values[x] for x in kernel.inputs])
                    way.append((kernel, run))
        return way

    def pass_through(self, kernel: Kernel, run: Run) -> None:
        account, values = self.account, [run.values[x] for x in kernel.inputs]
        found = [self.gradients.pop(run.values[y], None) for y in kernel.outputs]
        way = self.way(kernel, tuple([x.look if x else None for x in found]))
        for rise in way.rises:
            account.peak.meet(account.alive + rise, run.row)
        here = [x for x in found if x]
        for gradient in here:
            gradient.seen -= 1
        new = [account.storage(size) for size in way.sizes]
        arriving = [self.gradient(here, new, *made) for made in way.gradients]
        for gradient in arriving:
            account.hold(gradient.storage)
        for gradient in here:
            account.release(gradient.storage)
        for storage in kernel.kept:
            account.release(run.storages[storage])
        for value, gradient in zip(values, arriving, strict=True):
            self.arrive(value, gradient, run.row)
        for value in values:
            if value in self.learned and not self.awaited[value]:
                self.accumulate(value, run.row)

    def way(self, kernel: Kernel, arriving: tuple[Look | None, ...]) -> Way:
        if arriving not in kernel.ways:
            with collecting() as conditions:
                kernel.ways[arriving] = way_back(kernel, arriving, self.mode)
            self.conditions += [c for c in conditions if c not in self.conditions]
        return kernel.ways[arriving]

    def gradient(self, found: list[Gradient], new: list[int], number: int, look: Look) -> Gradient:
        """One that a kernel's way back gives, by the number of its storage: new, or one that has come."""
        if number >= len(found):
            return Gradient(new[number - len(found)], look)
        known = found[number]
        return known if known.look == look else Gradient(known.storage, look)

    def arrive(self, value: int, gradient: Gradient, row: int) -> None:
        self.awaited[value] -= 1
        known = self.gradients.get(value)
        if known is not None:
            both = known, gradient
            shape, dtype = known.look.shape, known.look.dtype
            strides = alike(shape, *[(shape, x.look.strides) for x in both])
            new = self.account.held(self.account.gradients[value], row)
            for each in both:
                self.account.release(each.storage)
            known.seen -= 1
            gradient = Gradient(new, Look(shape, dtype, strides))
        gradient.seen += 1
        self.gradients[value] = gradient

    def accumulate(self, value: int, row: int) -> None:
        """The gradient of a weight stays; what others see too, or lies in another way, is copied.

        Source: torch::autograd::AccumulateGrad.
        """
        own = self.gradients[value]
        if own.look.strides is None and own.seen == 1:
            return
        storage = self.account.held(self.account.gradients[value], row)
        self.account.release(own.storage)
        own.seen -= 1
        self.gradients[value] = Gradient(storage, own.look._replace(strides=None), seen=1)


def _refusal(forward: Forward, way: set[int]) -> ArchitectureError | None:
    """torch refuses to go back through what has been written over since it was kept."""
    rows = forward.analysis.rows
    for keeper, writer in forward.overwritten.items():
        if keeper in way:
            message = f"it writes over what {rows[keeper].path} keeps for the backward pass"
            hint = "torch can't go back through that: take inplace: false"
            return ArchitectureError(message, hint=hint).about(rows[writer].type).at(None, rows[writer].path)
    return None
