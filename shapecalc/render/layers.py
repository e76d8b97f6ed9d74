"""`layers`: the layer types with their formulas, all of it read off their declarations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from inspect import cleandoc
from typing import Any

from shapecalc.analysis.explain.derivation import Formula
from shapecalc.analysis.explain.explain import Explanation, of_type
from shapecalc.errors import UsageError, nearest, quoted, written
from shapecalc.layers import ABSENT, LAYERS, Layer
from shapecalc.layers.fields import Inferred
from shapecalc.render.grid import Column, Grid, Line, print_grid, print_json
from shapecalc.render.streams import writable
from shapecalc.symbolic import Dim
from shapecalc.symbolic.notation import PLAIN, UNICODE, Notation, shape_text, text

_COLUMNS = (
    Column("type", "Layer"),
    Column("shapes", "Input → output"),
    Column("params", "Parameters"),
    Column("macs", "MACs"),
)


def print_layers(name: str | None, form: str) -> None:
    """Print all layer types, or all about one.

    Raises:
        UsageError: there is no type of that name.
    """
    if name is not None and name not in LAYERS:
        hint = ABSENT.get(name) or nearest(name, LAYERS) or "`shapecalc layers` lists the layer types"
        raise UsageError(f"there is no layer type {quoted(name)}", hint=hint)
    if form == "json":
        chosen = [name] if name else sorted(LAYERS, key=str.lower)
        print_json({"layers": [to_json(LAYERS[one]) for one in chosen], "absent": ABSENT})
    elif name is not None:
        print(writable("\n".join(_page(LAYERS[name]))))
    else:
        lines = [line for kind, types in _kinds().items() for line in _group(kind, types)]
        print_grid(Grid(f"{len(LAYERS)} layer types", _COLUMNS, lines, list(_notes())), form)


def _kinds() -> dict[str, list[type[Layer]]]:
    """What a file of layers holds, in its own words → its types."""
    kinds: dict[str, list[type[Layer]]] = {}
    for name in sorted(LAYERS, key=str.lower):
        module = import_module(LAYERS[name].__module__).__doc__ or ""
        title = re.split(r" \(torch|[:,;.]", module.partition("\n")[0])[0]
        kinds.setdefault(title, []).append(LAYERS[name])
    return dict(sorted(kinds.items()))


def _group(kind: str, types: list[type[Layer]]) -> Iterator[Line]:
    yield Line((kind, "", "", ""), strong=True)
    for layer in types:
        one = of_type(layer)
        yield Line((f"  {layer.__name__}", _shapes(one, UNICODE), _params(one, UNICODE), _macs(one, UNICODE)))


def _shapes(one: Explanation, notation: Notation) -> str:
    inputs = ", ".join(shape_text(shape, notation) for shape in one.inputs)
    return f"{inputs} → {shape_text(one.shape, notation)}".lstrip()


def _params(one: Explanation, notation: Notation) -> str:
    """The elements of all parameters as one sum."""
    total: Dim = 0
    for name, derivation in one.weights.items():
        if not one.row.weights[name].buffer and isinstance(derivation.formula, Formula):
            total = total + derivation.formula.size
    return text(total, notation) if one.row.params != 0 else ""


def _macs(one: Explanation, notation: Notation) -> str:
    return one.macs.formula.chain(notation)[0] if one.macs else ""


def _notes() -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for name, reason in ABSENT.items():
        reasons.setdefault(reason.replace(name.removeprefix("Lazy"), "layer"), []).append(name)
    yield "`shapecalc layers TYPE` has the arguments and the derivation of one."
    yield "Of torch.nn, these are not here:"
    for reason, names in reasons.items():
        listed = names if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"]
        yield f"  {', '.join(listed)}: {reason}"


def _page(layer: type[Layer]) -> Iterator[str]:
    one = of_type(layer)
    yield layer.__name__
    yield ""
    yield from (f"  {line}".rstrip() for line in cleandoc(layer.__doc__ or "").splitlines())
    yield ""
    yield f"  Shapes      {_shapes(one, UNICODE)}"
    for number, derivation in enumerate(one.output):
        names = " = ".join(derivation.names)
        yield f"  {'Sizes' if number == 0 else '':10}  {names} = {derivation.formula.chain(UNICODE)[0]}"
    for number, (name, derivation) in enumerate(one.weights.items()):
        formula, kind = derivation.formula.chain(UNICODE)[0], one.row.weights[name].kind
        yield f"  {'Weights' if number == 0 else '':10}  {name}: {formula} ({kind})"
    if one.macs:
        yield f"  MACs        {_macs(one, UNICODE)}"
    yield ""
    for number, (name, argument) in enumerate(_arguments(layer).items()):
        default = "" if argument["default"] is None else f"; {argument['default']} unless written"
        yield f"  {'Arguments' if number == 0 else '':10}  {name}: {argument['accepts']}{default}"


def _arguments(layer: type[Layer]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "accepts": field.describe(layer.axes)
            + (", or null" if field.optional and field.required else ""),
            "required": field.required,
            "default": None
            if field.required or isinstance(field, Inferred) or field.default is None
            else written(field.default),
        }
        for name, field in layer.fields.items()
    }


def to_json(layer: type[Layer]) -> dict[str, Any]:
    one = of_type(layer)
    return {
        "type": layer.__name__,
        "summary": layer.summary(),
        "arguments": _arguments(layer),
        "inputs": [[text(size, PLAIN) for size in shape] for shape in one.inputs],
        "output": [text(size, PLAIN) for size in one.shape],
        "sizes": {", ".join(d.names): d.formula.chain(PLAIN)[0] for d in one.output},
        "weights": {name: d.formula.chain(PLAIN)[0] for name, d in one.weights.items()},
        "macs": _macs(one, PLAIN) or "0",
    }
