"""Each layer type's example on inputs in several orders of axes, before layers that tell how its output lies.

Against torch on `meta`: kept bytes, peaks, refusals. A share of all cases is drawn at each push.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

import shapecalc
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers import LAYERS
from shapecalc.tensors import is_floating
from shapecalc.torch_check.startup import without_compiler
from tests.dice import SEED, count
from tests.families.base import Drawn, shown
from tests.kernels import compiled_kernels
from tests.test_graphs import MODES, difference

pytestmark = pytest.mark.filterwarnings("ignore")

FOLLOWERS: dict[str, list[dict[str, Any]]] = {
    "flatten": [{"flatten": None}],
    "permute": [{"permute": None}, {"Linear": 2}],
    "in place": [{"ReLU": {"inplace": True}}],
    "Linear": [{"Linear": 3}],
    "add": [{"add": ["y", "y"]}],
}


NAMES = sorted(
    name for name, t in LAYERS.items() if t.inputs_range[1] and not t.reads_values and not t.measured
)
"""Types that have an input; of those that read values torch on `meta` runs nothing."""


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with without_compiler(), compiled_kernels():
        yield


def orders(rank: int) -> list[list[int]]:
    """The axes as they are, in the opposite order, with channels last, and with the first two swapped."""
    axes = list(range(rank))
    return [axes, axes[::-1], *([[0, *axes[2:], 1], [1, 0, *axes[2:]]] if rank > 2 else [])]


def network(case: Drawn, order: int, follower: str) -> str:
    """The text of a network: inputs through a Linear in an order of axes, the layer, and what follows it."""
    inputs: dict[str, str] = {}
    steps: list[dict[str, Any]] = []
    sources = []
    for i, x in enumerate(case.inputs):
        known = orders(x.rank)
        axes = known[order % len(known)]
        inputs[f"x{i}"] = "x".join(str(x.shape[axis]) for axis in axes) or "scalar"
        sources.append(f"x{i}")
        if is_floating(x.dtype) and x.rank:
            back = [axes.index(axis) for axis in range(x.rank)]
            steps.append({"Linear": x.shape[axes[-1]], "from": f"x{i}"})
            steps.append({"permute": back, "as": f"p{i}"})
            sources[-1] = f"p{i}"
        else:
            inputs[f"x{i}"] = ("x".join(map(str, x.shape)) or "scalar") + f":{x.dtype}"
    outputs = case.layer_type(**case.arguments).figures(case.inputs).outputs
    names: Any = "y" if len(outputs) == 1 else ["y", *[f"y{i}" for i in range(1, len(outputs))]]
    layer: dict[str, Any] = {case.layer_type.__name__: case.arguments or None, "as": names}
    if case.layer_type.branching:
        layer[case.layer_type.__name__] = {"branches": sources, **case.arguments}
    elif sources:
        layer["from"] = sources
    first, *others = [dict(step) for step in FOLLOWERS[follower]]
    if "permute" in first:
        first["permute"] = list(range(outputs[0].rank))[::-1]
    if "add" not in first:
        first["from"] = "y"
    return json.dumps({"input": inputs, "layers": [*steps, layer, first, *others]})


FOUND = {"masked_fill": [(1, "permute", "prediction"), (2, "Linear", "prediction")]}
"""Cases in which a draw has differed once: torch puts in a row what it fills."""


@pytest.mark.parametrize("name", NAMES)
def test_what_follows_a_layer_is_as_in_torch(name: str) -> None:
    cases = list(product(range(4), FOLLOWERS, MODES))
    drawn = random.Random(f"{SEED}/{name}").sample(cases, count(1, len(cases)))
    for order, follower, mode in [*FOUND.get(name, ()), *drawn]:
        text = network(shown(LAYERS[name]), order, follower)
        try:
            analysis = shapecalc.analyse(shapecalc.parse(text))
            differs = difference(analysis, MODES[mode])
        except (ArchitectureError, UnknownError):  # what follows does not take such an output
            continue
        assert differs is None, (mode, text, differs)
