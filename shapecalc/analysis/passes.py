"""A pass forward through a network, and one back, on the account of its memory."""

from __future__ import annotations

from typing import NamedTuple

from shapecalc.analysis.account import Account
from shapecalc.analysis.liveness import releases
from shapecalc.errors import ArchitectureError
from shapecalc.results import Analysis, Edge, Row
from shapecalc.symbolic import Dim
from shapecalc.tape import Given, Mode, bytes_of
from shapecalc.tensors import Tensor


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
