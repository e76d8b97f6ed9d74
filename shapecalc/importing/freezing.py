"""Which calls and regions of a program are not trained, and where a file says so: once for a whole region."""

from __future__ import annotations

from collections.abc import Iterator

from shapecalc.errors import ArchitectureError
from shapecalc.importing.program import Call, Node, Program, Region, calls


def refuse_half_frozen(program: Program) -> None:
    """Refuse a layer of which some weights are trained and others are not, as `frozen` is of whole steps.

    Raises:
        ArchitectureError: there is one; it names its weights.
    """
    for call in calls(program.body):
        trained = [name for name in _parameters(program, call) if name not in (program.frozen or ())]
        fixed = [name for name in _parameters(program, call) if name not in trained]
        if trained and fixed:
            message = f"{call.place}: {call.type} has weights that are trained ({', '.join(trained)})"
            message += f" beside others that are not ({', '.join(fixed)})"
            raise ArchitectureError(message, hint="`frozen` is of a whole layer: freeze all of it, or none")


def where_frozen(program: Program, region: Region) -> frozenset[int]:
    """The identities of the nodes in a region that are frozen as wholes, and are in no other that is."""
    return frozenset(map(id, _frozen(program, region)) if program.frozen else ())


def _frozen(program: Program, region: Region) -> Iterator[Node]:
    for node in region.calls:
        if _is_frozen(program, node):
            yield node
        elif isinstance(node, Region):
            yield from _frozen(program, node)


def _is_frozen(program: Program, node: Node) -> bool:
    """Whether a node has parameters, and none that is trained."""
    inner = [node] if isinstance(node, Call) else calls(node)
    names = {name for call in inner for name in _parameters(program, call)}
    return bool(names) and names <= (program.frozen or frozenset())


def _parameters(program: Program, call: Call) -> list[str]:
    return [name for name in call.weights.values() if name in program.weights]
