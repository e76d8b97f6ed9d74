"""What rearranges elements and computes nothing."""

from __future__ import annotations

from math import prod
from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.leaves import plain
from shapecalc.importing.lowering import Lowering, axis_of, listed, rank, row, shape_of
from shapecalc.importing.program import Value
from shapecalc.tensors import Tensor


@row("reshape", "view", "reshape_as", "_unsafe_view")
def _reshape(to: Lowering, input: Value, *shape: Any, **_: Any) -> Any:
    return reshaped(to, input, to.shapes[0])


def reshaped(to: Lowering, x: Value, y: Tensor) -> Value:
    """All sizes as they are in this run; which of them follow is known once there are other runs."""
    return to.inner("reshape", x, shape=[*y.shape], gives=y)


@row("flatten")
def _flatten(to: Lowering, input: Value, start_dim: int = 0, end_dim: int = -1) -> Any:
    start, end = axis_of(input, start_dim), axis_of(input, end_dim)
    return to.step("flatten", input, start_dim=start, end_dim=-1 if end == rank(input) - 1 else end)


@row("unflatten")
def _unflatten(to: Lowering, input: Value, dim: int, sizes: Any) -> Any:
    return to.step("unflatten", input, dim=axis_of(input, dim), sizes=list(sizes))


@row("transpose")
def _transpose(to: Lowering, input: Value, dim0: int, dim1: int) -> Any:
    first, second = sorted((axis_of(input, dim0), axis_of(input, dim1)))
    return to.step("transpose", input, dim0=first, dim1=second)


@row("t", "T", "mT")
def _turned(to: Lowering, input: Value) -> Any:
    last = rank(input) - 1
    return to.step("transpose", input, dim0=last - 1, dim1=last) if last > 0 else input


@row("permute")
def _permute(to: Lowering, input: Value, dims: Any, *rest: int) -> Any:
    axes = [axis_of(input, dim) for dim in listed(dims, rest)]
    return input if axes == sorted(axes) else to.step("permute", input, dims=axes)


@row("movedim", "moveaxis")
def _movedim(to: Lowering, input: Value, source: Any, destination: Any) -> Any:
    where = {
        axis_of(input, d): axis_of(input, s)
        for s, d in zip(listed(source, ()), listed(destination, ()), strict=True)
    }
    rest = iter(axis for axis in range(rank(input)) if axis not in where.values())
    return _permute(to, input, [where[i] if i in where else next(rest) for i in range(rank(input))])


@row("squeeze")
def _squeeze(to: Lowering, input: Value, dim: Any = None) -> Any:
    if to.shapes[0].rank == rank(input):
        return input
    return to.step("squeeze", input, dim=dim)


@row("unsqueeze")
def _unsqueeze(to: Lowering, input: Value, dim: int) -> Any:
    return to.step("unsqueeze", input, dim=dim % (rank(input) + 1))


@row("expand", "broadcast_to")
def _expand(to: Lowering, input: Value, *sizes: Any, **_: Any) -> Any:
    return to.step("expand", input, sizes=[*to.shapes[0].shape])


@row("repeat_interleave")
def _repeat_interleave(
    to: Lowering, input: Value, repeats: Any, dim: Any = None, *, output_size: Any = None
) -> Any:
    """Each element several times in a row: a new axis, repeated, that becomes one with its own."""
    if not isinstance(repeats, int):
        raise UnsayableError("repeats that a tensor says")
    x = input
    if dim is None and rank(input) != 1:
        x = to.inner("flatten", input, gives=Tensor((prod(shape_of(input)),), to.shapes[0].dtype))
    axis, shape = axis_of(x, dim or 0), shape_of(x)
    wide = to.step("unsqueeze", x, dim=axis + 1)
    many = to.step("expand", wide, sizes=[*[-1] * (axis + 1), repeats, *[-1] * (len(shape) - axis - 1)])
    return to.step("flatten", many, start_dim=axis, end_dim=axis + 1)


@row("repeat", "tile")
def _repeat(to: Lowering, input: Value, repeats: Any, *rest: int) -> Any:
    many = listed(repeats, rest)
    return to.step("repeat", input, repeats=[*[1] * (rank(input) - len(many)), *many])  # as of tile


@row("roll")
def _roll(to: Lowering, input: Value, shifts: Any, dims: Any = None) -> Any:
    return to.step("roll", input, shifts=listed(shifts, ()), dims=listed(dims, ()))


@row("flip")
def _flip(to: Lowering, input: Value, dims: Any, *rest: int) -> Any:
    return to.step("flip", input, dims=listed(dims, rest))


@row("pad")
def _pad(to: Lowering, input: Value, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    return to.step("pad", input, pad=list(pad), mode=mode, value=value or None)


@row(
    "contiguous",
    "clone",
    "detach",
    "to",
    "float",
    "type_as",
    "requires_grad",
    "half",
    "bfloat16",
    "alias",
    "data",
    "double",
    "int",
    "long",
    "bool",
    "short",
    "char",
    "byte",
    "type",
    "positive",
    "cpu",
    "cuda",
)
def _same(to: Lowering, input: Value, *_: Any, **__: Any) -> Any:
    """The tensor itself, or in another dtype; on another device it is the same."""
    wanted = to.shapes[0].dtype
    return input if wanted == input.known.dtype else to.step("to", input, dtype=wanted)


@row("unfold")
def _unfold(to: Lowering, input: Value, *args: Any, **given: Any) -> Any:
    """The function of nn is the layer that makes columns, the tensor's method slides along one axis."""
    if "functional" in to.name:
        return _columns(to, "Unfold", input, ("kernel_size", "dilation", "padding", "stride"), args, given)
    dim, size, step = {**dict(zip(("dimension", "size", "step"), args, strict=False)), **given}.values()
    return to.step("unfold", input, dimension=axis_of(input, dim), size=size, step=step)


@row("fold")
def _fold(to: Lowering, input: Value, *args: Any, **given: Any) -> Any:
    names = ("output_size", "kernel_size", "dilation", "padding", "stride")
    return _columns(to, "Fold", input, names, args, given)


def _columns(
    to: Lowering, type_: str, x: Value, names: tuple[str, ...], args: Any, given: dict[str, Any]
) -> Any:
    told = {**dict(zip(names, args, strict=False)), **given}
    return to.step(type_, x, **{name: plain(value) for name, value in told.items()})


@row("pixel_shuffle")
def _pixel_shuffle(to: Lowering, input: Value, upscale_factor: int) -> Any:
    return to.step("PixelShuffle", input, upscale_factor=upscale_factor)


@row("pixel_unshuffle")
def _pixel_unshuffle(to: Lowering, input: Value, downscale_factor: int) -> Any:
    return to.step("PixelUnshuffle", input, downscale_factor=downscale_factor)
