"""Tensors that hang on no input and no weight → steps that make them, with their values if steps can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from shapecalc.importing.arguments import dtype_told, of_one_number
from shapecalc.importing.leaves import described, plain
from shapecalc.importing.program import Call, Value
from shapecalc.tensors import Tensor

_LARGEST = 2**24
"""Elements whose values are looked at."""


def constant(tensor: Any, value: Value) -> list[Call]:
    """The calls that make a constant, the last of them `value`; zeros of its shape if nothing else does."""
    found = described(tensor)
    if tensor.device.type != "meta" and not hasattr(tensor, "fake_mode") and 0 < tensor.numel() <= _LARGEST:
        for kind in _KINDS:
            if calls := kind(tensor, found, value):
                return calls
    return [_zeros(found, value)]


def _zeros(found: Tensor, value: Value) -> Call:
    """Zeros in place of values that no step makes: no figure hangs on them."""
    return Call(*of_one_number(0, found), [], [value], lost=True)


def _one_number(tensor: Any, found: Tensor, value: Value) -> list[Call]:
    """All elements are one number."""
    first = tensor.flatten()[0]
    if not bool((tensor == first).all()):
        return []
    return [Call(*of_one_number(plain(first.item()), found), [], [value])]


def _in_line(tensor: Any, found: Tensor, value: Value) -> list[Call]:
    """Whole numbers in a row along the one axis that has several."""
    row = tensor.flatten()
    alone = sum(n > 1 for n in tensor.shape) == 1 and not tensor.is_complex() and tensor.dtype != torch.bool
    if not alone or (row.is_floating_point() and not bool((row == row.round()).all())):
        return []
    start, step = int(row[0]), int(row[1]) - int(row[0])
    if start < 0 or step < 1 or not bool((row == start + step * torch.arange(len(row))).all()):
        return []
    given = {"end": start + step * (len(row) - 1) + 1, "start": start, "step": step}
    given = {key: number for key, number in given.items() if number != {"start": 0, "step": 1}.get(key)}
    made = Value(Tensor((len(row),), found.dtype))
    calls = [Call("arange", {**given, **dtype_told(found.dtype, "int64")}, [], [made])]
    return _shaped(calls, found, value)


def _shaped(calls: list[Call], found: Tensor, value: Value) -> list[Call]:
    """The same, and a reshape to the shape that is wanted, if the last call gives another."""
    (made,) = calls[-1].outputs
    if made.tensor == found:
        calls[-1].outputs = [value]
        return calls
    return [*calls, Call("reshape", {"shape": list(found.shape)}, [made], [value])]


def _below_a_diagonal(tensor: Any, found: Tensor, value: Value) -> list[Call]:
    """One number up to a diagonal and another one after it, as in causal masks: a comparison of positions."""
    if tensor.dim() < 2 or tensor.numel() != tensor.shape[-1] * tensor.shape[-2] or tensor.is_complex():
        return []
    rows, columns = tensor.shape[-2:]
    square = tensor.reshape(rows, columns)
    low, high = square[0, 0], square[0, -1]
    offset = int((square[0] == low).sum()) - 1
    places = torch.arange(columns)[None] - torch.arange(rows)[:, None] <= offset
    if low == high or not bool((square == torch.where(places, low, high)).all()):
        return []
    return _compared(rows, columns, offset, low.item(), high.item(), found, value)


def _compared(
    rows: int, columns: int, offset: int, low: Any, high: Any, found: Tensor, value: Value
) -> list[Call]:
    own, column = Value(Tensor((rows,), "int64")), Value(Tensor((rows, 1), "int64"))
    other, mask = Value(Tensor((columns,), "int64")), Value(Tensor((rows, columns), "bool"))
    start = {"end": rows + offset, "start": offset} if offset else {"end": rows}
    kept = found.dtype == "bool"
    calls = [
        Call("arange", start, [], [own]),
        Call("unsqueeze", {"dim": 1}, [own], [column]),
        Call("arange", {"end": columns}, [], [other]),
        Call("ge" if low or not kept else "lt", {}, [column, other], [mask]),
    ]
    if not kept:
        if found.dtype != "float32":
            return []
        chosen = Value(Tensor((rows, columns), "float32"))
        sides = {"input": float(low), "other": float(high)}
        calls.append(Call("where", sides, [mask], [chosen]))
    return _shaped(calls, found, value)


_KINDS: tuple[Callable[[Any, Tensor, Value], list[Call]], ...] = (_one_number, _in_line, _below_a_diagonal)
