"""Values and names as Python writes them."""

from __future__ import annotations

import builtins
import json
import keyword
import math
import re
from collections.abc import Collection
from typing import Any

from shapecalc.symbolic import Expr

_TAKEN = frozenset(
    re.findall(
        r"\w+",
        """T_destination add_module append apply bfloat16 buffers call_super_init children compile cpu cuda
        double dump_patches eval extend extra_repr float forward get_buffer get_extra_state get_parameter
        get_submodule half insert ipu load_state_dict modules mtia named_buffers named_children named_modules
        named_parameters parameters pop register_backward_hook register_buffer register_forward_hook
        register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
        register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
        register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ self
        set_extra_state set_submodule share_memory state_dict to to_empty torch train training type xpu
        zero_grad nn""",
    )
)
"""What torch's modules have already, Sequential and ModuleList among them."""
_KINDS = {bool: "bool", int: "int", float: "float", str: "str"}


class Text(str):
    """An expression of Python's, which stands for a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def literal(value: Any) -> str:
    """A value in Python's syntax."""
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, (tuple, list)):
        inside = ", ".join(map(literal, value))
        if isinstance(value, list):
            return f"[{inside}]"
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def same(a: Any, b: Any) -> bool:
    """Whether two values are one: 1, 1.0 and True are three."""
    return repr(a) == repr(b)


def annotation(values: Collection[Any]) -> str:
    """The type of these values."""
    found = {_kind(value) for value in values if value is not None}
    if found == {"int", "float"}:
        found = {"float"}
    if any(value is None for value in values):
        return f"{' | '.join(sorted(found))} | None" if found else "None"
    return " | ".join(sorted(found))


def _kind(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        inside = annotation(value) if value else "int"
        return f"tuple[{inside}, ...]"
    return "int" if isinstance(value, Expr) else _KINDS[type(value)]


def snake(name: str) -> str:
    """`BatchNorm` → `batch_norm`, `ReLU` → `relu`."""
    name = re.sub(r"(?<=[a-z])LU", "lu", name).replace("ReL", "Rel")
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"\W+", "_", name).strip("_").lower() or "layer"


def camel(name: str) -> str:
    """`basic_block` → `BasicBlock`, `ResNet-18` → `ResNet18`."""
    plain = name.replace("×", "x").encode("ascii", "ignore").decode()
    words = [word for word in re.split(r"[\W_]+", plain) if word]
    joined = "".join(word[0].upper() + word[1:] for word in words)
    return joined if joined.isidentifier() else f"Net{joined}"


def identifier(name: str) -> str:
    """A name for an attribute of a module, or for a variable."""
    plain = re.sub(r"\W", "_", name.encode("ascii", "ignore").decode()).lstrip("_") or "layer"
    if plain[0].isdigit():
        plain = f"layer{plain}"
    words = keyword.iskeyword(plain) or keyword.issoftkeyword(plain)
    taken = words or plain in _TAKEN or hasattr(builtins, plain)
    return f"{plain}_" if taken else plain


def unique(name: str, taken: Collection[str]) -> str:
    """The name, with a number after it if it is taken."""
    number, found = 2, name
    while found in taken:
        found, number = f"{name}{number}", number + 1
    return found
