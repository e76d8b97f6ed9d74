"""The directory of a zip file: which records it has, and where. Nothing is unpacked.

Source: PKWARE's APPNOTE 6.3.9, sections 4.3.7 to 4.3.16.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from shapecalc.checkpoints.files import LARGEST_TEXT, Opened
from shapecalc.errors import quoted

_END = Struct("<4s4H2IH")
_END_64 = Struct("<4sQ2H2I4Q")
_WHERE_64 = Struct("<4sIQI")
_ENTRY = Struct("<4s6H3I5H2I")
_LOCAL = Struct("<4s5H3I2H")
_LONGEST_COMMENT = 0xFFFF
_LARGEST_DIRECTORY = 16_000_000
_ELSEWHERE = 0xFFFFFFFF
"""In place of a number that takes more than 4 bytes."""
_MOST_FIELDS = 16  # beside an entry, among which the one with large numbers is looked for
_CUT = "the file is cut off, or it is none that torch writes"


class Record(NamedTuple):
    """A file within the archive: where it begins, its bytes, those that it takes, how it is packed."""

    start: int
    size: int
    packed: int
    method: int

    @property
    def compressed(self) -> bool:
        return self.method != 0 or self.packed != self.size


class _Directory(NamedTuple):
    entries: int
    size: int
    start: int


def records(source: Opened) -> dict[str, Record]:
    """Name → record.

    Raises:
        UsageError: the archive has no directory, or one that is not true of it.
    """
    directory = _directory(source)
    if directory.start + directory.size > source.size:
        raise source.error("the directory of its records lies beyond its end", _CUT)
    if directory.size > _LARGEST_DIRECTORY:
        raise source.error(f"the directory of its records has {directory.size:,} bytes, more than are read")
    found = _entries(source.at(directory.start, directory.size), directory, source)
    for name, record in found.items():
        if record.start + _LOCAL.size + record.packed > directory.start:
            message = f"the record {quoted(name)} is to have {record.packed:,} bytes, more than there are"
            raise source.error(message, _CUT)
    return found


def content(source: Opened, name: str, record: Record) -> bytes:
    """The bytes of a record.

    Raises:
        UsageError: they are compressed, or too many.
    """
    if record.compressed:
        raise source.error(f"{name} is compressed, as torch.save never writes it")
    if record.size > LARGEST_TEXT:
        raise source.error(f"{name} has {record.size:,} bytes; at most {LARGEST_TEXT:,} are read")
    local = source.at(record.start, _LOCAL.size)
    if len(local) < _LOCAL.size or not local.startswith(b"PK\3\4"):
        raise source.error(f"there is no record {name} where its directory has it", _CUT)
    *_, name_length, extra_length = _LOCAL.unpack(local)
    return source.at(record.start + _LOCAL.size + name_length + extra_length, record.size)


def _directory(source: Opened) -> _Directory:
    length = min(source.size, _LONGEST_COMMENT + _END.size + _WHERE_64.size)
    tail = source.at(source.size - length, length)
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < _END.size:
        raise source.error("it has no directory of its records", _CUT)
    *_, entries, size, start, _ = _END.unpack_from(tail, place)
    where = place - _WHERE_64.size
    if where >= 0 and tail.startswith(b"PK\6\7", where):
        return _directory_64(source, _WHERE_64.unpack_from(tail, where)[2])
    return _Directory(entries, size, start)


def _directory_64(source: Opened, place: int) -> _Directory:
    end = source.at(place, _END_64.size) if place < source.size else b""
    if len(end) < _END_64.size or not end.startswith(b"PK\6\6"):
        raise source.error("there is no directory where its end says", _CUT)
    return _Directory(*_END_64.unpack(end)[-3:])


def _entries(text: bytes, directory: _Directory, source: Opened) -> dict[str, Record]:
    found: dict[str, Record] = {}
    place = 0
    for _ in range(directory.entries):
        if len(text) - place < _ENTRY.size or not text.startswith(b"PK\1\2", place):
            raise source.error(f"the directory of its records ends after {len(found)}", _CUT)
        _, _, _, _, method, _, _, _, packed, size, *lengths, _, _, _, start = _ENTRY.unpack_from(text, place)
        place += _ENTRY.size
        name_end, extra_end = place + lengths[0], place + lengths[0] + lengths[1]
        name = text[place:name_end].decode("utf-8", "replace")
        size, packed, start = _wide(text[name_end:extra_end], [size, packed, start])
        if name in found:
            raise source.error(f"it has two records {quoted(name)}")
        found[name] = Record(start, size, packed, method)
        place = extra_end + lengths[2]
    return found


def _wide(extra: bytes, numbers: list[int]) -> list[int]:
    """The numbers; where one needs more than 4 bytes, its value is read from the extra field."""
    place = 0
    for _ in range(_MOST_FIELDS if _ELSEWHERE in numbers else 0):
        kind, length = (int.from_bytes(extra[at : at + 2], "little") for at in (place, place + 2))
        if kind == 1:
            wide = iter([extra[at : at + 8] for at in range(place + 4, place + 4 + length, 8)])
            return [
                int.from_bytes(next(wide, b""), "little") if number == _ELSEWHERE else number
                for number in numbers
            ]
        place += 4 + length
    return numbers
