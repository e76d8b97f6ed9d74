"""The arguments that a layer has in code: of a module those beside torch's defaults, of a function all."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from shapecalc.errors import ArchitectureError, listed
from shapecalc.exporting.literals import same
from shapecalc.exporting.program import Leaf, Owner, Region
from shapecalc.layers import Layer
from shapecalc.layers.fields import Inferred
from shapecalc.symbolic import Expr, symbols_in


def short(layer: Layer, name: str, value: Any) -> Any:
    """One number where it stands for all axes."""
    kind = layer.fields.get(name)
    if isinstance(value, tuple) and kind is not None and value:
        text = kind.shortest(value)
        if not text.startswith("[") and value[0] is not None:
            return value[0]
    return value


def arguments_of(owner: Leaf, letters: Collection[str] = ()) -> dict[str, Any]:
    """The arguments that a layer has in torch: of a module those beside the defaults, of a function all.

    Raises:
        ArchitectureError: one is a formula of other letters than `letters`, and code has numbers.
    """
    layer = getattr(owner.row.layer, "inner", owner.row.layer)
    found = _told(layer, owner) if owner.is_module else {name: vars(layer)[name] for name in layer.fields}
    for name, value in found.items():
        items = value if isinstance(value, tuple) else (value,)
        if symbols := {*symbols_in(*[item for item in items if isinstance(item, Expr)])}.difference(letters):
            hint = "give numbers in their place: --input 1x3x224x224, --set classes=10"
            message = f"{owner.row.type}: {name} depends on {listed(sorted(symbols))}, and code has numbers"
            raise ArchitectureError(message, path=owner.row.path, hint=hint)
    return found


def _told(layer: Layer, owner: Leaf) -> dict[str, Any]:
    """The arguments of a module beside the defaults."""
    given = layer.arguments(owner.row.inputs)
    named = {name: short(layer, name, value) for name, value in given.items()}
    return {
        name: value
        for name, value in named.items()
        if name not in layer.called_with
        and (
            isinstance(layer.fields[name], Inferred)
            or not same(value, short(layer, name, default_of(layer, name)))
        )
    }


def default_of(layer: Layer, name: str) -> Any:
    default = layer.fields[name].default
    return default if layer.fields[name].required else layer.fields[name].parse(default, layer.axes)


def usual(owner: Owner, name: str) -> Any:
    """What an argument is where it is not given."""
    if isinstance(owner, Region):
        raise KeyError(name)
    layer = getattr(owner.row.layer, "inner", owner.row.layer)
    return short(layer, name, default_of(layer, name))
