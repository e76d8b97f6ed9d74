"""What a pickle of tensors says, read as data: nothing is imported, nothing is called.

It takes what `torch.load(weights_only=True)` takes: the same opcodes, and of names those that make tensors.
Where torch would call a function, there is a `Call` of its name. Source: torch/_weights_only_unpickler.py;
CPython's pickletools for the opcodes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from struct import Struct, error
from typing import Any, NamedTuple, TypeAlias

from shapecalc.checkpoints.files import Opened
from shapecalc.errors import quoted

_MOST_STEPS = 3_000_000
"""Of a pickle: some 75,000 tensors, in less than two seconds."""
_KEYS = (str, bytes, int, float, bool, type(None))
"""What may be a key: torch's are names and numbers, and hashing anything deep would end the process."""

DICTS = ("collections.OrderedDict", "collections.Counter")
_MAKERS = (
    r"torch\._utils\._rebuild_(parameter|parameter_with_state|q?tensor|tensor_v[23]|sparse_tensor"
    r"|meta_tensor_no_storage|nested_tensor|device_tensor_from_\w+)"
)
_PLAIN = r"torch\.(nn\.parameter\.Parameter|Size|Tensor|device|serialization\._get_layout|strided|sparse_\w+)"
_DTYPES = r"torch\.(bool|q?u?int\w*|b?float\w*|half|double|complex\w*|per_(tensor|channel)_\w+)"
_STORAGES = r"torch\.(cuda\.|storage\.)?\w+Storage"
_OTHERS = r"torch\._tensor\._rebuild_from_type_v2|_codecs\.encode|builtins\.(bytearray|set|complex)"
_ALLOWED = re.compile(
    "|".join(["|".join(map(re.escape, DICTS)), _MAKERS, _PLAIN, _DTYPES, _STORAGES, _OTHERS])
)


class Name(NamedTuple):
    """A class, function or constant of Python, by its full name."""

    text: str


class Call(NamedTuple):
    """What a function would make of arguments."""

    name: str
    arguments: tuple[Any, ...]


class Storage(NamedTuple):
    """The bytes of tensors: `torch.FloatStorage`, the record's key, and how many elements."""

    kind: str
    key: str
    elements: int


class _WrongError(Exception):
    """A pickle has something else than is allowed at a place."""


Read: TypeAlias = "Callable[[_Machine], None]"


def unpickled(content: bytes, source: Opened) -> Any:
    """The value of a pickle, made of tuples, lists, dicts, texts, numbers, `Call`, `Name` and `Storage`.

    Raises:
        UsageError: it is cut off, does what no tensor needs, or has too many steps.
    """
    try:
        return _Machine(content, source).run()
    except (IndexError, KeyError, ValueError, TypeError, RecursionError, error, _WrongError) as problem:
        reason = str(problem) if isinstance(problem, _WrongError) else "a part of it is missing or wrong"
        raise source.error(f"its pickle can't be read: {reason}", "the file is damaged") from None


class _Machine:
    """A stack on which values are made, step by step."""

    def __init__(self, content: bytes, source: Opened) -> None:
        self.content = content
        self.source = source
        self.place = 0
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        """The stacks under each mark."""
        self.memo: dict[int, Any] = {}
        self.ended = False

    def run(self) -> Any:
        for _ in range(_MOST_STEPS):
            code = self.content[self.place]
            self.place += 1
            step = _STEPS[code]
            if step is None:
                raise _WrongError(f"the step {code:#04x} makes no tensor")
            step(self)
            if self.ended:
                return self.stack[-1]
        raise self.source.error(f"its pickle has more than {_MOST_STEPS:,} steps")

    def take(self, length: int) -> bytes:
        found = self.content[self.place : self.place + length]
        if len(found) < length:
            raise _WrongError("it is cut off")
        self.place += length
        return found

    def number(self, form: Struct) -> Any:
        return form.unpack(self.take(form.size))[0]

    def line(self) -> str:
        end = self.content.index(b"\n", self.place)
        text = self.content[self.place : end].decode("utf-8")
        self.place = end + 1
        return text

    def marked(self) -> list[Any]:
        """What stands above the last mark, which goes."""
        found, self.stack = self.stack, self.below.pop()
        return found

    def push_name(self, module: str, name: str) -> None:
        """A name, where it is one that tensors need.

        Raises:
            UsageError: it is another, which torch.load without weights_only would run.
        """
        module = {"__builtin__": "builtins"}.get(module, module)
        text = f"{module}.{name}"
        if not _ALLOWED.fullmatch(text):
            raise self.source.error(
                f"it calls for {quoted(text)}, which is no part of tensors: nothing was run",
                "a file of weights alone is made by torch.save(model.state_dict(), FILE)",
            )
        self.stack.append(Name(text))

    def call(self) -> None:
        """What a function would make: a dict of none, else the call itself."""
        arguments = self.stack.pop()
        name = self.stack[-1]
        if not isinstance(name, Name) or not isinstance(arguments, tuple):
            raise _WrongError("it calls what is no function")
        self.stack[-1] = {} if name.text in DICTS and not arguments else Call(name.text, arguments)

    def build(self) -> None:
        """Give attributes to a value; they are not looked at."""
        self.stack.pop()
        if not isinstance(self.stack[-1], (dict, Call)):
            raise _WrongError("it gives attributes to what has none")

    def store(self) -> None:
        """The bytes of a tensor: ('storage', kind, key, device, number of elements)."""
        word, kind, key, _, elements = self.stack.pop()
        known = (
            isinstance(word, str) and word == "storage" and isinstance(kind, Name) and isinstance(key, str)
        )
        if not known or type(elements) is not int or elements < 0:
            raise _WrongError("it refers to what is no storage")
        self.stack.append(Storage(kind.text, key, elements))

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def append(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise _WrongError("it appends to what is no list")
        self.stack[-1].extend(items)

    def set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or not all(isinstance(key, _KEYS) for key in items[::2]):
            raise _WrongError("it sets an item of what has none")
        target.update(zip(items[::2], items[1::2], strict=True))

    def tuple_of(self, length: int) -> None:
        if len(self.stack) < length:
            raise IndexError
        self.stack[-length:] = [tuple(self.stack[-length:])]

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def stop(self) -> None:
        self.ended = True


_BYTE, _SHORT, _INT, _UINT, _LONG, _REAL = map(Struct, ("<B", "<H", "<i", "<I", "<Q", ">d"))


def _push(make: Callable[[_Machine], Any]) -> Read:
    def push(machine: _Machine) -> None:
        value = make(machine)  # may change which stack is the top one
        machine.stack.append(value)

    return push


_BY_CODE: dict[str, Read] = {
    "\x80": lambda m: _check_protocol(m.number(_BYTE)),
    ".": _Machine.stop,
    "(": _Machine.mark,
    "c": lambda m: m.push_name(m.line(), m.line()),
    "R": _Machine.call,
    "\x81": _Machine.call,
    "b": _Machine.build,
    "Q": _Machine.store,
    "q": lambda m: m.put(m.number(_BYTE)),
    "r": lambda m: m.put(m.number(_UINT)),
    "h": _push(lambda m: m.memo[m.number(_BYTE)]),
    "j": _push(lambda m: m.memo[m.number(_UINT)]),
    "a": lambda m: m.append([m.stack.pop()]),
    "e": lambda m: m.append(m.marked()),
    "s": lambda m: m.set([m.stack.pop(), m.stack.pop()][::-1]),
    "u": lambda m: m.set(m.marked()),
    "t": _push(lambda m: tuple(m.marked())),
    "\x85": lambda m: m.tuple_of(1),
    "\x86": lambda m: m.tuple_of(2),
    "\x87": lambda m: m.tuple_of(3),
    "N": _push(lambda _: None),
    "\x88": _push(lambda _: True),
    "\x89": _push(lambda _: False),
    ")": _push(lambda _: ()),
    "]": _push(lambda _: []),
    "}": _push(lambda _: {}),
    "\x8f": _push(lambda _: []),
    "J": _push(lambda m: m.number(_INT)),
    "K": _push(lambda m: m.number(_BYTE)),
    "M": _push(lambda m: m.number(_SHORT)),
    "G": _push(lambda m: m.number(_REAL)),
    "\x8a": _push(lambda m: int.from_bytes(m.take(m.number(_BYTE)), "little", signed=True)),
    "X": _push(lambda m: m.take(m.number(_UINT)).decode("utf-8", "surrogatepass")),
    "U": _push(lambda m: m.take(m.number(_BYTE))),
}
"""The steps that torch.save writes, by the characters of pickletools."""
_STEPS: list[Read | None] = [_BY_CODE.get(chr(code)) for code in range(256)]


def _check_protocol(number: int) -> None:
    if number != 2:
        raise _WrongError(f"its protocol is {number}, and torch.load(weights_only=True) takes 2")
