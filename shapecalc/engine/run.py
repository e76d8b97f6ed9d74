"""The analysis of a network: its steps executed on shapes, by the rules of the layers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from shapecalc.engine.body import Body
from shapecalc.engine.execution import Executed, Execution
from shapecalc.engine.inputs import Given, scope_and_inputs
from shapecalc.engine.limits import (
    MOST_EACH,
    MOST_LISTED,
    MOST_WHOLE,
    refuse_larger,
    refuse_long,
    refuse_too_large,
)
from shapecalc.engine.names import Names
from shapecalc.engine.results import Analysis, Wire
from shapecalc.engine.walk import Walk
from shapecalc.engine.weights import frozen_everywhere, stored_alike, without_training
from shapecalc.language.architecture import Architecture
from shapecalc.language.expressions import Scope
from shapecalc.pause_gc import without_collecting
from shapecalc.symbolic.conditions import collecting
from shapecalc.tensors import Tensor


def analyse(
    architecture: Architecture,
    input: Given = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    brief: bool = False,
) -> Analysis:
    """Compute every layer's shape, weights and MACs.

    Args:
        architecture: what `shapecalc.load` or `shapecalc.parse` gave.
        input: the shape in place of the file's own, as text (`"1x3x224x224"`, `"Nx3xHxW"`), sizes or a
            `Tensor`; by name where the network has several inputs.
        parameters: values in place of the defaults of the file's parameters; a text in place of a number
            is a formula (`{"classes": "K"}`) or a fraction (`{"width": "3/4"}`).
        brief: of a large network, execute only the first and the last of many copies that do the same; a
            node of the tree then stands for those between.

    Raises:
        UsageError: `input` or `parameters` name something that the file lacks.
            Without `brief`, there are more than 100,000 layers.
        ArchitectureError: the network can't take the input, or is wrong in itself.
    """
    return _execute(architecture, input, parameters, brief)


def abridged(
    architecture: Architecture, input: Given = None, parameters: Mapping[str, Any] | None = None
) -> Analysis:
    """As `analyse` briefly, of a small network too: of many copies that do the same, some stand for all."""
    return _execute(architecture, input, parameters, brief=True, most_whole=0)


def traced(analysis: Analysis, steps: dict[str, Executed]) -> Analysis:
    """The analysis with a row for every layer; puts into `steps`, by their paths, all steps as executed.

    A block has there the values of its own parameters, any other step those that it saw.
    """
    return _execute(analysis.architecture, analysis.inputs, analysis.given, brief=False, steps=steps)


@without_collecting
def _execute(
    architecture: Architecture,
    input: Given,
    parameters: Mapping[str, Any] | None,
    brief: bool,
    steps: dict[str, Executed] | None = None,
    most_whole: int | None = None,
) -> Analysis:
    with collecting() as conditions:
        scope, inputs = scope_and_inputs(architecture, input, parameters)
    rows = refuse_too_large(architecture, scope)
    if rows > MOST_EACH and not brief:  # some may not be there: they are counted briefly
        layers = analyse(architecture, input, parameters, brief=True).layers
        refuse_long(
            layers, "analyse", MOST_EACH, "analyse(…, brief=True) executes copies that are alike once"
        )
    briefly = brief and rows > (MOST_WHOLE if most_whole is None else most_whole)
    run = Execution(Walk(architecture, scope), conditions, briefly)
    run.steps = steps
    analysis = _executed(run, architecture, scope, inputs)
    refuse_larger(architecture, analysis.layers)
    return analysis


def _executed(
    run: Execution, architecture: Architecture, scope: Scope, inputs: dict[str, Tensor]
) -> Analysis:
    """All steps of the file, executed on its inputs."""
    wires = {name: Wire(tensor, -1, port) for port, (name, tensor) in enumerate(inputs.items())}
    first = next(iter(wires.values()))
    run.scheme = run.walk.scheme(architecture, scope, None)
    body = Body(run, scope, Names(run.walk, wires))
    out, tree = body.steps(architecture.layers, (first,), "")
    if architecture.weights and run.scheme:
        run.check_stored(architecture.weights.node, "the file", 0)
    return Analysis(
        architecture=architecture,
        parameters=MappingProxyType(dict(scope)),
        inputs=MappingProxyType(inputs),
        rows=tuple(frozen_everywhere(without_training(stored_alike(run.rows)))),
        tree=tree,
        outputs=tuple(wire.tensor for wire in out),
        output_edges=tuple(wire.edge for wire in out),
        conditions=tuple(run.conditions),
        brief=run.brief,
    )


def whole(analysis: Analysis, what: str, most: int = MOST_LISTED) -> Analysis:
    """The analysis with a row for every layer, for figures in which copies of a step differ.

    Raises:
        UsageError: it has more layers than are looked at one by one.
    """
    if not analysis.brief:
        return analysis
    refuse_long(analysis.layers, what, most)
    return analyse(analysis.architecture, analysis.inputs, analysis.given)
