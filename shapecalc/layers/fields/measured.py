"""Fields of what was measured: tensors at numbers, as text; weights by their names."""

from __future__ import annotations

import re
from typing import Any

from shapecalc.layers.fields.base import Field
from shapecalc.tensors import BYTES, LARGEST, MOST_AXES, Tensor

_SCALAR = "scalar"
_FORM = rf"({_SCALAR}|[1-9]\d{{0,18}}(x[1-9]\d{{0,18}})*)(:({'|'.join(BYTES)}))?"
_TEXT = {"anyOf": [{"type": "string", "pattern": f"^{_FORM}$"}, {"type": "integer", "minimum": 1}]}
_MOST_NAME = 200


def tensor_of(text: str) -> Tensor:
    """The tensor that a text is, which one of the fields below has accepted."""
    shape, _, dtype = text.partition(":")
    sizes = () if shape == _SCALAR else tuple(map(int, shape.split("x")))
    return Tensor(sizes, dtype or "float32")


def text_of(tensor: Tensor) -> str:
    """The text that a tensor is: 1x16x8, 1x16:int64, of no axes scalar."""
    shape = "x".join(map(str, tensor.shape)) or _SCALAR
    return shape if tensor.dtype == "float32" else f"{shape}:{tensor.dtype}"


def _accepted(value: object) -> str | None:
    """The text of a tensor; one axis may stand as a number."""
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or len(text) > 20 * MOST_AXES or not re.fullmatch(_FORM, text):
        return None
    sizes = re.findall(r"\d+", text.partition(":")[0])
    return text if len(sizes) <= MOST_AXES and all(int(size) <= LARGEST for size in sizes) else None


class Tensors(Field[tuple[str, ...]]):
    """Tensors at numbers, one or a list of them."""

    described = "shapes with numbers, [1x16x8, 1x16:int64], without axes scalar"
    numeric = False
    several = True

    def accept(self, value: object, axes: int) -> tuple[str, ...] | None:
        items = value if isinstance(value, (list, tuple)) else (value,)
        found = [text for text in map(_accepted, items) if text is not None]
        return tuple(found) if found and len(found) == len(items) else None

    def shortest(self, value: tuple[str, ...]) -> str:
        return f"[{', '.join(value)}]"

    def schema(self, axes: int) -> dict[str, Any]:
        return {"anyOf": [*_TEXT["anyOf"], {"type": "array", "items": _TEXT, "minItems": 1}]}


class NamedTensors(Field[tuple[tuple[str, str], ...]]):
    """Tensors at numbers by their names; none unless written."""

    described = "names with shapes, {weight: 16x8, bias: 16}"
    numeric = False
    mapped = True

    def __init__(self) -> None:
        super().__init__(())

    def accept(self, value: object, axes: int) -> tuple[tuple[str, str], ...] | None:
        if not isinstance(value, tuple) or not all(isinstance(pair, tuple) for pair in value):
            return None
        found = [(name, text) for name, item in value if _is_name(name) and (text := _accepted(item))]
        return tuple(found) if len(found) == len(value) else None

    def shortest(self, value: tuple[tuple[str, str], ...]) -> str:
        return "{" + ", ".join(f"{name}: {text}" for name, text in value) + "}"

    def schema(self, axes: int) -> dict[str, Any]:
        return {"anyOf": [{"type": "object", "additionalProperties": _TEXT}]}


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.isprintable() and 0 < len(name) <= _MOST_NAME
