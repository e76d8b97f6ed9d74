"""Functions of torch → layers and functions here: one small function for each, with torch's own signature.

Each takes values where torch takes tensors, and gives the values of the outputs. The same rows serve
functions, methods, operators and their forms in place: `x + y`, `torch.add(x, y)` and `x.add_(y)` are one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from shapecalc.importing.arguments import UnsayableError, of_one_number, rows_of, told
from shapecalc.importing.leaves import plain
from shapecalc.importing.program import Call, Value
from shapecalc.layers import LAYERS
from shapecalc.tensors import Tensor, is_floating

Row = Callable[..., Any]
ROWS: dict[str, Row] = {}

_WORDS = {
    "true_divide": "div",
    "truediv": "div",
    "divide": "div",
    "multiply": "mul",
    "subtract": "sub",
    "negative": "neg",
    "concat": "cat",
    "concatenate": "cat",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "clip": "clamp",
    "absolute": "abs",
    "fix": "trunc",
    "mod": "remainder",
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "view_as": "reshape_as",
}


row = rows_of(ROWS)
"""Declares what torch's functions of these names become."""


def word(name: str) -> tuple[str, bool]:
    """The name of the row for a function of torch, and whether its operands come in the opposite order."""
    last = name.removesuffix(".__get__").rpartition(".")[2]
    dunder = last.startswith("__") and last.endswith("__")
    plain = last.strip("_")
    backwards = dunder and plain not in ROWS and plain.startswith("r") and _known(plain[1:])
    if backwards or (dunder and plain.startswith("i") and _known(plain[1:])):
        plain = plain[1:]
    return _WORDS.get(plain, plain), backwards


def _known(name: str) -> bool:
    return _WORDS.get(name, name) in ROWS


class Lowering:
    """One call of torch's: its outputs' shapes, and the calls here that it becomes."""

    def __init__(
        self,
        record: Callable[[Call], None],
        weight: Callable[[Value], str | None],
        constant: Callable[[Value], Any],
    ) -> None:
        self._record = record
        self.weight = weight
        """The module's name of a parameter, if a value is one as a whole that no step has read."""
        self.constant = constant
        """The tensor that a value is, if its elements are known."""
        self.held: list[Call] | None = None
        """What a row has made so far; None outside of rows."""
        self.last = Call("", {}, [], [])
        self.shapes: list[Tensor] = []
        self.name = ""
        """The function that is lowered."""

    def lower(
        self,
        name: str,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        shapes: list[Tensor],
        own: Row | None = None,
    ) -> list[Value]:
        """Record what a function becomes, by its `own` row if it has one; gives the values of its outputs."""
        self.shapes, self.name = shapes, name
        found, backwards = word(name)
        make = own or ROWS.get(found) or _same_here(found)
        if make is None:
            return self.opaque(name, args, kwargs, "it has no counterpart here")
        ordered = [*args[1::-1], *args[2:]] if backwards else args
        self.held = []
        try:
            made = make(self, *ordered, **kwargs)
        except (TypeError, UnsayableError) as error:
            self.held = None  # what it has made so far is nobody's
            return self.opaque(name, args, kwargs, str(error))
        held, self.held = self.held, None
        for call in held:
            self._record(call)
        return [made] if isinstance(made, Value) else list(made)

    def record(self, call: Call) -> None:
        self.last = call
        if self.held is None:
            self._record(call)
        else:
            self.held.append(call)

    def opaque(self, name: str, args: Any, kwargs: Any, reason: str) -> list[Value]:
        """A step whose outputs are measured, as nothing here does the same."""
        from torch.utils._pytree import tree_leaves

        inputs = [x for x in tree_leaves((list(args), kwargs)) if isinstance(x, Value)]
        outputs = [Value(shape) for shape in self.shapes]
        self.record(Call(name, {}, inputs, outputs, reason=reason))
        return outputs

    def step(self, type_: str, *inputs: Value, many: int = 0, **arguments: Any) -> Any:
        """Record one call; its output, or a list of `many`. Arguments that are the defaults are left out."""
        outputs = [Value() for _ in range(many or 1)]
        self.record(Call(type_, told(type_, arguments), [*inputs], outputs))
        return outputs if many else outputs[0]

    def inner(self, type_: str, *inputs: Value, gives: Tensor, **arguments: Any) -> Value:
        """Record one call of several, whose output nobody has seen: what it gives is said here."""
        made: Value = self.step(type_, *inputs, **arguments)
        made.tensor = gives
        return made

    def places(self, numbers: Sequence[int]) -> Value:
        """A tensor of these numbers."""
        from torch import tensor

        from shapecalc.importing.constants import constant

        value = Value(Tensor((len(numbers),), "int64"))
        for call in constant(tensor(numbers), value):
            self.record(call)
        return value

    def number(self, value: Any, wanted: Tensor) -> Value:
        """A tensor all of whose elements are one number."""
        type_, arguments = of_one_number(plain(value), wanted)
        return self.inner(type_, gives=wanted, **arguments)


def rank(x: Value) -> int:
    return x.known.rank


def is_mask(x: Any) -> bool:
    return isinstance(x, Value) and x.tensor is not None and x.tensor.dtype == "bool"


def axis_of(x: Value, dim: int) -> int:
    return dim % rank(x) if rank(x) else 0


def listed(first: Any, rest: Sequence[Any]) -> list[Any]:
    """Sizes or axes that are given one by one or as one list."""
    return [first, *rest] if rest or not isinstance(first, (list, tuple)) else list(first)


def shape_of(x: Value) -> list[Any]:
    return [*x.known.shape]


def _same_here(name: str) -> Row | None:
    """A function that is here under its name: its tensors first, then its arguments in the same order."""
    if name not in LAYERS or not LAYERS[name].function:
        return None
    fields = list(LAYERS[name].fields)

    def make(to: Lowering, *args: Any, **kwargs: Any) -> Any:
        inputs = [x for x in args if isinstance(x, Value)]
        rest = [plain(x) for x in args if not isinstance(x, Value)]
        own = [field for field in fields if field not in ("input", "other")] if inputs else fields
        given = {
            **dict(zip(own, rest, strict=False)),
            **{k: plain(v) for k, v in kwargs.items() if k in fields},
        }
        inputs += [v for v in kwargs.values() if isinstance(v, Value)]
        several = len(to.shapes) if len(to.shapes) > 1 else 0
        return to.step(name, *inputs, many=several, **given)

    return make


def as_number(to: Lowering, x: Any) -> Any:
    """The number that a constant without axes is, or one of numpy's; anything else as it is."""
    if hasattr(x, "item"):
        return x.item()
    known = to.constant(x) if isinstance(x, Value) and rank(x) == 0 else None
    return x if known is None or not hasattr(known, "item") or hasattr(known, "fake_mode") else known.item()


def of_two(to: Lowering, type_: str, input: Any, other: Any) -> Any:
    """Two tensors, or a tensor and a number on either side."""
    x, y = as_number(to, input), as_number(to, other)
    if isinstance(x, Value) and isinstance(y, Value):
        return to.step(type_, x, y)
    number, tensor = (y, x) if isinstance(x, Value) else (x, y)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise UnsayableError(f"{type_} with {number!r}")
    first, last = LAYERS[type_].numbers
    whole = tensor.tensor is not None and not is_floating(tensor.tensor.dtype)
    said: Any = number if whole and isinstance(number, float) else plain(number)  # 1.0 makes floats, 1 not
    return to.step(type_, tensor, **{first if x is number else last: said})
