"""What torch allocates to run a layer, kernel by kernel: storages that come and go, and what autograd keeps.

A layer is run on a `Trace` as torch runs it: kernels make new storages, views share one, and a storage goes
when Python lets go of the last value that lies in it, as torch's tensors do. So the rules are written after
torch's own code, name by name. What the trace has recorded is a `Footprint`; from it follow the bytes that
are alive at every moment, in prediction and in training, for numbers and for formulas alike.

It is what torch does on the device `meta`: the kernels of its own Python and C++ code, without the fused ones
that the libraries of a GPU have in their place, and without the workspace of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from functools import cache, reduce
from typing import NamedTuple, TypeAlias

from shapecalc.allocation.autocast import GIVING_FLOAT32, LOWER, LOWERED, RAISED, WIDEST
from shapecalc.allocation.gradients import (
    Back,
    Look,
    Way,
    anew,
    joined,
    like,
    looked_at,
    passed,
    permuted,
    seen_again,
    seen_as,
    summed,
    written_into,
)
from shapecalc.allocation.strides import (
    Strides,
    dense,
    elementwise_strides,
    in_a_row,
    is_in_a_row,
    is_scattered,
    strides_as,
    unless_in_a_row,
)
from shapecalc.errors import UnknownError
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import not_one
from shapecalc.tensors import BYTES, Shape, Tensor, broadcast, is_floating, product, result_dtype

STATISTIC = "float_statistic"
"""The dtype of means and deviations, which are float32 where what they are of is shorter."""

SIZES = {**BYTES, STATISTIC: 4}
"""Bytes of one element, by dtype."""


def statistic(dtype: str) -> str:
    """The dtype of a mean or a deviation of elements of a dtype."""
    return dtype if dtype == "float64" else STATISTIC


class Storage:
    """A piece of memory, by its number on a trace, which is told when the last value in it is gone."""

    __slots__ = ("number", "trace")

    def __init__(self, trace: Trace, bytes: Dim) -> None:
        self.trace = trace
        self.number = len(trace.sizes)
        trace.sizes.append(bytes)

    def __del__(self) -> None:
        self.trace.events.append(Freed(self.number))


class Value:
    """A tensor as a kernel reads it."""

    __slots__ = ("base", "dtype", "number", "of_many", "shape", "storage", "strides", "tracked")

    def __init__(
        self, made: Tensor, storage: Storage, strides: Strides | None = None, tracked: bool = False
    ) -> None:
        self.shape, self.dtype = made
        self.storage = storage
        self.strides = strides
        """Elements from one index of an axis to the next; None where all lie in a row, axis by axis."""
        self.tracked = tracked
        """Whether a gradient flows back to it."""
        self.base: Value | None = None
        """The tensor that it is a look at, itself none."""
        self.of_many = False
        """Whether it is one of several looks that one call gives, or a look at such a one."""
        trace = storage.trace
        self.number = len(trace.values)
        trace.values.append(size_of(made, trace.mode) if tracked else 0)

    @property
    def frozen(self) -> bool:
        """Whether it is a weight that is not trained, or a look at one."""
        return self.base is not None and self.base.frozen

    @property
    def tensor(self) -> Tensor:
        return Tensor(self.shape, self.dtype)

    @property
    def look(self) -> Look:
        return Look(self.shape, self.dtype, self.strides, self.tracked)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def elements(self) -> Dim:
        return product(self.shape)

    @property
    def all_strides(self) -> Strides:
        return in_a_row(self.shape) if self.strides is None else self.strides


class Parameter(Value):
    """A weight that is learned; of the first cast of it to a lower dtype a copy stays, for all later ones.

    Of one that is frozen no copy stays.
    """

    __slots__ = ("lowered", "trained")

    def __init__(self, made: Tensor, storage: Storage, frozen: bool) -> None:
        super().__init__(made, storage, None, storage.trace.grad and not frozen)
        self.trained = not frozen
        self.lowered: Value | None = None

    @property
    def frozen(self) -> bool:
        return not self.trained


class Handed(Value):
    """A weight that comes from another layer."""

    __slots__ = ()


class Refusal(NamedTuple):
    """Why torch does not run a layer, or does not go back through it, and what to do."""

    message: str
    hint: str


class Made(NamedTuple):
    """A storage is allocated."""

    storage: int


class Freed(NamedTuple):
    """A storage is let go; it stays where autograd keeps it."""

    storage: int


class Kernel(NamedTuple):
    """One call that autograd goes back through; values and storages by their numbers."""

    inputs: tuple[int, ...]
    """The values that a gradient flows back to, weights and all."""
    outputs: tuple[int, ...]
    kept: tuple[int, ...]
    """The storages that autograd keeps for it; those of weights count no bytes."""
    holds: tuple[int, ...]
    """The values that it keeps as they are, with how they were made: those that it did not make itself."""
    back: Back
    """How gradients are made."""
    inputs_look: tuple[Look, ...]
    outputs_look: tuple[Look, ...]
    ways: dict[tuple[Look | None, ...], Way]
    """What that comes to, by how the gradients lie that arrive; filled as it is asked for."""


Event: TypeAlias = Made | Freed | Kernel


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

    autocast: bool = False
    """Whether it runs under torch.autocast of a GPU, which casts to float16 and float32 by operation."""


BLOCK = 512
"""Bytes of a block of the allocator for CUDA (torch.cuda's notes on memory management)."""

INFERENCE, TRAINING = Mode(), Mode(grad=True, training=True)


@cache
def bytes_of(dtype: str) -> Mapping[str, int]:
    """Bytes of one element, by what its dtype is where the network is of float32."""
    return {**SIZES, "float32": BYTES[dtype]}


class Trace:
    """The kernels of a layer as they are run."""

    def __init__(self, mode: Mode, frozen: Set[str] = frozenset()) -> None:
        """`frozen`: the names of the weights that are not trained."""
        self.frozen = frozen
        self.grad = mode.grad
        self.training = mode.training
        self.autocast = mode.autocast
        self.bytes = bytes_of(mode.dtype)
        self.fused_dropout = mode.cuda
        self.mode = mode
        self.events: list[Event] = []
        self.sizes: list[Dim] = []
        """The bytes of each storage."""
        self.values: list[Dim] = []
        """The bytes of each value's gradient."""
        self.parameters_by_name: dict[str, Parameter] = {}
        self.place = ""
        self.retraced = True
        """Whether all that the way back allocates is known."""
        self.complete = True
        """Whether all is known that is allocated on the way forward."""
        self.written: list[int] = []
        """The storages that are written over."""
        self.refusal: Refusal | None = None
        """Why torch can't train the layer, if it can't."""

    # Values

    def storage(self, made: Tensor) -> Storage:
        return Storage(self, size_of(made, self.mode))

    def parameter(self, name: str, shape: Shape) -> Parameter:
        """A weight that is learned; its own bytes are counted with the weights, its gradient's here."""
        name = self.place + name
        known = self.parameters_by_name.get(name)
        if known is None:
            known = Parameter(Tensor(shape), Storage(self, 0), name in self.frozen)
            self.parameters_by_name[name] = known
        return known

    def parameters(self, shapes: Mapping[str, Shape]) -> list[Parameter]:
        return [self.parameter(name, shape) for name, shape in shapes.items()]

    def buffer(self, made: Tensor) -> Value:
        """A tensor that is stored and not learned; its bytes are counted with the weights."""
        return Value(made, Storage(self, 0))

    def new(self, made: Tensor, strides: Strides | None = None) -> Value:
        """A tensor that no gradient flows through: random numbers, indices, zeros; a gradient itself."""
        strides = None if strides and is_in_a_row(made.shape, strides) else strides
        y = Value(made, self.storage(made), strides)
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
        back: Back | None = None,
        strides: Strides | None = None,
        laid: Strides | None = None,
    ) -> Value:
        """A call that makes a tensor.

        Args:
            made: what it makes.
            inputs: what gradients flow back to, where these are tracked.
            keeps: what autograd keeps: a value, or a tensor that the kernel makes besides.
            keeps_output: whether it keeps what is made, as that of an exponential.
            weights: the weights that it uses, which come after the inputs.
            back: how gradients are made of that of what it makes; by default each in a storage of its own.
            strides: in whose order the elements of what it makes lie, if not in a row.
            laid: the strides of what it makes, if they are known.
        """
        strides = unless_in_a_row(made.shape, laid) or (strides and dense(made.shape, strides))
        tracked = self.grad and is_floating(made.dtype) and any(x.tracked for x in (*inputs, *weights))
        y = Value(made, self.storage(made), strides, tracked)
        self.events.append(Made(y.storage.number))
        besides = [self.new(x) if isinstance(x, Tensor) else x for x in keeps]
        kept = [*besides, *([y] if keeps_output else [])]
        self.record((y,), (*inputs, *weights), kept, back)
        return y

    def record(
        self,
        outputs: Sequence[Value],
        inputs: Sequence[Value],
        kept: Sequence[Value] = (),
        back: Back | None = None,
    ) -> None:
        """Write down what autograd goes back through, if it does."""
        if outputs[0].tracked:
            looks = [x.look for x in inputs]
            kernel = Kernel(
                inputs=tuple([x.number for x in inputs if x.tracked]),
                outputs=tuple([y.number for y in outputs]),
                kept=tuple([x.storage.number for x in kept]),
                holds=tuple([x.number for x in kept if x.tracked and not {x, x.base} & set(outputs)]),
                back=back or anew(*looks),
                inputs_look=tuple([look for look in looks if look.tracked]),
                outputs_look=tuple([y.look for y in outputs]),
                ways={},
            )
            self.events.append(kernel)

    def elementwise(self, *xs: Value | Look, dtype: str | None = None) -> Value:
        """What an operation on elements makes of tensors that are broadcast, without a way back."""
        shape = reduce(broadcast, [x.shape for x in xs])
        wide = any(x.dtype == STATISTIC for x in xs)
        dtype = dtype or (STATISTIC if wide else result_dtype(*[x.tensor for x in xs]))
        return self.new(Tensor(shape, dtype), elementwise_strides(shape, *[(x.shape, x.strides) for x in xs]))

    def summed_to(self, x: Value, shape: Shape) -> Value:
        """The sum over axes that are repeated, if there are any. Source: at::sum_to."""
        axes = [n for n, own in zip(x.shape, shape, strict=False) if own == 1 != n]
        if x.rank == len(shape) and not (axes and not_one(product(tuple(axes)), "an axis of 1 is repeated")):
            return x
        return self.new(Tensor(shape, x.dtype))

    def converted(self, x: Value, dtype: str) -> Value:
        return x if x.dtype == dtype else self.elementwise(x, dtype=dtype)

    def in_place(
        self, x: Value, keeps: Sequence[Value] = (), keeps_output: bool = False, back: Back | None = None
    ) -> Value:
        """A call that writes over its input, which is the output too.

        Of a look at another tensor, autograd goes back through the whole of that one, and makes the way back
        of the look anew. Source: torch::autograd::CopySlices, VariableHooks::grad_fn.
        """
        self.check_writable(x)
        self.written.append(x.storage.number)
        kept = [*keeps, *([x] if keeps_output else [])]
        back = back or like(x.look)
        if x.base is None:
            self.record((x,), (x,), kept, back)
        else:
            self.record((x.base,), (x.base,), kept, written_into(x.base.look, x.look, back))
            self.record((x,), (x.base,), back=seen_again(x.base.look, x.look))
        return x

    def check_writable(self, x: Value) -> None:
        """Refuse what autograd does not let be written over."""
        if not x.tracked:
            return
        if isinstance(x.base or x, (Parameter, Handed)):
            self.refuse("it writes over a weight that is trained", "take inplace: false")
        elif x.of_many:
            message = "it writes over one of several parts that one call gives, as split and chunk do"
            self.refuse(message, "take inplace: false")

    def refuse(self, message: str, hint: str) -> None:
        """Say that torch can't train this; what is followed goes on for what else is asked."""
        self.refusal = self.refusal or Refusal(message, hint)

    def view(self, x: Value, shape: Shape, strides: Strides | None = None, back: Back | None = None) -> Value:
        """Another look at the same storage; `back` as that of `kernel`, by default of the same elements."""
        y = self.part(x, shape, strides)
        self.record((y,), (x,), back=back or seen_as(x.look))
        return y

    def part(self, x: Value, shape: Shape, strides: Strides | None) -> Value:
        y = Value(Tensor(shape, x.dtype), x.storage, unless_in_a_row(shape, strides), x.tracked)
        y.base = x.base or x
        y.of_many = x.of_many
        return y

    def parts(self, x: Value, shapes: Sequence[Shape], unsafe: bool = False) -> tuple[Value, ...]:
        """Views of parts of a tensor; their gradients are put together in one of its size.

        `unsafe` ones autograd does not know for views, as those of torch.unsafe_chunk.
        """
        views = tuple([self.part(x, shape, x.all_strides) for shape in shapes])
        for y in views:
            y.of_many = not unsafe
            y.base = None if unsafe else y.base
        self.record(views, (x,), back=joined(x.look, [y.look for y in views]))
        return views

    # Casts, as torch's autocast makes them before an operation

    def cast(self, operation: str, *values: Value) -> list[Value]:
        """The arguments of an operation in the dtype of its list; the last one is cast first."""
        if not self.autocast:
            return list(values)
        if operation in LOWERED:
            dtype = LOWER
        elif operation in RAISED:
            dtype = "float32"
        elif operation in WIDEST:
            dtype = result_dtype(*[Tensor((), x.dtype) for x in values])
        else:
            return list(values)
        return [self.in_dtype(x, dtype) for x in reversed(values)][::-1]

    def in_dtype(self, x: Value, dtype: str) -> Value:
        """A copy if it is of another one; float64 is left alone."""
        if x.dtype in (dtype, "float64") or not is_floating(x.dtype):
            return x
        if isinstance(x, Handed):
            raise UnknownError("how long the copy of a weight of another layer stays is not followed")
        if not isinstance(x, Parameter) or x.frozen:
            return self.kernel(Tensor(x.shape, dtype), x, strides=x.strides)
        if x.lowered is None:
            x.lowered = self.kernel(Tensor(x.shape, dtype), weights=(x,))
        return x.lowered

    def copies(self, weights: Sequence[Value]) -> list[Value]:
        """Those of an operation's weights that are casts, whose bytes count where autograd keeps them."""
        return [w for w in weights if self.autocast and w.dtype == LOWER]

    def made_by(self, operation: str, made: Tensor, *values: Value) -> Tensor:
        """What an operation makes, in the dtype that follows from its arguments where these are cast."""
        floats = [x.tensor for x in values if is_floating(x.dtype)]
        if not self.autocast or not floats or not is_floating(made.dtype):
            return made
        dtype = result_dtype(*floats)
        if operation in GIVING_FLOAT32 and dtype == LOWER:
            dtype = "float32"
        return Tensor(made.shape, dtype)

    def declared(self, x: Value) -> Tensor:
        """A tensor as the network declares it, whatever has been cast."""
        return Tensor(x.shape, "float32") if self.autocast and x.dtype == LOWER else x.tensor

    def refuse_autocast(self) -> None:
        """Raises UnknownError under autocast, of a layer that a GPU's library runs in its own way."""
        if self.autocast:
            raise UnknownError("what it casts under autocast is for cuDNN to say: not known")

    @contextmanager
    def within_operation(self) -> Iterator[None]:
        """Kernels of an operation whose arguments have been cast: nothing more is."""
        autocast, self.autocast = self.autocast, False
        yield
        self.autocast = autocast

    # Functions of torch's that are a view or a copy, as the strides demand

    def copy(self, x: Value) -> Value:
        """The same elements in a row, in a storage of their own."""
        return self.kernel(x.tensor, x, back=passed(x.look))

    def contiguous(self, x: Value) -> Value:
        return self.copy(x) if is_scattered(x.shape, x.strides) else x

    def reshape(self, x: Value, shape: Shape) -> Value:
        """A view if there is one, else a copy, which autograd takes for no view. Source: at::reshape."""
        strides = strides_as(x.shape, x.all_strides, shape)
        if strides is None:
            return self.unsafe(self.view(self.copy(x), shape))
        return self.view(x, shape, strides)

    def seen_as(self, x: Value, shape: Shape) -> Value:
        """A view; where there is none torch refuses."""
        return self.view(x, shape, strides_as(x.shape, x.all_strides, shape))

    def looked_at(self, x: Value) -> Value:
        """A look at all of it, as where an axis of 1 is taken away that was put there before."""
        return self.view(x, x.shape, x.strides, back=looked_at(x.look))

    def unsafe(self, look: Value) -> Value:
        """A look at what nothing else needs, which autograd does not know for one, as at::_unsafe_view."""
        look.base = None
        return look

    def expand(self, x: Value, shape: Shape) -> Value:
        """A view with axes of 1 repeated; the gradient is summed over these."""
        new = len(shape) - x.rank
        kept = zip(x.shape, shape[new:], x.all_strides, strict=True)
        strides = (*[0] * new, *[0 if n == 1 != size else step for n, size, step in kept])
        return self.view(x, shape, strides, back=summed(x.look))

    def transpose(self, x: Value, first: int, second: int) -> Value:
        order = list(range(x.rank))
        order[first], order[second] = order[second], order[first]
        return self.permute(x, order)

    def permute(self, x: Value, order: Sequence[int]) -> Value:
        strides = x.all_strides
        shape = tuple([x.shape[i] for i in order])
        return self.view(x, shape, tuple([strides[i] for i in order]), back=permuted(order))


def size_of(made: Tensor, mode: Mode) -> Dim:
    """The bytes that a tensor takes."""
    size = made.elements * bytes_of(mode.dtype)[made.dtype]
    return -(-size // BLOCK) * BLOCK if mode.cuda else size
