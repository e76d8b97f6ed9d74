"""A shortcut for the start of a verification: torch's compiler is not imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

_DYNAMO = "torch._dynamo"


@contextmanager
def without_compiler() -> Iterator[None]:
    """Keep torch from importing its compiler for code that compiles nothing.

    The first call of a dispatch mode, and of many kernels on `meta`, imports torch._dynamo (some 800
    modules, over a second) only to call its `disable`, which outside of a compilation changes nothing.
    Inside of this context a stand-in answers; asked for anything else, it makes way for the original.
    """
    import torch

    if _DYNAMO in sys.modules:
        yield
        return
    stand_in = _StandIn(_DYNAMO)
    sys.modules[_DYNAMO] = torch._dynamo = stand_in
    try:
        yield
    finally:
        stand_in.make_way()


class _StandIn(ModuleType):
    def disable(self, function: Callable[..., Any], *_: object, **__: object) -> Callable[..., Any]:
        return function

    def make_way(self) -> None:
        if sys.modules.get(_DYNAMO) is self:
            del sys.modules[_DYNAMO]
            del sys.modules["torch"]._dynamo

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.make_way()
        return getattr(import_module(_DYNAMO), name)
