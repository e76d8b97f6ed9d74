"""torch.autocast of a GPU where there is none: on fake tensors, which say that they lie on one.

Their kernels are those of `meta`, and their casts those of the lists for CUDA. Autograd asks for the guard of
a device; where torch has none for CUDA, that of `meta`, which does nothing, is put in its place.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch._subclasses import fake_impls, fake_tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from shapecalc.torch_check.memory import Told

CUDA, META = 1, 14
"""c10::DeviceType."""


def lend_guard() -> None:
    """Give CUDA the guard of `meta`, if it has none of its own."""
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    guards = (ctypes.c_void_p * (META + 1)).in_dll(library, "_ZN3c104impl26device_guard_impl_registryE")
    guards[CUDA] = guards[CUDA] or guards[META]


LOWER = {"cuda": torch.float16, "cpu": torch.bfloat16}


@contextmanager
def casting(device: str) -> Iterator[None]:
    """What torch.autocast does, which declines to without a GPU."""
    torch.set_autocast_enabled(device, True)
    torch.set_autocast_dtype(device, LOWER[device])
    torch.autocast_increment_nesting()
    try:
        yield
    finally:
        if torch.autocast_decrement_nesting() == 0:
            torch.clear_autocast_cache()
        torch.set_autocast_enabled(device, False)


NORMS = {
    torch.ops.aten.native_batch_norm.default,
    torch.ops.aten.native_batch_norm_backward.default,
    torch.ops.aten.native_group_norm.default,
    torch.ops.aten.native_layer_norm.default,
}
VIEWS = (torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default)


class KernelsOfMeta(Told):
    """Those of `meta` where fake tensors of a GPU have others: noise of the input's dtype, and a buffer.

    Beside float32 weights, statistics and gradients of weights are float32, as on any device; on a fake CPU
    they would be shorter.
    """

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        x, *others = args or (None,)
        if function is torch.ops.aten.native_dropout.default:
            noise = torch.empty_like(x).bernoulli_(1 - others[0]).div_(1 - others[0])
            return x * noise, noise
        if function is torch.ops.aten.log_sigmoid_forward.default:
            return torch.empty_like(x), torch.empty_like(x)
        made = super().__torch_dispatch__(function, types, args, kwargs)
        if function in NORMS and torch.float32 in [getattr(given, "dtype", None) for given in args]:
            return made[0], *[x if x is None else x.float() for x in made[1:]]
        return made


@contextmanager
def pretended(own_kernels: bool = False) -> Iterator[None]:
    """Tensors are fake, kernels are those of `meta` or the GPU's own; backward is in this thread."""
    lend_guard()
    fake = FakeTensorMode()
    fake.cache_enabled = False  # kernels of a second call, taken from the first, do not allocate the same
    with ExitStack() as stack:
        stack.enter_context(fake)
        if own_kernels:
            stack.enter_context(Told())
        else:
            stack.enter_context(KernelsOfMeta())
            # Decompositions and views in Python would come before them, and take twice as long.
            stack.enter_context(patch.object(fake_tensor, "torch_decomp_decompositions", lambda _: False))
            stack.enter_context(patch.dict(fake_impls.op_implementations_dict))
            for view in VIEWS:
                del fake_impls.op_implementations_dict[view]
        stack.enter_context(torch.autograd.set_multithreading_enabled(False))
        yield


def put(module: Any, device: str) -> Any:
    """Fake tensors of a device in the place of a module's own, which are on `meta`."""
    for part in module.modules():
        for name, tensor in list(part.named_parameters(recurse=False)):
            setattr(part, name, torch.nn.Parameter(like(tensor, device), requires_grad=tensor.requires_grad))
        for name, tensor in list(part.named_buffers(recurse=False)):
            setattr(part, name, like(tensor, device))
    return module


def like(tensor: Any, device: str) -> Any:
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
