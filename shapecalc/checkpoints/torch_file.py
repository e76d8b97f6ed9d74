"""The tensors of a file that torch.save wrote: a zip file with one pickle, and a record for each storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

from shapecalc.checkpoints.archive import Record, content, records
from shapecalc.checkpoints.files import Opened
from shapecalc.checkpoints.pickled import Call, Name, Storage, unpickled
from shapecalc.checkpoints.tensors import BITS, LARGEST_SIZE, MOST_AXES, Stored
from shapecalc.errors import listed, quoted
from shapecalc.pause_gc import without_collecting

_OLD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How files begin that torch before 1.6 wrote."""
_ALONE = "torch.save(model.state_dict(), FILE) writes the weights alone"
_KINDS: Mapping[str, str] = {
    "Float": "float32",
    "Double": "float64",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
    "QInt8": "qint8",
    "QUInt8": "quint8",
    "QInt32": "qint32",
}
_PARTS = ("state_dict", "model_state_dict", "model", "module", "net", "network")
"""What the weights are called beside an optimizer's state and the like, the first of them in a file."""
_UTILS = "torch._utils._rebuild_"


class _View(NamedTuple):
    """A stretch of a storage, as a tensor lies in it; of a tensor without bytes, no storage."""

    storage: Storage | None
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str


@without_collecting
def tensors_of(source: Opened, shard: str = "") -> tuple[list[Stored], str]:
    """The tensors of a file in its order, and the name of the part that they are, if they are not all of it.

    Raises:
        UsageError: it is no such file, holds more than tensors, or is not true of itself.
    """
    _check_form(source)
    archive = records(source)
    folder = _folder(archive, source)
    value = unpickled(content(source, f"{folder}/data.pkl", archive[f"{folder}/data.pkl"]), source)
    found, part = _weights(value, source)
    views = {name: _view(call, name, source) for name, call in found.items() if _is_tensor(call)}
    for name, view in views.items():
        _check(view, name, archive, folder, source)
    return [*_once(views, shard)], part


def _check_form(source: Opened) -> None:
    start = source.at(0, len(_OLD))
    if start == _OLD:
        hint = "torch.save(torch.load(FILE, weights_only=True), NEW) writes the form that is read here"
        raise source.error("it is in the form of torch before 1.6, which only a whole reading can take", hint)
    if not start.startswith(b"PK"):
        raise source.error("it is no file that torch.save writes, which are zip files", _ALONE)


def _folder(archive: Mapping[str, Record], source: Opened) -> str:
    """The folder in the archive that has the pickle."""
    found = [name for name in archive if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(found) != 1:
        raise source.error("it has no record data.pkl: torch.save did not write it", _ALONE)
    folder = found[0].partition("/")[0]
    if f"{folder}/constants.pkl" in archive:
        raise source.error("it is a TorchScript program, which is code", _ALONE)
    return folder


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Call) and (value.name.startswith(_UTILS) or value.name.endswith("_from_type_v2"))


def _weights(value: Any, source: Opened, deep: int = 3) -> tuple[dict[str, Any], str]:
    """The mapping name → tensor inside of an unpickled file, and the key under which it stands."""
    if not isinstance(value, dict):
        raise source.error("it holds no names of tensors", _ALONE)
    seen: set[int] = set()
    inside = {str(key): part for key, part in value.items() if _has_tensors(part, seen)}
    named = next((name for name in _PARTS if name in inside), None)
    direct = {key: part for key, part in value.items() if isinstance(key, str) and _is_tensor(part)}
    if named is None and direct:
        return direct, ""
    if named is None and len(inside) == 1:
        named = next(iter(inside))
    if named is None or not deep:
        has = f"it has {listed(map(str, value), 8) or 'nothing'}"
        raise source.error(f"which part of it are the weights can't be told: {has}", _ALONE)
    found, below = _weights(inside[named], source, deep - 1)
    return found, f"{named}.{below}".rstrip(".")


def _has_tensors(value: Any, seen: set[int], deep: int = 3) -> bool:
    """Whether a value is a mapping with tensors in it, or in a mapping in it; none of `seen` is looked at."""
    if not isinstance(value, dict) or not deep or id(value) in seen:
        return False
    seen.add(id(value))
    return any(_is_tensor(part) or _has_tensors(part, seen, deep - 1) for part in value.values())


def _view(call: Call, name: str, source: Opened) -> _View:
    """The tensor that a call would make.

    Raises:
        UsageError: it has another form than torch's, or is no dense one.
    """
    try:
        found = _MAKERS[call.name](*call.arguments)
    except KeyError:
        what = call.name.rpartition(".")[2]
        raise source.error(f"{quoted(name)} is no dense tensor: it is made by {what}") from None
    except (TypeError, AttributeError, ValueError, RecursionError):
        raise source.error(f"{quoted(name)} is no tensor as torch writes them") from None
    sizes = (*found.shape, *found.strides, found.start)
    alike = len(found.shape) == len(found.strides) <= MOST_AXES and isinstance(found.storage, Storage | None)
    if not alike or not all(type(n) is int and 0 <= n <= LARGEST_SIZE for n in sizes):
        raise source.error(f"{quoted(name)} has no sizes and strides that a tensor has")
    if found.dtype not in BITS:
        raise source.error(f"the dtype {quoted(found.dtype)} of {quoted(name)} is unknown")
    return found


def _dense(storage: Storage, start: int, shape: Any, strides: Any, *_: Any) -> _View:
    return _View(storage, start, _sizes(shape), tuple(strides), _dtype(storage))


def _typed(
    storage: Storage, start: int, shape: Any, strides: Any, _grad: Any, _hooks: Any, dtype: Name, *_: Any
) -> _View:
    return _View(storage, start, _sizes(shape), tuple(strides), dtype.text.rpartition(".")[2])


def _without_bytes(dtype: Name, shape: Any, strides: Any, *_: Any) -> _View:
    return _View(None, 0, _sizes(shape), tuple(strides), dtype.text.rpartition(".")[2])


def _made(call: Call, *_: Any) -> _View:
    """What a parameter is made of."""
    return _MAKERS[call.name](*call.arguments)


def _of_type(function: Name, _type: Any, arguments: tuple[Any, ...], *_: Any) -> _View:
    """A tensor of a class of its own."""
    return _MAKERS[function.text](*arguments)


_MAKERS: Mapping[str, Callable[..., _View]] = {
    f"{_UTILS}tensor": _dense,
    f"{_UTILS}tensor_v2": _dense,
    f"{_UTILS}tensor_v3": _typed,
    f"{_UTILS}qtensor": _dense,
    f"{_UTILS}meta_tensor_no_storage": _without_bytes,
    f"{_UTILS}parameter": _made,
    f"{_UTILS}parameter_with_state": _made,
    "torch._tensor._rebuild_from_type_v2": _of_type,
}
"""What torch makes tensors by, and where among the arguments shape and dtype are."""


def _sizes(shape: Any) -> tuple[int, ...]:
    return tuple(*shape.arguments) if isinstance(shape, Call) else tuple(shape)  # a torch.Size is called for


def _dtype(storage: Storage) -> str:
    kind = storage.kind.rpartition(".")[2].removesuffix("Storage")
    return _KINDS.get(kind, kind)


def _check(view: _View, name: str, archive: Mapping[str, Record], folder: str, source: Opened) -> None:
    """Refuse a tensor that is larger than its storage, or a storage that is another size than its record."""
    if view.storage is None:
        return
    kind = _dtype(view.storage)
    storage_bytes = view.storage.elements * (BITS[kind] // 8 if kind in BITS else 1)
    record = archive.get(f"{folder}/data/{view.storage.key}")
    if record is None:
        raise source.error(f"{quoted(name)} lies in the record data/{view.storage.key}, which is not there")
    if record.size != storage_bytes:
        sizes = f"{storage_bytes:,} bytes, and its record {record.size:,}"
        raise source.error(f"the storage of {quoted(name)} is to have {sizes}")
    reach = sum((size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True))
    if prod(view.shape) and (view.start + reach + 1) * (BITS[view.dtype] // 8) > storage_bytes:
        raise source.error(f"{quoted(name)} is larger than its storage of {storage_bytes:,} bytes")


def _once(views: Mapping[str, _View], shard: str) -> Iterator[Stored]:
    """The tensors; one at exactly the place of an earlier tensor is tied to it."""
    known: dict[_View, str] = {}
    for name, view in views.items():
        first = "" if view.storage is None else known.setdefault(view, name)
        yield Stored(name, view.shape, view.dtype, "" if first == name else first, shard)
