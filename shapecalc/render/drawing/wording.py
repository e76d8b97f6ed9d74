"""What stands in a box: a layer in the words of textbooks, `3×3 Conv, pad 1` and `96 channels`.

The words are those of arguments, which many types share; no type has words of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Row
from shapecalc.layers import Layer

_BEFORE = ("kernel_size",)
_BESIDE = {"padding": "pad", "stride": "stride", "dilation": "dilation", "groups": "groups"}
_BELOW = {"out_channels": "channels", "out_features": "features", "embedding_dim": "features"}

Words = Mapping[str, str]
"""Argument → what is said of it; '' → the name of the type."""


def words(row: Row) -> Words:
    """What is said of a layer, by its arguments: those that the file gives, unless they are defaults."""
    layer = row.layer
    found = {"": layer.family if layer.axes else layer.type}
    for name in layer.given:
        value, kind = layer.__dict__[name], layer.fields[name]
        if kind.required or value != kind.parse(kind.default, layer.axes):
            found[name] = _phrase(layer, name, value)
    return found


def _phrase(layer: Layer, name: str, value: Any) -> str:
    if name in _BEFORE:
        return _window(value, layer.axes)
    if name in _BESIDE:
        return f"{_BESIDE[name]} {_window(value, 1)}"
    text = layer.fields[name].text(value)
    if name in _BELOW:
        return f"{text} {_BELOW[name] if value != 1 else _BELOW[name].removesuffix('s')}"
    if isinstance(value, bool):
        return name.replace("_", " ") if value else f"no {name.replace('_', ' ')}"
    return f"{name.replace('_', ' ')} {text}"


def _window(value: Any, axes: int) -> str:
    """A size along each axis; said once where one number stands for all of one axis alone."""
    sizes = [*value] if isinstance(value, (tuple, list)) else [value] * max(axes, 1)
    if axes == 1 and len({*map(str, sizes)}) == 1:
        sizes = sizes[:1]
    return "×".join(map(str, sizes))


def lines(said: Words) -> tuple[str, ...]:
    """The words in two lines at most: the window and the type, and what there is of it."""
    first = " ".join([*[said[name] for name in _BEFORE if name in said], said[""]])
    beside = [said[name] for name in _BESIDE if name in said]
    below = [text for name, text in said.items() if name and name not in _BEFORE and name not in _BESIDE]
    return tuple(filter(None, [", ".join([first, *beside]), ", ".join(below)]))


def without_widths(said: Words) -> Words:
    """The words but for how many channels or features there are."""
    return {name: text for name, text in said.items() if name not in _BELOW}


def common(several: Sequence[Words]) -> Words:
    """What is said of all of them alike."""
    first = several[0]
    return {name: text for name, text in first.items() if all(one.get(name) == text for one in several)}


def differing(several: Sequence[Words]) -> list[str]:
    """The arguments that are not said of all alike."""
    names = dict.fromkeys(name for one in several for name in one)
    same = common(several)
    return [name for name in names if name not in same]


def step_name(node: Node) -> str:
    """What a step is called: its name, and the block's if that is another; nothing of a plain `seq`."""
    name = node.label.partition("[")[0]
    kind = "" if node.type in (name, "seq") else f": {node.type.lstrip('_')}"
    return "" if name == "seq" else name.lstrip("_") + kind


def role(row: Row) -> str:
    """The part of a layer in a network, by what it computes: asked of the layer, not of its name."""
    layer = row.layer
    if layer.branching:
        return "join"
    if row.macs != 0 or row.params != 0:
        return _of_weights(row)
    if layer.elementwise:
        return "activation"
    return "pooling" if layer.axes else "other"


def _of_weights(row: Row) -> str:
    if row.macs == 0:
        return "normalization"
    return "convolution" if row.layer.axes else "linear"


def joined(texts: Iterable[str], most: int) -> str:
    """Texts in a row, each once; nothing if there are more than fit."""
    each = [*dict.fromkeys(texts)]
    return ", ".join(each) if len(each) <= most else ""
