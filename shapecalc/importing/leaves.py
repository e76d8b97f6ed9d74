"""Modules of torch.nn as layers: which of them are, and the arguments that make the same layer."""

from __future__ import annotations

from typing import Any

import torch

from shapecalc.layers import LAYERS, Layer
from shapecalc.layers.fields import Inferred
from shapecalc.tensors import Tensor

_COMPOSED = {
    "Transformer",
    "TransformerEncoder",
    "TransformerDecoder",
    "TransformerEncoderLayer",
    "TransformerDecoderLayer",
}
"""Modules of torch.nn that are made of others: what they call is written, as of a module of the user's."""


def is_leaf(module: Any) -> bool:
    """Whether a module is one of torch.nn's own, of a type that is a layer here, and no hook is on it."""
    name = type(module).__name__
    own = name in LAYERS and not LAYERS[name].function and type(module) is getattr(torch.nn, name, None)
    hooked = module._forward_hooks or module._forward_pre_hooks or hasattr(module, "parametrizations")
    return bool(own and not hooked and name not in _COMPOSED)


def takes(module: Any, tensors: int) -> bool:
    """Whether a layer takes so many: attention with masks does not, and is written as what it calls."""
    return tensors <= LAYERS[type(module).__name__].inputs_range[1]


def keeps_shape(module: Any, args: Any, kwargs: Any) -> bool:
    """Whether a module is sure to give a tensor like the one that it takes.

    So does BatchNorm that predicts, which torch takes apart on fake tensors: more work than all else in a
    network of convolutions.

    Raises:
        ValueError: torch's own, of a tensor with other axes than the module takes.
    """
    norm = isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and not module.training
    if not norm or module.running_mean is None or len(args) != 1 or kwargs:
        return False
    (x,) = args
    module._check_input_dim(x)
    own = (module.running_mean.dtype, module.num_features)
    return x.dim() > 1 and (x.dtype, x.shape[1]) == own and x.is_floating_point()


def arguments_of(module: Any) -> dict[str, Any]:
    """The arguments that make a layer like the module, but for defaults and what follows from the input."""
    layer = LAYERS[type(module).__name__]
    found = {}
    for name, field in layer.fields.items():
        value = _argument(module, name)
        inferred = isinstance(field, Inferred) or (name == "normalized_shape" and len(value) == 1)
        if inferred or value is _ABSENT or _is_default(layer, name, value, module):
            continue
        found[name] = plain(value)
    return found


_ABSENT: Any = object()


def _argument(module: Any, name: str) -> Any:
    value = getattr(module, name, _ABSENT)
    if name == "bias" and not isinstance(value, bool):
        value = (module.in_proj_bias if hasattr(module, "in_proj_bias") else value) is not None
    if name == "add_bias_kv":
        value = module.bias_k is not None
    return value


def _is_default(layer: type[Layer], name: str, value: Any, module: Any) -> bool:
    field = layer.fields[name]
    if name == "stride" and field.default is None:  # torch puts the kernel's size there
        return bool(plain(value) == plain(module.kernel_size))
    if field.required:
        return False
    if value is None or field.default is None:
        return value is None and field.default is None
    return bool(field.parse(plain(value), layer.axes) == field.parse(field.default, layer.axes))


def described(tensor: Any) -> Tensor:
    """The shape and the dtype of a torch tensor."""
    return Tensor(tuple(tensor.shape), plain(tensor.dtype))


def plain(value: Any) -> Any:
    """A value as a file has it: of equal numbers one, of a tuple a list, of a whole float an int."""
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, (list, tuple)):
        items = [plain(item) for item in value]
        alike = len({repr(item) for item in items}) == 1 and all(type(item) is int for item in items)
        return items[0] if alike and items else items
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
