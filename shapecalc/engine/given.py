"""Which tensors come to a step, and how many of them it takes as its inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from shapecalc.engine.results import Wire
from shapecalc.errors import ArchitectureError, listed
from shapecalc.language.block import BlockStep, Signature
from shapecalc.language.tree import LayerStep, Name, Step
from shapecalc.language.yaml_nodes import Source

Wires = tuple[Wire, ...]


class Intake(NamedTuple):
    """The tensors that a step is given, and whether they are named by `from`: then each has to be taken."""

    wires: Wires
    named: bool


def single(step: Step, given: Intake, source: Source) -> Wire:
    """The one tensor that a block, a group or a join with branches starts from."""
    if not given.named or len(given.wires) == 1:
        return given.wires[0]
    hint = "name the tensors outside, and read them by their names inside"
    if isinstance(step, BlockStep):
        hint = f"a block of several tensors names them in its header: {step.block}(a, b;)"
    raise source.error(f"{step.label}: it takes one tensor, not {len(given.wires)}", step.node, hint)


def into(step: Step, given: Intake, source: Source) -> Wires:
    """The tensors that the steps inside of a group or a join start from: of named ones, one."""
    return (single(step, given, source),) if given.named else given.wires


def none(step: Step, source: Source) -> Wires:
    """The tensors of a step that takes none; the current one is left aside."""
    if step.sources:
        found = f"it takes no tensor, and from gives it {len(step.sources)}"
        raise source.error(f"{step.label}: {found}", step.sources[0].node)
    return ()


def check_count(step: LayerStep, count: int, source: Source) -> None:
    """Refuse a join of too few or too many branches, once it is known how many there are."""
    fewest, most = step.type.inputs_range
    if not fewest <= count <= most:
        needed = f"at least {fewest}" if count < fewest else f"at most {most}"
        message = f"{step.label}: {needed} branches are needed, and here are {count}"
        raise source.error(message, step.node)


def taken(
    step: BlockStep, signature: Signature, given: Intake, named: Callable[[Name], Wire], source: Source
) -> Wires:
    """The tensors that a block takes: some by name, the others in the order in which they are given."""
    if not signature.tensors:
        return (single(step, given, source),)
    own = {name: named(tensor) for name, tensor in step.tensors.items()}
    rest = [tensor.text for tensor in signature.tensors if tensor.text not in own]
    if len(rest) > len(given.wires):
        raise _too_few(step, signature, rest, len(given.wires), source)
    if given.named and len(rest) < len(given.wires):
        message = f"{step.label}: it takes {listed(rest)}, and from gives it {len(given.wires)} tensors"
        raise source.error(message, step.sources[-1].node)
    own |= zip(rest, given.wires, strict=False)
    return tuple([own[tensor.text] for tensor in signature.tensors])


def _too_few(
    step: BlockStep, signature: Signature, rest: Sequence[str], given: int, source: Source
) -> ArchitectureError:
    """The error where a block gets too few tensors; `rest`: its inputs that no argument names."""
    missing = listed(rest[given:])
    hint = f"name it: {{{step.block}: {{{rest[given]}: name}}}}, or give as many by from"
    if (step.times is not None or step.loop is not None) and len(signature.gives) < len(rest):
        hint = "a copy gives its tensors to the next: name them in the block's header, after ->"
    counts = f"it takes {listed(rest)}, and is given {given}"
    return source.error(f"{step.label}: {missing} is missing: {counts}", step.node, hint)
