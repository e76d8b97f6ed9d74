"""Which counting conventions there are: the tools, in the order in which they are shown.

A network has one number of multiply-accumulates (MACs), and as many of "FLOPs" as there are tools. A
convention is that of a tool: 1 or 2 for each MAC, and beside them, for some types of layers, what a rule
says. What a tool gets wrong is reproduced under its name, and said to be a fault. Each is a file in `tools`,
which is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from shapecalc.errors import UsageError, listed, nearest, quoted

if TYPE_CHECKING:
    from shapecalc.analysis.counting.rules import Convention

NAMES = ("macs", "torch", "torchinfo", "fvcore", "thop", "ptflops", "calflops", "deepspeed", "xla")


class _Conventions(Mapping[str, "Convention"]):
    """Name → convention."""

    def __getitem__(self, name: str) -> Convention:
        if name not in NAMES:
            raise KeyError(name)
        found: Convention = import_module(f"shapecalc.analysis.counting.tools.{name}").CONVENTION
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


CONVENTIONS = _Conventions()


def chosen_by(name: str | None) -> tuple[Convention, ...]:
    """The convention of that name, every one for `all`, none for no name.

    Raises:
        UsageError: there is none of that name.
    """
    if name is None or name == "all":
        return tuple(CONVENTIONS.values()) if name else ()
    if name not in CONVENTIONS:
        names = [*CONVENTIONS, "all"]
        hint = nearest(name, names) or f"conventions: {listed(names, len(names))}"
        raise UsageError(f"--convention: there is no convention {quoted(name)}", hint=hint)
    return (CONVENTIONS[name],)
