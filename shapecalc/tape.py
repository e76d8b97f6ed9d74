"""What torch allocates to run a layer, kernel by kernel: storages that come and go, and what autograd keeps.

A layer is run on a `Tape` as torch runs it: kernels make new storages, views share one, and a storage goes
when Python lets go of the last value that lies in it, as torch's tensors do. So the rules are written after
torch's own code, name by name. What the tape has written down is a `Recipe`; from it follow the bytes that
are alive at every moment, in prediction and in training, for numbers and for formulas alike.

It is what torch does on the device `meta`: the kernels of its own Python and C++ code, without the fused ones
that the libraries of a GPU have in their place, and without the workspace of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from shapecalc.errors import ArchitectureError
from shapecalc.symbolic import Dim, at, difference, least, maximum
from shapecalc.tensors import BYTES, Shape, Tensor, is_floating, product

Strides: TypeAlias = tuple[Dim, ...]

STATISTIC = "float_statistic"
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
        tape = storage.tape
        self.number = len(tape.values)
        tape.values.append(size_of(made, tape.mode) if tracked else 0)

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
    weights: tuple[int, ...]
    """The weights among the values, or views of them: their gradients always need memory."""


Event: TypeAlias = Made | Freed | Kernel


class Peak:
    """The greatest of many sizes, and where it was met; of formulas those that may be the greatest."""

    def __init__(self, assumed: Mapping[str, Dim] = MappingProxyType({})) -> None:
        """`assumed`: formulas for symbols that are known to be large, H + 66 for one of at least 67."""
        self.number = 0
        self.at = -1
        self.assumed = assumed
        self.formulas: list[tuple[Dim, Dim, int]] = []
        """Each with its form under what is assumed, and where it was met."""

    def meet(self, size: Dim, place: int) -> None:
        if isinstance(size, int):
            if size > self.number:
                self.number, self.at = size, place
            return
        if any(size == known for known, _, _ in self.formulas):
            return
        form = at(size, self.assumed) if self.assumed else size
        if not any(exceeds(other, form) for _, other, _ in self.formulas):
            kept = [known for known in self.formulas if not exceeds(form, known[1])]
            self.formulas = [*kept, (size, form, place)]

    def met(self) -> list[tuple[Dim, int]]:
        """The sizes that may be the greatest, and where they were met."""
        found = [(size, place) for size, _, place in self.formulas]
        covered = any(exceeds(form, self.number) for _, form, _ in self.formulas)
        return [*found, *([] if covered or not self.number else [(self.number, self.at)])]

    def size(self) -> Dim:
        """The greatest, a maximum of formulas where sizes decide."""
        return greatest_of([size for size, _ in self.met()])


def greatest_of(sizes: Sequence[Dim]) -> Dim:
    """The greatest of sizes, 0 of none."""
    result, *others = sizes or [0]
    for size in others:
        result = maximum(result, size)
    return result


def exceeds(first: Dim, second: Dim) -> bool:
    """Whether the first size is certainly at least as great as the second."""
    if first == second:
        return True
    low = least(difference(first, second))
    return low is not None and low >= 0


class Mode(NamedTuple):
    """What a network is run for."""

    grad: bool = False
    """Whether autograd watches."""
    training: bool = False
    """The mode of the modules: whether dropout drops."""
    dtype: str = "float32"
    """What float32 is converted to, weights and all."""
    cuda: bool = False
    """As a GPU has it: memory in blocks, and dropout as one kernel whose mask is of bool."""


BLOCK = 512
"""Bytes of a block of the allocator for CUDA (torch.cuda's notes on memory management)."""

INFERENCE, TRAINING = Mode(), Mode(grad=True, training=True)


@cache
def bytes_of(dtype: str) -> Mapping[str, int]:
    """Bytes of one element, by what its dtype is where the network is of float32."""
    return {**SIZES, "float32": BYTES[dtype]}


class Tape:
    """The kernels of a layer as they are run."""

    def __init__(self, mode: Mode) -> None:
        self.grad = mode.grad
        self.training = mode.training
        self.bytes = bytes_of(mode.dtype)
        self.fused_dropout = mode.cuda
        self.mode = mode
        self.events: list[Event] = []
        self.sizes: list[Dim] = []
        """The bytes of each storage."""
        self.values: list[Dim] = []
        """The bytes of each value's gradient."""
        self.parameters_by_name: dict[str, Value] = {}
        self.place = ""

    # Values

    def storage(self, made: Tensor) -> Storage:
        return Storage(self, size_of(made, self.mode))

    def parameter(self, name: str, shape: Shape) -> Value:
        """A weight that is learned; its own bytes are counted with the weights, its gradient's here."""
        name = self.place + name
        known = self.parameters_by_name.get(name)
        if known is None:
            known = Value(Tensor(shape), Storage(self, 0), None, self.grad)
            self.parameters_by_name[name] = known
        return known

    def parameters(self, shapes: Mapping[str, Shape]) -> list[Value]:
        return [self.parameter(name, shape) for name, shape in shapes.items()]

    def buffer(self, made: Tensor) -> Value:
        """A tensor that is stored and not learned; its bytes are counted with the weights."""
        return Value(made, Storage(self, 0))

    def new(self, made: Tensor) -> Value:
        """A tensor that no gradient flows through: random numbers, indices, zeros."""
        y = Value(made, self.storage(made))
        self.events.append(Made(y.storage.number))
        return y

    @contextmanager
    def inside(self, part: str) -> Iterator[None]:
        """Weights are those of a part, by their names in the whole."""
        place, self.place = self.place, f"{self.place}{part}."
        yield
        self.place = place

    # Kernels

    def kernel(
        self,
        made: Tensor,
        *inputs: Value,
        keeps: Sequence[Value | Tensor] = (),
        keeps_output: bool = False,
        weights: Sequence[Value] = (),
        passes: bool = False,
        strides: Strides | None = None,
    ) -> Value:
        """A call that makes a tensor.

        Args:
            made: what it makes.
            inputs: what gradients flow back to, where these are tracked.
            keeps: what autograd keeps: a value, or a tensor that the kernel makes besides.
            keeps_output: whether it keeps what is made, as that of an exponential.
            weights: the weights that it uses, whose gradients always need memory.
            passes: whether the gradient needs no memory of its own.
            strides: of what it makes, if its elements do not lie in a row.
        """
        tracked = self.grad and is_floating(made.dtype) and any(x.tracked for x in (*inputs, *weights))
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
        weights: Sequence[Value] = (),
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
                    tuple([w.number for w in weights]),
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


def size_of(made: Tensor, mode: Mode) -> Dim:
    """The bytes that a tensor takes."""
    size = made.elements * bytes_of(mode.dtype)[made.dtype]
    return -(-size // BLOCK) * BLOCK if mode.cuda else size


class Given(NamedTuple):
    """An input of a layer: what it is, how it lies, and whether a gradient flows back to it."""

    tensor: Tensor
    strides: Strides | None = None
    tracked: bool = False
    same_as: int = -1
    """The number of an earlier input that is the same value."""


class Output(NamedTuple):
    """An output of a layer, with its numbers in the recipe."""

    tensor: Tensor
    strides: Strides | None
    tracked: bool
    value: int
    storage: int


class Recipe(NamedTuple):
    """What follows from what a tape has written down of one layer; the inputs have the first numbers."""

    rises: tuple[Dim, ...]
    """The most bytes alive at once beyond those before; of formulas those that may be the most."""
    sizes: Mapping[int, Dim]
    """The bytes of each storage that is there when the layer is done: of its outputs, and what is kept."""
    kernels: tuple[Kernel, ...]
    values: tuple[Dim, ...]
    """The bytes of each value's gradient."""
    parameters: Mapping[str, int]
    """The values that are weights, by name."""
    outputs: tuple[Output, ...]


def record(run: Callable[..., tuple[Value, ...]], inputs: Sequence[Given], mode: Mode) -> Recipe:
    """Run a layer on a tape of its own."""
    tape = Tape(mode)
    values = [Value(x.tensor, tape.storage(x.tensor), x.strides, x.tracked) for x in inputs]
    values = [values[x.same_as] if x.same_as >= 0 else y for x, y in zip(inputs, values, strict=True)]
    tape.events.clear()  # of an input that is the same as another, the storage is gone
    outputs = run(tape, *values)
    made = tuple([Output(y.tensor, y.strides, y.tracked, y.number, y.storage.number) for y in outputs])
    kernels = tuple([event for event in tape.events if isinstance(event, Kernel)])
    stays = {y.storage for y in made}.union(*[kernel.kept for kernel in kernels]) - set(range(len(inputs)))
    return Recipe(
        rises=_rises(tape, stays),
        sizes={number: tape.sizes[number] for number in sorted(stays)},
        kernels=kernels,
        values=tuple(tape.values),
        parameters={name: value.number for name, value in tape.parameters_by_name.items()},
        outputs=made,
    )


def _rises(tape: Tape, stays: set[int]) -> tuple[Dim, ...]:
    """The levels of a tape that none of the others is certain to exceed; what stays is not let go."""
    peak = Peak()
    alive: Dim = 0
    for event in tape.events:
        if isinstance(event, Made):
            alive = alive + tape.sizes[event.storage]
            peak.meet(alive, 0)
        elif isinstance(event, Freed) and event.storage not in stays:
            alive = alive - tape.sizes[event.storage]
    return tuple([size for size, _ in peak.met()])


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
