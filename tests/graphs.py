"""Random networks as text: graphs of chains, joins, branches, views, in-place layers, shared weights.

`random_network(rng)` gives a file's text; equal seeds give equal texts. Sizes are small, so that a network
runs in milliseconds on torch's `meta`. A step is drawn by a function of `graph_steps`, which picks tensors
that are there and arguments that may fit them, and is taken if the layer's own rules accept it; what torch
says of it, and of the whole, is for the tests to find out.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from shapecalc.errors import ArchitectureError
from shapecalc.layers import LAYERS
from shapecalc.tensors import Tensor, is_floating
from tests.graph_drafts import Draft, Net
from tests.graph_forms import reworded
from tests.graph_steps import KINDS

SIZES = (1, 2, 3, 4, 6, 8)
ELEMENTS = 8_000
"""The most that a step may give."""


class Step(NamedTuple):
    """A step that was taken: what was drawn, the names of its outputs, and whether its weights are frozen."""

    draft: Draft
    names: tuple[str, ...]
    frozen: bool = False


def random_network(
    rng: random.Random,
    *,
    images: bool = False,
    steps: tuple[int, int] = (1, 10),
    inputs: int = 3,
    in_place: bool = True,
    integers: bool = True,
    sharing: bool = True,
    frozen: float = 0,
    forms: float = 0,
    only: Callable[[str], bool] | None = None,
    weights: Mapping[str, float] | None = None,
) -> str:
    """The text of a network.

    Args:
        images: one input N×C×H×W, and layers of images alone.
        steps: the fewest and the most steps.
        inputs: the most inputs.
        in_place: whether layers may write over their input.
        integers: whether inputs may be of int64, and a step may bring one that it needs: a target.
        sharing: whether steps may use the weights of earlier ones.
        frozen: the share of steps that are frozen; the graph is the same as without.
        forms: the share of steps in other words, as loops or blocks of several tensors, of the same graph.
        only: whether a layer type may be drawn, by its name; all may, unless written.
        weights: how often a kind of step is drawn, in the place of its own weight in `KINDS`: `{"joins": 0}`
            leaves one out, `{"views": 9}` makes it frequent.
    """
    given = {"input": _image(rng)} if images else _inputs(rng, rng.randint(1, inputs), integers)
    net = Net(rng, dict(given), in_place, images, targets=integers and not images)
    taken: list[Step] = []
    kinds = {name: (weights or {}).get(name, kind.weight) for name, kind in KINDS.items()}
    if not sharing:
        kinds["sharing"] = 0
    if images:
        kinds = {name: weight for name, weight in kinds.items() if KINDS[name].images}
    wanted = rng.randint(*steps)
    for _ in range(20 * wanted):
        if len(taken) == wanted:
            break
        kind = KINDS[rng.choices(list(kinds), list(kinds.values()))[0]]
        draft = rng.choice(kind.drafts)(net)
        if draft is not None and (only is None or only(draft.type)):
            taken += _take(net, draft)
    if frozen:
        taken = [step._replace(frozen=rng.random() < frozen) for step in taken]
    taken = taken or _take(net, Draft("Identity", {}, (next(iter(given)),)))
    joins = {name: layer for name, layer in LAYERS.items() if layer.branching}
    written, blocks = reworded(rng, [_step(step) for step in taken], forms, joins)
    return _text({**given, **net.added}, written, blocks)


def random_networks(seed: int | str, count: int, **knobs: Any) -> dict[str, str]:
    """So many networks by their own seeds, `"seed/number"`: one that fails is drawn again by itself."""
    return {f"{seed}/{i}": random_network(random.Random(f"{seed}/{i}"), **knobs) for i in range(count)}


def _inputs(rng: random.Random, count: int, integers: bool) -> dict[str, Tensor]:
    """Inputs that often have sizes in common, or the first axes of one another."""
    first = tuple(rng.choice(SIZES) for _ in range(rng.randint(1, 4)))
    found = {"a": Tensor(first)}
    for name in "bcdefgh"[: count - 1]:
        shape = list(first)
        if rng.random() < 0.5:
            shape[rng.randrange(len(shape))] = rng.choice(SIZES)
        if rng.random() < 0.2:
            shape = shape[1:] or [rng.choice(SIZES)]
        dtype = "int64" if integers and rng.random() < 0.15 else "float32"
        found[name] = Tensor(tuple(shape), dtype)
    return found


def _image(rng: random.Random) -> Tensor:
    return Tensor((rng.randint(1, 3), rng.randint(1, 4), rng.randint(4, 16), rng.randint(4, 16)))


def _take(net: Net, draft: Draft) -> list[Step]:
    """Add a step's outputs to the tensors that are there, if the layer accepts its inputs."""
    try:
        layer = LAYERS[draft.type](**draft.arguments)
        outputs = layer.figures(tuple([net.tensors[name] for name in draft.sources])).outputs
    except ArchitectureError:
        return []
    elements: Any = sum(y.elements for y in outputs)
    if elements > ELEMENTS or len(outputs) > 8 or any(0 in y.shape for y in outputs):
        return []
    number = len(net.drafts)
    names = tuple([f"t{number}" if len(outputs) == 1 else f"t{number}_{i}" for i in range(len(outputs))])
    net.tensors.update(zip(names, outputs, strict=True))
    net.drafts.append((names[0], draft))
    return [Step(draft, names)]


def _text(
    inputs: Mapping[str, Tensor], steps: Sequence[dict[str, Any]], blocks: Mapping[str, Sequence[Any]]
) -> str:
    """A file: JSON is YAML in one line."""
    shapes = {
        name: "x".join(map(str, x.shape)) + ("" if is_floating(x.dtype) else f":{x.dtype}")
        for name, x in inputs.items()
    }
    lines = "".join(f"  - {json.dumps(step)}\n" for step in steps)
    own = f"blocks: {json.dumps(blocks)}\n" if blocks else ""
    return f"input: {json.dumps(shapes)}\n{own}layers:\n{lines}"


def _step(step: Step) -> dict[str, Any]:
    draft = step.draft
    arguments: Any = draft.arguments or None
    sources: dict[str, Any] = {"from": list(draft.sources)} if draft.sources else {}
    if LAYERS[draft.type].branching:
        arguments, sources = {"branches": list(draft.sources), **draft.arguments}, {}
        for place, number in enumerate(LAYERS[draft.type].numbers):  # written where a branch would be
            if number in draft.arguments:
                arguments["branches"].insert(place, arguments.pop(number))
    named = list(step.names) if len(step.names) > 1 else step.names[0]
    beside = {"share": draft.share} if draft.share else {}
    return {draft.type: arguments, **sources, "as": named, **beside} | (
        {"frozen": True} if step.frozen else {}
    )
