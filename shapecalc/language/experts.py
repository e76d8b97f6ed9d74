"""The step `experts`: many copies of a list of steps, of which a few run for each token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shapecalc.language.heads import EXPERTS
from shapecalc.language.resolved import names_in
from shapecalc.language.tree import Argument, ExpertsStep, LayerStep, Steps
from shapecalc.language.yaml_nodes import Scalar, YamlNode
from shapecalc.layers import LAYERS, Layer
from shapecalc.layers.experts import dispatch, experts, route

if TYPE_CHECKING:
    from shapecalc.language.reader import StepReader


def experts_step(
    reader: StepReader, key: Scalar, value: YamlNode | None, common: Mapping[str, Any]
) -> ExpertsStep:
    """The step of a file; without a router, that is a Linear without bias, and a Softmax.

    Raises:
        ArchitectureError: an argument is missing or wrong.
    """
    given = reader.arguments.given(value, None, key, True)
    _, expert = given.pop("expert", (key, None))
    _, router = given.pop("router", (key, None))
    arguments = {name: reader.arguments.of_layer(experts, name, *found) for name, found in given.items()}
    missing = [name for name in experts.required() if name not in arguments]
    if expert is None or missing:
        name = missing[0] if missing else "expert"
        hint = "experts: {num_experts: 8, top_k: 2, expert: [steps]}"
        raise reader.source.error(f"{EXPERTS}: {name} is missing", key, hint)
    chosen = {name: arguments[name] for name in route.fields}
    step = ExpertsStep(
        **_of_type(experts, arguments),
        **common,
        router=reader.steps(router, "a router") if router else _usual(arguments["num_experts"], key),
        routing=(_step(route, chosen, key), _step(dispatch, chosen, key)),
        expert=reader.steps(expert, "an expert"),
    )
    if not step.uses:
        reader.check(step)
    return step


def _usual(num_experts: Argument, key: Scalar) -> Steps:
    scores = {"out_features": num_experts, "bias": Argument(False, key)}
    return (
        _step(LAYERS["Linear"], scores, key),
        _step(LAYERS["Softmax"], {"dim": Argument(-1, key)}, key),
    )


def _step(layer: type[Layer], arguments: Mapping[str, Argument], key: Scalar) -> LayerStep:
    return LayerStep(node=key, label=layer.__name__, **_of_type(layer, arguments))


def _of_type(layer: type[Layer], arguments: Mapping[str, Argument]) -> dict[str, Any]:
    uses = frozenset().union(*[names_in(argument.value) for argument in arguments.values()])
    return {"type": layer, "arguments": arguments, "uses": tuple(sorted(uses))}
