"""The header of a `.safetensors` file: 8 bytes of its length, and JSON of name → dtype, shape, offsets.

Source: github.com/huggingface/safetensors, which refuses what is refused here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, NamedTuple

from shapecalc.checkpoints.files import LARGEST_TEXT, Opened
from shapecalc.checkpoints.json_text import json_object
from shapecalc.checkpoints.tensors import BITS, LARGEST_SIZE, MOST_AXES, Stored
from shapecalc.errors import nearest, quoted

_DTYPES: Mapping[str, str] = {
    "BOOL": "bool",
    "F4": "float4_e2m1fn",
    "F6_E2M3": "float6_e2m3fn",
    "F6_E3M2": "float6_e3m2fn",
    "U8": "uint8",
    "I8": "int8",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "C64": "complex64",
    "F64": "float64",
    "I64": "int64",
    "U64": "uint64",
}
_METADATA = "__metadata__"
_KEYS = {"dtype", "shape", "data_offsets"}


class _Placed(NamedTuple):
    """A tensor, and the bytes of the data that it is."""

    start: int
    end: int
    tensor: Stored


def tensors_of(source: Opened, shard: str = "") -> list[Stored]:
    """The tensors that the header names, in its order; `shard` is the file's name in an index.

    Raises:
        UsageError: the file is no such one, or its header is not true of it.
    """
    content = _header(source)
    entries = json_object(content, source, "the header")
    _check_metadata(entries.pop(_METADATA, None), source)
    placed = [_placed(name, entry, source, shard) for name, entry in entries.items()]
    _check_places(placed, source.size - 8 - len(content), source)
    return [tensor for _, _, tensor in placed]


def _header(source: Opened) -> bytes:
    if source.size < 8:
        raise source.error(f"{source.size} bytes are no safetensors file, which begins with 8 of a length")
    length = int.from_bytes(source.at(0, 8), "little")
    if length > source.size - 8:
        hint = "the file is cut off, or it is no safetensors file"
        raise source.error(f"its header is to have {length:,} bytes, and {source.size - 8:,} follow", hint)
    if length > LARGEST_TEXT:
        raise source.error(f"its header has {length:,} bytes; at most {LARGEST_TEXT:,} are read")
    content = source.at(8, length)
    if not content.startswith(b"{"):
        raise source.error("its header does not begin with {", "is it a safetensors file?")
    return content


def _check_metadata(found: Any, source: Opened) -> None:
    if found is None:
        return
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise source.error(f"{_METADATA} is no mapping of texts to texts")


def _placed(name: str, entry: Any, source: Opened, shard: str) -> _Placed:
    if not isinstance(entry, dict) or not entry.keys() >= _KEYS:
        raise source.error(f"{quoted(name)} must have dtype, shape and data_offsets")
    dtype, offsets = entry["dtype"], _naturals(entry["data_offsets"])
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        hint = nearest(dtype, _DTYPES) if isinstance(dtype, str) else None
        raise source.error(f"the dtype {quoted(str(dtype))} of {quoted(name)} is unknown", hint)
    shape = _naturals(entry["shape"])
    if shape is None:
        raise source.error(f"the shape of {quoted(name)} is no list of sizes")
    if offsets is None or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise source.error(f"the data_offsets of {quoted(name)} are no start and no end")
    bits, start, end = prod(shape) * BITS[_DTYPES[dtype]], *offsets
    if bits != 8 * (end - start):
        sizes = f"{list(shape)} of {dtype} are {bits / 8:,.15g} bytes, and it has {end - start:,}"
        raise source.error(f"{quoted(name)}: {sizes}")
    return _Placed(start, end, Stored(name, shape, _DTYPES[dtype], file=shard))


def _naturals(found: Any) -> tuple[int, ...] | None:
    """Numbers from 0 on that a size may be, of no more axes than a tensor has; None of anything else."""
    if not isinstance(found, list) or len(found) > MOST_AXES:
        return None
    if not all(type(n) is int and 0 <= n <= LARGEST_SIZE for n in found):
        return None
    return tuple(found)


def _check_places(placed: Iterable[_Placed], size: int, source: Opened) -> None:
    """Refuse tensors that overlap, that leave bytes out, or that go on where the file ends."""
    end, last = 0, ""
    for start, own_end, tensor in sorted(placed, key=lambda one: one[:2]):
        name = quoted(tensor.name)
        if start < end:
            raise source.error(
                f"{quoted(last)} and {name} overlap: one ends at {end:,}, one begins at {start:,}"
            )
        if start > end:
            raise source.error(f"bytes {end:,} to {start:,} of the data, before {name}, belong to no tensor")
        if own_end > size:
            hint = "the file is cut off"
            raise source.error(
                f"{name} ends at byte {own_end:,} of the data, of which there are {size:,}", hint
            )
        end, last = own_end, tensor.name
    if end < size:
        raise source.error(f"the last {size - end:,} bytes belong to no tensor")
