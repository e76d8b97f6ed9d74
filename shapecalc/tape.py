"""What torch allocates to run a layer, kernel by kernel: storages that come and go, and what autograd keeps.

A layer is run on a `Tape` as torch runs it: kernels make new storages, views share one, and a storage goes when
Python lets go of the last value that lies in it, as torch's tensors do. So the rules are written after torch's own
code, name by name. What the tape has written down is a `Recipe`; from it follow the bytes that are alive at every
moment, in prediction and in training, for numbers and for formulas alike.

It is what torch does on the device `meta`: the kernels of its own Python and C++ code, without the fused ones that
the libraries of a GPU have in their place, and without the workspace of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from shapecalc.errors import ArchitectureError
from shapecalc.symbolic import Dim, least
from shapecalc.tensors import BYTES, Shape, Tensor, is_floating, product

Strides: TypeAlias = tuple[Dim, ...]

STATISTIC = "statistic"
"""The dtype of means and deviations, which are float32 where what they are of is shorter."""

SIZES = {**BYTES, STATISTIC: 4}
"""Bytes of one element, by dtype."""


def statistic(dtype: str) -> str:
    """The dtype of a mean or a deviation of elements of a dtype."""
    return dtype if dtype == "float64" else STATISTIC


class Storage:
    """A piece of memory, by its number on a tape, which is told when the last value in it is gone."""

    __slots__ = ("number", "tape")

    def __init__(self, tape: Tape, bytes: Dim) -> None:
        self.tape = tape
        self.number = len(tape.sizes)
        tape.sizes.append(bytes)

    def __del__(self) -> None:
        self.tape.events.append(Freed(self.number))


class Value:
    """A tensor as a kernel sees it."""

    __slots__ = ("dtype", "number", "shape", "storage", "strides", "tracked")

    def __init__(
        self, made: Tensor, storage: Storage, strides: Strides | None = None, tracked: bool = False
    ) -> None:
        self.shape, self.dtype = made
        self.storage = storage
        self.strides = strides
        """Elements from one index of an axis to the next; None where all lie in a row, axis by axis."""
        self.tracked = tracked
        """Whether a gradient flows back to it."""
        self.number = storage.tape.values
        storage.tape.values += 1

    @property
    def tensor(self) -> Tensor:
        return Tensor(self.shape, self.dtype)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def elements(self) -> Dim:
        return product(self.shape)

    @property
    def all_strides(self) -> Strides:
        return in_a_row(self.shape) if self.strides is None else self.strides


class Made(NamedTuple):
    """A storage is allocated."""

    storage: int


class Freed(NamedTuple):
    """A storage is let go; it stays where autograd keeps it."""

    storage: int


class Kernel(NamedTuple):
    """One call that autograd goes back through; values and storages by their numbers."""

    inputs: tuple[int, ...]
    """The values that a gradient flows back to."""
    outputs: tuple[int, ...]
    kept: tuple[int, ...]
    """The storages that autograd keeps for it; those of weights count no bytes."""
    passes: bool
    """Whether the gradient of the output is, or is a part or a view of, that of each input."""
    gradients: tuple[Dim, ...]
    """Bytes of the gradients of its weights."""


Event: TypeAlias = Made | Freed | Kernel


class Tape:
    """The kernels of a layer as they are run."""

    def __init__(self, *, grad: bool, training: bool, bytes: Mapping[str, int] = SIZES) -> None:
        """`grad`: whether autograd watches; `training`: the mode of the modules; `bytes`: by dtype."""
        self.grad = grad
        self.training = training
        self.bytes = bytes
        self.events: list[Event] = []
        self.sizes: list[Dim] = []
        """The bytes of each storage."""
        self.values = 0

    # Values

    def storage(self, made: Tensor) -> Storage:
        return Storage(self, made.elements * self.bytes[made.dtype])

    def given(self, made: Tensor, strides: Strides | None = None, tracked: bool = False) -> Value:
        """A value from outside of the layer."""
        return Value(made, self.storage(made), strides, tracked)

    def weight(self, shape: Shape) -> Value:
        """A weight that is used as a tensor among others; its bytes are counted with the weights."""
        return Value(Tensor(shape), Storage(self, 0), None, self.grad)

    def new(self, made: Tensor) -> Value:
        """A tensor that no gradient flows through: random numbers, indices, zeros."""
        y = Value(made, self.storage(made))
        self.events.append(Made(y.storage.number))
        return y

    # Kernels

    def kernel(
        self,
        made: Tensor,
        *inputs: Value,
        keeps: Sequence[Value | Tensor] = (),
        keeps_output: bool = False,
        weights: Sequence[Dim] = (),
        passes: bool = False,
        strides: Strides | None = None,
    ) -> Value:
        """A call that makes a tensor.

        Args:
            made: what it makes.
            inputs: what gradients flow back to, where these are tracked.
            keeps: what autograd keeps: a value, or a tensor that the kernel makes besides.
            keeps_output: whether it keeps what is made, as that of an exponential.
            weights: the elements of each weight that it uses.
            passes: whether the gradient needs no memory of its own.
            strides: of what it makes, if its elements do not lie in a row.
        """
        tracked = self.grad and is_floating(made.dtype) and (bool(weights) or any(x.tracked for x in inputs))
        y = Value(made, self.storage(made), strides, tracked)
        self.events.append(Made(y.storage.number))
        besides = [self.new(x) if isinstance(x, Tensor) else x for x in keeps]
        self.record((y,), inputs, [*besides, *([y] if keeps_output else [])], weights, passes)
        return y

    def record(
        self,
        outputs: Sequence[Value],
        inputs: Sequence[Value],
        kept: Sequence[Value] = (),
        weights: Sequence[Dim] = (),
        passes: bool = False,
    ) -> None:
        """Write down what autograd goes back through, if it does."""
        if outputs[0].tracked:
            self.events.append(
                Kernel(
                    tuple([x.number for x in inputs if x.tracked]),
                    tuple([y.number for y in outputs]),
                    tuple([x.storage.number for x in kept]),
                    passes,
                    tuple([elements * self.bytes["float32"] for elements in weights]),
                )
            )

    def in_place(self, x: Value, keeps: Sequence[Value] = (), keeps_output: bool = False) -> Value:
        """A call that writes over its input."""
        y = Value(x.tensor, x.storage, x.strides, x.tracked)
        self.record((y,), (x,), [*keeps, *([y] if keeps_output else [])])
        return y

    def view(self, x: Value, shape: Shape, strides: Strides | None = None, passes: bool = True) -> Value:
        """Another look at the same storage; `passes` as that of `kernel`."""
        y = self.part(x, shape, strides)
        self.record((y,), (x,), passes=passes)
        return y

    def part(self, x: Value, shape: Shape, strides: Strides | None) -> Value:
        if strides is not None and is_in_a_row(shape, strides):
            strides = None
        return Value(Tensor(shape, x.dtype), x.storage, strides, x.tracked)

    def parts(self, x: Value, shapes: Sequence[Shape]) -> tuple[Value, ...]:
        """Views of parts of a tensor; their gradients are put together in one of its size."""
        views = tuple([self.part(x, shape, x.all_strides) for shape in shapes])
        self.record(views, (x,))
        return views

    # Functions of torch's that are a view or a copy, as the strides demand

    def copy(self, x: Value) -> Value:
        """The same elements in a row, in a storage of their own."""
        return self.kernel(x.tensor, x, passes=True)

    def contiguous(self, x: Value) -> Value:
        return x if x.strides is None else self.copy(x)

    def reshape(self, x: Value, shape: Shape) -> Value:
        """A view if there is one, else a copy."""
        strides = strides_as(x, shape)
        return self.view(self.copy(x), shape) if strides is None else self.view(x, shape, strides)

    def seen_as(self, x: Value, shape: Shape) -> Value:
        """A view; where there is none torch refuses."""
        return self.view(x, shape, strides_as(x, shape))

    def expand(self, x: Value, shape: Shape) -> Value:
        """A view with axes of 1 repeated; the gradient is summed over these."""
        new = len(shape) - x.rank
        kept = zip(x.shape, shape[new:], x.all_strides, strict=True)
        strides = (*[0] * new, *[step if n == size else 0 for n, size, step in kept])
        return self.view(x, shape, strides, passes=shape == x.shape)

    def transpose(self, x: Value, first: int, second: int) -> Value:
        order = list(range(x.rank))
        order[first], order[second] = order[second], order[first]
        return self.permute(x, order)

    def permute(self, x: Value, order: Sequence[int]) -> Value:
        strides = x.all_strides
        return self.view(x, tuple([x.shape[i] for i in order]), tuple([strides[i] for i in order]))


class Output(NamedTuple):
    """An output of a layer: what it is, how it lies, whether a gradient flows back, and its numbers."""

    tensor: Tensor
    strides: Strides | None
    tracked: bool
    value: int
    storage: int


class Recipe(NamedTuple):
    """What a tape has written down of one layer; the inputs have the first numbers."""

    events: tuple[Event, ...]
    sizes: tuple[Dim, ...]
    outputs: tuple[Output, ...]


def recipe(tape: Tape, run: Callable[..., tuple[Value, ...]], inputs: Sequence[Value]) -> Recipe:
    """Run a layer on a tape whose only values are its inputs."""
    outputs = run(tape, *inputs)
    made = [Output(y.tensor, y.strides, y.tracked, y.number, y.storage.number) for y in outputs]
    return Recipe(tuple(tape.events), tuple(tape.sizes), tuple(made))


def in_a_row(shape: Shape) -> Strides:
    """The strides of a tensor whose elements lie in a row, axis by axis."""
    strides: list[Dim] = []
    step: Dim = 1
    for size in reversed(shape):
        strides.append(step)
        step = step * size
    return tuple(reversed(strides))


def is_in_a_row(shape: Shape, strides: Strides) -> bool:
    """Whether that is what the strides say; those of an axis of 1 say nothing."""
    if 0 in shape:
        return True
    return all(size == 1 or a == b for size, a, b in zip(shape, strides, in_a_row(shape), strict=True))


def strides_as(x: Value, shape: Shape) -> Strides | None:
    """The strides that show the elements of `x` in another shape; None if only a copy does.

    Source: at::detail::computeStride. Axes that lie in a row among themselves form a chunk; the new axes must
    divide these.
    """
    if x.strides is None or 0 in x.shape:
        return in_a_row(shape)
    if not x.rank:
        return (1,) * len(shape)
    strides: list[Dim] = [1] * len(shape)
    axis = len(shape) - 1
    base: Dim = x.strides[-1]
    chunk: Dim = 1
    for i in reversed(range(x.rank)):
        chunk = chunk * x.shape[i]
        if i and (x.shape[i - 1] == 1 or x.strides[i - 1] == chunk * base):
            continue
        seen: Dim = 1
        while axis >= 0 and (_less(seen, chunk) or shape[axis] == 1):
            strides[axis] = seen * base
            seen = seen * shape[axis]
            axis -= 1
        if seen != chunk:
            return None
        if i:
            base, chunk = x.strides[i - 1], 1
    return tuple(strides) if axis == -1 else None


def _less(first: Dim, second: Dim) -> bool:
    if isinstance(first, int) and isinstance(second, int):
        return first < second
    if first == second:
        return False
    if (low := least(second - first)) is not None and low > 0:
        return True
    if (low := least(first - second)) is not None and low >= 0:
        return False
    raise ArchitectureError(
        f"whether this is a copy or a view depends on {first} and {second}", hint="give numbers"
    )
