"""The language as JSON Schema, for editors: completion, and red lines under what can't be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.language import library
from shapecalc.language.arguments import BESIDE
from shapecalc.language.config_keys import MODEL_TYPE
from shapecalc.language.expectation import BOUNDS
from shapecalc.language.heads import EXPERTS, GROUP
from shapecalc.language.variants import NAME
from shapecalc.language.weight_names import IGNORED, RENAMED
from shapecalc.layers import LAYERS, Layer
from shapecalc.layers.fields import EXPRESSION, Inferred
from shapecalc.layers.schemes import AS_THEY_ARE, PATTERN

_REF = "#/$defs/{}".format


def _object(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The schema of a mapping that has these keys and no others."""
    return {"type": "object", "properties": properties, **more, "additionalProperties": False}


_STEPS = {"$ref": _REF("steps")}
_NAME = {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*(\.(\w+|\(.*\)))?$"}
_FANNED = {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*(\.(\w+|\(.*\)))?\s+(when|for)\s.*$"}
_NAMES = {"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}]}
_NATURAL = {"type": "integer", "minimum": 0}
_STORED = {
    "type": "string",
    "pattern": rf"^({PATTERN}|{AS_THEY_ARE}|[A-Za-z_]\w*(\.\w+)?)$",
    "description": "what matrices of Linear layers are stored as: int8, int4:128, int4:128+zeros, float32",
}
_BESIDE = {
    "when": {"anyOf": [{"type": "boolean"}, EXPRESSION]},
    "times": {"anyOf": [_NATURAL, EXPRESSION]},
    "as": _NAMES,
    "from": _NAMES,
    "share": _NAME,
    "frozen": {"anyOf": [{"type": "boolean"}, EXPRESSION]},
    "weights": _STORED,
    "for": {
        "type": "string",
        "pattern": r"^\s*\w+\s*(,\s*\w+\s*)*\sin\s.+$",
        "description": "width in widths, i in range(4), i, width in enumerate(widths), w in [64, 128]",
    },
}
_TEXT = {"type": "string"}
_TEXT_OR_NUMBER = {"type": ["string", "number"]}
_LIBRARY = {
    "type": "string",
    "pattern": f"^{library.NAME}$",
    "not": {"pattern": r"\.ya?ml$"},
    "description": "a file of blocks: blocks/conv_bn",
}
_SHAPE = {
    "type": ["string", "integer"],
    "description": "sizes joined by x: 1x3x224x224, Nx3xHxW, 1x128:int64",
}
_INPUT = {"anyOf": [_SHAPE, {"type": "object", "minProperties": 1, "additionalProperties": _SHAPE}]}
_COUNT: dict[str, Any] = {
    "anyOf": [_NATURAL, _object(dict.fromkeys(BOUNDS, _NATURAL), minProperties=1)],
    "description": "the figure itself, or bounds: {max: 5000000}",
}
_EXPECT = _object({"params": _COUNT, "macs": _COUNT, "output": _SHAPE, "source": _TEXT})
_VARIANT: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {"name": _TEXT, "input": _INPUT, "expect": _EXPECT},
    "description": "values for parameters of the file; beside them, a name, an input and figures of its own",
}
_FILE: dict[str, Any] = {
    "name": _TEXT,
    "source": _TEXT,
    "notes": _TEXT,
    "input": _INPUT,
    "parameters": {"type": ["object", "null"]},
    "variants": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{NAME}$"},
        "additionalProperties": _VARIANT,
    },
    "expect": _EXPECT,
    "weights": _STORED,
    "use": {},
    "names": {
        "type": "object",
        "additionalProperties": _TEXT_OR_NUMBER,
        "properties": {
            IGNORED: {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
            RENAMED: {"anyOf": [_TEXT, {"type": "object", "additionalProperties": {"type": "string"}}]},
        },
        "description": "path here: name in a checkpoint, of a weight, a layer or a block; * is any one word",
    },
    "config": {
        "type": "object",
        "required": [MODEL_TYPE],
        "additionalProperties": {"type": ["string", "array", "object"]},
        "description": "key of a config.json: the parameter that has its value, or the values it may have",
    },
    "blocks": {"type": "object", "additionalProperties": _STEPS},
    "layers": _STEPS,
}


_FANS = r"(^|\s)(for|when|from)(\s|$)"
_FAN = {
    "allOf": [{"$ref": _REF("step")}],
    "anyOf": [
        {"type": "string", "pattern": _FANS},
        {"type": "object", "not": {"propertyNames": {"not": {"pattern": _FANS}}}},
    ],
}
"""A step as a branch: a key says how many it makes, beside it or in its head."""
_BRANCH = [_STEPS, _NAME, _FANNED, _FAN]
_AFTER = rf"\s+({'|'.join(BESIDE)})(\s.*)?$"
"""What follows the word in the head of a step."""

_VALUES: dict[str, Any] = {
    "expression": {
        "type": "string",
        "pattern": r"^([\sA-Za-z0-9_.+\-*/%(),<>=!]|'[^']*')+$",
        "description": "a parameter, or arithmetic or a condition of them: + - * / // % ** ( ), "
        "== != < <= > >=, and or not, min max divisible round ceil floor sqrt rounded_log",
    },
    "branches": {
        "type": "array",
        "items": {"anyOf": _BRANCH},
        "description": "each a list of steps, [] for the current tensor itself, a name, or one step "
        "with for, when or from: a branch for each turn of the loop",
    },
    "operands": {
        "type": "array",
        "items": {"anyOf": [*_BRANCH, {"type": "number"}, EXPRESSION]},
        "description": "branches, of which the first or the last may be a number",
    },
}
"""What layers' arguments refer to."""


_IS_LIBRARY: dict[str, Any] = {
    "required": ["blocks"],
    "not": {"anyOf": [{"required": [key]} for key in library.OF_NETWORKS]},
}
_LIBRARY_ALONE = [key for key in library.KEYS if key not in _FILE]


def schema(libraries: Sequence[str] = ()) -> dict[str, Any]:
    """The schema of a file, a network or a library; `libraries` are names that `use` is completed with."""
    use = {"anyOf": [{"enum": list(libraries)}, _LIBRARY]} if libraries else _LIBRARY
    keys = {**_FILE, **dict.fromkeys(_LIBRARY_ALONE, _TEXT_OR_NUMBER)}
    keys["use"] = {"anyOf": [use, {"type": "array", "items": use, "uniqueItems": True}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "shapecalc architecture",
        **_object(keys),
        "if": _IS_LIBRARY,
        "then": {"propertyNames": {"enum": list(library.KEYS)}},
        "else": {"required": ["input", "layers"], "propertyNames": {"enum": list(_FILE)}},
        "$defs": {
            **_VALUES,
            "steps": {"type": "array", "items": {"$ref": _REF("step")}},
            "step": {"anyOf": [*_bare_steps(), _step_with_arguments()]},
            **{name: _of_layer(LAYERS[name]) for name in LAYERS},
        },
    }


def _bare_steps() -> list[dict[str, Any]]:
    """A step that is its head alone: a layer type without arguments, a join `from` names, a block."""
    alone = sorted(name for name, t in LAYERS.items() if not t.required() and not t.branching)
    joins = sorted(name for name, t in LAYERS.items() if t.branching)
    return [
        {"enum": alone},
        {"type": "string", "pattern": rf"^({'|'.join(alone)}){_AFTER}"},
        {"type": "string", "pattern": rf"^({'|'.join(joins)})\s(.*\s)?from\s"},
        # A block of the file has a name of the user's: what is no layer type is taken for one.
        {"type": "string", "not": {"pattern": rf"^({'|'.join(sorted(LAYERS))})(\s|$)"}},
    ]


def _step_with_arguments() -> dict[str, Any]:
    """A step that is a mapping: its head, and what stands beside it."""
    types = {name: {"$ref": _REF(name)} for name in sorted(LAYERS, key=lambda name: (name.lower(), name))}
    headed = {**types, GROUP: _STEPS, EXPERTS: _experts()}
    return {
        "type": "object",
        "properties": {**headed, **_BESIDE, **_parametrizations()},
        "patternProperties": {rf"^{name}{_AFTER}": what for name, what in headed.items()},
        "minProperties": 1,
        "maxProperties": 1 + len(BESIDE),
    }


def _of_layer(layer: type[Layer]) -> dict[str, Any]:
    """What may stand after a layer type: its arguments by name, or a single value for the main one."""
    properties = {name: _argument(layer, name) for name in layer.fields}
    if layer.quantized:
        properties.setdefault("dtype", _STORED)
    required = layer.required()
    forms: list[dict[str, Any]] = []
    if layer.branching:
        branches = {"$ref": _REF("operands" if layer.numbers else "branches")}
        forms.append(branches)
        properties = {"branches": branches, **properties}
    forms.append({**_object(properties), **({"required": required} if required else {})})
    main = layer.main_argument()
    if layer.branching:
        main = layer.numbers[-1] if layer.numbers else None
    if main is not None and set(required) <= {main}:
        forms.append({"$ref": f"{_REF(layer.__name__)}/anyOf/{len(forms) - 1}/properties/{main}"})
    if listed := layer.listed_arguments():
        items = [{"$ref": f"{_REF(layer.__name__)}/anyOf/0/properties/{name}"} for name in listed]
        forms.append({"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)})
    if not required:
        forms.append({"type": "null"})
    return {"description": layer.summary(), "anyOf": forms}


def _experts() -> dict[str, Any]:
    """The step of routed experts: its arguments, and the steps of its router and of one expert."""
    from shapecalc.layers.experts import experts

    router = {"description": "scores for each token; a Linear and a Softmax unless written", **_STEPS}
    steps = {"expert": {"description": "what one expert is", **_STEPS}, "router": router}
    arguments = {name: _argument(experts, name) for name in experts.fields}
    required = [*experts.required(), "expert"]
    return {"description": experts.summary(), **_object({**steps, **arguments}, required=required)}


def _parametrizations() -> dict[str, Any]:
    """What may stand after `weight_norm` and `spectral_norm` beside a layer: true, or their arguments."""
    from shapecalc.layers.parametrized import PARAMETRIZED

    return {
        name: {
            "description": kind.summary(),
            "anyOf": [
                {"type": "boolean"},
                EXPRESSION,
                {**_STEPS, "maxItems": 1, "description": "the layer, where it stands around one"},
                _object({argument: _argument(kind, argument) for argument in kind.fields}),
            ],
        }
        for name, kind in PARAMETRIZED.items()
    }


def _argument(layer: type[Layer], name: str) -> dict[str, Any]:
    field = layer.fields[name]
    schema = field.schema(layer.axes)
    if field.optional:
        schema = {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    described = field.describe(layer.axes)
    if not field.required and not isinstance(field, Inferred) and field.default is not None:
        schema = {**schema, "default": field.default}
    return {"description": described, **schema}
