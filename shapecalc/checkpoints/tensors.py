"""What a checkpoint says of its tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

BITS: Mapping[str, int] = {
    **dict.fromkeys(("bool", "uint8", "int8", "qint8", "quint8"), 8),
    **dict.fromkeys(("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"), 8),
    "float8_e8m0fnu": 8,
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16"), 16),
    **dict.fromkeys(("int32", "uint32", "float32", "qint32"), 32),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 64),
    "complex128": 128,
    "float4_e2m1fn": 4,
    **dict.fromkeys(("float6_e2m3fn", "float6_e3m2fn"), 6),
}
"""dtype, by torch's name where it has one, → bits of an element."""

MOST_AXES = 64
LARGEST_SIZE = 2**63 - 1


class Stored(NamedTuple):
    """A tensor as a checkpoint names and describes it."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    tied_to: str = ""
    """The name of an earlier tensor that is the same one."""
    file: str = ""
    """The shard that it is in; nothing where the checkpoint is one file."""

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes of its elements."""
        return self.elements * BITS[self.dtype] // 8

    def __str__(self) -> str:
        return f"{list(self.shape)} {self.dtype}"


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a file, or of all shards of an index."""

    name: str
    """The path, as it was given."""
    form: str
    """What it is: `safetensors` or `torch`."""
    tensors: Sequence[Stored]
    """In the order of the file."""
    files: int = 1
    """How many files there are."""
    part: str = ""
    """Which part of the file they are, as in `state_dict`; nothing where they are all of it."""

    @property
    def in_order_of_module(self) -> bool:
        """Whether tensors stand in the module's order; safetensors files and indices are sorted by name."""
        return self.form == "torch" and self.files == 1

    @property
    def own(self) -> Sequence[Stored]:
        """The tensors, each once."""
        return [tensor for tensor in self.tensors if not tensor.tied_to]
