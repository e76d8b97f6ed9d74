"""torch.autocast of a GPU where there is none: on fake tensors, which say that they lie on one.

Their kernels are those of `meta`, and their casts those of the lists for CUDA. Autograd asks for the guard of
a device; where torch has none for CUDA, that of `meta`, which does nothing, is put in its place.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

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


@contextmanager
def pretended() -> Iterator[None]:
    """Tensors are fake; dropout is that of `meta`, not the fused one of a GPU; backward is in this thread."""
    lend_guard()
    functional: Any = torch.nn.functional
    fused, functional.dropout = functional.dropout, dropout
    try:
        fake = FakeTensorMode()
        fake.cache_enabled = False  # kernels of a second call, taken from the first, do not allocate the same
        with fake, torch.autograd.set_multithreading_enabled(False):
            yield
    finally:
        functional.dropout = fused


def dropout(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """at::dropout where no fused kernel is."""
    if not training or p == 0:
        return x
    noise = torch.empty_like(x).bernoulli_(1 - p).div_(1 - p) if p < 1 else x.new_zeros(())
    return x.mul_(noise) if inplace else x * noise


def put(module: Any, device: str) -> Any:
    """Fake tensors of a device in the place of a module's own, which are on `meta`."""
    for part in module.modules():
        for name, tensor in list(part.named_parameters(recurse=False)):
            setattr(part, name, torch.nn.Parameter(like(tensor, device)))
        for name, tensor in list(part.named_buffers(recurse=False)):
            setattr(part, name, like(tensor, device))
    return module


def like(tensor: Any, device: str) -> Any:
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
