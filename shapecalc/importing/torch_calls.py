"""Calls of torch as a recorder sees them: their tensors, names and places, what they read and write."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch.overrides import resolve_name
from torch.utils._pytree import tree_leaves

_OWN = str(Path(__file__).resolve().parent.parent)
_TORCH = str(Path(torch.__file__).resolve().parent)


def tensors_of(tree: Any) -> list[Any]:
    """The tensors in arguments or results, in their order."""
    return [x for x in tree_leaves(tree) if isinstance(x, torch.Tensor)]


OF_A_SHAPE = {f"new_{word}" for word in ("zeros", "ones", "full", "empty", "tensor")}
OF_A_SHAPE |= {f"{word}_like" for word in ("zeros", "ones", "full", "empty", "rand", "randn", "randint")}
"""Functions that read a tensor's shape alone: what they make is a constant, by chance or not."""

EMPTY = {"empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided"}
"""Functions whose elements are by chance; here they are zeros."""

OF_VALUES = {"item", "tolist", "__bool__", "__int__", "__float__", "__index__", "equal", "is_nonzero"}


def stand_in(x: Any) -> Any:
    """A tensor of the same shape and dtype that is no fake, and takes no memory."""
    return torch.zeros((), dtype=x.dtype).expand(x.shape) if isinstance(x, torch.Tensor) else x


def name_of(func: Any) -> str:
    return str(resolve_name(func) or getattr(func, "__name__", func))


def writes(func: Any) -> bool:
    name = getattr(func, "__name__", "")
    if name.startswith("__i"):  # __iadd__ writes as __add__ does not, and __invert__ is none of these
        return hasattr(torch.Tensor, name.replace("__i", "__", 1))
    return name == "__setitem__" or (name.endswith("_") and not name.endswith("__"))


def chosen(pred: Any, true_fn: Any, false_fn: Any, operands: Any = ()) -> Any:
    """torch.cond as an `if`, which runs one branch: it would record both."""
    return (true_fn if pred else false_fn)(*operands)


def place() -> str:
    """File and line of the code that calls torch, which is neither torch's nor ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame and frame.f_code.co_filename.startswith((_OWN, _TORCH, "<")):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else ""


def numbers_of(module: Any) -> dict[str, int]:
    """The whole numbers that a module has as attributes."""
    return {name: value for name, value in vars(module).items() if type(value) is int and name[0] != "_"}
