"""What running a layer records: storages that come and go, and the calls that autograd goes back through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from functools import reduce
from typing import NamedTuple, TypeAlias, cast

from shapecalc.allocation.gradients import Back, Way, anew, joined, like, seen_again, seen_as, written_into
from shapecalc.allocation.mode import STATISTIC, Mode, bytes_of, size_of
from shapecalc.allocation.strides import (
    Strides,
    dense,
    elementwise_strides,
    is_in_a_row,
    overlapping,
    unless_in_a_row,
)
from shapecalc.allocation.values import OUTPUT, Freed, Handed, Look, Made, Parameter, Scalar, Storage, Value
from shapecalc.errors import UnknownError
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import not_one
from shapecalc.tensors import Shape, Tensor, as_scalar, broadcast, is_floating, product, result_dtype


class Refusal(NamedTuple):
    """Why torch does not train a layer, and what to do."""

    message: str
    hint: str


class Kernel(NamedTuple):
    """One call that autograd goes back through; values and storages by their numbers."""

    inputs: tuple[int, ...]
    """The values that a gradient flows back to, weights and all."""
    outputs: tuple[int, ...]
    kept: tuple[int, ...]
    """The storages that autograd keeps for it; those of weights count no bytes."""
    holds: tuple[int, ...]
    """The values, of those that it keeps, that it did not make itself: kept with the calls that made them."""
    back: Back
    """How gradients are made."""
    looks: tuple[Look, ...]
    """How the inputs lie."""
    ways: dict[tuple[Look | None, ...], Way]
    """By how the arriving gradients lie, the way back through the kernel; filled when it is needed."""
    attributes: tuple[int, ...] = ()
    """The storages, of those kept, that stay until the whole graph is gone: attributes of Python code."""
    refusal: Refusal | None = None
    """Why torch does not go back through it, if it doesn't."""


Event: TypeAlias = Made | Freed | Kernel


class Recording:
    """Storages, values and kernels in the order in which a layer makes them."""

    def __init__(self, mode: Mode, frozen: Set[str] = frozenset()) -> None:
        """`frozen`: the names of the weights that are not trained."""
        self.mode = mode
        self.frozen = frozen
        self.autocast = mode.autocast
        """Whether operations still cast: not within one whose arguments have been cast."""
        self.bytes = bytes_of(mode.dtype)
        self.events: list[Event] = []
        self.sizes: list[Dim] = []
        """The bytes of each storage."""
        self.values: list[Dim] = []
        """The bytes of each value's gradient."""
        self.parameters_by_name: dict[str, Parameter] = {}
        self.lowered: Mapping[str, Value] = {}
        """Copies of weights in a lower dtype that another layer has made, which has these weights too."""
        self.made_before: dict[str, Value] = {}
        """Weights that are no parameters, but made of others before they are used."""
        self.place = ""
        """What the names of weights begin with: the parts of the layer that are being run."""
        self.complete = True
        """Whether all that the forward pass allocates is known."""
        self.written: list[int] = []
        """The storages that are written over."""
        self.refusal: Refusal | None = None
        """Why torch can't train the layer, if it can't."""

    @property
    def grad(self) -> bool:
        return self.mode.grad

    @property
    def training(self) -> bool:
        return self.mode.training

    # Values

    def storage(self, made: Tensor) -> Storage:
        return Storage(self, size_of(made, self.mode))

    def parameter(self, name: str, shape: Shape, dtype: str = "float32") -> Value:
        """A weight that is learned; its own bytes are counted with the weights, its gradient's here."""
        name = self.place + name
        if name in self.made_before:
            return self.made_before[name]
        known = self.parameters_by_name.get(name)
        if known is None:
            known = Parameter(Tensor(shape, dtype), Storage(self, 0), name in self.frozen)
            known.lowered = self.lowered.get(name)
            self.parameters_by_name[name] = known
        return known

    def parameters(self, shapes: Mapping[str, Shape]) -> list[Value]:
        return [self.parameter(name, shape) for name, shape in shapes.items()]

    def buffer(self, made: Tensor) -> Value:
        """A tensor that is stored and not learned; its bytes are counted with the weights."""
        return Value(made, Storage(self, 0))

    def scalar(self, number: float, beside: Value) -> Value:
        """A number beside a tensor, which takes no memory."""
        return Scalar(as_scalar(number, beside.dtype), Storage(self, 0))

    def new(self, made: Tensor, strides: Strides | None = None) -> Value:
        """A tensor that no gradient flows through: random numbers, indices, zeros; a gradient itself."""
        strides = None if strides and is_in_a_row(made.shape, strides) else strides
        y = Value(made, self.storage(made), strides)
        self.events.append(Made(y.storage.number))
        return y

    @contextmanager
    def computed(self, name: str, weight: Value) -> Iterator[None]:
        """A weight of this name is what was made, not a parameter."""
        self.made_before[self.place + name] = weight
        yield
        del self.made_before[self.place + name]

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
        back: Back | None = None,
        strides: Strides | None = None,
        laid: Strides | None = None,
        attributes: Sequence[Value] = (),
        whole: Dim | None = None,
    ) -> Value:
        """A call that makes a tensor.

        Args:
            made: what it makes.
            inputs: what gradients flow back to, where these are tracked; weights come last.
            keeps: what autograd keeps: a value, `OUTPUT`, or a tensor that the kernel makes besides.
            back: how gradients are made of that of what it makes; by default each in a storage of its own.
            strides: in whose order the elements of what it makes lie, if not in a row.
            laid: the strides of what it makes, if they are known.
            attributes: what torch's Python code keeps besides, as attributes of the backward pass.
            whole: the elements of the storage that it makes, if what it makes is a part of that.
        """
        strides = unless_in_a_row(made.shape, laid) or (strides and dense(made.shape, strides))
        tracked = self.mode.grad and is_floating(made.dtype) and any(x.tracked for x in inputs)
        storage = self.storage(made if whole is None else Tensor((whole,), made.dtype))
        y = Value(made, storage, strides, tracked)
        y.whole = whole
        self.events.append(Made(y.storage.number))
        kept = [y if x is OUTPUT else self.new(x) if isinstance(x, Tensor) else x for x in keeps]
        self.record((y,), inputs, kept, back, attributes)
        return y

    def record(
        self,
        outputs: Sequence[Value],
        inputs: Sequence[Value],
        kept: Sequence[Value] = (),
        back: Back | None = None,
        attributes: Sequence[Value] = (),
    ) -> None:
        """Write down what autograd goes back through, if it does."""
        if outputs[0].tracked:
            tracked = [x for x in inputs if x.tracked]
            kernel = Kernel(
                inputs=tuple([x.number for x in tracked]),
                outputs=tuple([y.number for y in outputs]),
                kept=tuple([x.storage.number for x in (*kept, *attributes) if not isinstance(x, Scalar)]),
                holds=tuple([x.number for x in kept if x.tracked and not {x, x.base} & set(outputs)]),
                back=back or anew(*[x.look for x in inputs]),
                looks=tuple([x.look for x in tracked]),
                ways={},
                attributes=tuple([x.storage.number for x in attributes]),
            )
            self.events.append(kernel)

    def elementwise(self, *xs: Value | Look, dtype: str | None = None) -> Value:
        """The output of an elementwise operation on broadcast tensors; no gradient flows through it."""
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

    # Calls that write over what is there

    def in_place(self, x: Value, keeps: Sequence[Value | Tensor] = (), back: Back | None = None) -> Value:
        """A call that writes over its input, its output too; of what it makes, `keeps` has `OUTPUT` alone.

        Of a view, autograd goes back through the whole tensor that it is a view of, and makes the way back of
        the view anew. Source: torch::autograd::CopySlices, VariableHooks::grad_fn.
        """
        self.check_writable(x)
        if x.base is not None and overlapping(x.shape, x.all_strides):
            message = "it writes over a view in which several elements are one"
            raise UnknownError(f"{message}: what that takes is not known")
        self.written.append(x.storage.number)
        kept = [x if isinstance(kept, Tensor) else kept for kept in keeps]
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
        """Note that torch can't train this; the trace goes on, since prediction may be asked for."""
        self.refusal = self.refusal or Refusal(message, hint)

    def refuse_back(self, message: str, hint: str) -> None:
        """Note that torch can't go back through the call before: it trains what no output needs."""
        number = max(number for number, event in enumerate(self.events) if isinstance(event, Kernel))
        self.events[number] = cast("Kernel", self.events[number])._replace(refusal=Refusal(message, hint))

    # Views

    def view(
        self,
        x: Value,
        shape: Shape,
        strides: Strides | None = None,
        back: Back | None = None,
        offset: Dim = 0,
    ) -> Value:
        """Another tensor in the same storage; `back` as that of `kernel`, by default of the same elements.

        `offset` is by how many elements it begins after x.
        """
        y = self.part(x, shape, strides, offset)
        self.record((y,), (x,), back=back or seen_as(x.look))
        return y

    def part(self, x: Value, shape: Shape, strides: Strides | None, offset: Dim = 0) -> Value:
        """A view that autograd is not told of."""
        y = Value(Tensor(shape, x.dtype), x.storage, unless_in_a_row(shape, strides), x.tracked)
        y.base = x.base or x
        y.of_many = x.of_many
        y.whole = x.elements if x.whole is None and y.elements != x.elements else x.whole
        y.offset = x.offset + offset
        return y

    def parts(
        self,
        x: Value,
        shapes: Sequence[Shape],
        unsafe: bool = False,
        strides: Shape | None = None,
        back: Back | None = None,
        offsets: Sequence[Dim] | None = None,
    ) -> tuple[Value, ...]:
        """Views of parts of a tensor; their gradients are put together in one of its size.

        `unsafe` ones autograd does not know for views, as those of torch.unsafe_chunk. Their `strides` are
        those of the tensor unless given; `back` is as that of `kernel`, by default of parts in line;
        `offsets` are by how many elements each begins after the tensor, where it leaves the layer.
        """
        steps = x.all_strides if strides is None else strides
        places = zip(shapes, offsets or [0] * len(shapes), strict=True)
        views = tuple([self.part(x, shape, steps, place) for shape, place in places])
        for y in views:
            y.of_many = not unsafe
            y.base = None if unsafe else y.base
        self.record(views, (x,), back=back or joined(x.look, [y.look for y in views]))
        return views
