"""Kernels of `meta` in C++ in the place of those in Python, which take a hundred times as long.

In C++ what a kernel gives is said once for all devices, and that of `meta` is no more than this. torch puts
others in Python in their place, whose sizes may be symbols: none are where a network is judged.
At length those are the judges, as they are of `verify`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import _meta_registrations
from torch._decomp import global_decomposition_table
from torch._ops import OpOverload

from tests.dice import DRAWS

Kernels = dict[str, Callable[..., Any]]
_LIBRARY = _meta_registrations._meta_lib_dont_use_me_use_register_meta
"""Where torch registers those in Python."""
STAYING = {
    *("aten::clamp", "aten::mse_loss", "aten::nll_loss_forward", "aten::smooth_l1_loss"),
    *("aten::elu_backward", "aten::hardsigmoid_backward", "aten::softplus_backward"),
    *("aten::_log_softmax_backward_data", "aten::_softmax_backward_data"),
    *("aten::pow.Scalar", "aten::xlogy.Tensor"),
}
"""Those in Python that take other dtypes or shapes, or whose results lie otherwise, as tests by hand say."""


@contextmanager
def compiled_kernels() -> Iterator[None]:
    """Those in C++, wherever torch has them; at length those in Python, as they are."""
    if DRAWS == "long":
        yield
        return
    spare, others = _in_python()
    _LIBRARY.m.reset()
    _register(others)
    try:
        yield
    finally:
        _register(spare)


@cache
def _in_python() -> tuple[Kernels, Kernels]:
    """The kernels in Python that take the place of one in C++, and the others."""
    known = _registered()
    _LIBRARY.m.reset()  # else it is not told which would be left
    spare = {name: own for name, own in known.items() if _is_compiled(name)}
    return spare, {name: own for name, own in known.items() if name not in spare}


def _registered() -> Kernels:
    """All that torch has registered, by their operators' names: where several tables have one, the last's."""
    tables = [global_decomposition_table[kind] for kind in ("pre_autograd", "post_autograd", "meta")]
    known = {op.name(): own for table in tables for op, own in table.items() if isinstance(op, OpOverload)}
    return {
        name: own
        for name, own in known.items()
        if f"aten/{name.removeprefix('aten::')}/Meta" in _LIBRARY._op_impls
    }


def _is_compiled(name: str) -> bool:
    writes = name.partition(".")[0].endswith("_")  # which in C++ is refused where elements share their memory
    stays = writes or name in STAYING
    return not stays and torch._C._dispatch_has_kernel_for_dispatch_key(name, "Meta")


def _register(kernels: Kernels) -> None:
    for name, own in kernels.items():
        _LIBRARY.m.impl(name.removeprefix("aten::"), "Meta", own)
