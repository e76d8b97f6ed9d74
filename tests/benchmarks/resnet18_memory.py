"""ResNet-18's memory as one measures it in torch on `meta`: bytes alive at once, and what autograd keeps."""

import weakref

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from tests.benchmarks.resnet18_torch import resnet18


class Alive(TorchDispatchMode):
    """Counts the bytes of storages from when a kernel makes them until they go."""

    def __init__(self, known: set[int]) -> None:
        super().__init__()
        self.known, self.bytes, self.peak = known, 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        made = function(*args, **(kwargs or {}))
        for tensor in tree_iter(made):
            storage = tensor.untyped_storage() if isinstance(tensor, torch.Tensor) else None
            if storage is not None and storage._cdata not in self.known:
                self.known.add(storage._cdata)
                self.bytes += storage.nbytes()
                weakref.finalize(storage, self.gone, storage._cdata, storage.nbytes())
        self.peak = max(self.peak, self.bytes)
        return made

    def gone(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.bytes -= size


if __name__ == "__main__":
    with torch.device("meta"):
        module, x = resnet18(), torch.rand(1, 1, 224, 224)
    owned = {tensor.untyped_storage()._cdata for tensor in (*module.parameters(), *module.buffers(), x)}
    with torch.no_grad(), Alive(set(owned)) as prediction:
        module(x)
    module.train()
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor), Alive(set(owned)) as training:
        y = module(x)
        y.backward(torch.ones_like(y))
    print(prediction.peak, sum(size for key, size in kept.items() if key not in owned), training.peak)
