"""The layer types by their names, each imported when it is asked for.

A network needs a handful of the types; to import all of them takes longer than all else that a command does.
Which file declares a type is read off the files' own `class` lines, so that a new one is found by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Generic, TypeVar

_Type = TypeVar("_Type")

_CLASS = re.compile(rb"\nclass (\w+)\(([^)]*)")


class Registry(MutableMapping[str, type[_Type]], Generic[_Type]):
    """Name → type; a look at a name imports its file, a look at all imports every file."""

    def __init__(self) -> None:
        self._types: dict[str, type[_Type]] = {}
        self._files: dict[str, str] | None = None
        """Class → the module of a file that is not imported yet."""

    def _declared(self) -> dict[str, str]:
        if self._files is None:
            files = sorted(Path(__file__).parent.glob("*.py"))
            self._files = {name: file.stem for file in files for name in _names(file.read_bytes())}
        return self._files

    def _load(self, stem: str) -> None:
        import_module(f"{__package__}.{stem}")
        files = self._declared()
        for name in [name for name, file in files.items() if file == stem]:
            del files[name]

    def _all(self) -> dict[str, type[_Type]]:
        for stem in sorted(set(self._declared().values())):
            self._load(stem)
        return self._types

    def __getitem__(self, name: str) -> type[_Type]:
        if name not in self._types and name in self._declared():
            self._load(self._declared()[name])
        return self._types[name]

    @contextmanager
    def restored(self) -> Iterator[None]:
        """At the end the types are those of the beginning, whatever is declared or deleted between."""
        before = dict(self._all())
        try:
            yield
        finally:
            self._types = before

    def enter(self, layer: type[_Type]) -> None:
        """Enter a type by its class's name, which must be free."""
        if layer.__name__ in self._types:
            raise TypeError(f"two layer types are called {layer.__name__}")
        self._types[layer.__name__] = layer

    def __setitem__(self, name: str, layer: type[_Type]) -> None:
        self._types[name] = layer

    def __delitem__(self, name: str) -> None:
        del self._types[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._all()))

    def __len__(self) -> int:
        return len(self._all())


def _names(content: bytes) -> Iterator[str]:
    """The classes that a file declares, of a family those of one, two and three axes."""
    for found, bases in _CLASS.findall(content):
        name = found.decode()
        yield from (f"{name}{axes}d" for axes in (1, 2, 3)) if b"family=True" in bases else (name,)
