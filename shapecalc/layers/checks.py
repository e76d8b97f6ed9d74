"""Checks of a layer's inputs: how many axes they have, of which dtype they are, which axes are named."""

from __future__ import annotations

from collections.abc import Iterable

from shapecalc.errors import ArchitectureError
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, check_multiple, is_floating


def check_rank(x: Tensor, *ranks: int, hint: str | None = None) -> None:
    """Refuse an input whose number of axes is none of `ranks`."""
    if x.rank not in ranks:
        wanted = " or ".join(map(str, ranks))
        raise ArchitectureError(f"an input of {wanted} axes is needed, not {x.rank} ({x})", hint=hint)


def check_least_rank(x: Tensor, least: int) -> None:
    """Refuse an input of fewer than `least` axes."""
    if x.rank < least:
        raise ArchitectureError(f"an input of at least {least} axes is needed, not {x.rank} ({x})")


def check_floating(x: Tensor, dtype: str | None = None) -> None:
    """Refuse an input that is not floating-point or, with `dtype`, not of exactly that dtype."""
    if dtype is not None and x.dtype != dtype:
        raise ArchitectureError(f"an input of {dtype} is needed, to match the weights, not {x.dtype}")
    if not is_floating(x.dtype):
        raise ArchitectureError(f"a floating-point input is needed, not {x.dtype}")


def check_numbers(*xs: Tensor) -> None:
    """Refuse bool, which torch neither compares nor subtracts, and puts into no matrix product."""
    if any(x.dtype == "bool" for x in xs):
        raise ArchitectureError("numbers are needed, not bool")


def check_groups(
    channels: Dim, groups: Dim, hint: str, found: str = "the input's {0} channels are", name: str = "groups"
) -> None:
    """Refuse channels that so many groups do not divide; `found` and `name` are what errors call the two."""
    message = f"{found} not divisible by {name} {{1}}"
    check_multiple(channels, groups, message, hint, why="groups divide the channels")


def check_axis(axis: int, x: Tensor, name: str, *, scalars: bool = False) -> int:
    """The axis counted from the first one; refuses one that the input lacks.

    With `scalars`, a tensor without axes has one all the same, as in torch's reductions.
    """
    rank = max(x.rank, 1) if scalars else x.rank
    if not -rank <= axis < rank:
        has = f"has axes 0 to {x.rank - 1}" if x.rank else "has no axes"
        raise ArchitectureError(f"{name} is {axis}, but the input {x} {has}", argument=name)
    return axis % rank


def check_axes(axes: Iterable[int], x: Tensor, name: str) -> tuple[int, ...]:
    """The axes counted from the first one; refuses one that the input lacks, and one that is named twice.

    Of a scalar they may be 0 or −1, as in most of torch's functions.
    """
    found: list[int] = []
    for written in axes:
        axis = check_axis(written, x, name, scalars=True)
        if axis in found:
            raise ArchitectureError(f"{name} has axis {axis} of {x} twice", argument=name)
        found.append(axis)
    return tuple(found)


def check_new_axis(axis: int, x: Tensor) -> int:
    """The place of an axis `dim` that is put between those of the input, counted from the first one."""
    if not -x.rank - 1 <= axis <= x.rank:
        raise ArchitectureError(
            f"dim is {axis}, but with the new one there are axes 0 to {x.rank} (the input is {x})",
            argument="dim",
        )
    return axis % (x.rank + 1)
