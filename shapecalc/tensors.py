"""Sizes, shapes and tensors: the arithmetic that every layer's rule is made of, and the checks of sizes."""

from __future__ import annotations

from functools import lru_cache, reduce
from math import isinf, prod
from typing import Any, NamedTuple, TypeAlias

from shapecalc.errors import ArchitectureError, written
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, Expr, joined, least
from shapecalc.symbolic.conditions import at_least, equal, multiple
from shapecalc.symbolic.notation import shape_text

Shape: TypeAlias = tuple[Dim, ...]
"""Sizes of all axes: batch first, channels second, then the spatial axes (N, C, *spatial)."""

MOST_AXES = 64  # torch's own bound
LARGEST = 2**63 - 1  # torch holds sizes in signed 64-bit integers

BYTES = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}
"""Bytes of one element, by the name of its dtype in torch."""


class Tensor(NamedTuple):
    """What a layer's rules know of a tensor: its shape and its dtype."""

    shape: Shape
    dtype: str = "float32"

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def elements(self) -> Dim:
        return product(self.shape)

    @property
    def bytes(self) -> Dim:
        return self.elements * BYTES[self.dtype]

    def __str__(self) -> str:
        return shape_text(self.shape)

    def to_dict(self) -> dict[str, Any]:
        return {"shape": for_json(self.shape), "dtype": self.dtype}


def for_json(value: Any) -> Any:
    """A size in JSON's types: a number, or a formula as text; several as a list, None for an unknown one.

    An infinite number is text as well, as a file has it. Of a mapping or a list, all that is in it.
    """
    if isinstance(value, dict):
        return {name: for_json(item) for name, item in value.items()}
    if isinstance(value, Unknown):
        return None
    if isinstance(value, Expr):
        return value.ascii()
    if isinstance(value, float) and isinf(value):
        return written(value)
    return [for_json(item) for item in value] if isinstance(value, (tuple, list)) else value


def with_size(x: Tensor, axis: int, size: Dim) -> Tensor:
    """The tensor with another size of one axis."""
    return Tensor((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)


@lru_cache(maxsize=10_000)
def product(sizes: Shape) -> Dim:
    """The product of sizes, 1 of none; kept, since it is asked for of each tensor again and again."""
    result: Dim = 1
    for size in sizes:
        result = result * size
    return result


def is_floating(dtype: str) -> bool:
    return "float" in dtype


def is_complex(dtype: str) -> bool:
    return "complex" in dtype


def is_differentiable(dtype: str) -> bool:
    """Whether a gradient may flow back to tensors of a dtype."""
    return is_floating(dtype) or is_complex(dtype)


def complex_of(dtype: str) -> str:
    """The dtype of complex numbers whose parts are of a floating-point dtype (torch's to_complex).

    Raises:
        ArchitectureError: torch has complex numbers of half precision, and little that takes them.
    """
    if dtype == "float16":
        raise ArchitectureError("float16 would make complex32, complex numbers that are not known here")
    return "complex128" if dtype == "float64" else "complex64"


def real_of(dtype: str) -> str:
    """The dtype of the parts of complex numbers; a real one itself."""
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


def promote(first: str, second: str) -> str:
    """The dtype of an operation on two tensors (torch.promote_types)."""
    pair = {first, second}
    if len(pair) == 1:
        return first
    if any(map(is_complex, pair)):  # as precise as the wider parts, of which whole numbers have none
        return "complex128" if pair & {"complex128", "float64"} else "complex64"
    if pair == {"float16", "bfloat16"}:
        return "float32"
    if pair == {"uint8", "int8"}:
        return "int16"
    # A float outranks every integer whatever its width, an integer outranks bool, then the wider one.
    return max(first, second, key=lambda d: (is_floating(d), d != "bool", BYTES[d]))


def result_dtype(*tensors: Tensor) -> str:
    """The dtype of an operation on tensors (torch.result_type).

    A tensor without axes counts only where it is of a higher kind than those with axes: a float32 scalar
    leaves float16 as it is, and makes float32 of int64. A complex one leaves floats as precise as they are.
    """
    dtypes = [x.dtype for x in tensors if x.rank]
    scalars = [x.dtype for x in tensors if not x.rank]
    if not dtypes or not scalars:
        return reduce(promote, dtypes or scalars)
    dtype, scalar = reduce(promote, dtypes), reduce(promote, scalars)
    if is_complex(scalar) and is_floating(dtype):
        return complex_of(dtype)
    return scalar if _kind(scalar) > _kind(dtype) else dtype


def as_scalar(number: float, beside: str) -> Tensor:
    """The tensor without axes that counts as a number of Python's does beside a tensor of that dtype.

    It is of the tensor's own dtype, unless the number is of a higher kind: then of int64 or float32.
    """
    own = "int64" if isinstance(number, int) else "float32"
    return Tensor((), own if _kind(own) > _kind(beside) else beside)


def _kind(dtype: str) -> int:
    return 3 if is_complex(dtype) else 2 if is_floating(dtype) else int(dtype != "bool")


def broadcast(first: Shape, second: Shape) -> Shape:
    """The common shape of two operands, axes matched from the last one (torch's broadcasting).

    Raises:
        ArchitectureError: two sizes of one axis differ and neither is 1.
    """
    longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
    lead = len(longer) - len(shorter)
    tail = []
    for axis, (a, b) in enumerate(zip(longer[lead:], shorter, strict=True), start=lead):
        # A formula that could be 1 is taken not to be: the sizes must be equal.
        if 1 not in (a, b) and not equal(a, b, "the branches agree", or_one=True):
            raise _differing(first, second, axis - len(longer), axis)
        tail.append(b if a == 1 else a if b == 1 else joined(a, b))
    return (*longer[:lead], *tail)


def _differing(first: Shape, second: Shape, from_last: int, axis: int) -> ArchitectureError:
    shapes = f"{shape_text(first)} and {shape_text(second)}"
    if len(first) != len(second):
        return ArchitectureError(
            f"the branches {shapes} can't be broadcast",
            hint=f"they have {len(first)} and {len(second)} axes, which are matched from the last one",
        )
    hint = None
    if len(first) == 4 and axis > 1:
        hint = "branches that meet need the same strides, and padding that keeps their sizes equal"
    elif len(first) == 4 and axis == 1:
        hint = f"a 1×1 Conv2d with out_channels: {first[from_last]} in the other branch makes them equal"
    sizes = f"{first[from_last]} and {second[from_last]}"
    return ArchitectureError(f"the branches differ on axis {axis}: {sizes} ({shapes})", hint=hint)


def check_size(tensor: Tensor) -> None:
    """Refuse a tensor that torch can't describe, on any device, whatever the sizes that are formulas."""
    if tensor.rank > MOST_AXES:
        raise ArchitectureError(f"a tensor of {tensor.rank} axes; torch has at most {MOST_AXES}")
    if _fewest_elements(tensor.shape) * BYTES[tensor.dtype] > LARGEST:
        raise ArchitectureError(
            f"a tensor {tensor} of {tensor.dtype} has more than 2**63 - 1 bytes, which torch can't count"
        )


@lru_cache(maxsize=10_000)
def _fewest_elements(shape: Shape) -> int:
    """The elements that a tensor has at least, whatever its formulas are.

    Where one of them may be 0, those along its longest axis, which torch counts too.
    """
    lows = [max(0, least(size) or 0) for size in shape]
    return max(prod(lows), *lows) if lows else 1


# The checks of sizes. `{0}` and `{1}` in their texts are the two sizes; `why` is what a condition on formulas
# says that it is for.


def check_equal(found: Dim, needed: Dim, message: str, hint: str | None = None, why: str = "") -> None:
    """Refuse sizes that differ."""
    if not equal(found, needed, why):
        _refuse(found, needed, message, hint)


def check_multiple(size: Dim, of: Dim, message: str, hint: str | None = None, why: str = "") -> None:
    """Refuse a size that the second one does not divide."""
    if not multiple(size, of, why):
        _refuse(size, of, message, hint)


def check_at_least(size: Dim, least: Dim, message: str, hint: str | None = None, why: str = "") -> None:
    """Refuse a size below a bound."""
    if not at_least(size, least, why):
        _refuse(size, least, message, hint)


def _refuse(first: Dim, second: Dim, message: str, hint: str | None) -> None:
    raise ArchitectureError(message.format(first, second), hint=hint.format(first, second) if hint else None)
