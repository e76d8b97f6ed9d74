"""A file of protobuf messages without the data of its large tensors, which are never read.

A model of gigabytes is some hundred kilobytes of graph between its weights. Only what ONNX nests tensors in
is looked into, and what is left parses as the model does, its large tensors with their dims alone.
Source: the encoding of protobuf (protobuf.dev/programming-guides/encoding) and the numbers of onnx.proto.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from shapecalc.checkpoints.files import opened
from shapecalc.errors import ArchitectureError

LARGEST_KEPT = 64 * 2**20
"""Bytes that a model may have beside the data of its large tensors."""
LARGE = 64 * 2**10
"""Bytes of data from which on a tensor is known by its shape alone."""
_MOST_FIELDS = 1_000_000

_WITHIN: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph"},
    "graph": {1: "node", 5: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph"},
    "tensor": {},
}
"""By message and the number of a field, the message that the field is."""
_DATA = {4, 5, 6, 7, 9, 10, 11}
"""The fields of a tensor that hold its elements."""


class _Field(NamedTuple):
    number: int
    nested: bool
    """Whether it is a message, or bytes: only these have a length."""
    start: int
    """Where the field begins, and where what it holds does."""
    content: int
    end: int


def skimmed(path: Path) -> bytes:
    """The bytes of a model without the data of its large tensors.

    Raises:
        UsageError: the file can't be read, or is a pipe.
        ArchitectureError: it is empty, ends before its fields do, or is no such file.
    """
    with opened(path) as source:
        if not source.size:
            raise ArchitectureError(f"{path} is empty, and no ONNX file")
        with mmap.mmap(source.file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return b"".join(_Skimming(path, data).message("model", 0, len(data)))


class _Skimming:
    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self.path = path
        self.data = data
        self.fields = 0
        self.kept = 0

    def message(self, kind: str, start: int, end: int) -> Iterator[bytes]:
        """The fields of a message, the large ones skimmed."""
        for field in self.parts(start, end):
            large = field.nested and field.end - field.content > LARGE
            inner = _WITHIN[kind].get(field.number)
            if large and kind == "tensor" and field.number in _DATA:
                continue
            if large and inner:
                body = b"".join(self.message(inner, field.content, field.end))
                yield _varint(field.number << 3 | 2) + _varint(len(body)) + body
            else:
                yield self.copied(field)

    def copied(self, field: _Field) -> bytes:
        self.kept += field.end - field.start
        if self.kept > LARGEST_KEPT:
            most = LARGEST_KEPT // 2**20
            raise ArchitectureError(f"{self.path} has more than {most} MiB beside its weights")
        return self.data[field.start : field.end]

    def parts(self, start: int, end: int) -> Iterator[_Field]:
        at = start
        while at < end:
            self.fields += 1
            if self.fields > _MOST_FIELDS:
                raise ArchitectureError(f"{self.path} has more than {_MOST_FIELDS:,} fields")
            key, content = self.varint(at, end)
            kind = key & 7
            if kind == 2:
                length, content = self.varint(content, end)
                stop = content + length
            elif kind == 0:
                stop = self.varint(content, end)[1]
            elif kind in (1, 5):
                stop = content + (8 if kind == 1 else 4)
            else:
                raise self.broken(at)
            if stop > end:
                raise ArchitectureError(
                    f"{self.path} is cut off, or no ONNX file: at byte {at:,} something of"
                    f" {stop - content:,} bytes begins, and {max(0, end - content):,} are there"
                )
            yield _Field(key >> 3, kind == 2, at, content, stop)
            at = stop

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """A number of seven bits a byte, the lowest first, and where it ends."""
        number = 0
        for place in range(10):
            if at + place >= end:
                break
            byte = self.data[at + place]
            number |= (byte & 127) << 7 * place
            if byte < 128:
                return number, at + place + 1
        raise self.broken(at)

    def broken(self, at: int) -> ArchitectureError:
        return ArchitectureError(f"{self.path} is no ONNX file, or cut off: byte {at:,} begins no field")


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
